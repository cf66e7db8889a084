// What capacity does at a window's end.
import type { WriteContext } from '../../context.ts'
import { getSummary, perishWindow, recountProvider } from './book.ts'
import { memberIds, moveAnchor } from './external.ts'
import { removeEndedLots } from './lots.ts'

/** Unused capacity perishes, then the anchor moves, then all capacity is recounted (ECONOMY §3). */
export function onWindowEnd(ctx: WriteContext, ended: number): void {
  const providers = memberIds(ctx.state)
  for (const provider of providers) {
    perishWindow(ctx.state, { provider, windowIndex: ended })
    if (getSummary(ctx.state, provider).noticeUntil !== undefined) removeEndedLots(ctx, provider)
  }
  moveAnchor(ctx, ended + 1)
  for (const provider of providers) recountProvider(ctx, provider)
}
