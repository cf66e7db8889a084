// The guarantee fund buys coins at the market and burns them against orphans (ECONOMY §9, waterfall, step 4): once a window, in one
// auction per asset, never above the oracle price, for at most 1/K of what is set aside. Not: what is set aside (fund.ts).
import { assert } from '../../../base/assert.ts'
import { concatBytes, u64be, utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { COIN_ID } from './escrows.ts'
import {
  bidForOrphans,
  burnFromFund,
  outcomeOfBid,
  owedByAll,
  runningWindow,
  storeCoverage,
} from './external.ts'
import { buyBackMeans, earmarks, restoreEarmark, useEarmarked } from './fund.ts'
import { BUY_BACKS_MAX } from './records.ts'
import type { BuyBack } from './schema.ts'
import { defaultTables, events } from './tables.ts'

/** Bids of the fund whose auctions are not over. */
export function buyBacks(state: StateReader): readonly BuyBack[] {
  return defaultTables.buyBack.get(state, {})?.bids ?? []
}

function putBuyBacks(ctx: WriteContext, bids: readonly BuyBack[]): void {
  if (bids.length > 0) defaultTables.buyBack.set(ctx.state, {}, { bids })
  else if (defaultTables.buyBack.has(ctx.state, {})) defaultTables.buyBack.delete(ctx.state, {})
}

/** Assets that may buy now, each window beginning with another one, so that the bound passes none over for good. */
function buyersOf(state: StateReader): readonly number[] {
  const underWay = buyBacks(state).map(({ asset }) => asset)
  const assets = earmarks(state).map(({ asset }) => asset)
  const from = assets.length === 0 ? 0 : runningWindow(state) % assets.length
  return [...assets.slice(from), ...assets.slice(0, from)].filter(
    (asset) => asset !== COIN_ID && !underWay.includes(asset),
  )
}

/**
 * At a window's end bids for coins in the auctions of this block, with each asset that is set aside and has a fresh price, at most so many
 * of them. What is bid is no longer set aside; what comes back is again.
 */
export function bidOfWindow(ctx: WriteContext): void {
  const { state } = ctx
  const bids = [...buyBacks(state)]
  let wantedBase = owedByAll(state).orphanBase
  if (wantedBase === 0n) return
  for (const asset of buyersOf(state).slice(0, BUY_BACKS_MAX - bids.length)) {
    // Its place among bids of the same block and price is drawn like theirs.
    const txId = sha256(
      concatBytes(utf8('suanli/default/buy-back/v1'), u64be(asset), u64be(runningWindow(state))),
    )
    const meansBase = buyBackMeans(state, asset)
    const bid = bidForOrphans(ctx, { asset, meansBase, mostBase: wantedBase, txId })
    if (bid === undefined) continue
    useEarmarked(state, { asset, amountBase: bid.escrowedBase })
    wantedBase -= bid.amountBase
    bids.push({ asset, order: bid.order, escrowedBase: bid.escrowedBase })
  }
  putBuyBacks(ctx, bids)
}

/** Burns what bids have bought whose auctions are over: in the block of the auction, so that nothing else can use the coins. */
export function settleBids(ctx: WriteContext): void {
  const bids = buyBacks(ctx.state)
  if (bids.length === 0) return
  const left = bids.filter((bid) => !settleBid(ctx, bid))
  if (left.length < bids.length) putBuyBacks(ctx, left)
}

function settleBid(ctx: WriteContext, { asset, order, escrowedBase }: BuyBack): boolean {
  const outcome = outcomeOfBid(ctx.state, order)
  if (outcome === undefined) return false
  const { boughtBase, paidBase } = outcome
  assert(paidBase <= escrowedBase, 'a bid pays at most what it has escrowed')
  if (boughtBase > 0n) {
    // Less than it bought where the fund's own coins were burned meanwhile: the rest is the fund's.
    const burnedBase = burnFromFund(ctx, boughtBase)
    events.OrphansBought(ctx, { asset, order, boughtBase, paidBase, burnedBase })
    storeCoverage(ctx)
  }
  if (owedByAll(ctx.state).orphanBase > 0n)
    restoreEarmark(ctx.state, { asset, amountBase: escrowedBase - paidBase })
  return true
}
