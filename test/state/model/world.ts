// Everything the model remembers: plain maps and lists, nothing derived. READ FIRST in this folder.
// Owns: the shapes. Addresses, hashes and keys are hex strings; amounts are bigints in base units.

import type { ModelOrder } from '../market/model/book.ts'
import type { Failures, Oracle, ReporterChange } from './institutions.ts'

export type Service = 'train' | 'finetune' | 'infer'
export const SERVICES: readonly Service[] = ['train', 'finetune', 'infer']

/** ECONOMY §13, as far as the model needs it. */
export interface Parameters {
  windowMs: number
  windowHours: number
  /** K; fixed at genesis (§3, Parameters). */
  horizonWindows: number
  driftPpm: bigint
  coverN: number
  marginPpm: bigint
  bondPpm: bigint
  bondMaintenancePpm: bigint
  retainPpm: bigint
  lockFloorPpm: bigint
  frontLoadPpm: bigint
  availabilityHaircutPpm: bigint
  minClassPpm: bigint
  specOnlyPpm: bigint
  cureWindows: number
  lotsPerProviderMax: number
  minimumBase: bigint
  openRequestsMax: number
  openRequestsPerAccountMax: number
  stepsPerBlockMax: number
  assignAhead: number
  suspensionWindows: number
  faultPenaltyPpm: bigint
  penaltyCapPpm: bigint
  faultFloorPpm: bigint
  noShowPpm: bigint
  tailWindows: number
  fundTargetPpm: bigint
  blockGasLimit: number
  gasTargetPerSecond: number
  minBaseFeePerGas: bigint
  disputedDriftPpm: bigint
  graceWindows: number
  tolerancePpm: bigint
  priceMovePpm: bigint
  priceFreshWindows: number
  lostCoveragePpm: bigint
  equivocationPpm: bigint
  absencePpm: bigint
  absencesFree: number
  bidDepositPpm: bigint
  seriesPenaltyPpm: bigint
  waitingMax: number
  saleWindowsMax: number
  deliveryWindowsMax: number
  /** Of purchases and series that are over. */
  seriesTailWindows: number
  /** M of the walks of primary sales. */
  salesStepsMax: number
  unbondWindows: number
  unbondingsMax: number
}

/** §2; `left`: its bond is unlocked after it has left (docs/when-a-provider-fails.md). */
export type Status = 'active' | 'amortizing' | 'curing' | 'retiring' | 'jailed' | 'defaulted' | 'left'

/** Why a provider must cure (§3, §9). */
export type CureCause = 'bond' | 'jail' | 'withdrawal' | 'parameters' | 'drift' | 'perishing'

export interface Cure {
  readonly cause: CureCause
  /** Last window in which the shortfall may be made good. */
  readonly untilWindow: number
  readonly shortfallBase: bigint
  /** The part of it that it has withdrawn, and that has been penalised. */
  readonly faultBase: bigint
  /** Last window in which the bond may be topped up; undefined while it is not short. */
  readonly bondUntilWindow?: number
}

export interface Provider {
  readonly id: number
  readonly operator: string
  /** Spelled as published; providers of one group are one in coverage (§3). Empty: a group of its own. */
  readonly legalGroup: string
  status: Status
  /** The status that a jailed provider returns to. */
  statusBeforeJail: Status
  removed: boolean
  /** Coins issued and not yet retired, L[i]. */
  liabilityBase: bigint
  /** Settlement asset → bonded amount. */
  readonly bonds: Map<number, bigint>
  /** Windows in which it had a delivery fault. */
  readonly faultWindows: number[]
  /** First window of a suspension; undefined when it is not suspended. */
  suspendedSince?: number
  /** Windows of the last K that ended with it suspended. */
  suspendedWindows: number[]
  cure?: Cure
  /** Since when its bond has been below its maintenance level. */
  bondShortSince?: number
  /** What of its liability it has assumed, and the part of that which needs no bond (§9). */
  assumedBase: bigint
  exemptBase: bigint
  /** What it was paid for `forBase` of assumed liability, per asset, that is not released yet. */
  compensation: { forBase: bigint; readonly assets: Map<number, bigint> }
  /** Without vote and liability: since when, and when its bond unlocks (§9, exit). */
  tail?: { readonly sinceWindow: number; readonly untilWindow: number }
  /** Windows without a block of it. */
  absences: number[]
  /** Penalties that waited for a conviction, in coins. */
  unpaidBase: bigint
  /** Convicted, and the penalty not yet taken. */
  isFrozen: boolean
  /** Block in which it was last found at fault other than for delivery. */
  faultHeight: number
}

/** A hardware class that a vote would add. */
export interface ProposedClass {
  readonly slug: string
  readonly ratingsPpm: Readonly<Record<Service, bigint>>
  readonly specOnly: boolean
}

export interface HardwareClass {
  readonly id: number
  /** Its catalogue name; one of genesis is `class-` and its number. */
  readonly slug?: string
  ratingsPpm: Readonly<Record<Service, bigint>>
  readonly specOnly: boolean
}

/** §2, Pledge. */
export interface Lot {
  readonly id: number
  readonly provider: number
  readonly classId: number
  readonly devices: number
  readonly deviceRoot: string
  readonly region: string
  readonly services: readonly Service[]
  readonly firstWindow: number
  /** The last window in which it counts; undefined before notice. */
  lastWindow?: number
  /** It counts from this window on; before that it counts 0 and has no hours. Undefined before attestation. */
  countsFrom?: number
  /** What the audit took off, ppm. */
  auditHaircutPpm: bigint
}

/** §3, Lock: the part of one mint's lock that good windows release. */
export interface Lock {
  readonly provider: number
  /** Settlement asset, or 0 for coins. */
  readonly asset: number
  restBase: bigint
  /** Released with each good window; the last of K gets the remainder. */
  readonly rateBase: bigint
  goodWindowsLeft: number
}

/** §3, Lock: the part of a provider's locks that only burned liability frees, and what it has freed and not been paid. */
export interface Floor {
  readonly provider: number
  readonly asset: number
  floorBase: bigint
  freedBase: bigint
}

/** An open order for coins in the first settlement asset. */
export interface Order {
  readonly id: number
  readonly owner: string
  readonly side: 'buy' | 'sell'
  readonly ticks: number
  /** Still open. */
  lots: number
  readonly isImmediate: boolean
  readonly txHash: string
  readonly amountBase: bigint
}

/** The book of coins: its lots, those that are filled first in front, and the orders of the block. */
export interface Market {
  nextOrder: number
  readonly orders: Map<number, Order>
  waiting: number[]
  bids: readonly ModelOrder[]
  asks: readonly ModelOrder[]
  /** Lots traded so far. */
  traded: number
}

/** Coins of a pool that leave: free when `left`, in windows without a fault of the provider, is 0. */
export interface Leaving {
  left: number
  coins: bigint
  units: bigint
}

/** What is behind a provider, and who has which part of it. */
export interface Pool {
  backedBase: bigint
  unitsBase: bigint
  lostBase: bigint
  isHeld: boolean
  leaving: Leaving[]
  readonly positions: Map<string, { unitsBase: bigint; leaving: { left: number; units: bigint }[] }>
}

/** Something of block `height` that waits for a later block's mix (§8). */
export interface Drawn<T> {
  readonly what: T
  readonly height: number
  /** Group of that block's proposer. */
  readonly proposerGroup: string
  readonly txHash: string
  readonly index: number
}

/** §5: what the oracle says a coin costs in an asset. */
export interface Quote {
  readonly priceBase: bigint
  /** Where chambers disagree: of bonds that there are, and of locks and mints. */
  readonly bondPriceBase: bigint
  readonly lockPriceBase: bigint
  /** The window in which it was last renewed; undefined: it stands without reports. */
  readonly renewedWindow: number | undefined
}

/** §4, primary sales. */
export type SeriesState = 'selling' | 'delivering' | 'blocked' | 'converted' | 'failed' | 'ended'
export type FailReason = 'none' | 'overdue' | 'lockTooSmall' | 'suspended' | 'defaulted'

/** Receipts that a holder has handed in while the series delivers, and the coins it has taken for them. */
export interface HandedIn {
  readonly faceBase: bigint
  readonly takenBase: bigint
}

export interface Series {
  readonly id: number
  readonly provider: number
  readonly kind: 'immediate' | 'forward'
  readonly asset: number
  readonly capBase: bigint
  readonly startPriceBase: bigint
  readonly endPriceBase: bigint
  /** Windows; a stale price moves them all (docs/decisions/clocks-of-series.md). */
  opensAt: number
  closesAt: number
  /** The last window in which receipts become coins in time; 0 of an immediate series. */
  dueAt: number
  stopped: boolean
  state: SeriesState
  failReason: FailReason
  /** Coins or receipts ever sold. */
  soldBase: bigint
  /** The window in which its lock was found too small. */
  lockShortSince?: number
  readonly handedIn: Map<string, HandedIn>
}

export interface Purchase {
  readonly id: number
  readonly series: number
  readonly buyer: string
  readonly amountBase: bigint
  readonly paidBase: bigint
  readonly priceBase: bigint
  /** Undefined while it waits. `reasons`: the rules that kept something back, of which the chain names one. */
  outcome?: {
    readonly filledBase: bigint
    readonly refundedBase: bigint
    readonly reasons: ReadonlySet<string>
  }
}

export interface Sales {
  readonly series: Map<number, Series>
  nextSeries: number
  readonly purchases: Map<number, Purchase>
  nextPurchase: number
  /** Purchases that no block of another group has drawn yet, and those that one has, in their order. */
  waiting: Drawn<number>[]
  drawn: number[]
  boughtInBlock: number
  /** What is over and leaves the state `seriesTailWindows` later, in order. */
  over: { readonly kind: 'purchase' | 'series'; readonly id: number; readonly window: number }[]
  /** How far the live series have been looked at since the last recount: members by number, then their series. */
  look: { readonly window: number; readonly member: number; readonly next: number }
  /** Provider → the last window in which it may not mint, after a failed series. */
  readonly barredUntil: Map<number, number>
}

/** §6, Listing: one offer per provider and service. */
export interface Listing {
  readonly provider: number
  readonly service: Service
  readonly classId: number
  readonly region: string
  bonusPpm: bigint
  /** A change of the bonus takes effect with this window. */
  nextBonusPpm: bigint
  nextWindow: number
  /** Window of the last change. */
  changedWindow: number
}

/** §6, Request. */
export interface Request {
  readonly id: number
  readonly owner: string
  readonly service: Service
  /** 0: any. */
  readonly provider: number
  readonly ratingMinPpm: bigint
  /** Empty: any. */
  readonly region: string
  /** 0: none. */
  readonly startBy: number
  readonly finishBy: number
  readonly voucherKey: string
  readonly lockedBase: bigint
  /** Escrowed in a block whose successor has not drawn it yet. */
  isDrawn: boolean
  burnedBase: bigint
  transferredBase: bigint
  refundedBase: bigint
  feesBase: bigint
  /** Legal groups that it rejected. */
  readonly excluded: Set<string>
  /** Rejected coins whose `noShow` is still due (§6, Reject), and what was vouchered since. */
  rejectedBase: bigint
  nextAssignment: number
  closed?: { readonly reason: 'settled' | 'expired' | 'cancelled' | 'displaced'; readonly window: number }
}

/** Coins of a request at one place of the queue. */
export interface Place {
  readonly sequence: number
  readonly request: number
  amountBase: bigint
  /** Since when they wait for a volunteer. */
  sinceMs: number
}

export interface Assignment {
  readonly request: number
  readonly number: number
  readonly provider: number
  readonly lotGroup: string
  readonly window: number
  /** Its place in the queue, to which faults return it. */
  readonly sequence: number
  readonly amountBase: bigint
  /** Device-hours × ppm taken from the lot group. */
  readonly reserved: bigint
  readonly anchorPpm: bigint
  granted: boolean
  /** The highest delivered amount that a voucher proved. */
  voucheredBase: bigint
  settledBase: bigint
  /** Its coins are neither settled nor back in the queue. */
  isOpen: boolean
  /** It gave its hours back before they were used: a fault, a rejection or an un-booking. */
  isReturned: boolean
  /** What it had left was rejected. */
  isRejected: boolean
}

export interface Proposal {
  readonly id: number
  readonly kind:
    | 'admit'
    | 'remove'
    | 'jail'
    | 'unjail'
    | 'parameters'
    | 'reporters'
    | 'absentReporters'
    | 'spend'
    | 'class'
  readonly provider: number
  readonly proposer: number
  readonly expiresMs: number
  executesMs: number
  approve: Set<number>
  reject: Set<number>
  readonly change?: Readonly<Partial<Parameters>>
  readonly reporters?: ReporterChange
  readonly spending?: Spending
  readonly hardware?: ProposedClass
}

/** A payment out of the guarantee fund (§10). */
export interface Spending {
  readonly asset: number
  readonly to: string
  readonly amountBase: bigint
}

export const LANES = ['general', 'redemption', 'service', 'proof'] as const
export type Lane = (typeof LANES)[number]

/** C and C* of a provider while a recount is under way. */
export interface HeldCapacity {
  capacityBase: bigint
  /** C* up to K and to each quarter point, in windows from the last complete recount. */
  readonly lastingBase: Map<number, bigint>
}

export interface World {
  readonly parameters: Parameters
  height: number
  timestampMs: number
  /** The last complete recount: its window and anchor, which C, the header and matching go by (§3, Causes). */
  counted: { readonly window: number; readonly anchorPpm: bigint; readonly coverN: number }
  /** While a recount is under way: C and C* of each provider by the last complete one. */
  readonly held: Map<number, HeldCapacity>
  /** Numbers of the lot groups that a recount under way has passed; undefined while none is. */
  recounting: ReadonlySet<number> | undefined
  /** Number of the running window and when it ends. */
  window: number
  windowEndsMs: number
  windowStartedMs: number
  anchorPpm: bigint
  /** What the oracle last reported for the next window; the anchor itself when it reported nothing. */
  reportedAnchorPpm: bigint
  /** §5: the price of a coin in each asset that has one; what values bonds and locks apart, and its age, is the oracle's. */
  readonly prices: Map<number, bigint>
  /** Address → coins; escrows and the fund are accounts of their own names. */
  readonly coins: Map<string, bigint>
  readonly nonces: Map<string, number>
  supplyBase: bigint
  readonly assets: Map<number, { readonly issuer: string; supplyBase: bigint }>
  /** `asset/owner` → units. */
  readonly units: Map<string, bigint>
  /** `asset/owner/spender` → units. */
  readonly allowances: Map<string, bigint>
  readonly classes: Map<number, HardwareClass>
  readonly providers: Map<number, Provider>
  /** Operators of the validator set, which consensus epochs decide and not the economy. */
  validators: readonly string[]
  readonly lots: Map<number, Lot>
  nextLot: number
  /** Numbers of lot groups by key, in the order in which they came to have an attested lot. */
  readonly groupNumbers: Map<string, number>
  nextGroup: number
  readonly listings: Map<string, Listing>
  locks: Lock[]
  readonly floors: Floor[]
  /** Coins behind each provider. */
  readonly pools: Map<number, Pool>
  readonly market: Market
  /** Why minting is stopped by an invariant or by governance; undefined when it is not. */
  mintStop?: string
  /** The stop ends with the next recount. */
  isStopEnding?: boolean
  /** §4: primary sales. */
  readonly sales: Sales
  readonly requests: Map<number, Request>
  nextRequest: number
  pending: Drawn<number>[]
  /** Requests of this block so far. */
  drawnInBlock: number
  places: Place[]
  /** Requests whose coins have come to a place since it was last asked whether anything will serve them. */
  returned: Set<number>
  /** Numbers to which a fault returned coins, until these have hours again or nothing can be un-booked for them. */
  readonly returnedPlaces: Set<number>
  /** For which of them reservations give way, and the last one that did. */
  unbooking?: { readonly for: number; readonly last: Pick<Assignment, 'sequence' | 'number'> }
  readonly assignments: Assignment[]
  nextSequence: number
  /** Assignments with vouchers that the block's end settles, in the order in which they were handed in. */
  handedIn: Assignment[]
  /** When each number was given: coins that return to their place have waited since then. */
  readonly numberedMs: Map<number, number>
  /** Liability over C of each provider when the window began (§6, Assignment). */
  shares: Map<number, { readonly liabilityBase: bigint; readonly capacityBase: bigint }>
  /** `provider/window` → coins without vouchers below which a window tells nothing (docs/decisions/small-grants-tell-nothing.md). */
  readonly toleratedCoins: Map<string, bigint>
  /** Coins at fault or rejected in this window, per legal group. */
  readonly failedCoins: Map<string, bigint>
  readonly baseFees: Record<Lane, bigint>
  readonly laneGas: Record<Lane, number>
  readonly proposals: Map<number, Proposal>
  nextProposal: number
  /** Coins that no provider owes any more (§9). */
  orphanBase: bigint
  readonly oracle: Oracle
  readonly failures: Failures
}
