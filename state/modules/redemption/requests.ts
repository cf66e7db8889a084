// Requests: escrow and cancellation, and the draw that gives the requests of a block their places (ECONOMY §8).
// Owns: admission to the queue. Not: the queue's order afterwards (queue.ts, matching.ts).

import { assert } from '../../../base/assert.ts'
import { compareBytes, concatBytes, equalBytes, u32be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { getAccount, transferCoins } from '../accounts/ledger.ts'
import { currentWindow } from '../capacity/windows.ts'
import { getProvider } from '../providers/members.ts'
import { cancelQueued, putQueued, putRedemption } from './coins.ts'
import type { redemptionSchema } from './schema.ts'
import {
  events,
  fail,
  getEngine,
  getTotals,
  isOpen,
  REDEMPTION_ESCROW,
  redemptionParams,
  stateOf,
  tables,
  updateEngine,
  updateTotals,
} from './store.ts'

type Args<A extends keyof (typeof redemptionSchema)['actions']> = ActionArgs<typeof redemptionSchema, A>

function ownerOf(state: StateReader, owner: Uint8Array) {
  return tables.owner.get(state, { owner }) ?? { openCount: 0, count: 0 }
}

function checkWindows(state: StateReader, { startBy, finishBy }: Args<'request'>) {
  const nextWindow = currentWindow(state) + 1
  if (startBy !== 0 && startBy < nextWindow) return fail.WindowPassed({ window: startBy, nextWindow })
  if (finishBy !== 0 && finishBy < nextWindow) return fail.WindowPassed({ window: finishBy, nextWindow })
  if (finishBy !== 0 && finishBy < startBy) return fail.FinishBeforeStart({ startBy, finishBy })
  return undefined
}

export function request(ctx: ActionContext, args: Args<'request'>) {
  const { state, block, sender } = ctx
  const { amountBase } = args
  const { minimumBase, openRequestsMax, openRequestsPerAccountMax } = redemptionParams.get(state)
  const { balanceBase } = getAccount(state, sender)
  // Less than the minimum is served when it is all there is, so that no coin is stranded.
  if (amountBase === 0n || (amountBase < minimumBase && amountBase !== balanceBase))
    return fail.BelowMinimum({ amountBase, minimumBase })
  if (balanceBase < amountBase) return fail.InsufficientBalance({ balanceBase, neededBase: amountBase })
  const totals = getTotals(state)
  if (totals.openCount >= openRequestsMax)
    return fail.QueueFull({ openCount: totals.openCount, maximum: openRequestsMax })
  const owner = ownerOf(state, sender)
  if (owner.openCount >= openRequestsPerAccountMax)
    return fail.AccountQueueFull({ openCount: owner.openCount, maximum: openRequestsPerAccountMax })
  if (args.provider !== 0 && getProvider(state, args.provider) === undefined)
    return fail.UnknownProvider({ provider: args.provider })
  const badWindows = checkWindows(state, args)
  if (badWindows !== undefined) return badWindows
  // After this point the action must succeed.
  const id = totals.nextId
  const { intakeCount } = getEngine(state)
  updateTotals(state, { nextId: id + 1 })
  assert(transferCoins(ctx, { from: sender, to: REDEMPTION_ESCROW, amountBase }), 'the balance was checked')
  tables.owned.set(state, { owner: sender, index: owner.count }, { id })
  tables.owner.set(state, { owner: sender }, { openCount: owner.openCount + 1, count: owner.count + 1 })
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
  tables.intake.set(state, { index: intakeCount }, { id, txId: ctx.txId as Uint8Array })
  updateEngine(state, { intakeCount: intakeCount + 1 })
  events.Requested(ctx, { id, owner: sender, service: args.service, amountBase })
  return undefined
}

export function cancel(ctx: ActionContext, { id }: Args<'cancel'>) {
  const { state } = ctx
  const redemption = tables.redemption.get(state, { id })
  if (redemption === undefined) return fail.UnknownRedemption({ id })
  if (!equalBytes(redemption.owner, ctx.sender)) return fail.NotOwner({ owner: redemption.owner })
  if (redemption.queuedBase === 0n)
    return fail.NothingQueued({ id, state: stateOf(redemption, currentWindow(state)) })
  // After this point the action must succeed.
  cancelQueued(ctx, id, redemption)
  return undefined
}

/**
 * Gives the last block's requests their places, in the order of SHA256(mix ‖ txId ‖ index): the proposer that ordered
 * them could not know it (ECONOMY §8). As many as one block's gas admits.
 */
export function drawPlaces(ctx: WriteContext): void {
  const { state, block } = ctx
  const { intakeCount, markTail } = getEngine(state)
  if (intakeCount === 0) return
  const drawn: { readonly id: number; readonly rank: Uint8Array }[] = []
  for (let index = 0; index < intakeCount; index++) {
    const { id, txId } = tables.intake.mustGet(state, { index })
    tables.intake.delete(state, { index })
    drawn.push({ id, rank: sha256(concatBytes(block.mix, txId, u32be(index))) })
  }
  drawn.sort((a, b) => compareBytes(a.rank, b.rank))
  let { nextSequence } = getTotals(state)
  for (const { id } of drawn) {
    const redemption = tables.redemption.mustGet(state, { id })
    // Cancelled in the block that brought it.
    if (!isOpen(redemption)) continue
    const sequence = nextSequence++
    tables.place.set(state, { sequence }, { id })
    updateTotals(state, { nextSequence })
    putQueued(ctx, id, { ...redemption, sequence })
    events.Sequenced(ctx, { id, sequence })
  }
  tables.mark.set(state, { index: markTail }, { sequence: nextSequence - 1, atMs: block.parentTimestampMs })
  updateEngine(state, { intakeCount: 0, markTail: markTail + 1 })
}
