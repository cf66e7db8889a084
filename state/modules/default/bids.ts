// The end of an auction (ECONOMY §9, waterfall, step 2): the cheapest bids win, each as far as its room reaches, at one price
// for all, and take their part of the liability with their part of the estate. Not: making bids (auction.ts).
import { minBigint, mulDivFloor, PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { updateCase } from './cases.ts'
import { COIN_ID, escrows, FUND, payFrom, type Units } from './escrows.ts'
import { endTail } from './exits.ts'
import {
  bondShare,
  bondWorthOf,
  liabilityOf,
  mayBePaidIn,
  moveLiability,
  payFromEstate,
  roomByBond,
  roomOf,
} from './external.ts'
import type { Case, EstateAsset } from './schema.ts'
import { defaultTables, events } from './tables.ts'

/** Ends the auction: deposits of unrevealed bids go to the fund, the others are ordered by what they ask for, ties by id. */
export function endAuction(ctx: WriteContext, provider: number, known: Case): void {
  const { state } = ctx
  const revealed: { readonly bidder: number; readonly sharePpm: bigint }[] = []
  let forfeitBase = 0n
  for (const bidder of known.bidders) {
    const bid = defaultTables.bid.mustGet(state, { provider, bidder })
    if (bid.revealed) revealed.push({ bidder, sharePpm: bid.sharePpm })
    else {
      forfeitBase += bid.depositBase
      defaultTables.bid.delete(state, { provider, bidder })
    }
  }
  revealed.sort((a, b) => (a.sharePpm < b.sharePpm ? -1 : a.sharePpm > b.sharePpm ? 1 : a.bidder - b.bidder))
  const bids = known.bidders.length - revealed.length
  if (bids > 0) {
    payFrom(ctx, escrows.deposit(provider), { asset: COIN_ID, to: FUND, amountBase: forfeitBase })
    events.DepositsForfeited(ctx, { provider, bids, amountBase: forfeitBase })
  }
  updateCase(state, provider, {
    stage: 'choosing',
    cursor: 0,
    // What the provider still delivered in the meantime is owed no more.
    liabilityBase: liabilityOf(state, provider).liabilityBase,
    bidders: revealed.map(({ bidder }) => bidder),
  })
}

/** What an estate is worth per coin of the liability, ppm of a coin, at the share that is paid; rounded down. */
function estatePerCoin(state: StateReader, { estate, liabilityBase }: Case, sharePpm: bigint): bigint {
  if (liabilityBase === 0n) return 0n
  const valueBase = estate.reduce(
    (sum, { asset, totalBase }) => sum + bondWorthOf(state, { asset, amountBase: totalBase }),
    0n,
  )
  return mulDivFloor(valueBase, sharePpm, liabilityBase)
}

/** What a bidder can take: by its capacity, and by its bond beside the compensation, which is a bond for this alone. */
function takesAtMost(
  state: StateReader,
  known: Case,
  at: { readonly bidder: number; readonly sharePpm: bigint },
): bigint {
  const { firstBase } = roomOf(state, at.bidder)
  const bondPpm = bondShare(state)
  const paidPpm = estatePerCoin(state, known, at.sharePpm)
  if (paidPpm >= bondPpm) return firstBase
  return minBigint(firstBase, mulDivFloor(roomByBond(state, at.bidder), bondPpm, bondPpm - paidPpm))
}

/** Chooses the next bid; once all is taken, or no bid is left, the price of the last chosen one is everybody's. */
export function chooseBid(ctx: WriteContext, provider: number, known: Case): void {
  const { state } = ctx
  const { bidders, cursor, chosenBase, liabilityBase } = known
  const bidder = bidders[cursor]
  if (bidder === undefined || chosenBase === liabilityBase) {
    updateCase(state, provider, { stage: 'settling', cursor: 0 })
    return
  }
  const bid = defaultTables.bid.mustGet(state, { provider, bidder })
  const { amountBase, sharePpm } = bid
  const roomBase = takesAtMost(state, known, { bidder, sharePpm })
  const takenBase = [amountBase, roomBase, liabilityBase - chosenBase].reduce(minBigint)
  defaultTables.bid.set(state, { provider, bidder }, { ...bid, chosenBase: takenBase })
  updateCase(state, provider, {
    cursor: cursor + 1,
    chosenBase: chosenBase + takenBase,
    ...(takenBase === 0n ? {} : { sharePpm }),
  })
}

/** Settles the next chosen bid. One whose bidder can no longer take it is dropped, and the others must assume it. */
export function settleBid(ctx: WriteContext, provider: number, known: Case): void {
  const { state } = ctx
  const { bidders, cursor, sharePpm, liabilityBase } = known
  const bidder = bidders[cursor]
  if (bidder === undefined) {
    updateCase(state, provider, { stage: 'measuring', cursor: 0 })
    return
  }
  updateCase(state, provider, { cursor: cursor + 1 })
  const { chosenBase } = defaultTables.bid.mustGet(state, { provider, bidder })
  defaultTables.bid.delete(state, { provider, bidder })
  const owedBase = liabilityOf(state, provider).liabilityBase
  const amountBase = [chosenBase, owedBase, roomOf(state, bidder).firstBase].reduce(minBigint)
  if (amountBase === 0n) return
  const part = (totalBase: bigint): bigint =>
    mulDivFloor(totalBase * amountBase, sharePpm, PPM * liabilityBase)
  const estate = payCompensation(ctx, { provider, to: bidder, from: known.estate, part, as: 'estate' })
  takeLiability(ctx, { provider, to: bidder, amountBase, assets: estate.paid, byAuction: true })
  updateCase(state, provider, { estate: estate.left, novatedBase: known.novatedBase + amountBase })
}

/** Pays a part of each asset to whoever takes liability; what it cannot hold, or is not there, stays. */
export function payCompensation(
  ctx: WriteContext,
  payment: {
    readonly provider: number
    readonly to: number
    readonly from: readonly EstateAsset[]
    readonly part: (totalBase: bigint) => bigint
    /** Aid of the fund was not taken from the provider that defaulted. */
    readonly as: 'estate' | 'aid'
    /** What it is paid besides. */
    readonly besides?: readonly Units[]
  },
): { readonly paid: readonly Units[]; readonly left: readonly EstateAsset[] } {
  const { provider, to, from, part, as, besides = [] } = payment
  const paid: Units[] = []
  const left = from.map((held) => {
    const amountBase = minBigint(held.leftBase, part(held.totalBase))
    const coming = [...besides, ...paid]
    if (amountBase === 0n || !mayBePaidIn(ctx.state, { provider: to, asset: held.asset, coming })) return held
    payFromEstate(ctx, { provider, to, asset: held.asset, amountBase, as })
    paid.push({ asset: held.asset, amountBase })
    return { ...held, leftBase: held.leftBase - amountBase }
  })
  return { paid, left }
}

/**
 * Moves liability to whoever takes it. The compensation is the bond for as much of it as it is worth; whoever had to take it
 * needs no other for the rest either.
 */
export function takeLiability(
  ctx: WriteContext,
  taken: {
    readonly provider: number
    readonly to: number
    readonly amountBase: bigint
    readonly assets: readonly Units[]
    readonly byAuction: boolean
  },
): void {
  const { provider, to, amountBase, assets, byAuction } = taken
  const bondPpm = bondShare(ctx.state)
  const worthBase = assets.reduce((sum, units) => sum + bondWorthOf(ctx.state, units), 0n)
  const coveredBase = bondPpm === 0n ? amountBase : mulDivFloor(worthBase, PPM, bondPpm)
  const exemptBase = byAuction ? minBigint(amountBase, coveredBase) : amountBase
  endTail(ctx.state, to)
  moveLiability(ctx, { from: provider, to, amountBase, exemptBase, assets })
  events.LiabilityAssumed(ctx, { provider, by: to, amountBase, exemptBase, byAuction })
}
