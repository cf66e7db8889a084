// Coins that were moved from one pool to another and are still at risk in the first (ECONOMY §7): the records, what of a position they
// bind. Not: moving (redelegate.ts), what a default takes of them (losses.ts).
import { equalBytes } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import { minBigint } from '../../../base/units.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { earningOf, getPool, poolClock, worthOf } from './pools.ts'
import type { Move, Position } from './schema.ts'
import { backingTables } from './tables.ts'

/** Moves out of a pool whose coins are still at risk in it, by its own clock: a fault keeps them, as it keeps unbondings. */
export function movesFrom(state: StateReader, provider: number): readonly Move[] {
  const clock = poolClock(state, provider)
  const { moves } = backingTables.moves.get(state, { provider }) ?? { moves: [] }
  return moves.filter(({ untilWindow }) => untilWindow > clock)
}

export function putMoves(state: StateWriter, provider: number, moves: readonly Move[]): void {
  if (moves.length > 0) backingTables.moves.set(state, { provider }, { moves })
  else if (backingTables.moves.has(state, { provider })) backingTables.moves.delete(state, { provider })
}

/** What a default of the first provider could take of a move: no more than was moved, and than its units are worth. */
export function movedAtRisk(state: StateReader, { to, amountBase, unitsBase }: Move): bigint {
  return minBigint(amountBase, worthOf(earningOf(getPool(state, to)), unitsBase))
}

interface At {
  readonly provider: number
  readonly account: Address
}

/** Moves of an account into a pool that bind units there, with the pool that they came from. */
export function movesInto(
  state: StateReader,
  { provider, account }: At,
  { movedFrom }: Pick<Position, 'movedFrom'>,
): readonly (Move & { readonly from: number })[] {
  return movedFrom.flatMap((from) =>
    movesFrom(state, from)
      .filter((move) => isOf(move, { provider, account }))
      .map((move) => ({ ...move, from })),
  )
}

export function isOf(move: Move, { provider, account }: At): boolean {
  return move.to === provider && equalBytes(move.account, account)
}

/** Units of a position that may leave the pool: those that no move binds. */
export function freeUnits(state: StateReader, at: At, position: Position): bigint {
  return movesInto(state, at, position).reduce((free, { unitsBase }) => free - unitsBase, position.unitsBase)
}

/** Forgets the moves of a position whose units are worthless. */
export function dropMoves(state: StateWriter, at: At, { movedFrom }: Position): void {
  for (const from of movedFrom) {
    const moves = movesFrom(state, from)
    const left = moves.filter((move) => !isOf(move, at))
    if (left.length < moves.length) putMoves(state, from, left)
  }
}
