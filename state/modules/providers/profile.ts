// The published profile of a member. Owns: what of it a chain refuses, in genesis, admissions and updates alike.
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { isWebAddress } from '../../../base/webAddress.ts'
import type { ActionContext } from '../../context.ts'
import { providerByOperator } from './members.ts'
import type { Profile, providersSchema } from './schema.ts'
import { events, fail, providersTables } from './tables.ts'

/** The field that no chain takes as it is, or undefined. Explorers show the address as a link. Names are looked at by genesis alone. */
export function profileFault({ jurisdiction, url }: Profile): 'jurisdiction' | 'url' | undefined {
  if (!/^[A-Z]{2}$/.test(jurisdiction)) return 'jurisdiction'
  return isWebAddress(url) ? undefined : 'url'
}

export function updateProfile(
  ctx: ActionContext,
  profile: ActionArgs<typeof providersSchema, 'updateProfile'>,
) {
  const id = providerByOperator(ctx.state, ctx.sender)
  if (id === undefined) return fail.NotProvider({ sender: ctx.sender })
  const provider = providersTables.provider.mustGet(ctx.state, { id })
  // Coverage counts groups: leaving one by an edit would hide a concentration.
  const { legalGroup } = provider.profile
  if (profile.legalGroup !== legalGroup) return fail.LegalGroupFixed({ legalGroup })
  const field = profileFault(profile)
  if (field !== undefined) return fail.ProfileRefused({ field })
  // After this point the action must succeed.
  providersTables.provider.set(ctx.state, { id }, { ...provider, profile })
  events.ProfileUpdated(ctx, { provider: id, termsHash: profile.termsHash })
  return undefined
}
