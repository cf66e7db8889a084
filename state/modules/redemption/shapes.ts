// Shapes that records, arguments and answers of redemption share. Owns: names of states and reasons, bounds, field groups.
// Not: the module's definition (schema.ts).
import { message, t } from '../../../base/schema.ts'
import { SERVICES } from '../catalogue/schema.ts'

/** ECONOMY §6; `claimed`, `disputed` and `ruled` belong to no-show claims and disputes. */
export const REDEMPTION_STATES = [
  'queued',
  'assigned',
  'active',
  'claimed',
  'settled',
  'disputed',
  'ruled',
  'expired',
  'cancelled',
] as const
export type RedemptionState = (typeof REDEMPTION_STATES)[number]

/** Why a redemption ended; `none` while it is open. */
export const END_REASONS = [
  'none',
  'delivered',
  'remainderCancelled',
  'remainderExpired',
  'cancelledByOwner',
  'startByPassed',
  'finishByPassed',
] as const
export type EndReason = (typeof END_REASONS)[number]

/** Why an assignment closed. */
export const CLOSE_REASONS = ['delivered', 'windowEnded', 'grantMissing', 'suspended', 'unbooked'] as const
export type CloseReason = (typeof CLOSE_REASONS)[number]

/** Ciphertext of an access grant (ECONOMY §6). */
export const GRANT_BYTES_MAX = 1024
/** Most that a listing may add to par: ten times par. */
export const BONUS_PPM_MAX = 10_000_000n
/** Windows in which one redemption may have open assignments. */
export const OPEN_WINDOWS_MAX = 64
/** Elements of one page. */
export const PAGE_MAX = 100

export const service = t.oneOf(SERVICES)
/** A position in the books: window, index in the window's list of providers, entry of that provider's book. */
export const cursor = message('BookCursor', { window: t.u64, provider: t.u32, entry: t.u32 })
export const region = t.text(16)

export const assignmentFields = {
  provider: t.u64,
  /** Window of delivery. */
  window: t.u64,
  /** Coins reserved, base units: the most that can be settled here. */
  amountBase: t.amount,
  /** Highest cumulative voucher accepted. */
  voucheredBase: t.amount,
  /** Part of it already burned or paid. */
  settledBase: t.amount,
  /** The anchor when the capacity was reserved; it does not change until delivery. */
  anchor: t.ppm,
  /** The lot group whose hours are booked. */
  group: t.u64,
  classId: t.u32,
  /** Rating of that class for the service, at reservation. */
  rating: t.ppm,
  bonusPpm: t.ppm,
  /** Rated hours booked, 10^-18 of a reference device-hour. */
  bookedHours: t.amount,
  /** 0 while no grant is posted. */
  grantedAtMs: t.u64,
  /** The grant came after the window had begun. */
  grantLate: t.bool,
} as const

export const assignmentInfo = message('AssignmentInfo', {
  redemptionId: t.u64,
  assignment: t.u32,
  state: t.oneOf(['assigned', 'active']),
  ...assignmentFields,
  /** Device-hours of `className` owed for `amountBase`, in millionths, bonus included. */
  deviceMicroHours: t.amount,
  className: t.text(64),
  grant: t.optional(t.bytes(GRANT_BYTES_MAX)),
})

export const requestFields = {
  owner: t.address,
  service,
  amountBase: t.amount,
  /** 0: any provider. */
  provider: t.u64,
  /** 0: any class; else the least rating for the service. */
  ratingMin: t.ppm,
  /** Empty: any region. */
  region,
  /** Latest window in which delivery may begin; 0: no limit. */
  startBy: t.u64,
  /** Latest window of delivery; 0: no limit. */
  finishBy: t.u64,
  jobHash: t.hash,
  /** Public key that grants are encrypted to. */
  clientKey: t.bytes(65),
  /** May sign vouchers besides the owner; zero: the owner alone. */
  voucherKey: t.address,
} as const

export const progressFields = {
  /** Place in the queue over all services; 0 until the next block draws it. */
  sequence: t.u64,
  requestedAtMs: t.u64,
  queuedBase: t.amount,
  assignedBase: t.amount,
  burnedBase: t.amount,
  transferredBase: t.amount,
  refundedBase: t.amount,
  /** Why coins went back, if any did. */
  refundReason: t.oneOf(END_REASONS),
  endReason: t.oneOf(END_REASONS),
} as const

export const redemptionInfo = message('RedemptionInfo', {
  id: t.u64,
  state: t.oneOf(REDEMPTION_STATES),
  ...requestFields,
  ...progressFields,
  /** Amount in device-hours of `className` at today's anchor, in millionths. */
  deviceMicroHours: t.amount,
  className: t.text(64),
  assignments: t.list(assignmentInfo, PAGE_MAX),
})

export const listingInfo = message('ListingInfo', {
  provider: t.u64,
  service,
  classId: t.u32,
  region,
  endpoint: t.text(256),
  bonusPpm: t.ppm,
  nextBonusPpm: t.ppm,
  /** First window in which `nextBonusPpm` counts. */
  nextBonusWindow: t.u64,
  runtimeHash: t.hash,
  /** No assignments until the provider resumes. */
  suspended: t.bool,
})

export const queueInfo = message('QueueInfo', {
  openCount: t.u64,
  queuedCount: t.u64,
  queuedBase: t.amount,
  assignedBase: t.amount,
  /** Coins that windows not yet begun can still take, at today's anchor. */
  freeBase: t.amount,
  /** Windows until everything queued is assigned, constraints ignored; 0 when nothing is queued. */
  expectedWindows: t.u64,
})
