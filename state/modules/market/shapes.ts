// Names and messages of the market: what orders, books, auctions and candles look like in records and answers.
// Not: the rest of the definition (schema.ts).
import { message, t } from '../../../base/schema.ts'

export const SIDES = ['buy', 'sell'] as const
export type Side = (typeof SIDES)[number]

/** `goodTillCancelled` rests in the book; what `immediateOrCancel` does not get in its first auction goes back. */
export const ORDER_KINDS = ['goodTillCancelled', 'immediateOrCancel'] as const
export type OrderKind = (typeof ORDER_KINDS)[number]

export const ORDER_STATES = [
  /** Escrowed; its first auction has not begun. */
  'waiting',
  /** In the book. */
  'resting',
  'filled',
  'cancelled',
] as const
export type OrderState = (typeof ORDER_STATES)[number]

/** Why an order that is over was not filled in whole. */
export const CANCEL_REASONS = [
  'none',
  'cancelledByOwner',
  /** An `immediateOrCancel` order: nobody took the rest at its price. */
  'notMatched',
  /** The side of its book was full, and it had the worst price. */
  'displaced',
] as const
export type CancelReason = (typeof CANCEL_REASONS)[number]

/** Where an auction stands. Those that are not over after a block go on in the next one. */
export const PHASES = [
  'none',
  /** New orders go into the book, block by block. */
  'entering',
  /** The price is looked for. */
  'pricing',
  /** Orders are filled at the price. */
  'filling',
  /** What is left of immediate orders goes back. */
  'returning',
  /** The worst prices of a side that is too full go back. */
  'displacing',
] as const

export const CANDLE_SPANS = ['minute', 'hour', 'day'] as const
export type CandleSpan = (typeof CANDLE_SPANS)[number]
/** Length of a candle in milliseconds, and how many of them are kept. */
export const CANDLES: { readonly [S in CandleSpan]: { readonly spanMs: number; readonly kept: number } } = {
  minute: { spanMs: 60_000, kept: 240 },
  hour: { spanMs: 3_600_000, kept: 168 },
  day: { spanMs: 86_400_000, kept: 365 },
}

/** Auctions of a book that are kept. */
export const AUCTIONS_KEPT = 256
/** Items of one page, and levels of one answer on each side. */
export const PAGE_MAX = 50
export const LEVELS_MAX = 100
/** Open orders of one account in one book, and books in which it may have some. */
export const STANDS_MAX = 64

/** Two assets and how they are traded. Asset 0 is the coin. */
export const pairFields = {
  /** What is bought and sold. */
  base: t.u64,
  /** What is paid in. */
  quote: t.u64,
  /** One whole of the base asset, base units: what a price is for. */
  unitBase: t.amount,
  /** Prices are multiples of it, amounts multiples of the lot; every fill then costs whole units. */
  tickBase: t.amount,
  lotBase: t.amount,
} as const

export const orderFields = {
  owner: t.address,
  book: t.u64,
  side: t.oneOf(SIDES),
  kind: t.oneOf(ORDER_KINDS),
  state: t.oneOf(ORDER_STATES),
  reason: t.oneOf(CANCEL_REASONS),
  /** Price in ticks of the book. */
  ticks: t.u64,
  amountBase: t.amount,
  /** Not filled and not returned, base units of the base asset. */
  leftBase: t.amount,
  filledBase: t.amount,
  /** What its fills paid or received, base units of the quote asset; the same units may come round again. */
  filledQuoteBase: t.u256,
  placedAtMs: t.u64,
  height: t.u64,
} as const

export const candleFields = {
  /** Beginning of the candle, Unix milliseconds. */
  atMs: t.u64,
  open: t.u64,
  high: t.u64,
  low: t.u64,
  close: t.u64,
  volumeBase: t.u256,
} as const

export const orderInfo = message('OrderInfo', {
  id: t.u64,
  base: t.u64,
  quote: t.u64,
  owner: t.address,
  side: t.oneOf(SIDES),
  kind: t.oneOf(ORDER_KINDS),
  state: t.oneOf(ORDER_STATES),
  reason: t.oneOf(CANCEL_REASONS),
  /** Price of one whole of the base asset, base units of the quote asset. */
  priceBase: t.amount,
  amountBase: t.amount,
  filledBase: t.amount,
  /** Still open. */
  leftBase: t.amount,
  filledQuoteBase: t.u256,
  /** What the account has in escrow for it: of the quote asset when it buys, of the base asset when it sells. */
  escrowBase: t.amount,
  placedAtMs: t.u64,
  height: t.u64,
})

export const levelInfo = message('LevelInfo', { priceBase: t.amount, amountBase: t.u256 })

export const bookInfo = message('BookInfo', {
  ...pairFields,
  phase: t.oneOf(PHASES),
  openOrders: t.u32,
  /** Orders that wait for their first auction. */
  waitingOrders: t.u32,
  /** Price of the last auction in which something was traded; 0 before the first. */
  lastPriceBase: t.amount,
  lastAtMs: t.u64,
  /** The number by which events name the book. */
  id: t.u64,
})

export const depthInfo = message('DepthInfo', {
  ...pairFields,
  phase: t.oneOf(PHASES),
  /** Best price first. */
  bids: t.list(levelInfo, LEVELS_MAX),
  asks: t.list(levelInfo, LEVELS_MAX),
  /** Whether there are more levels than were asked for. */
  hasMore: t.bool,
  lastPriceBase: t.amount,
})

export const auctionInfo = message('AuctionInfo', {
  height: t.u64,
  atMs: t.u64,
  priceBase: t.amount,
  volumeBase: t.amount,
})

export const candleInfo = message('CandleInfo', {
  atMs: t.u64,
  openBase: t.amount,
  highBase: t.amount,
  lowBase: t.amount,
  closeBase: t.amount,
  volumeBase: t.u256,
})

export const estimateInfo = message('EstimateInfo', {
  /** How much of the amount the book would fill now, if nobody else came. */
  fillsBase: t.amount,
  /** What it would cost or bring, at the worst: level by level, while an auction's price is the same for all. */
  quoteBase: t.amount,
  /** The price a limit order needs for that much. */
  limitPriceBase: t.amount,
})
