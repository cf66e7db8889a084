// Coins for receipts (ECONOMY §4): release of the price, conversion 1:1 and the whole mint rule in one step. The coins go to the
// series; each holder takes its own share (receipts.ts), so that the step costs the same for one holder and for a million.
import { mustExist } from '../../../base/assert.ts'
import { maxBigint, minBigint, mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { getSeries, liveOf, putSeries } from './books.ts'
import {
  escrowOf,
  getMember,
  hasLockRoom,
  issueFor,
  lockedShare,
  notePromised,
  payOut,
  priceIn,
  roomFor,
  storeCoverage,
} from './external.ts'
import { lockNeeded, outstandingOf, type SalePrices } from './pricing.ts'
import type { Series } from './schema.ts'
import { BLOCK_REASONS, type BlockReason } from './shapes.ts'
import { events, seriesParams } from './tables.ts'

/** What of a series can become coins now, and what keeps the rest back. */
export interface Outlook {
  readonly amountBase: bigint
  readonly reason: BlockReason
  /** Only the joint limit, a stop for all or a stale price keeps the rest back: nothing of the issuer's. */
  readonly isExcused: boolean
}

/** How a conversion is paid: what is locked of price and lock, and what goes back to the issuer. */
interface Funding {
  readonly proceedsBase: bigint
  readonly lockedBase: bigint
  readonly floorBase: bigint
  /** Of the issuer's lock: into the mint's lock, and back to the issuer. */
  readonly addedBase: bigint
  readonly returnedBase: bigint
}

/** The price of an amount of receipts; all that is left with the last of them. */
function proceedsOf(series: Series, amountBase: bigint): bigint {
  return mulDivFloor(series.escrowBase, amountBase, outstandingOf(series))
}

/**
 * How converting an amount is funded; undefined when the price paid does not cover what the mint locks at today's price, and
 * the issuer's lock has too little beyond what it must keep for the rest.
 */
function fundingOf(
  state: StateReader,
  series: Series,
  terms: { readonly amountBase: bigint; readonly oracle: SalePrices },
): Funding | undefined {
  const { amountBase, oracle } = terms
  const { lockBase } = series
  const outstandingBase = outstandingOf(series)
  const proceedsBase = proceedsOf(series, amountBase)
  const share = lockedShare(state, { amountBase, proceedsBase, lockPriceBase: oracle.lockPriceBase })
  const addedBase = maxBigint(0n, share.lockedBase - proceedsBase)
  const keptBase = lockNeeded(state, series, { outstandingBase: outstandingBase - amountBase, oracle })
  const spareBase = maxBigint(0n, lockBase - keptBase)
  if (addedBase > spareBase) return undefined
  const partBase = mulDivFloor(lockBase, amountBase, outstandingBase)
  const returnedBase = minBigint(spareBase, maxBigint(addedBase, partBase)) - addedBase
  return { proceedsBase, ...share, addedBase, returnedBase }
}

/** Receipts of the same issuer's older series that wait for coins: they are served first. */
function waitingBefore(state: StateReader, id: number, provider: number): bigint {
  let waitingBase = 0n
  for (const older of liveOf(state, provider)) {
    if (older >= id) break
    const series = mustExist(getSeries(state, older), 'a listed series exists')
    // One that still sells is not served yet.
    if (series.state !== 'selling') waitingBase += outstandingOf(series)
  }
  return waitingBase
}

/** What of a series the mint rule and the lock let become coins now. */
export function outlookOf(state: StateReader, id: number, series: Series): Outlook {
  const { provider, asset } = series
  const outstandingBase = outstandingOf(series)
  if (outstandingBase === 0n) return { amountBase: 0n, reason: 'none', isExcused: false }
  const oracle = mustExist(priceIn(state, asset), 'a series was opened at a price')
  if (oracle.staleSince !== undefined) return { amountBase: 0n, reason: 'OracleStale', isExcused: true }
  const whole = fundingOf(state, series, { amountBase: outstandingBase, oracle })
  if (whole === undefined) return { amountBase: 0n, reason: 'LockTooSmall', isExcused: false }
  if (!hasLockRoom(state, { provider, asset }))
    return { amountBase: 0n, reason: 'LocksFull', isExcused: false }
  const { blocked, roomBase, binding, ownBase } = roomFor(state, provider, 'receipts')
  // Were there no joint limit, older series would take their part of the issuer's own room first.
  const isOwnEnough = ownBase >= outstandingBase + waitingBefore(state, id, provider)
  if (blocked !== undefined) {
    const reason = BLOCK_REASONS.find((name) => name === blocked) ?? 'none'
    const isForAll = ['MintingStopped', 'CoverageShortfall', 'RecountUnderWay', 'OracleStale'].includes(
      blocked,
    )
    return { amountBase: 0n, reason, isExcused: isForAll && isOwnEnough }
  }
  const reason = roomBase < outstandingBase && binding !== 'ReceiptsFirst' ? binding : 'none'
  const amountBase = minBigint(outstandingBase, roomBase)
  const { minimumBase } = seriesParams.get(state)
  // Crumbs of room would be a mint each window; they wait for more, unless they are all that is left.
  const isWorth = amountBase >= minBigint(outstandingBase, minimumBase)
  if (isWorth && fundingOf(state, series, { amountBase, oracle }) === undefined)
    return { amountBase: 0n, reason: 'LockTooSmall', isExcused: false }
  const isExcused = isOwnEnough && roomBase < outstandingBase
  return { amountBase: isWorth ? amountBase : 0n, reason, isExcused }
}

/** Turns an amount of receipts that `outlookOf` has allowed into coins. Returns the series afterwards. */
export function convert(ctx: WriteContext, id: number, series: Series, amountBase: bigint): Series {
  const { state } = ctx
  const { provider, asset } = series
  const oracle = mustExist(priceIn(state, asset), 'the outlook has a price')
  const funding = mustExist(fundingOf(state, series, { amountBase, oracle }), 'the outlook is funded')
  const { operator } = mustExist(getMember(state, provider), 'a series has an issuer')
  const { proceedsBase, lockedBase, floorBase, addedBase, returnedBase } = funding
  const after: Series = {
    ...series,
    coinsBase: series.coinsBase + amountBase,
    escrowBase: series.escrowBase - proceedsBase,
    releasedBase: series.releasedBase + proceedsBase,
    lockBase: series.lockBase - addedBase - returnedBase,
  }
  putSeries(state, id, after)
  notePromised(state, provider, -amountBase)
  issueFor(ctx, {
    series: id,
    provider,
    to: escrowOf(id),
    amountBase,
    asset,
    proceedsBase: proceedsBase + addedBase,
    lockedBase,
    floorBase,
    payee: operator,
  })
  payOut(ctx, { series: id, asset, to: operator, amountBase: returnedBase })
  storeCoverage(ctx)
  events.Converted(ctx, {
    series: id,
    provider,
    amountBase,
    outstandingBase: outstandingOf(after),
    releasedBase: proceedsBase,
    lockedBase,
  })
  return after
}
