// What ends by its time, at the begin of a block.
import type { WriteContext } from '../../context.ts'
import { endExpired } from './freezes.ts'
import { endPause } from './pause.ts'

export function beginBlock(ctx: WriteContext): void {
  endExpired(ctx)
  endPause(ctx)
}
