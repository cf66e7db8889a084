// The end of a block for liabilities: the end of a window, then coverage with whatever the block has changed.
import type { WriteContext } from '../../context.ts'
import { settleCoverage } from './settle.ts'
import { advanceTurn } from './turn.ts'

export function endBlock(ctx: WriteContext): void {
  advanceTurn(ctx)
  settleCoverage(ctx)
}
