// Rules of redemption (ECONOMY §6), joined. Requests are in requests.ts, listings in listings.ts, delivery in
// vouchers.ts, the choice of providers in matching.ts, bounded sweeps in sweeps.ts.
import type { WriteContext } from '../../context.ts'
import { implement } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { capacityRevision } from '../capacity/book.ts'
import { currentWindow } from '../capacity/windows.ts'
import { redemptionInvariants } from './invariants.ts'
import { list, resume, unlist } from './listings.ts'
import { assignQueued, obligeProviders } from './matching.ts'
import { redemptionQueries } from './queries.ts'
import { nextHead } from './queue.ts'
import { cancel, drawPlaces, request } from './requests.ts'
import { redemptionSchema } from './schema.ts'
import { getEngine, redemptionParams, updateEngine } from './store.ts'
import { expireRequests, recallSuspended, sweepEnded, sweepsPending, unbookLater } from './sweeps.ts'
import { grant, settle, settleVouchered } from './vouchers.ts'

/** Each line is bounded by M steps; together at most six times M. */
function endBlock(ctx: WriteContext): void {
  const { state } = ctx
  const { stepsPerBlockMax } = redemptionParams.get(state)
  const window = currentWindow(state)
  if (getEngine(state).window !== window) updateEngine(state, { window, passSequence: 0 })
  settleVouchered(ctx, stepsPerBlockMax)
  sweepEnded(ctx, stepsPerBlockMax)
  recallSuspended(ctx, stepsPerBlockMax)
  unbookLater(ctx, stepsPerBlockMax)
  expireRequests(ctx, stepsPerBlockMax)
  obligeProviders(ctx, stepsPerBlockMax)
  if (!sweepsPending(getEngine(state))) assignQueued(ctx, stepsPerBlockMax)
}

/** Whether the next block has work of redemption to do, so that a chain at rest should not wait for its heartbeat. */
export function redemptionHasWork(state: StateReader): boolean {
  const engine = getEngine(state)
  return (
    engine.intakeCount > 0 ||
    engine.settleHead < engine.settleTail ||
    engine.expiredWindow <= engine.window ||
    sweepsPending(engine) ||
    nextHead(state, engine.capacityRevision === capacityRevision(state) ? engine.passSequence : 0) !==
      undefined
  )
}

export const redemptionModule = implement(redemptionSchema, {
  actions: { list, unlist, request, cancel, grant, settle, resume },
  queries: redemptionQueries,
  beginBlock: drawPlaces,
  endBlock,
  invariants: redemptionInvariants,
})
