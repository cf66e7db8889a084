// Definition of the market: order books for the coin, receipts and settlement assets, cleared once a block at one price
// per pair (ECONOMY §8).
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { between, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { setNodeRecord } from '../../recordShapes.ts'
import {
  AUCTIONS_KEPT,
  auctionInfo,
  bookInfo,
  CANCEL_REASONS,
  CANDLE_SPANS,
  CANDLES,
  candleFields,
  candleInfo,
  depthInfo,
  estimateInfo,
  ORDER_KINDS,
  ORDER_STATES,
  orderFields,
  orderInfo,
  PAGE_MAX,
  PHASES,
  pairFields,
  SIDES,
  STANDS_MAX,
} from './shapes.ts'

const side = t.oneOf(SIDES)
/** Pays for the escrow, its place in the book, its fills, and its return. */
const PLACE_GAS = 400_000

export const marketSchema = defineModule({
  name: 'market',
  id: 11,
  doc: 'Order books for the coin, receipts and settlement assets: one auction a block, one price for all.',
  params: {
    ordersMax: param({
      field: t.u32,
      doc: 'Orders that may be open at once, over all books.',
      main: 1_000_000,
      dev: 20_000,
      test: 1_000,
      check: between(16, 1_000_000, 'orders'),
    }),
    ordersPerAccountMax: param({
      field: t.u32,
      doc: 'Orders that one account may have open.',
      main: 256,
      check: between(1, 4_096, 'orders'),
    }),
    ordersPerSideMax: param({
      field: t.u32,
      doc: 'Orders that may rest on one side of a book; after an auction the worst prices beyond it make room.',
      main: 10_000,
      dev: 5_000,
      test: 200,
      check: between(1, 100_000, 'orders'),
    }),
    waitingMax: param({
      field: t.u32,
      doc: 'Orders of one book that may wait for their first auction.',
      main: 1_000,
      test: 200,
      check: between(1, 10_000, 'orders'),
    }),
    tailWindows: param({
      field: t.u32,
      doc: 'Windows after its end that an order stays in the state, and an empty book of receipts that are gone.',
      main: 7,
      dev: 6,
      test: 3,
      check: between(1, 1_000, 'windows'),
    }),
    auctionStepsMax: param({
      field: t.u32,
      doc: 'Measured steps that the auctions of a block may use, beside those of all other work; 40,000 are about 8 ms.',
      main: 40_000,
      check: between(1_000, 1_000_000, 'steps'),
    }),
    stepsPerBlockMax: param({
      field: t.u32,
      doc: 'Acts of one walk of a block: orders entered, prices compared, fills, records removed.',
      main: 512,
      // A look at a book, and an act.
      check: between(2, 512, 'acts'),
    }),
  },
  escrows: {
    held: { id: 0, doc: 'Of one book: what its open orders sell, and what they pay with.' },
  },
  records: {
    totals: {
      id: 1,
      key: {},
      value: {
        nextBook: t.u64,
        nextOrder: t.u64,
        openOrders: t.u32,
        /** Orders that are over and wait for their removal. */
        closedHead: t.u64,
        closedTail: t.u64,
        /** The book whose auction is next, and the next one that is looked at for its removal. */
        auctionCursor: t.u64,
        bookCursor: t.u64,
      },
      doc: 'Numbers of the next book and order, the list of what is over, and how far the walks have got.',
    },
    book: {
      id: 2,
      key: { id: t.u64 },
      value: {
        ...pairFields,
        openBuys: t.u32,
        openSells: t.u32,
        /** Those of them that are in the book. */
        restingBuys: t.u32,
        restingSells: t.u32,
        /** Orders that wait for their first auction: from head, before tail. */
        waitingHead: t.u64,
        waitingTail: t.u64,
        lastTicks: t.u64,
        lastAtMs: t.u64,
        /** Auctions so far in which something was traded. */
        auctions: t.u64,
        /** The window in which its last order ended. */
        idleSince: t.u64,
        /** Places of its history that are removed, once an asset is gone. */
        removedSlots: t.u32,
      },
      doc: 'The book of two assets.',
    },
    pair: {
      id: 3,
      key: { base: t.u64, quote: t.u64 },
      value: { book: t.u64 },
      doc: 'The book of two assets, by them.',
    },
    auction: {
      id: 4,
      key: { book: t.u64 },
      value: {
        phase: t.oneOf(PHASES),
        /** The orders of the book that entered with this auction: before `until`. */
        until: t.u64,
        cursor: t.u64,
        /** While the price is looked for: the levels compared, what of them is unmatched, and the last ones that matched. */
        bidTicks: t.u64,
        askTicks: t.u64,
        bidRestBase: t.u256,
        askRestBase: t.u256,
        bidMatchedTicks: t.u64,
        askMatchedTicks: t.u64,
        /** Then the price, and what is still to be filled at it. */
        ticks: t.u64,
        volumeBase: t.amount,
        leftBase: t.amount,
      },
      doc: 'An auction that is under way.',
    },
    order: {
      id: 5,
      key: { id: t.u64 },
      value: { ...orderFields, entry: t.u64, extra: t.u64 },
      doc: 'An order and what became of it.',
    },
    waiting: {
      id: 6,
      key: { book: t.u64, number: t.u64 },
      value: { order: t.u64, height: t.u64, txId: t.hash },
      doc: 'An order that waits for its first auction, or is part of the one under way.',
    },
    level: {
      id: 7,
      key: { book: t.u64, side, ticks: t.u64 },
      // Bids for more than there is of an asset may stand side by side.
      value: { amountBase: t.u256, head: t.u64, tail: t.u64 },
      doc: 'A price of a book: what is open there, and its queue.',
    },
    entry: {
      id: 8,
      key: { book: t.u64, side, ticks: t.u64, number: t.u64 },
      value: { order: t.u64, amountBase: t.amount },
      doc: 'A place in the queue of a level. An order may have two.',
    },
    trader: {
      id: 9,
      key: { owner: t.address },
      value: { openOrders: t.u32, books: t.list(t.u64, STANDS_MAX) },
      doc: 'How many open orders an account has, and in which books.',
    },
    stand: {
      id: 10,
      key: { owner: t.address, book: t.u64 },
      value: { orders: t.list(message('StandingOrder', { order: t.u64, side, ticks: t.u64 }), STANDS_MAX) },
      doc: 'The open orders of an account in a book.',
    },
    closed: {
      id: 11,
      key: { index: t.u64 },
      value: { order: t.u64, window: t.u64 },
      doc: 'An order that was over in a window, in order.',
    },
    trade: {
      id: 12,
      key: { book: t.u64, slot: t.u32 },
      value: { height: t.u64, atMs: t.u64, ticks: t.u64, volumeBase: t.amount },
      doc: 'One of the last auctions of a book in which something was traded, in a ring.',
    },
    candle: {
      id: 13,
      key: { book: t.u64, span: t.oneOf(CANDLE_SPANS), slot: t.u32 },
      value: candleFields,
      doc: 'Prices of a minute, an hour or a day, in a ring.',
    },
    setNode: setNodeRecord({
      id: 14,
      doc: 'Prices of each side of each book, and the books with an auction to hold.',
    }),
  },
  errors: {
    /** These two are not traded against each other, or not this way round. */
    UnknownPair: { base: t.u64, quote: t.u64 },
    PriceOffTick: { priceBase: t.amount, tickBase: t.amount },
    PriceOutOfRange: { priceBase: t.amount, maximumBase: t.amount },
    AmountOffLot: { amountBase: t.amount, lotBase: t.amount },
    BelowMinimum: { amountBase: t.amount, minimumBase: t.amount },
    /** The account’s own order on the other side would be met. */
    SelfTrade: { order: t.u64 },
    TooManyOrders: { openOrders: t.u32, maximum: t.u32 },
    TooManyInBook: { openOrders: t.u32, maximum: t.u32 },
    TooManyBooks: { books: t.u32, maximum: t.u32 },
    MarketFull: { openOrders: t.u32, maximum: t.u32 },
    TooManyWaiting: { waiting: t.u32, maximum: t.u32 },
    InsufficientAsset: { asset: t.u64, balanceBase: t.amount, neededBase: t.amount },
    UnknownOrder: { order: t.u64 },
    NotOwner: { owner: t.address },
    OrderOver: { order: t.u64, state: t.oneOf(ORDER_STATES) },
    /** The book’s auction goes on in the next block; then the order can be cancelled if it is still there. */
    AuctionUnderWay: { base: t.u64, quote: t.u64 },
  },
  events: {
    BookOpened: { base: indexed(t.u64), quote: indexed(t.u64), tickBase: t.amount, lotBase: t.amount },
    Placed: {
      order: indexed(t.u64),
      book: indexed(t.u64),
      owner: indexed(t.address),
      side,
      kind: t.oneOf(ORDER_KINDS),
      priceBase: t.amount,
      amountBase: t.amount,
    },
    /** Two orders met at the price of an auction. */
    Traded: {
      book: indexed(t.u64),
      buy: indexed(t.u64),
      sell: indexed(t.u64),
      priceBase: t.amount,
      amountBase: t.amount,
    },
    Cleared: { book: indexed(t.u64), priceBase: t.amount, volumeBase: t.amount },
    Closed: {
      order: indexed(t.u64),
      book: indexed(t.u64),
      owner: indexed(t.address),
      state: t.oneOf(ORDER_STATES),
      reason: t.oneOf(CANCEL_REASONS),
      filledBase: t.amount,
      returnedBase: t.amount,
    },
  },
  actions: {
    place: {
      args: {
        base: t.u64,
        quote: t.u64,
        side,
        priceBase: t.amount,
        amountBase: t.amount,
        kind: t.oneOf(ORDER_KINDS),
      },
      fails: [
        'UnknownPair',
        'PriceOffTick',
        'PriceOutOfRange',
        'AmountOffLot',
        'BelowMinimum',
        'SelfTrade',
        'TooManyOrders',
        'TooManyInBook',
        'TooManyBooks',
        'MarketFull',
        'TooManyWaiting',
        'InsufficientAsset',
      ],
      gas: PLACE_GAS,
      signed: true,
      doc: 'A limit order, escrowed in full. The price is for one whole of the base asset, in base units of the quote asset. All orders of a block take part in the auction at its end, at one price.',
    },
    cancel: {
      args: { order: t.u64 },
      fails: ['UnknownOrder', 'NotOwner', 'OrderOver', 'AuctionUnderWay'],
      gas: 60_000,
      signed: true,
      doc: 'Takes back what is open of an order.',
    },
  },
  queries: {
    order: {
      args: { id: t.u64 },
      returns: t.optional(orderInfo),
      doc: 'An order and what became of it, or null.',
    },
    orders: {
      args: { owner: t.address },
      returns: t.list(orderInfo, STANDS_MAX * STANDS_MAX),
      doc: 'The open orders of an account, by book and then by number.',
    },
    book: {
      args: { base: t.u64, quote: t.u64 },
      returns: t.optional(bookInfo),
      doc: 'The book of two assets, or null when nobody has ordered yet. Asset 0 is the coin.',
    },
    books: {
      args: { cursor: t.u64, limit: t.u32 },
      returns: message('BookPage', { books: t.list(bookInfo, PAGE_MAX), nextCursor: t.u64 }),
      doc: 'All books, newest first; cursor 0 begins.',
    },
    depth: {
      args: { base: t.u64, quote: t.u64, levels: t.u32 },
      returns: t.optional(depthInfo),
      doc: 'What is open at the best prices of both sides; 0 levels means as many as one answer holds. Null without a book.',
    },
    estimate: {
      args: { base: t.u64, quote: t.u64, side, amountBase: t.amount },
      returns: t.optional(estimateInfo),
      doc: 'What an order of an amount would get from the best hundred levels of the other side; null without a book.',
    },
    trades: {
      args: { base: t.u64, quote: t.u64, limit: t.u32 },
      returns: t.list(auctionInfo, AUCTIONS_KEPT),
      doc: 'The last auctions of a book in which something was traded, newest first.',
    },
    candles: {
      args: { base: t.u64, quote: t.u64, span: t.oneOf(CANDLE_SPANS), limit: t.u32 },
      returns: t.list(candleInfo, CANDLES.day.kept),
      doc: 'Prices and volume of the last minutes, hours or days with trades, newest first.',
    },
  },
})

type Records = (typeof marketSchema)['records']
export type Totals = InferFields<Records['totals']['value']>
export type Book = InferFields<Records['book']['value']>
export type Order = InferFields<Records['order']['value']>
export type Auction = InferFields<Records['auction']['value']>
export type Level = InferFields<Records['level']['value']>
export type Candle = InferFields<Records['candle']['value']>
