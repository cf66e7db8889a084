// Listings and suspension: what a provider offers and whether it may be assigned. Not: who is chosen (matching.ts).
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import { currentWindow } from '../capacity/windows.ts'
import { getClass } from '../catalogue/classes.ts'
import { providerByOperator } from '../providers/members.ts'
import { attestedLots, lotServes } from './external.ts'
import type { redemptionSchema } from './schema.ts'
import { BONUS_PPM_MAX } from './shapes.ts'
import { events, fail, type Listing, lookAgain, redemptionParams, tables } from './store.ts'

type Args<A extends keyof (typeof redemptionSchema)['actions']> = ActionArgs<typeof redemptionSchema, A>

/** The bonus of a listing for assignments made in a window, ppm. */
export function bonusAt(listing: Listing, window: number): bigint {
  return window >= listing.nextBonusWindow ? listing.nextBonusPpm : listing.bonusPpm
}

export function list(ctx: ActionContext, args: Args<'list'>) {
  const { state } = ctx
  const { service, classId, region, bonusPpm } = args
  const provider = providerByOperator(state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  if (getClass(state, classId) === undefined) return fail.UnknownClass({ classId })
  if (bonusPpm > BONUS_PPM_MAX) return fail.BonusTooLarge({ bonusPpm, maximumPpm: BONUS_PPM_MAX })
  const window = currentWindow(state)
  const pledged = attestedLots(state, provider).some(
    (lot) => lot.classId === classId && lot.region === region && lotServes(lot, service, window + 1),
  )
  if (!pledged) return fail.NotPledged({ classId, region, service })
  const known = tables.listing.get(state, { provider, service })
  if (known?.changedWindow === window) return fail.ListedThisWindow({ retryWindow: window + 1 })
  // After this point the action must succeed.
  tables.listing.set(
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
  const provider = providerByOperator(state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const known = tables.listing.get(state, { provider, service })
  if (known === undefined) return fail.NotListed({ provider, service })
  const window = currentWindow(state)
  // One change a window: listing in turns would make the pass over the queue begin anew each time.
  if (known.changedWindow === window) return fail.ListedThisWindow({ retryWindow: window + 1 })
  // After this point the action must succeed.
  tables.listing.delete(state, { provider, service })
  events.Unlisted(ctx, { provider, service })
  return undefined
}

export function resume(ctx: ActionContext) {
  const { state } = ctx
  const provider = providerByOperator(state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const suspension = tables.suspension.get(state, { provider })
  if (suspension === undefined) return fail.NotSuspended({ provider })
  const resumeWindow = suspension.sinceWindow + redemptionParams.get(state).suspensionWindows
  const window = currentWindow(state)
  if (window < resumeWindow) return fail.StillSuspended({ resumeWindow, currentWindow: window })
  // After this point the action must succeed.
  tables.suspension.delete(state, { provider })
  lookAgain(state, 0)
  events.Resumed(ctx, { provider })
  return undefined
}
