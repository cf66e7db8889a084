// What the model remembers of the oracle, of defaults and of exits. Owns: the shapes.

export type Chamber = 'reporters' | 'providers'

/** What a window's end decided of the anchor (§5). */
export type OracleDecision = 'agreed' | 'disputed' | 'providersSilent' | 'held' | 'trend'

export interface ReporterChange {
  readonly appoint: readonly { readonly account: string; readonly name: string }[]
  readonly dismiss: readonly number[]
}

export interface Reporter {
  readonly id: number
  readonly account: string
  readonly name: string
  readonly sinceWindow: number
  /** Its reports in the run of windows without a quorum that began in `runSince`. */
  runSince: number
  runReports: number
}

export interface Report {
  readonly window: number
  readonly account: string
  readonly commitment: string
  outcome: 'committed' | 'revealed' | 'mismatched' | 'malformed'
  rating: bigint
  prices: readonly { readonly asset: number; readonly priceBase: bigint }[]
}

export interface Oracle {
  readonly reporters: Map<number, Reporter>
  nextReporter: number
  /** First window that anybody was to report. */
  sinceWindow?: number
  /** Replaced without having been absent, by window. */
  readonly replaced: { readonly window: number; readonly count: number }[]
  /** The run of windows in a row without a quorum of reporters. */
  silence: { readonly sinceWindow: number; readonly windows: number }
  /** By seat. */
  readonly reports: Map<string, readonly Report[]>
  /** First window that counts for a seat's record. */
  readonly sinceOf: Map<string, number>
  /** Where they differ from the price. */
  readonly bondPrices: Map<number, bigint>
  readonly lockPrices: Map<number, bigint>
  /** Window in which reports last renewed a price. */
  readonly renewed: Map<number, number>
  readonly decisions: Map<number, OracleDecision>
}

/** Units of one asset in an estate. */
export interface Held {
  readonly asset: number
  readonly totalBase: bigint
  leftBase: bigint
}

export interface Bid {
  readonly bidder: number
  readonly commitment: string
  readonly depositBase: bigint
  isRevealed: boolean
  amountBase: bigint
  sharePpm: bigint
  chosenBase: bigint
}

export const STAGES = [
  'auction',
  'choosing',
  'settling',
  'measuring',
  'assuming',
  'closing',
  'closed',
] as const
export type Stage = (typeof STAGES)[number]

/** §9, Waterfall: the default of one provider. */
export interface Case {
  readonly provider: number
  readonly cause: 'shortfall' | 'bond' | 'suspension' | 'jail'
  readonly declaredWindow: number
  readonly auctionWindow: number
  stage: Stage
  /** Next bid or member of the stage. */
  cursor: number
  readonly declaredBase: bigint
  readonly burnedBase: bigint
  readonly backingBurnedBase: bigint
  /** What is owed when the auction ends: bids and shares are of this. */
  liabilityBase: bigint
  readonly estate: Held[]
  /** What is paid to those who must assume: of the estate, and of the fund. */
  pool: Held[]
  aid: Held[]
  bids: Bid[]
  /** Of every chosen bid: that of the last one. */
  sharePpm: bigint
  chosenBase: bigint
  rooms: { readonly member: number; readonly firstBase: bigint; readonly secondBase: bigint }[]
  /** What is shared, and the part of it that is paid for. */
  sharedBase: bigint
  paidBase: bigint
  novatedBase: bigint
  assumedBase: bigint
  orphanedBase: bigint
}

/** §9, Exit: liability offered to another provider, with a payment in escrow. */
export interface Novation {
  readonly to: number
  readonly amountBase: bigint
  readonly asset: number
  readonly paymentBase: bigint
}

/** A fault of this block other than for delivery; its penalty is taken at the block's end. */
export interface Fault {
  readonly provider: number
  readonly cause: 'coverage' | 'equivocation' | 'absence'
  readonly amountBase: bigint
}

/** Who has made a block since a view of an epoch (§9, absence). */
export interface Attendance {
  readonly epoch: number
  readonly sinceView: number
  readonly sinceWindow: number
  readonly seen: Set<string>
}

export interface Failures {
  readonly cases: Map<number, Case>
  readonly novations: Map<number, Novation>
  /** Parts of the fund that are set aside for orphans. */
  readonly earmarked: Map<number, bigint>
  /** Members whose assignments return in the next block: they have defaulted or left. */
  recalled: number[]
  /** Members are to be looked at in the next block: a window's end has been handled for all. */
  isWatchDue: boolean
  faults: Fault[]
  attendance?: Attendance
  /** Blocks that ended the last two windows. */
  endedHeight: number
  endedBefore: number
  /** Of the recount under way or the last one. */
  hasAnchorMoved: boolean
  haveParametersChanged: boolean
  /** What notices take of C, by lot group that the recount has passed. */
  readonly withdrawn: Map<string, bigint>
}
