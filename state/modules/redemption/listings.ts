// Listings and suspension: what a provider volunteers and whether it may be assigned. Not: who is chosen (matching.ts).
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import { bonusAt } from './bonus.ts'
import { lookAgain } from './cursors.ts'
import { classNameOf, groupsOf, memberOf, offersService, ratedHoursIn, runningWindow } from './external.ts'
import type { redemptionSchema } from './schema.ts'
import { BONUS_PPM_MAX } from './shapes.ts'
import { events, fail, redemptionParams, redemptionTables } from './tables.ts'

type Args<A extends keyof (typeof redemptionSchema)['actions']> = ActionArgs<typeof redemptionSchema, A>

export function list(ctx: ActionContext, args: Args<'list'>) {
  const { state } = ctx
  const { service, classId, region, bonusPpm } = args
  const provider = memberOf(state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  if (classNameOf(state, classId) === undefined) return fail.UnknownClass({ classId })
  if (bonusPpm > BONUS_PPM_MAX) return fail.BonusTooLarge({ bonusPpm, maximumPpm: BONUS_PPM_MAX })
  const window = runningWindow(state)
  const pledged = groupsOf(state, provider).some(
    ({ id, group }) =>
      group.classId === classId &&
      group.region === region &&
      offersService(group, service) &&
      ratedHoursIn(state, { group: id, windowIndex: window + 1 }) > 0n,
  )
  if (!pledged) return fail.NotPledged({ classId, region, service })
  const known = redemptionTables.listing.get(state, { provider, service })
  if (known?.changedWindow === window) return fail.ListedThisWindow({ retryWindow: window + 1 })
  // After this point the action must succeed.
  redemptionTables.listing.set(
    state,
    { provider, service },
    {
      classId,
      region,
      endpoint: args.endpoint,
      runtimeHash: args.runtimeHash,
      // Without a listing there was no bonus.
      bonusPpm: known === undefined ? 0n : bonusAt(known, window),
      nextBonusPpm: bonusPpm,
      nextBonusWindow: window + 1,
      changedWindow: window,
    },
  )
  lookAgain(state, 0)
  events.Listed(ctx, { provider, service, classId, region, bonusPpm })
  return undefined
}

export function unlist(ctx: ActionContext, { service }: Args<'unlist'>) {
  const { state } = ctx
  const provider = memberOf(state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const known = redemptionTables.listing.get(state, { provider, service })
  if (known === undefined) return fail.NotListed({ provider, service })
  const window = runningWindow(state)
  // One change per window: alternating would restart the pass over the queue each time.
  if (known.changedWindow === window) return fail.ListedThisWindow({ retryWindow: window + 1 })
  // After this point the action must succeed.
  redemptionTables.listing.delete(state, { provider, service })
  events.Unlisted(ctx, { provider, service })
  return undefined
}

export function resume(ctx: ActionContext) {
  const { state } = ctx
  const provider = memberOf(state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const suspension = redemptionTables.suspension.get(state, { provider })
  if (suspension === undefined) return fail.NotSuspended({ provider })
  const resumeWindow = suspension.sinceWindow + redemptionParams.get(state).suspensionWindows
  const window = runningWindow(state)
  if (window < resumeWindow) return fail.StillSuspended({ resumeWindow, currentWindow: window })
  // After this point the action must succeed.
  redemptionTables.suspension.delete(state, { provider })
  lookAgain(state, 0)
  events.Resumed(ctx, { provider })
  return undefined
}
