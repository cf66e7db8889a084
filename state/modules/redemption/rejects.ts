// Rejections: a client returns what it was granted, and takes nothing more from that legal group (ECONOMY §6).
// Owns: where rejected coins go, and the public tally. Not: the no-show fee on them (coins.ts, assignments.ts).
import { equalBytes } from '../../../base/bytes.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { closeAssignment, settleAssignment } from './assignments.ts'
import { putRedemption } from './coins.ts'
import { coverOf, legalGroupOf, runningWindow } from './external.ts'
import { addTrouble } from './faults.ts'
import { markPlaces } from './places.ts'
import type { AssignmentKey, redemptionSchema } from './schema.ts'
import { events, fail, redemptionTables } from './tables.ts'

type Args = ActionArgs<typeof redemptionSchema, 'reject'>

function checkReject(ctx: ActionContext, at: Pick<Args, 'id' | 'assignment'>) {
  const { state } = ctx
  const { id, assignment } = at
  const redemption = redemptionTables.redemption.get(state, { id })
  if (redemption === undefined) return fail.UnknownRedemption({ id })
  if (!equalBytes(redemption.owner, ctx.sender)) return fail.NotOwner({ owner: redemption.owner })
  const known = redemptionTables.assignment.get(state, { id, assignment })
  if (known === undefined) return fail.UnknownAssignment({ id, assignment })
  const { window, provider, grantedAtMs } = known
  const currentWindow = runningWindow(state)
  if (currentWindow < window) return fail.WindowNotBegun({ window, currentWindow })
  if (currentWindow > window) return fail.WindowEnded({ window, currentWindow })
  if (grantedAtMs === 0) return fail.NotGranted({ id, assignment })
  const group = legalGroupOf(state, provider)
  return redemption.excluded.includes(group) ? fail.AlreadyRejected({ id, group }) : undefined
}

export function reject(ctx: ActionContext, { id, assignment, reason }: Args) {
  const { state } = ctx
  const refusal = checkReject(ctx, { id, assignment })
  if (refusal !== undefined) return refusal
  // After this point the action must succeed.
  const at = { id, assignment }
  // What was vouchered is settled first; only the rest is rejected.
  noteVouchered(ctx, at)
  settleAssignment(ctx, at)
  const known = redemptionTables.assignment.get(state, at)
  if (known === undefined) return undefined
  const { provider, window } = known
  const amountBase = known.amountBase - known.settledBase
  const group = legalGroupOf(state, provider)
  const redemption = redemptionTables.redemption.mustGet(state, { id })
  putRedemption(ctx, id, {
    ...redemption,
    excluded: [...redemption.excluded, group].sort((a, b) => a - b),
    rejectedBase: redemption.rejectedBase + amountBase,
  })
  addTrouble(state, { provider, window }, amountBase)
  const keepsPlace = isAmongWorst(state, window, group)
  closeAssignment(ctx, at, 'rejected', keepsPlace ? { to: 'place' } : { to: 'tail', charged: false })
  if (!keepsPlace) markPlaces(state, ctx.block.timestampMs)
  const tally = redemptionTables.rejections.get(state, { provider, reason })
  redemptionTables.rejections.set(
    state,
    { provider, reason },
    { count: (tally?.count ?? 0) + 1, amountBase: (tally?.amountBase ?? 0n) + amountBase },
  )
  events.Rejected(ctx, { ...at, provider, reason, amountBase, keepsPlace })
  return undefined
}

/** Notes what was vouchered on an assignment before its rest is rejected: it waives no fee, not even by its settlement. */
function noteVouchered(ctx: ActionContext, at: AssignmentKey): void {
  const { state } = ctx
  const { voucheredBase, amountBase } = redemptionTables.assignment.mustGet(state, at)
  // Of what is vouchered in full nothing is rejected.
  if (voucheredBase === 0n || voucheredBase === amountBase) return
  const redemption = redemptionTables.redemption.mustGet(state, { id: at.id })
  const rejectedVoucheredBase = redemption.rejectedVoucheredBase + voucheredBase
  putRedemption(ctx, at.id, { ...redemption, rejectedVoucheredBase })
}

/** Whether a legal group is one of the coverN with the most coins at fault or rejected in a window; ties to the lowest id. */
function isAmongWorst(state: StateReader, window: number, group: number): boolean {
  const groups = redemptionTables.trouble.get(state, { window })?.groups ?? []
  const own = groups.find((trouble) => trouble.group === group)?.amountBase ?? 0n
  const worse = groups.filter(
    (trouble) => trouble.amountBase > own || (trouble.amountBase === own && trouble.group < group),
  )
  return worse.length < coverOf(state)
}
