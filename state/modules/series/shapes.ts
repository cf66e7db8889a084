// Names and messages of primary sales: what a series and a purchase look like in records and answers.
// Not: the rest of the definition (schema.ts).
import { message, t } from '../../../base/schema.ts'

/** Immediate series sell coins, forward series receipts that become coins later. */
export const SERIES_KINDS = ['immediate', 'forward'] as const
export type SeriesKind = (typeof SERIES_KINDS)[number]

export const SERIES_STATES = [
  /** From its opening on until nobody can buy any more and all purchases are settled. */
  'selling',
  /** Receipts wait for coins. */
  'delivering',
  /** Overdue, and only the joint limit or a stop for all keeps the coins back: who wants takes the refund. */
  'blocked',
  /** All receipts have their coins; holders claim them. */
  'converted',
  /** The issuer did not deliver: holders claim what they paid, the lock, and coins that came before. */
  'failed',
  /** Nothing is left of it. */
  'ended',
] as const
export type SeriesState = (typeof SERIES_STATES)[number]

/** Why a forward series failed. */
export const FAIL_REASONS = ['none', 'overdue', 'lockTooSmall', 'suspended', 'defaulted'] as const
export type FailReason = (typeof FAIL_REASONS)[number]

export const PURCHASE_STATES = ['waiting', 'filled', 'partly', 'refunded'] as const
export type PurchaseState = (typeof PURCHASE_STATES)[number]

/** Why a purchase was refunded, in whole or in part; those of the mint rule have the names of its errors. */
export const REFUND_REASONS = [
  'none',
  'CapReached',
  'SaleClosed',
  'PriceTooLow',
  'OracleStale',
  'ProviderNotActive',
  'ProviderSuspended',
  'MintingBarred',
  'MintingStopped',
  'CoverageShortfall',
  'UnderNotice',
  'QuotaExceeded',
  'JointLimitExceeded',
  'OwnBackingExceeded',
  'FrontLoadExceeded',
  'BondTooSmall',
  'ReceiptsFirst',
  'LocksFull',
] as const
export type RefundReason = (typeof REFUND_REASONS)[number]

/** What keeps receipts from becoming coins. */
export const BLOCK_REASONS = [
  'none',
  'OracleStale',
  'ProviderNotActive',
  'ProviderSuspended',
  'MintingStopped',
  'CoverageShortfall',
  'RecountUnderWay',
  'UnderNotice',
  'QuotaExceeded',
  'JointLimitExceeded',
  'OwnBackingExceeded',
  'FrontLoadExceeded',
  'BondTooSmall',
  'LockTooSmall',
  'LocksFull',
] as const
export type BlockReason = (typeof BLOCK_REASONS)[number]

/** What an issuer must do next about a series. */
export const DUTIES = ['none', 'secureLock', 'bringCapacity', 'fixProvider'] as const

/** Items of one page, and the most entries looked at for it. */
export const PAGE_MAX = 50
export const LOOK_MAX = 200
/** Live series of one provider, and settlement assets in which series may be live at once. */
export const LIVE_MAX = 8
export const SERIES_ASSETS_MAX = 16

/** Times are on the clock of the asset: windows, without those in which its price was stale. */
export const seriesFields = {
  provider: t.u64,
  kind: t.oneOf(SERIES_KINDS),
  state: t.oneOf(SERIES_STATES),
  /** The settlement asset in which buyers pay. */
  asset: t.u64,
  capBase: t.amount,
  /** Price of one coin in base units of the asset, in the first and in the last window of the sale. */
  startPriceBase: t.amount,
  endPriceBase: t.amount,
  opensAt: t.u64,
  closesAt: t.u64,
  /** Last window in which receipts become coins in time; 0 of an immediate series. */
  dueAt: t.u64,
  /** The issuer has ended the sale before its time. */
  stopped: t.bool,
  /** Coins sold, or receipts ever sold. */
  soldBase: t.amount,
  /** Payments of purchases that are not settled yet, and how many there are. */
  waitingBase: t.amount,
  waitingCount: t.u32,
  /** received = waiting + escrow + released + refunded. */
  receivedBase: t.u256,
  escrowBase: t.amount,
  releasedBase: t.u256,
  refundedBase: t.u256,
  /** The issuer's lock of a forward series. */
  lockBase: t.amount,
  /** After a failure: the lock and what the bond added, for the holders. */
  compensationBase: t.amount,
  /** Receipts whose coins or refund nobody has taken in full: held as tokens, or handed in. */
  faceBase: t.amount,
  /** Coins that these receipts have become, and what of it holders that handed theirs in have taken. */
  coinsBase: t.amount,
  takenBase: t.amount,
  /** Window since which the lock has been below what it must be. */
  lockShortSince: t.optional(t.u64),
  failReason: t.oneOf(FAIL_REASONS),
}

export const purchaseFields = {
  series: t.u64,
  buyer: t.address,
  amountBase: t.amount,
  paidBase: t.amount,
  priceBase: t.amount,
  state: t.oneOf(PURCHASE_STATES),
  reason: t.oneOf(REFUND_REASONS),
  /** Coins or receipts that the buyer got, and what was paid back. */
  filledBase: t.amount,
  refundedBase: t.amount,
  boughtAtMs: t.u64,
}

export const seriesInfo = message('Series', {
  id: t.u64,
  ...seriesFields,
  /** Windows that the asset's clock has stood still: opening, closing and due windows above have moved by as many. */
  stoppedWindows: t.u64,
  /** Price of one coin now; what one would buy it for if it were open. */
  priceBase: t.amount,
  /** Whether a purchase would be accepted now. */
  isOpen: t.bool,
  /** Receipts that still wait for coins. */
  outstandingBase: t.amount,
  /** What the lock must be now, and the address of the receipts; zero of an immediate series. */
  lockNeededBase: t.amount,
  receipts: t.address,
})

export const purchaseInfo = message('Purchase', { id: t.u64, ...purchaseFields })

export const quoteInfo = message('Quote', {
  series: t.u64,
  amountBase: t.amount,
  /** Price of one coin, and of all of them, in base units of the asset; rounded up. */
  priceBase: t.amount,
  costBase: t.amount,
  /** What would be filled if this purchase were settled now, before all others. */
  fitsBase: t.amount,
  /** Why not all of it. */
  reason: t.oneOf(REFUND_REASONS),
})

export const holdingInfo = message('Holding', {
  series: t.u64,
  owner: t.address,
  /** Receipts held as tokens, and receipts handed in. */
  receiptsBase: t.amount,
  handedInBase: t.amount,
  /** What `claim` of all of them would pay now: coins, and units of the asset. */
  coinsBase: t.amount,
  refundBase: t.amount,
  compensationBase: t.amount,
  /** Receipts that still wait for coins. */
  outstandingBase: t.amount,
})

export const dutyInfo = message('SeriesDuty', {
  series: t.u64,
  kind: t.oneOf(SERIES_KINDS),
  state: t.oneOf(SERIES_STATES),
  soldBase: t.amount,
  outstandingBase: t.amount,
  duty: t.oneOf(DUTIES),
  /** The last window to do it in; 0: no date. */
  untilWindow: t.u64,
  /** Units of the asset to add to the lock. */
  addBase: t.amount,
  /** What keeps receipts from becoming coins now. */
  blockedBy: t.oneOf(BLOCK_REASONS),
  /** The same in words. */
  text: t.text(320),
})
