// Proposals of freezes, a pause of transfers, attestors and a stop of minting (ECONOMY §10). Not: the proposal's life (proposals.ts),
// what they do (compliance, issuance).
import { equalBytes } from '../../../base/bytes.ts'
import { ZERO_HASH } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { nameFault } from '../../../base/names.ts'
import type { ActionContext } from '../../context.ts'
import {
  arePaused,
  isAsset,
  isFrozenBy,
  isMintingStopped,
  refuseAttestorChange,
  refuseFreezing,
  refusePausing,
} from './external.ts'
import { openProposal, proposerOf } from './proposals.ts'
import type { governanceSchema } from './schema.ts'
import { fail } from './tables.ts'

type Args<A extends keyof (typeof governanceSchema)['actions']> = ActionArgs<typeof governanceSchema, A>

export function proposeStopMinting(ctx: ActionContext, stop: Args<'proposeStopMinting'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  if (isMintingStopped(ctx.state)) return fail.MintingIsStopped({})
  if (nameFault(stop.reason) !== undefined) return fail.ReasonRefused({ reason: stop.reason })
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'stopMinting', provider: 0, proposer: proposer.id, stop })
  return undefined
}

export function proposeFreeze(ctx: ActionContext, freeze: Args<'proposeFreeze'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const { account, asset, expires } = freeze
  if (equalBytes(freeze.caseHash, ZERO_HASH)) return fail.EmptyHash({})
  if (!isAsset(ctx.state, asset)) return fail.UnknownAsset({ asset })
  const refusal = refuseFreezing(ctx, freeze)
  switch (refusal?.code) {
    case 'AccountRefused':
      return fail.AccountRefused({ account })
    case 'AssetMisplaced':
      return fail.AssetMisplaced({ asset })
    case 'ExpiryOutOfRange':
      return fail.ExpiryOutOfRange({ expires, earliest: refusal.earliest, latest: refusal.latest })
    case 'TooManyFreezes':
      return fail.TooManyFreezes({ maximum: refusal.maximum })
  }
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'freeze', provider: 0, proposer: proposer.id, freeze })
  return undefined
}

export function proposeUnfreeze(ctx: ActionContext, { freeze }: Args<'proposeUnfreeze'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  if (!isFrozenBy(ctx.state, freeze)) return fail.UnknownFreeze({ freeze })
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'unfreeze', provider: 0, proposer: proposer.id, freezeEnd: { freeze } })
  return undefined
}

export function proposePause(ctx: ActionContext, pause: Args<'proposePause'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  if (equalBytes(pause.caseHash, ZERO_HASH)) return fail.EmptyHash({})
  const refusal = refusePausing(ctx, pause)
  if (refusal !== undefined) {
    const { earliest, latest } = refusal
    return fail.ExpiryOutOfRange({ expires: pause.expires, earliest, latest })
  }
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'pause', provider: 0, proposer: proposer.id, pause })
  return undefined
}

export function proposeUnpause(ctx: ActionContext) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  if (!arePaused(ctx)) return fail.TransfersNotPaused({})
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'unpause', provider: 0, proposer: proposer.id })
  return undefined
}

export function proposeAttestors(ctx: ActionContext, attestors: Args<'proposeAttestors'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const refusal = refuseAttestorChange(ctx.state, attestors)
  switch (refusal?.code) {
    case 'NothingToChange':
      return fail.NoChanges({})
    case 'UnknownAttestor':
      return fail.UnknownAttestor({ account: refusal.account })
    case 'AccountRefused':
      return fail.AccountRefused({ account: refusal.account })
    case 'NameRefused':
      return fail.AttestorNameRefused({ name: refusal.name })
    case 'SchemaRefused':
      return fail.CredentialRefused({ schema: refusal.schema })
    case 'TooManyAttestors':
      return fail.TooManyAttestors({ maximum: refusal.maximum })
  }
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'attestors', provider: 0, proposer: proposer.id, attestors })
  return undefined
}
