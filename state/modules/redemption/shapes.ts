// Shapes that records, arguments and answers of redemption share. Owns: names of states and reasons, bounds, field groups.
// Not: the module's definition (schema.ts).
import { message, t } from '../../../base/schema.ts'
import { SERVICES } from '../catalogue/schema.ts'
import { PROVIDERS_MAX } from '../providers/schema.ts'

/** ECONOMY §6. No request is ever `claimed`, `disputed` or `ruled`: the names hold the numbers of states that exist no more. */
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
  /** Refunded while it slept, for a larger request with constraints. */
  'displaced',
  /** Nothing was left after no-show fees. */
  'forfeited',
  /** Less was left than is worth a grant. */
  'tooSmall',
  /** Its owner has rejected every legal group that could serve it. */
  'allRejected',
] as const
export type EndReason = (typeof END_REASONS)[number]

/** Why an assignment closed. */
export const CLOSE_REASONS = [
  'delivered',
  /** Neither settled nor vouchered when the window ended: to the tail, less the no-show fee. */
  'windowEnded',
  /** No grant when the window began: back to its place, at the provider's fault. */
  'grantMissing',
  /** No grant either, but the service lane was full: nobody's fault. */
  'laneFull',
  'suspended',
  'unbooked',
  /** The provider has fewer hours than it had booked. */
  'overbooked',
  'rejected',
  /** The provider has defaulted: back to its place, granted or not. */
  'defaulted',
] as const
export type CloseReason = (typeof CLOSE_REASONS)[number]

/** What a client says of an assignment that it rejects. */
export const REJECT_REASONS = ['unreachable', 'wrongHardware', 'wrongService', 'tooSlow', 'other'] as const
export type RejectReason = (typeof REJECT_REASONS)[number]

/** Ciphertext of an access grant (ECONOMY §6). */
export const GRANT_BYTES_MAX = 1024
/** Most that a listing may add to par: ten times par. */
export const BONUS_PPM_MAX = 10_000_000n
/** Windows in which one redemption may have open assignments. */
export const OPEN_WINDOWS_MAX = 64
/** Places of one redemption in the queue; further parts that lose their place join its last one there. */
export const PLACES_MAX = 64
/** Windows that a group's record of deliveries may hold: K ≤ 120. */
export const RECORD_WINDOWS_MAX = 120
/** Elements of one page. */
export const PAGE_MAX = 100

/** Windows ahead of one filter: assignAhead ≤ K/8 ≤ 15. */
export const FRONTIERS_MAX = 16
/** `unlooked`: may match; `matchable`: a lot group with free hours meets its constraints; `asleep`: none does. */
export const STANDINGS = ['unlooked', 'matchable', 'asleep'] as const

export const service = t.oneOf(SERVICES)
export const rejectReason = t.oneOf(REJECT_REASONS)
/** Providers before `index` of a list, and of that one the groups before `group`, have no hours free. */
const position = message('ListPosition', { index: t.u32, group: t.u64 })
export const frontier = message('Frontier', {
  window: t.u64,
  /** Version of the volunteers that the first two positions are in. */
  version: t.u64,
  /** Volunteers, at par and by bonus. */
  atPar: position,
  byBonus: position,
  /** All who are obliged, while assignments are at par and while they are not. */
  obligedAtPar: position,
  obligedByBonus: position,
})
export const region = t.text(16)

export const assignmentFields = {
  provider: t.u64,
  /** Its lot group. */
  group: t.u64,
  /** Window of delivery. */
  window: t.u64,
  /** Place in the queue that the coins came from. */
  sequence: t.u64,
  /** Coins reserved, base units: the most that can be settled here. */
  amountBase: t.amount,
  /** Highest cumulative voucher accepted. */
  voucheredBase: t.amount,
  /** Part of it already burned or paid. */
  settledBase: t.amount,
  /** The anchor when the capacity was reserved; it does not change until delivery. */
  anchor: t.ppm,
  classId: t.u32,
  /** Rating of that class for the service, at reservation. */
  rating: t.ppm,
  bonusPpm: t.ppm,
  /** Rated hours booked, 10^-18 of a reference device-hour. */
  bookedHours: t.amount,
  /** 0 while no grant is posted. */
  grantedAtMs: t.u64,
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
  /** First place in the queue over all services; 0 until a later block draws it. */
  sequence: t.u64,
  requestedAtMs: t.u64,
  queuedBase: t.amount,
  assignedBase: t.amount,
  burnedBase: t.amount,
  transferredBase: t.amount,
  refundedBase: t.amount,
  /** No-show fees, which went to the guarantee fund. */
  feesBase: t.amount,
  /** Rejected coins on which the no-show fee is still due. */
  rejectedBase: t.amount,
  /** Why coins went back, if any did. */
  refundReason: t.oneOf(END_REASONS),
  endReason: t.oneOf(END_REASONS),
} as const

/** A part of a redemption that waits in the queue. */
export const placeInfo = message('QueuePlace', { sequence: t.u64, queuedBase: t.amount })

export const redemptionInfo = message('RedemptionInfo', {
  id: t.u64,
  state: t.oneOf(REDEMPTION_STATES),
  ...requestFields,
  ...progressFields,
  /** Its parts in the queue, by place. */
  places: t.list(placeInfo, PLACES_MAX),
  /** Legal groups that the client has rejected, each by its lowest provider. */
  excluded: t.list(t.u64, PROVIDERS_MAX),
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
  /** Its legal group gets no assignments until the suspended member resumes. */
  suspended: t.bool,
  /** Too little of what its group granted was vouchered: its bonus counts nothing. */
  bonusIgnored: t.bool,
  /** SHA-256 of the canonical tariff that it charges by; zero: none is named. */
  tariffHash: t.hash,
})

export const queueInfo = message('QueueInfo', {
  openCount: t.u64,
  queuedCount: t.u64,
  queuedBase: t.amount,
  /** The part of it that some lot group with free hours could serve when last looked at. */
  matchableBase: t.amount,
  assignedBase: t.amount,
  /** Least amount of a request now; it rises as the table fills. */
  minimumBase: t.amount,
  /** Coins that windows not yet begun can still take, at today's anchor. */
  freeBase: t.amount,
  /** Windows until everything queued is assigned, constraints ignored; 0 when nothing is queued. */
  expectedWindows: t.u64,
})
