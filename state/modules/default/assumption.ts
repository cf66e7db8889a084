// What no bid took must be assumed (ECONOMY §9, waterfall, step 3): by every provider that serves, in proportion to the room that
// its capacity leaves with the margin to spare, then to what it leaves without. Whoever must is paid what the estate holds per
// coin, and the fund adds what lacks to the bond's share of the price. Members of the legal group that defaulted are not paid:
// they owe it already. Not: what nobody can assume (closing.ts).
import { maxBigint, minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { payCompensation, takeLiability } from './bids.ts'
import { updateCase } from './cases.ts'
import { COIN_ID, escrows, payFromFund } from './escrows.ts'
import { hasLeft } from './exits.ts'
import {
  allAssets,
  bondShare,
  isServing,
  legalGroupOf,
  liabilityOf,
  memberIds,
  roomOf,
  unitsWorth,
  worthOf,
} from './external.ts'
import { spendable } from './fund.ts'
import { ESTATE_ASSETS_MAX } from './records.ts'
import type { Case, EstateAsset } from './schema.ts'
import { defaultTables } from './tables.ts'

const NO_ROOM = { firstBase: 0n, secondBase: 0n }

const isOwnGroup = (state: StateReader, provider: number, member: number): boolean =>
  legalGroupOf(state, member) === legalGroupOf(state, provider)

/** Counts the room of the next member; after the last one it is known who assumes how much, and what is paid for it. */
export function measureMember(ctx: WriteContext, provider: number, known: Case): void {
  const { state } = ctx
  const member = memberIds(state)[known.cursor]
  if (member === undefined) {
    updateCase(state, provider, { stage: 'assuming', cursor: 0, ...sharesOf(state, provider, known) })
    fillPool(ctx, provider)
    return
  }
  // Whoever has left for good may have no bond any more.
  const { firstBase, secondBase } = hasLeft(state, member) ? NO_ROOM : roomOf(state, member)
  if (firstBase > 0n || secondBase > 0n)
    defaultTables.room.set(state, { provider, member }, { firstBase, secondBase })
  const isPaid = !isOwnGroup(state, provider, member)
  updateCase(state, provider, {
    cursor: known.cursor + 1,
    firstBase: known.firstBase + firstBase,
    secondBase: known.secondBase + secondBase,
    ...(isPaid
      ? {
          paidFirstBase: known.paidFirstBase + firstBase,
          paidSecondBase: known.paidSecondBase + secondBase,
        }
      : {}),
  })
}

/** How much of what is shared goes by each kind of room. */
function splitOf({ sharedBase, firstBase }: Pick<Case, 'sharedBase' | 'firstBase'>) {
  const byFirstBase = minBigint(sharedBase, firstBase)
  return { byFirstBase, bySecondBase: sharedBase - byFirstBase }
}

/** What is shared, and how much of it those take who are paid; that is rounded up, so that the pool reaches. */
function sharesOf(state: StateReader, provider: number, known: Case): Pick<Case, 'sharedBase' | 'paidBase'> {
  const { firstBase, secondBase, paidFirstBase, paidSecondBase } = known
  const sharedBase = minBigint(liabilityOf(state, provider).liabilityBase, firstBase + secondBase)
  const { byFirstBase, bySecondBase } = splitOf({ sharedBase, firstBase })
  const of = (base: bigint, paid: bigint, all: bigint): bigint =>
    all === 0n ? 0n : mulDivCeil(base, paid, all)
  return {
    sharedBase,
    paidBase: of(byFirstBase, paidFirstBase, firstBase) + of(bySecondBase, paidSecondBase, secondBase),
  }
}

/**
 * Sets aside what is paid: of each asset of the estate its part per coin, and more of what the auction has left until it is
 * worth the bond's share of the price; then aid of the fund, assets in their order and coins last, as far as it reaches.
 */
function fillPool(ctx: WriteContext, provider: number): void {
  const { state } = ctx
  const known = defaultTables.case.mustGet(state, { provider })
  const { paidBase, liabilityBase } = known
  if (paidBase === 0n) return
  const wantedBase = mulDivFloor(paidBase, bondShare(state), PPM)
  const leftWorthBase = known.estate.reduce(
    (sum, held) => sum + worthOf(state, { ...held, amountBase: held.leftBase }),
    0n,
  )
  const pool = known.estate.map(({ asset, totalBase, leftBase }) => {
    const perCoinBase = mulDivFloor(totalBase, paidBase, liabilityBase)
    const neededBase = leftWorthBase === 0n ? 0n : mulDivCeil(leftBase, wantedBase, leftWorthBase)
    const amountBase = minBigint(leftBase, maxBigint(perCoinBase, neededBase))
    return { asset, totalBase: amountBase, leftBase: amountBase }
  })
  const estate = known.estate.map((held, i) => ({ ...held, leftBase: held.leftBase - pool[i]!.totalBase }))
  const worthBase = pool.reduce(
    (sum, held) => sum + worthOf(state, { ...held, amountBase: held.totalBase }),
    0n,
  )
  const aid = takeAid(ctx, provider, wantedBase - worthBase)
  updateCase(state, provider, { estate, pool, aid })
}

/** Moves units of the fund that are worth so many coins into the escrow of an estate, as far as the fund reaches. */
function takeAid(ctx: WriteContext, provider: number, valueBase: bigint): readonly EstateAsset[] {
  const { state } = ctx
  const aid: EstateAsset[] = []
  let missingBase = valueBase
  for (const asset of [...allAssets(state), COIN_ID]) {
    if (missingBase <= 0n || aid.length === ESTATE_ASSETS_MAX) break
    const neededBase = unitsWorth(state, asset, missingBase)
    if (neededBase === undefined) continue
    const amountBase = minBigint(neededBase, spendable(state, asset))
    if (amountBase === 0n) continue
    payFromFund(ctx, { asset, amountBase, to: escrows.estate(provider) })
    missingBase -= worthOf(state, { asset, amountBase })
    aid.push({ asset, totalBase: amountBase, leftBase: amountBase })
  }
  return aid
}

/** The part of an amount that lies between two points of a whole: parts of neighbours add up to the amount, to the last unit. */
function between(amountBase: bigint, from: bigint, until: bigint, whole: bigint): bigint {
  if (whole === 0n) return 0n
  return mulDivFloor(amountBase, until, whole) - mulDivFloor(amountBase, from, whole)
}

/** Gives the next member its part. One that no longer serves, or whose bond has unlocked since it was measured, takes none. */
export function assumeMember(ctx: WriteContext, provider: number, known: Case): void {
  const { state } = ctx
  const member = memberIds(state)[known.cursor]
  if (member === undefined) {
    updateCase(state, provider, { stage: 'closing', cursor: 0 })
    return
  }
  updateCase(state, provider, { cursor: known.cursor + 1 })
  const room = defaultTables.room.get(state, { provider, member })
  if (room === undefined) return
  defaultTables.room.delete(state, { provider, member })
  const { firstBase, secondBase, passedFirstBase, passedSecondBase } = known
  const { byFirstBase, bySecondBase } = splitOf(known)
  const first = passedFirstBase + room.firstBase
  const second = passedSecondBase + room.secondBase
  updateCase(state, provider, { passedFirstBase: first, passedSecondBase: second })
  const shareBase =
    between(byFirstBase, passedFirstBase, first, firstBase) +
    between(bySecondBase, passedSecondBase, second, secondBase)
  const amountBase = minBigint(shareBase, liabilityOf(state, provider).liabilityBase)
  if (amountBase === 0n || !isServing(state, member) || hasLeft(state, member)) return
  const part = (totalBase: bigint): bigint => mulDivFloor(totalBase, amountBase, known.paidBase)
  const pay = { provider, to: member, part }
  const isPaid = !isOwnGroup(state, provider, member)
  const own = isPaid ? payCompensation(ctx, { ...pay, from: known.pool, as: 'estate' }) : undefined
  const aid = isPaid
    ? payCompensation(ctx, { ...pay, from: known.aid, as: 'aid', besides: own?.paid ?? [] })
    : undefined
  const assets = [...(own?.paid ?? []), ...(aid?.paid ?? [])]
  takeLiability(ctx, { provider, to: member, amountBase, assets, byAuction: false })
  updateCase(state, provider, {
    pool: own?.left ?? known.pool,
    aid: aid?.left ?? known.aid,
    assumedBase: known.assumedBase + amountBase,
  })
}
