// What a default takes from the coins behind a provider (ECONOMY §9): in proportion from those that earn, those on their way out, and
// those that were moved to other providers and are still at risk. Its cost depends on windows and moves, not on the number of backers.
import { assert } from '../../../base/assert.ts'
import { mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { payCoins } from './external.ts'
import { credit } from './income.ts'
import { movedAtRisk, movesFrom, putMoves } from './moves.ts'
import {
  earningOf,
  getPool,
  poolAddressOf,
  setUnbonding,
  unbondingsAtRisk,
  unitsOut,
  updatePool,
  worthOf,
} from './pools.ts'
import { getPosition, putPosition } from './positions.ts'
import type { Move } from './schema.ts'
import { events } from './tables.ts'

interface AtRisk {
  readonly backedBase: bigint
  readonly unbondingBase: bigint
  readonly movedBase: bigint
}

/** Coins that a default would burn: those that earn, those whose unbonding is not over, those moved that are still liable. */
export function atRisk(state: StateReader, provider: number): AtRisk {
  const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)
  return {
    backedBase: getPool(state, provider).backedBase,
    unbondingBase: sum(unbondingsAtRisk(state, provider).map(({ amountBase }) => amountBase)),
    movedBase: sum(movesFrom(state, provider).map((move) => movedAtRisk(state, move))),
  }
}

/** How a loss divides: in proportion over each window's unbondings, each move and the coins that earn, to the last unit. */
function divideLoss(state: StateReader, provider: number, lossBase: bigint) {
  const { backedBase, unbondingBase, movedBase } = atRisk(state, provider)
  let leftBase = backedBase + unbondingBase + movedBase
  let restBase = lossBase
  assert(lossBase >= 0n && lossBase <= leftBase, 'no more is lost than is at risk')
  const partOf = (amountBase: bigint): bigint => {
    const partBase = leftBase === 0n ? 0n : mulDivFloor(restBase, amountBase, leftBase)
    leftBase -= amountBase
    restBase -= partBase
    return partBase
  }
  const unbondings = unbondingsAtRisk(state, provider).map((coins) => ({
    ...coins,
    partBase: partOf(coins.amountBase),
  }))
  const moves = movesFrom(state, provider).map((move) => ({
    move,
    partBase: partOf(movedAtRisk(state, move)),
  }))
  // What is left to lose is at most what is left: each floor above leaves a ceiling of the proportion behind.
  return { unbondings, moves, backedPartBase: restBase }
}

/** What a loss would take; at most what is at risk. */
export function lossOf(state: StateReader, provider: number, amountBase: bigint) {
  const { backedBase, unbondingBase, movedBase } = atRisk(state, provider)
  const mostBase = backedBase + unbondingBase + movedBase
  const lossBase = amountBase < mostBase ? amountBase : mostBase
  const { backedPartBase, moves } = divideLoss(state, provider, lossBase)
  const movedPartBase = moves.reduce((sum, { partBase }) => sum + partBase, 0n)
  return {
    amountBase: lossBase,
    backedBase: backedPartBase,
    unbondingBase: lossBase - backedPartBase - movedPartBase,
    movedBase: movedPartBase,
  }
}

/** Takes a part of moved coins out of the pool that they are in, into the one that they came from. Returns what is left of the move. */
function takeMoved(ctx: WriteContext, from: number, move: Move, partBase: bigint): Move | undefined {
  if (partBase === 0n) return move
  const { state } = ctx
  const { account, to: provider, amountBase, unitsBase } = move
  const earning = earningOf(getPool(state, provider))
  const outBase = partBase === worthOf(earning, unitsBase) ? unitsBase : unitsOut(earning, partBase)
  assert(outBase <= unitsBase, 'a move loses no more than its units')
  const position = credit(state, provider, getPosition(state, { provider, account }))
  putPosition(state, { provider, account }, { ...position, unitsBase: position.unitsBase - outBase })
  const pool = getPool(state, provider)
  updatePool(state, provider, {
    backedBase: pool.backedBase - partBase,
    unitsBase: pool.unitsBase - outBase,
  })
  payCoins(ctx, { provider, to: poolAddressOf(from), amountBase: partBase })
  events.MovedLost(ctx, { account, from, to: provider, amountBase: partBase })
  const left = { ...move, amountBase: amountBase - partBase, unitsBase: unitsBase - outBase }
  return left.unitsBase > 0n && left.amountBase > 0n ? left : undefined
}

/**
 * Takes a loss off the books. The caller burns as many coins at `poolAddressOf`: those of moves are there by then. Asserts that no more
 * is lost than is at risk.
 */
export function takeLoss(ctx: WriteContext, provider: number, lossBase: bigint): void {
  if (lossBase === 0n) return
  const { state } = ctx
  const { unbondings, moves, backedPartBase } = divideLoss(state, provider, lossBase)
  let unbondingPartBase = 0n
  for (const { untilWindow, amountBase, unitsBase, partBase } of unbondings) {
    setUnbonding(state, { provider, untilWindow }, { amountBase: amountBase - partBase, unitsBase })
    unbondingPartBase += partBase
  }
  const left = moves.map(({ move, partBase }) => takeMoved(ctx, provider, move, partBase))
  if (left.length > 0)
    putMoves(
      state,
      provider,
      left.flatMap((move) => move ?? []),
    )
  const { backedBase, unbondingBase, lostBase } = getPool(state, provider)
  updatePool(state, provider, {
    backedBase: backedBase - backedPartBase,
    unbondingBase: unbondingBase - unbondingPartBase,
    lostBase: lostBase + lossBase,
  })
  events.BackingLost(ctx, { provider, backedBase: backedPartBase, unbondingBase: unbondingPartBase })
}
