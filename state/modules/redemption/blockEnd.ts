// The bounded work at the end of a block, in order, and whether any is left.
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { getCursors, updateCursors } from './cursors.ts'
import { capacityVersion, runningWindow } from './external.ts'
import { assignQueued, obligeProviders } from './matching.ts'
import { nextHead } from './queue.ts'
import { requestsToDraw } from './requests.ts'
import { expireRequests, recallSuspended, sweepEnded, sweepsPending, unbookLater } from './sweeps.ts'
import { redemptionParams } from './tables.ts'
import { settleVouchered } from './vouchers.ts'

/** Each walk takes at most M steps, M being `stepsPerBlockMax`. */
export function endBlock(ctx: WriteContext): void {
  const { state } = ctx
  const { stepsPerBlockMax } = redemptionParams.get(state)
  const window = runningWindow(state)
  if (getCursors(state).window !== window) updateCursors(state, { window, passSequence: 0 })
  settleVouchered(ctx, stepsPerBlockMax)
  sweepEnded(ctx, stepsPerBlockMax)
  recallSuspended(ctx, stepsPerBlockMax)
  unbookLater(ctx, stepsPerBlockMax)
  expireRequests(ctx, stepsPerBlockMax)
  obligeProviders(ctx, stepsPerBlockMax)
  if (!sweepsPending(getCursors(state))) assignQueued(ctx, stepsPerBlockMax)
}

/** Whether redemption has work for the next block, so that an idle chain should not wait for its heartbeat. */
export function hasWork(state: StateReader): boolean {
  const cursors = getCursors(state)
  return (
    requestsToDraw(state) > 0 ||
    cursors.settleHead < cursors.settleTail ||
    cursors.expiredWindow <= cursors.window ||
    sweepsPending(cursors) ||
    nextHead(state, cursors.capacityRevision === capacityVersion(state) ? cursors.passSequence : 0) !==
      undefined
  )
}
