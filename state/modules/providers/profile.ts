// The published profile of a member.
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import { providerByOperator } from './members.ts'
import type { providersSchema } from './schema.ts'
import { events, fail, providersTables } from './tables.ts'

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
  // After this point the action must succeed.
  providersTables.provider.set(ctx.state, { id }, { ...provider, profile })
  events.ProfileUpdated(ctx, { provider: id, termsHash: profile.termsHash })
  return undefined
}
