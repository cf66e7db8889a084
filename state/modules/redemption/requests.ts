// Requests: escrow and cancellation, and the draw that gives requests their places.
// Owns: admission to the queue. Not: the queue's order afterwards (queue.ts, matching.ts).
import { equalBytes } from '../../../base/bytes.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { drawnOrderOf } from '../../drawnOrder.ts'
import type { StateReader } from '../../view.ts'
import { cancelQueued, putQueued, putRedemption } from './coins.ts'
import { getCursors, updateCursors } from './cursors.ts'
import { coinsAt, isMember, lockCoins, refuseLock, runningWindow } from './external.ts'
import { getRedemption, getTotals, isOpen, stateOf, updateTotals } from './redemptions.ts'
import type { redemptionSchema } from './schema.ts'
import { events, fail, redemptionParams, redemptionTables } from './tables.ts'

type Args<A extends keyof (typeof redemptionSchema)['actions']> = ActionArgs<typeof redemptionSchema, A>

const drawn = drawnOrderOf(redemptionTables)

/** The entries of the draw are those that its cursors say. */
export const recountDraw = drawn.recount

function ownerOf(state: StateReader, owner: Uint8Array) {
  return redemptionTables.owner.get(state, { owner }) ?? { openCount: 0, count: 0 }
}

function checkWindows(state: StateReader, { startBy, finishBy }: Args<'request'>) {
  const nextWindow = runningWindow(state) + 1
  if (startBy !== 0 && startBy < nextWindow) return fail.WindowPassed({ window: startBy, nextWindow })
  if (finishBy !== 0 && finishBy < nextWindow) return fail.WindowPassed({ window: finishBy, nextWindow })
  if (finishBy !== 0 && finishBy < startBy) return fail.FinishBeforeStart({ startBy, finishBy })
  return undefined
}

export function request(ctx: ActionContext, args: Args<'request'>) {
  const { state, block, sender } = ctx
  const { amountBase } = args
  const { minimumBase, openRequestsMax, openRequestsPerAccountMax } = redemptionParams.get(state)
  const balanceBase = coinsAt(state, sender)
  // Less than the minimum is accepted when it is the whole balance, so that no coin is stranded.
  if (amountBase === 0n || (amountBase < minimumBase && amountBase !== balanceBase))
    return fail.BelowMinimum({ amountBase, minimumBase })
  if (balanceBase < amountBase) return fail.InsufficientBalance({ balanceBase, neededBase: amountBase })
  const totals = getTotals(state)
  if (totals.openCount >= openRequestsMax)
    return fail.QueueFull({ openCount: totals.openCount, maximum: openRequestsMax })
  const owner = ownerOf(state, sender)
  if (owner.openCount >= openRequestsPerAccountMax)
    return fail.AccountQueueFull({ openCount: owner.openCount, maximum: openRequestsPerAccountMax })
  if (args.provider !== 0 && !isMember(state, args.provider))
    return fail.UnknownProvider({ provider: args.provider })
  const badWindows = checkWindows(state, args)
  if (badWindows !== undefined) return badWindows
  const refused = refuseLock(ctx, { from: sender, amountBase })
  if (refused !== undefined) return refused
  // After this point the action must succeed.
  const id = totals.nextId
  updateTotals(state, { nextId: id + 1 })
  lockCoins(ctx, { from: sender, amountBase })
  redemptionTables.owned.set(state, { owner: sender, index: owner.count }, { id })
  redemptionTables.owner.set(
    state,
    { owner: sender },
    { openCount: owner.openCount + 1, count: owner.count + 1 },
  )
  putRedemption(ctx, id, {
    ...args,
    owner: sender,
    sequence: 0,
    requestedAtMs: block.timestampMs,
    queuedBase: amountBase,
    assignedBase: 0n,
    burnedBase: 0n,
    transferredBase: 0n,
    refundedBase: 0n,
    refundReason: 'none',
    endReason: 'none',
    nextAssignment: 1,
    open: [],
  })
  drawn.add(ctx, { id })
  events.Requested(ctx, { id, owner: sender, service: args.service, amountBase })
  return undefined
}

export function cancel(ctx: ActionContext, { id }: Args<'cancel'>) {
  const { state } = ctx
  const redemption = redemptionTables.redemption.get(state, { id })
  if (redemption === undefined) return fail.UnknownRedemption({ id })
  if (!equalBytes(redemption.owner, ctx.sender)) return fail.NotOwner({ owner: redemption.owner })
  if (redemption.queuedBase === 0n)
    return fail.NothingQueued({ id, state: stateOf(redemption, runningWindow(state)) })
  // After this point the action must succeed.
  cancelQueued(ctx, id, redemption)
  return undefined
}

/** Requests that have no place yet. */
export function requestsToDraw(state: StateReader): number {
  return drawn.waiting(state)
}

/** Gives requests their places in the drawn order (ECONOMY §8), at most M of them. */
export function drawPlaces(ctx: WriteContext): void {
  const { state, block } = ctx
  const { stepsPerBlockMax } = redemptionParams.get(state)
  const before = getTotals(state).nextSequence
  drawn.drain(ctx, stepsPerBlockMax, placeRequest)
  const { nextSequence } = getTotals(state)
  if (nextSequence === before) return
  const { markTail } = getCursors(state)
  const mark = { sequence: nextSequence - 1, atMs: block.parentTimestampMs }
  redemptionTables.mark.set(state, { index: markTail }, mark)
  updateCursors(state, { markTail: markTail + 1 })
}

function placeRequest(ctx: WriteContext, { id }: { readonly id: number }): number {
  const { state } = ctx
  const redemption = getRedemption(state, id)
  // Cancelled before its turn came.
  if (redemption === undefined || !isOpen(redemption)) return 1
  const sequence = getTotals(state).nextSequence
  redemptionTables.place.set(state, { sequence }, { id })
  updateTotals(state, { nextSequence: sequence + 1 })
  putQueued(ctx, id, { ...redemption, sequence })
  events.Sequenced(ctx, { id, sequence })
  return 1
}
