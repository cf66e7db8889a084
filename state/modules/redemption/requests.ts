// Requests: escrow and cancellation, and the draw that gives the requests of a block their places (ECONOMY §8).
// Owns: admission to the queue. Not: the queue's order afterwards (queue.ts, matching.ts).
import { compareBytes, concatBytes, equalBytes, u32be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { cancelQueued, putQueued, putRedemption } from './coins.ts'
import { getCursors, updateCursors } from './cursors.ts'
import { coinsAt, isMember, lockCoins, refuseLock, runningWindow } from './external.ts'
import { getTotals, isOpen, stateOf, updateTotals } from './redemptions.ts'
import type { redemptionSchema } from './schema.ts'
import { events, fail, redemptionParams, redemptionTables } from './tables.ts'

type Args<A extends keyof (typeof redemptionSchema)['actions']> = ActionArgs<typeof redemptionSchema, A>

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
  const { intakeCount } = getCursors(state)
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
  redemptionTables.intake.set(state, { index: intakeCount }, { id, txId: ctx.txId as Uint8Array })
  updateCursors(state, { intakeCount: intakeCount + 1 })
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

/**
 * Assigns places to the last block's requests in the order of SHA256(mix ‖ txId ‖ index), which the proposer that
 * ordered them could not know (ECONOMY §8). Bounded by one block's gas.
 */
export function drawPlaces(ctx: WriteContext): void {
  const { state, block } = ctx
  const { intakeCount, markTail } = getCursors(state)
  if (intakeCount === 0) return
  const drawn: { readonly id: number; readonly rank: Uint8Array }[] = []
  for (let index = 0; index < intakeCount; index++) {
    const { id, txId } = redemptionTables.intake.mustGet(state, { index })
    redemptionTables.intake.delete(state, { index })
    drawn.push({ id, rank: sha256(concatBytes(block.mix, txId, u32be(index))) })
  }
  drawn.sort((a, b) => compareBytes(a.rank, b.rank))
  let { nextSequence } = getTotals(state)
  for (const { id } of drawn) {
    const redemption = redemptionTables.redemption.mustGet(state, { id })
    // Cancelled in the block of its request.
    if (!isOpen(redemption)) continue
    const sequence = nextSequence++
    redemptionTables.place.set(state, { sequence }, { id })
    updateTotals(state, { nextSequence })
    putQueued(ctx, id, { ...redemption, sequence })
    events.Sequenced(ctx, { id, sequence })
  }
  redemptionTables.mark.set(
    state,
    { index: markTail },
    { sequence: nextSequence - 1, atMs: block.parentTimestampMs },
  )
  updateCursors(state, { intakeCount: 0, markTail: markTail + 1 })
}
