// Requests: escrow and cancellation, and the draw that gives the requests of a block their places (ECONOMY §8).
// Owns: admission to the queue. Not: the limits (limits.ts), the queue's order afterwards (queue.ts, matching.ts).
import { equalBytes } from '../../../base/bytes.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { drawnOrderOf } from '../../drawnOrder.ts'
import type { StateReader } from '../../view.ts'
import { cancelQueued, putQueued, putRedemption } from './coins.ts'
import { type Budget, takeStep } from './cursors.ts'
import { coinsAt, leastRatingFrom, lockCoins, refuseLock, runningWindow } from './external.ts'
import { enterHistory, ownerOf } from './history.ts'
import { checkAmount, checkRoom, checkServable, checkWindows, lastAllowed } from './limits.ts'
import { addAtPlace, markPlaces, nextPlace } from './places.ts'
import { getRedemption, getTotals, isOpen, stateOf, updateTotals } from './redemptions.ts'
import type { redemptionSchema } from './schema.ts'
import { events, fail, redemptionParams, redemptionTables } from './tables.ts'

type Args<A extends keyof (typeof redemptionSchema)['actions']> = ActionArgs<typeof redemptionSchema, A>

const drawn = drawnOrderOf(redemptionTables)

/** The entries of the draw are those that its cursors say. */
export const recountDraw = drawn.recount

export function request(ctx: ActionContext, args: Args<'request'>) {
  const { state, sender } = ctx
  const { amountBase } = args
  const balanceBase = coinsAt(state, sender)
  const tooSmall = checkAmount(state, { amountBase, balanceBase })
  if (tooSmall !== undefined) return tooSmall
  if (balanceBase < amountBase) return fail.InsufficientBalance({ balanceBase, neededBase: amountBase })
  const { openRequestsPerAccountMax } = redemptionParams.get(state)
  const { openCount } = ownerOf(state, sender)
  if (openCount >= openRequestsPerAccountMax)
    return fail.AccountQueueFull({ openCount, maximum: openRequestsPerAccountMax })
  const misfit = checkServable(state, args) ?? checkWindows(state, args)
  if (misfit !== undefined) return misfit
  const room = checkRoom(state, args)
  if (room.refusal !== undefined) return room.refusal
  const refused = refuseLock(ctx, { from: sender, amountBase })
  if (refused !== undefined) return refused
  // After this point the action must succeed.
  if (room.displaced !== undefined) {
    const { id, redemption } = room.displaced
    cancelQueued(ctx, { id, reason: 'displaced' }, redemption)
  }
  admit(ctx, args)
  return undefined
}

/** Escrows the coins of a request that was checked; a later block draws its place. */
function admit(ctx: ActionContext, args: Args<'request'>): void {
  const { state, block, sender } = ctx
  const { amountBase, service, ratingMin } = args
  const id = getTotals(state).nextId
  updateTotals(state, { nextId: id + 1 })
  lockCoins(ctx, { from: sender, amountBase })
  const older = enterHistory(state, id, sender)
  putRedemption(ctx, id, {
    ...args,
    finishBy: lastAllowed(state, args),
    tierPpm: ratingMin === 0n ? 0n : leastRatingFrom(state, service, ratingMin),
    owner: sender,
    sequence: 0,
    requestedAtMs: block.timestampMs,
    queuedBase: amountBase,
    assignedBase: 0n,
    burnedBase: 0n,
    transferredBase: 0n,
    refundedBase: 0n,
    feesBase: 0n,
    rejectedBase: 0n,
    refundReason: 'none',
    endReason: 'none',
    nextAssignment: 1,
    places: [],
    bucket: 0,
    open: [],
    excluded: [],
    voucheredWindow: 0,
    rejectedVoucheredBase: 0n,
    newer: 0,
    older,
  })
  drawn.add(ctx, { id })
  events.Requested(ctx, { id, owner: sender, service, amountBase })
}

export function cancel(ctx: ActionContext, { id }: Args<'cancel'>) {
  const { state } = ctx
  const redemption = redemptionTables.redemption.get(state, { id })
  if (redemption === undefined) return fail.UnknownRedemption({ id })
  if (!equalBytes(redemption.owner, ctx.sender)) return fail.NotOwner({ owner: redemption.owner })
  if (redemption.queuedBase === 0n)
    return fail.NothingQueued({ id, state: stateOf(redemption, runningWindow(state)) })
  // After this point the action must succeed.
  cancelQueued(ctx, { id, reason: 'cancelledByOwner' }, redemption)
  return undefined
}

/** Requests that have no place yet. */
export function requestsToDraw(state: StateReader): number {
  return drawn.waiting(state)
}

/**
 * Gives requests their places in the drawn order (ECONOMY §8). One that was cancelled meanwhile costs a look: at the price
 * of a place, whoever requests and cancels in one block would keep all others waiting for the fees alone.
 */
export function drawPlaces(ctx: WriteContext, budget: Budget): void {
  const { state, block } = ctx
  const { nextSequence } = getTotals(state)
  drawn.drain(
    ctx,
    () => budget.left > 0 && budget.walk.left > 0,
    (_, { id }) => placeRequest(ctx, id, budget),
  )
  if (getTotals(state).nextSequence !== nextSequence) markPlaces(state, block.timestampMs)
}

function placeRequest(ctx: WriteContext, id: number, budget: Budget): void {
  const redemption = getRedemption(ctx.state, id)
  if (redemption === undefined || !isOpen(redemption)) {
    takeStep(budget)
    return
  }
  takeStep(budget, 'place')
  const sequence = nextPlace(ctx.state)
  const { queuedBase } = redemption
  putQueued(ctx, id, addAtPlace({ ...redemption, sequence, queuedBase: 0n }, { sequence, queuedBase }))
  events.Sequenced(ctx, { id, sequence })
}
