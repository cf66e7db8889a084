// Definition of series: primary sales of coins, at once or as receipts that become coins later (ECONOMY §4).
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { atMost, between, param } from '../../../base/parameters.ts'
import { indexed, message, t } from '../../../base/schema.ts'
import { COIN, PPM } from '../../../base/units.ts'
import { drawRecords } from '../../recordShapes.ts'
import {
  BLOCK_REASONS,
  dutyInfo,
  FAIL_REASONS,
  holdingInfo,
  LIVE_MAX,
  PAGE_MAX,
  purchaseFields,
  purchaseInfo,
  quoteInfo,
  REFUND_REASONS,
  SERIES_ASSETS_MAX,
  SERIES_KINDS,
  SERIES_STATES,
  seriesFields,
  seriesInfo,
} from './shapes.ts'

/**
 * Of this some 60,000 pay for the purchase itself, the rest for its settlement: at the target of the general lane, 12,000,000
 * gas in a block of 200 ms, no more come than half of a block's steps settle, which is three.
 */
const BUY_GAS = 4_000_000

export const seriesSchema = defineModule({
  name: 'series',
  id: 16,
  doc: 'Primary sales: coins that a provider sells at once, and receipts for future compute that become coins later.',
  walks: ['draw', 'sweep', 'history'],
  params: {
    seriesPenaltyPpm: param({
      field: t.ppm,
      doc: 'Lock of a forward series, of its outstanding cap at the higher of oracle price and price paid, ppm.',
      main: 200_000n,
      check: atMost(PPM, 'ppm'),
    }),
    minimumBase: param({
      field: t.amount,
      doc: 'Least amount of a purchase, base units.',
      main: COIN / 100n,
      check: between(1n, 1_000n * COIN, 'base units'),
    }),
    waitingMax: param({
      field: t.u32,
      doc: 'Purchases that may wait for their draw.',
      main: 2_000,
      test: 64,
      check: between(1, 100_000, 'purchases'),
    }),
    saleWindowsMax: param({
      field: t.u32,
      doc: 'Windows that a sale may last, and how far ahead it may open.',
      main: 120,
      dev: 60,
      test: 24,
      check: between(1, 1_000, 'windows'),
    }),
    deliveryWindowsMax: param({
      field: t.u32,
      doc: 'Windows after the sale in which a forward series may be due.',
      main: 365,
      dev: 120,
      test: 36,
      check: between(1, 1_000, 'windows'),
    }),
    tailWindows: param({
      field: t.u32,
      doc: 'Windows after its end that a purchase or a series stays in the state.',
      main: 30,
      dev: 6,
      test: 3,
    }),
    stepsPerBlockMax: param({
      field: t.u32,
      doc: 'Purchases settled, series looked at or records removed in one walk of a block.',
      main: 128,
      dev: 512,
      test: 512,
      check: between(1, 512, 'steps'),
    }),
  },
  escrows: {
    held: {
      id: 0,
      doc: 'Of one series: payments, the issuer’s lock, and coins that wait for their holders; the issuer of its receipts.',
    },
  },
  records: {
    totals: {
      id: 1,
      key: {},
      value: {
        nextSeries: t.u64,
        nextPurchase: t.u64,
        /** Ended series and settled purchases that wait for their removal. */
        closedHead: t.u64,
        closedTail: t.u64,
      },
      doc: 'Numbers of the next series and purchase, and the ends of the list of what is over.',
    },
    series: { id: 2, key: { id: t.u64 }, value: seriesFields, doc: 'A series.' },
    live: {
      id: 3,
      key: { provider: t.u64 },
      value: { series: t.list(t.u64, LIVE_MAX) },
      doc: 'Series of a provider that sell or owe coins, ascending.',
    },
    purchase: {
      id: 4,
      key: { id: t.u64 },
      value: {
        ...purchaseFields,
        /** Neighbours in the list of its buyer; 0: none. */
        newer: t.u64,
        older: t.u64,
      },
      doc: 'A purchase and what became of it.',
    },
    buyer: {
      id: 5,
      key: { buyer: t.address },
      value: { count: t.u64, newest: t.u64 },
      doc: 'Purchases of an account that are in the state.',
    },
    closed: {
      id: 6,
      key: { index: t.u64 },
      value: { purchase: t.u64, series: t.u64, window: t.u64 },
      doc: 'A purchase, or else a series, that was over in a window, in order.',
    },
    position: {
      id: 7,
      key: { series: t.u64, owner: t.address },
      value: { faceBase: t.amount, takenBase: t.amount },
      doc: 'Receipts that a holder has handed in while the series delivers, and the coins it has taken for them.',
    },
    clocks: {
      id: 8,
      key: {},
      value: {
        assets: t.list(
          message('SeriesClock', { asset: t.u64, stoppedWindows: t.u64, live: t.u32 }),
          SERIES_ASSETS_MAX,
        ),
      },
      doc: 'Of each asset with live series: windows that began with a stale price, and how many series there are.',
    },
    sweep: {
      id: 9,
      key: {},
      value: {
        /** The window that is swept, or was last. */
        window: t.u64,
        /** Index of the next member in the list of all, and of its next series. */
        member: t.u32,
        next: t.u32,
      },
      doc: 'How far the live series have been looked at after a window’s recount.',
    },
    ...drawRecords(10, { purchase: t.u64 }),
  },
  errors: {
    NotProvider: { sender: t.address },
    UnknownSeries: { series: t.u64 },
    NotIssuer: { series: t.u64, provider: t.u64 },
    ProviderNotActive: { provider: t.u64 },
    ProviderSuspended: { provider: t.u64 },
    /** A series of the provider has failed. */
    MintingBarred: { provider: t.u64, untilWindow: t.u64 },
    TooManySeries: { provider: t.u64, maximum: t.u32 },
    /** Series are live in as many settlement assets as there may be. */
    TooManyAssets: { maximum: t.u32 },
    /** The provider has locked proceeds in as many assets as it may. */
    LocksFull: { provider: t.u64, asset: t.u64 },
    /** The oracle has no price in this asset. */
    NoPrice: { asset: t.u64 },
    OracleStale: { asset: t.u64, since: t.u64 },
    CapOutOfRange: { capBase: t.amount, minimumBase: t.amount, maximumBase: t.amount },
    PriceTooLow: { priceBase: t.amount, leastBase: t.amount },
    PriceOutOfRange: { priceBase: t.amount, maximumBase: t.amount },
    /** A schedule falls or stays. */
    PriceRises: { startPriceBase: t.amount, endPriceBase: t.amount },
    /** Receipts are alike, and so is what they are refunded with. */
    OnePriceOnly: { startPriceBase: t.amount, endPriceBase: t.amount },
    WindowsOutOfRange: { opensAt: t.u64, closesAt: t.u64, earliest: t.u64, latest: t.u64 },
    DueOutOfRange: { dueAt: t.u64, earliest: t.u64, latest: t.u64 },
    SaleNotOpen: { series: t.u64, opensAt: t.u64, closesAt: t.u64, window: t.u64 },
    BelowMinimum: { amountBase: t.amount, minimumBase: t.amount },
    CapReached: { amountBase: t.amount, leftBase: t.amount },
    /** Nothing of the purchase would be filled as things are. */
    NothingFits: { reason: t.oneOf(REFUND_REASONS) },
    PriceAboveLimit: { costBase: t.amount, payMaxBase: t.amount },
    InsufficientAsset: { asset: t.u64, balanceBase: t.amount, neededBase: t.amount },
    TooManyWaiting: { waiting: t.u32, maximum: t.u32 },
    NotForward: { series: t.u64 },
    InsufficientReceipts: { balanceBase: t.amount, neededBase: t.amount },
    NothingToClaim: { series: t.u64 },
    /** Only an overdue series that nothing of the issuer’s keeps back refunds before it fails. */
    RefundNotOpen: { series: t.u64, state: t.oneOf(SERIES_STATES) },
    NothingToReclaim: { lockBase: t.amount, neededBase: t.amount },
    ZeroAmount: {},
    SeriesOver: { series: t.u64, state: t.oneOf(SERIES_STATES) },
  },
  events: {
    Opened: {
      series: indexed(t.u64),
      provider: indexed(t.u64),
      kind: t.oneOf(SERIES_KINDS),
      asset: t.u64,
      capBase: t.amount,
      startPriceBase: t.amount,
      lockBase: t.amount,
    },
    SaleStopped: { series: indexed(t.u64) },
    SaleEnded: { series: indexed(t.u64), soldBase: t.amount },
    Bought: {
      purchase: indexed(t.u64),
      series: indexed(t.u64),
      buyer: indexed(t.address),
      amountBase: t.amount,
      paidBase: t.amount,
      priceBase: t.amount,
    },
    Settled: {
      purchase: indexed(t.u64),
      series: indexed(t.u64),
      buyer: indexed(t.address),
      filledBase: t.amount,
      refundedBase: t.amount,
      reason: t.oneOf(REFUND_REASONS),
    },
    LockAdded: { series: indexed(t.u64), amountBase: t.amount, lockBase: t.amount },
    LockReturned: { series: indexed(t.u64), amountBase: t.amount, lockBase: t.amount },
    LockFellShort: {
      series: indexed(t.u64),
      lockBase: t.amount,
      neededBase: t.amount,
      untilWindow: t.u64,
    },
    Converted: {
      series: indexed(t.u64),
      provider: indexed(t.u64),
      amountBase: t.amount,
      outstandingBase: t.amount,
      releasedBase: t.amount,
      lockedBase: t.amount,
    },
    DeliveryBlocked: { series: indexed(t.u64), reason: t.oneOf(BLOCK_REASONS) },
    SeriesFailed: {
      series: indexed(t.u64),
      provider: indexed(t.u64),
      reason: t.oneOf(FAIL_REASONS),
      outstandingBase: t.amount,
      refundBase: t.amount,
      compensationBase: t.amount,
    },
    Claimed: {
      series: indexed(t.u64),
      owner: indexed(t.address),
      receiptsBase: t.amount,
      coinsBase: t.amount,
      refundBase: t.amount,
      compensationBase: t.amount,
    },
    Ended: { series: indexed(t.u64), provider: indexed(t.u64) },
  },
  actions: {
    open: {
      args: {
        kind: t.oneOf(SERIES_KINDS),
        asset: t.u64,
        capBase: t.amount,
        startPriceBase: t.amount,
        endPriceBase: t.amount,
        opensAt: t.u64,
        closesAt: t.u64,
        dueAt: t.u64,
      },
      fails: [
        'NotProvider',
        'ProviderNotActive',
        'ProviderSuspended',
        'MintingBarred',
        'TooManySeries',
        'TooManyAssets',
        'LocksFull',
        'NoPrice',
        'OracleStale',
        'CapOutOfRange',
        'PriceTooLow',
        'PriceOutOfRange',
        'PriceRises',
        'OnePriceOnly',
        'WindowsOutOfRange',
        'DueOutOfRange',
        'InsufficientAsset',
      ],
      gas: 300_000,
      doc: 'A provider offers coins for sale, from window to window. Opening window 0 is the running one, end price 0 the start price. An immediate series may fall in price and has no due window; a forward series has one price and locks a share of its cap.',
    },
    stop: {
      args: { series: t.u64 },
      fails: ['NotProvider', 'UnknownSeries', 'NotIssuer', 'SeriesOver'],
      gas: 40_000,
      doc: 'The issuer ends a sale before its time; what was sold stays sold.',
    },
    secure: {
      args: { series: t.u64, amountBase: t.amount },
      fails: ['UnknownSeries', 'NotForward', 'SeriesOver', 'ZeroAmount', 'InsufficientAsset'],
      gas: 60_000,
      doc: 'Adds to the lock of a forward series; anyone may.',
    },
    reclaim: {
      args: { series: t.u64 },
      fails: [
        'NotProvider',
        'UnknownSeries',
        'NotIssuer',
        'NotForward',
        'SeriesOver',
        'OracleStale',
        'NothingToReclaim',
      ],
      gas: 60_000,
      doc: 'The issuer takes back what its lock has beyond what it must be.',
    },
    buy: {
      args: { series: t.u64, amountBase: t.amount, payMaxBase: t.amount },
      fails: [
        'UnknownSeries',
        'SaleNotOpen',
        'BelowMinimum',
        'CapReached',
        'OracleStale',
        'PriceAboveLimit',
        'NothingFits',
        'TooManyWaiting',
        'InsufficientAsset',
      ],
      gas: BUY_GAS,
      signed: true,
      doc: 'Pays for coins or receipts at the price of this window, at most payMaxBase; a later block settles it, and refunds what does not fit.',
    },
    claim: {
      args: { series: t.u64, amountBase: t.amount },
      fails: ['UnknownSeries', 'NotForward', 'InsufficientReceipts', 'NothingToClaim'],
      gas: 90_000,
      signed: true,
      doc: 'Hands in receipts and takes the coins that they have become, and after a failure the refund; 0 collects for those handed in before.',
    },
    refund: {
      args: { series: t.u64, amountBase: t.amount },
      fails: ['UnknownSeries', 'NotForward', 'RefundNotOpen', 'InsufficientReceipts', 'NothingToClaim'],
      gas: 90_000,
      signed: true,
      doc: 'Leaves an overdue series that only the joint limit or a stop keeps back: what was paid, and coins that came before.',
    },
  },
  queries: {
    show: { args: { series: t.u64 }, returns: t.optional(seriesInfo), doc: 'One series, or null.' },
    list: {
      args: { cursor: t.u64, limit: t.u32 },
      returns: message('SeriesPage', { series: t.list(seriesInfo, PAGE_MAX), nextCursor: t.u64 }),
      doc: 'Series that are in the state, newest first; cursor 0 begins.',
    },
    live: {
      args: { provider: t.u64 },
      returns: t.list(seriesInfo, LIVE_MAX),
      doc: 'Series of a provider that sell or owe coins.',
    },
    quote: {
      args: { series: t.u64, amountBase: t.amount },
      returns: t.optional(quoteInfo),
      doc: 'What an amount costs now, and how much of it would be filled; null for an unknown series.',
    },
    purchase: {
      args: { id: t.u64 },
      returns: t.optional(purchaseInfo),
      doc: 'One purchase and what became of it, or null.',
    },
    purchases: {
      args: { buyer: t.address, cursor: t.u64, limit: t.u32 },
      returns: message('PurchasePage', { purchases: t.list(purchaseInfo, PAGE_MAX), nextCursor: t.u64 }),
      doc: 'Purchases of an account that are in the state, newest first; cursor 0 begins.',
    },
    holding: {
      args: { series: t.u64, owner: t.address },
      returns: t.optional(holdingInfo),
      doc: 'Receipts of a holder and what they would pay now; null for an unknown or immediate series.',
    },
    status: {
      args: { provider: t.u64 },
      returns: t.list(dutyInfo, LIVE_MAX),
      doc: 'What a provider must do next about each of its live series, and by when.',
    },
  },
})

type Records = (typeof seriesSchema)['records']
export type Series = InferFields<Records['series']['value']>
export type Purchase = InferFields<Records['purchase']['value']>
export type Position = InferFields<Records['position']['value']>
export type SeriesTotals = InferFields<Records['totals']['value']>
export type Clock = InferFields<Records['clocks']['value']>['assets'][number]
