// Moving coins from one provider to another (ECONOMY §7): they earn there at once, and stay at risk at the first one as long as an
// unbonding would. Until then they are bound where they are, so that nobody runs ahead of a default from pool to pool.
import { equalBytes } from '../../../base/bytes.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { payCoins } from './external.ts'
import { credit } from './income.ts'
import { freeUnits, isOf, movesFrom, movesInto, putMoves } from './moves.ts'
import {
  earningOf,
  expectedWindow,
  getPool,
  poolAddressOf,
  poolClock,
  unitsFor,
  unitsOut,
  updatePool,
  worthOf,
} from './pools.ts'
import { backedBy, getPosition, putPosition, refuseProvider } from './positions.ts'
import { BACKED_MAX, type backingSchema, MOVES_MAX, type Move, OWN_MOVES_MAX } from './schema.ts'
import { backingParams, events, fail } from './tables.ts'

/** A move is worth so many of the least backings: few fit into a pool's list. */
const LEAST_BACKINGS = 100n
/** Above half full the least amount doubles with each further sixteenth of the list. */
const STEPS_OF_FULLNESS = 16

/** The least amount of a further move out of a pool now. */
export function leastMove(state: StateReader, provider: number): bigint {
  const over = movesFrom(state, provider).length - Math.floor(MOVES_MAX / 2)
  const doublings = over <= 0 ? 0 : Math.floor((STEPS_OF_FULLNESS * over) / MOVES_MAX)
  return backingParams.get(state).minimumBase * LEAST_BACKINGS * 2n ** BigInt(doublings)
}

/** Whether a pool, an account or its position has as many moves that are still at risk as it may. */
function isFull(
  state: StateReader,
  at: { readonly from: number; readonly move: Omit<Move, 'amountBase' | 'unitsBase'> },
) {
  const { from, move } = at
  const moves = movesFrom(state, from)
  const into = { provider: move.to, account: move.account }
  if (moves.some((known) => isOf(known, into) && known.untilWindow === move.untilWindow)) return false
  const own = moves.filter(({ account }) => equalBytes(account, move.account)).length
  const sources = liableSources(state, into)
  const isNewSource = !sources.includes(from)
  return moves.length >= MOVES_MAX || own >= OWN_MOVES_MAX || (isNewSource && sources.length >= OWN_MOVES_MAX)
}

/** Providers from which an account has moved coins into a pool that are still at risk there. */
function liableSources(state: StateReader, at: Parameters<typeof getPosition>[1]): readonly number[] {
  return [...new Set(movesInto(state, at, getPosition(state, at)).map(({ from }) => from))]
}

export function redelegate(ctx: ActionContext, args: ActionArgs<typeof backingSchema, 'redelegate'>) {
  const { state, sender: account } = ctx
  const { provider: from, to, amountBase } = args
  if (from === to) return fail.SameProvider({ provider: to })
  const refused = refuseProvider(state, to)
  if (refused !== undefined) return refused
  const minimumBase = leastMove(state, from)
  if (amountBase < minimumBase) return fail.AmountTooSmall({ amountBase, minimumBase })
  const [source, target] = [
    { provider: from, account },
    { provider: to, account },
  ]
  const known = getPosition(state, source)
  const earning = earningOf(getPool(state, from))
  const backedBase = worthOf(earning, known.unitsBase)
  if (amountBase > backedBase)
    return fail.InsufficientBacking({ provider: from, backedBase, neededBase: amountBase })
  const free = freeUnits(state, source, known)
  const freeBase = worthOf(earning, free)
  if (amountBase > freeBase) return fail.StillLiable({ provider: from, freeBase, neededBase: amountBase })
  const backed = backedBy(state, account)
  if (!backed.includes(to) && backed.length >= BACKED_MAX) return fail.TooManyPools({ maximum: BACKED_MAX })
  const untilWindow = poolClock(state, from) + 1 + backingParams.get(state).unbondWindows
  if (isFull(state, { from, move: { account, to, untilWindow } }))
    return fail.MovesFull({ provider: from, maximum: MOVES_MAX })
  const unitsBase = unitsFor(earningOf(getPool(state, to)), amountBase)
  if (unitsBase === undefined) return fail.PoolLost({ provider: to })
  // After this point the action must succeed.
  leave(ctx, source, { amountBase, outBase: amountBase === freeBase ? free : unitsOut(earning, amountBase) })
  payCoins(ctx, { provider: from, to: poolAddressOf(to), amountBase })
  const sources = liableSources(state, target)
  const position = credit(state, to, getPosition(state, target))
  putPosition(state, target, {
    ...position,
    unitsBase: position.unitsBase + unitsBase,
    movedFrom: sources.includes(from) ? sources : [...sources, from].sort((a, b) => a - b),
  })
  const pool = getPool(state, to)
  updatePool(state, to, {
    backedBase: pool.backedBase + amountBase,
    unitsBase: pool.unitsBase + unitsBase,
  })
  bind(ctx, from, { account, to, untilWindow, amountBase, unitsBase })
  const expected = expectedWindow(state, from, untilWindow)
  events.Moved(ctx, { account, from, to, amountBase, untilWindow: expected })
  return undefined
}

/** Takes units out of a position and its pool; the coins go elsewhere. */
function leave(
  { state }: ActionContext,
  at: Parameters<typeof getPosition>[1],
  { amountBase, outBase }: { readonly amountBase: bigint; readonly outBase: bigint },
): void {
  const position = credit(state, at.provider, getPosition(state, at))
  putPosition(state, at, { ...position, unitsBase: position.unitsBase - outBase })
  const pool = getPool(state, at.provider)
  updatePool(state, at.provider, {
    backedBase: pool.backedBase - amountBase,
    unitsBase: pool.unitsBase - outBase,
  })
}

/** Writes down what is still at risk in the pool that it left; moves of one window are one. */
function bind({ state }: ActionContext, from: number, move: Move): void {
  const into = { provider: move.to, account: move.account }
  const isSame = (known: Move): boolean => isOf(known, into) && known.untilWindow === move.untilWindow
  const moves = movesFrom(state, from)
  const before = moves.find(isSame)
  const after = {
    ...move,
    amountBase: move.amountBase + (before?.amountBase ?? 0n),
    unitsBase: move.unitsBase + (before?.unitsBase ?? 0n),
  }
  putMoves(state, from, [...moves.filter((known) => !isSame(known)), after])
}
