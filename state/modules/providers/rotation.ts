// A member changes its own keys. Not: which keys are taken and how they are written (members.ts).
import { mustExist } from '../../../base/assert.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext } from '../../context.ts'
import {
  changeKeys,
  checkConsensusKey,
  checkPeerId,
  getProvider,
  providerByOperator,
  rotationAllowedAtMs,
} from './members.ts'
import type { providersSchema } from './schema.ts'
import { fail, providersParams } from './tables.ts'

type Args<A extends keyof (typeof providersSchema)['actions']> = ActionArgs<typeof providersSchema, A>

/** The sender as a member that may change its keys now. */
function rotatingMember(ctx: ActionContext) {
  const id = providerByOperator(ctx.state, ctx.sender)
  if (id === undefined) return { refused: fail.NotProvider({ sender: ctx.sender }) }
  if (mustExist(getProvider(ctx.state, id), 'an operator has a member').removed) {
    return { refused: fail.Removed({ provider: id }) }
  }
  const { rotationIntervalMs } = providersParams.get(ctx.state)
  const allowedAtMs = rotationAllowedAtMs(ctx.state, id, rotationIntervalMs)
  if (ctx.block.timestampMs < allowedAtMs) {
    return { refused: fail.RotationTooSoon({ notBefore: Math.ceil(allowedAtMs / 1000) }) }
  }
  return { id }
}

export function rotateConsensusKey(
  ctx: ActionContext,
  { consensusKey, possessionProof }: Args<'rotateConsensusKey'>,
) {
  const member = rotatingMember(ctx)
  if ('refused' in member) return member.refused
  const refusal = checkConsensusKey(ctx.state, { consensusKey, possessionProof })
  if (refusal?.code === 'KeyTaken') return fail.KeyTaken({ provider: refusal.provider })
  if (refusal !== undefined) return fail.BadPossessionProof({})
  // After this point the action must succeed.
  changeKeys(ctx, member.id, { consensusKey })
  return undefined
}

export function changePeerId(ctx: ActionContext, { peerId }: Args<'changePeerId'>) {
  const member = rotatingMember(ctx)
  if ('refused' in member) return member.refused
  const refusal = checkPeerId(ctx.state, peerId, member.id)
  if (refusal?.code === 'PeerIdTaken') return fail.PeerIdTaken({ provider: refusal.provider })
  if (refusal !== undefined) return fail.MalformedPeerId({})
  // After this point the action must succeed.
  changeKeys(ctx, member.id, { peerId })
  return undefined
}
