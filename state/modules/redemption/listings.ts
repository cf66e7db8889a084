// Listings and resuming: what a provider volunteers and whether it may be assigned. Not: who is chosen (matching.ts).
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { isWebAddress } from '../../../base/webAddress.ts'
import type { ActionContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { bonusAt } from './bonus.ts'
import {
  classNameOf,
  groupsOf,
  lotGroup,
  memberOf,
  offersService,
  runningWindow,
  suspensionOf,
  unpaidOf,
  unsuspend,
} from './external.ts'
import { noteOffer } from './growth.ts'
import { enterVolunteer, leaveVolunteers } from './order.ts'
import type { redemptionSchema } from './schema.ts'
import { BONUS_PPM_MAX } from './shapes.ts'
import { events, fail, redemptionParams, redemptionTables } from './tables.ts'

type Args<A extends keyof (typeof redemptionSchema)['actions']> = ActionArgs<typeof redemptionSchema, A>

/** Whether attested lots of a provider, of one class and region, offer a service. */
function isPledged(
  state: StateReader,
  provider: number,
  { service, classId, region }: Pick<Args<'list'>, 'service' | 'classId' | 'region'>,
): boolean {
  return groupsOf(state, provider).some((id) => {
    const group = lotGroup(state, id)
    if (group === undefined || group.classId !== classId || group.region !== region) return false
    return offersService(group, service)
  })
}

export function list(ctx: ActionContext, args: Args<'list'>) {
  const { state } = ctx
  const { service, classId, region, bonusPpm } = args
  const provider = memberOf(state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  if (classNameOf(state, classId) === undefined) return fail.UnknownClass({ classId })
  if (bonusPpm > BONUS_PPM_MAX) return fail.BonusTooLarge({ bonusPpm, maximumPpm: BONUS_PPM_MAX })
  const { endpoint } = args
  if (endpoint !== '' && !isWebAddress(endpoint)) return fail.EndpointRefused({ endpoint })
  if (!isPledged(state, provider, args)) return fail.NotPledged({ classId, region, service })
  const window = runningWindow(state)
  const known = redemptionTables.listing.get(state, { provider, service })
  if (known?.changedWindow === window) return fail.ListedThisWindow({ retryWindow: window + 1 })
  // After this point the action must succeed.
  redemptionTables.listing.set(
    state,
    { provider, service },
    {
      classId,
      region,
      endpoint,
      runtimeHash: args.runtimeHash,
      tariffHash: args.tariffHash,
      // Without a listing there was no bonus.
      bonusPpm: known === undefined ? 0n : bonusAt(known, window),
      nextBonusPpm: bonusPpm,
      nextBonusWindow: window + 1,
      changedWindow: window,
    },
  )
  enterVolunteer(state, provider, service)
  noteOffer(state, provider)
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
  // One change per window: alternating would begin searches again each time.
  if (known.changedWindow === window) return fail.ListedThisWindow({ retryWindow: window + 1 })
  // After this point the action must succeed.
  redemptionTables.listing.delete(state, { provider, service })
  leaveVolunteers(state, provider, service)
  events.Unlisted(ctx, { provider, service })
  return undefined
}

export function resume(ctx: ActionContext) {
  const { state } = ctx
  const provider = memberOf(state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const sinceWindow = suspensionOf(state, provider)
  if (sinceWindow === undefined) return fail.NotSuspended({ provider })
  const resumeWindow = sinceWindow + redemptionParams.get(state).suspensionWindows
  const window = runningWindow(state)
  if (window < resumeWindow) return fail.StillSuspended({ resumeWindow, currentWindow: window })
  const valueBase = unpaidOf(state, provider)
  if (valueBase > 0n) return fail.PenaltyUnpaid({ valueBase })
  // After this point the action must succeed.
  unsuspend(ctx, provider)
  return undefined
}
