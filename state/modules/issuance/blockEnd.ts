// The beginning and end of a block for liabilities: the end of a window, then coverage with whatever the block has changed.
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { settleCoverage } from './settle.ts'
import { issuanceTables } from './tables.ts'
import { beginTurn } from './turn.ts'

export function endBlock(ctx: WriteContext): void {
  beginTurn(ctx)
  settleCoverage(ctx)
}

/** Members whose window's end has not been handled need blocks. */
export function hasWork(state: StateReader): boolean {
  const turn = issuanceTables.turn.get(state, {})
  return turn !== undefined && turn.member < turn.members
}
