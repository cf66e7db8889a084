// Shapes of the oracle's answers and of what its records share. Data alone. Not: the definition (schema.ts).
import { VALIDATORS_MAX } from '../../../base/protocol/limits.ts'
import { PRICES_MAX, priceReportSchema } from '../../../base/protocol/oracleReport.ts'
import { message, t } from '../../../base/schema.ts'
import { CLASSES_MAX } from '../catalogue/schema.ts'

/** Who reports: one report of each independent reporter, one of each legal group that validates and serves. */
export const CHAMBERS = ['reporters', 'providers'] as const
export type Chamber = (typeof CHAMBERS)[number]

/** Parts of a window: commitments, reveals, and nothing once its time is up until a block ends it. */
export const PHASES = ['commit', 'reveal', 'closed'] as const
export type Phase = (typeof PHASES)[number]

/** What became of a commitment. */
export const OUTCOMES = ['committed', 'revealed', 'mismatched', 'malformed'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** Why a member of a chamber has no report in a window. */
export const ABSENCES = ['notCommitted', 'notRevealed', 'mismatched', 'malformed'] as const
export type Absence = (typeof ABSENCES)[number]

/**
 * What a window's end decided of the anchor: both chambers agreed; they differed; the providers lacked a quorum; the
 * reporters did, and the anchor held; they have for too long, and it rose by gDisputed.
 */
export const DECISIONS = ['agreed', 'disputed', 'providersSilent', 'held', 'trend'] as const
export type Decision = (typeof DECISIONS)[number]

/** Results in one page of the history. */
export const HISTORY_PAGE_MAX = 16

const chamberTally = message('ChamberTally', {
  /** Members of the chamber; more than half of them are a quorum. */
  members: t.u32,
  committed: t.u32,
  revealed: t.u32,
  /** Median of the revealed ratings; 0 without any. */
  medianRating: t.ppm,
})

const priceResult = message('PriceResult', {
  asset: t.u64,
  priceBase: t.amount,
  bondPriceBase: t.amount,
  lockPriceBase: t.amount,
})

export const resultFields = {
  windowIndex: t.u64,
  decision: t.oneOf(DECISIONS),
  anchor: t.ppm,
  /** The anchor of the window after it. */
  nextAnchor: t.ppm,
  /** Largest rise that the decision allowed, ppm. */
  boundPpm: t.ppm,
  reporters: chamberTally,
  providers: chamberTally,
  /** Prices that it renewed. */
  prices: t.list(priceResult, PRICES_MAX),
}
const resultInfo = message('OracleResult', resultFields)

export const historyPage = message('OracleHistory', {
  results: t.list(resultInfo, HISTORY_PAGE_MAX),
  /** 0 at the end. */
  nextCursor: t.u64,
})

export const anchorInfo = message('Anchor', {
  anchor: t.ppm,
  nextAnchor: t.ppm,
  sinceWindow: t.u64,
  driftPpm: t.ppm,
})

export const reporterInfo = message('Reporter', {
  id: t.u64,
  account: t.address,
  name: t.text(64),
  sinceWindow: t.u64,
  /** Missed so much of a long time without a quorum that it may be replaced at once. */
  absent: t.bool,
})

export const recordInfo = message('ReportRecord', {
  chamber: t.oneOf(CHAMBERS),
  /** Id of the reporter, or lowest member of the legal group. */
  member: t.u64,
  sinceWindow: t.u64,
  /** Windows that have ended since. */
  windows: t.u64,
  revealed: t.u64,
  notCommitted: t.u64,
  notRevealed: t.u64,
  mismatched: t.u64,
  malformed: t.u64,
  /** Of the running window; null before there is a commitment. */
  running: t.optional(t.oneOf(OUTCOMES)),
})

const reportInfo = message('Report', {
  chamber: t.oneOf(CHAMBERS),
  member: t.u64,
  account: t.address,
  commitment: t.hash,
  outcome: t.oneOf(OUTCOMES),
  /** 0 unless revealed. */
  rating: t.ppm,
  prices: t.list(priceReportSchema, PRICES_MAX),
})

const REPORTS_MAX = 2 * VALIDATORS_MAX

export const reportsInfo = message('WindowReports', {
  windowIndex: t.u64,
  reports: t.list(reportInfo, REPORTS_MAX),
})

const missed = message('MissedReport', { member: t.u64, reason: t.oneOf(ABSENCES) })

const chamberStatus = message('ChamberStatus', {
  members: t.u32,
  /** Reports that are a quorum. */
  quorum: t.u32,
  committed: t.u32,
  revealed: t.u32,
  hasQuorum: t.bool,
  lastRevealed: t.u32,
  lastHadQuorum: t.bool,
  /** Who has no report in the last window. */
  lastMissed: t.list(missed, VALIDATORS_MAX),
})

const priceStatus = message('OraclePrice', {
  asset: t.u64,
  priceBase: t.amount,
  bondPriceBase: t.amount,
  lockPriceBase: t.amount,
  renewedWindow: t.optional(t.u64),
  staleSince: t.optional(t.u64),
  status: t.text(256),
})

export const statusInfo = message('OracleStatus', {
  windowIndex: t.u64,
  phase: t.oneOf(PHASES),
  /** When the phase ends, block time; 0 when the next block does it. */
  phaseUntilMs: t.u64,
  anchor: t.ppm,
  /** What the window's end would make of the anchor with the reports so far. */
  nextAnchor: t.ppm,
  /** The most that the window's end can make of it. */
  boundAnchor: t.ppm,
  boundPpm: t.ppm,
  /** Windows in a row without a quorum of reporters. */
  silentWindows: t.u64,
  reporters: chamberStatus,
  providers: chamberStatus,
  prices: t.list(priceStatus, PRICES_MAX),
  status: t.text(512),
})

const observedClass = message('ObservedClass', {
  classId: t.u64,
  slug: t.text(32),
  /** The least rating of its services, ppm. */
  rating: t.ppm,
  /** Its share of what was observed, ppm. */
  sharePpm: t.ppm,
})

export const observationInfo = message('Observation', {
  /** The class at the middle of attested capacity, ordered by rating; null without any. */
  capacityMedian: t.optional(observedClass),
  /** The class at the middle of coins delivered since `usageSinceWindow`. */
  usageMedian: t.optional(observedClass),
  /** Average rating of those deliveries, ppm; 0 without any. */
  usageRating: t.ppm,
  usageSinceWindow: t.u64,
  /** Every class with attested capacity, by rating. */
  capacity: t.list(observedClass, CLASSES_MAX),
  usage: t.list(observedClass, CLASSES_MAX),
})
