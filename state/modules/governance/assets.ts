// Proposals of assets: to register one, and which credential its recipients need (ECONOMY §10). Not: the proposal's life
// (proposals.ts), the ledger (assets), credentials (compliance).
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { addAsset, isAttestable, issuerOf, refuseNewAsset, requireCredential } from './external.ts'
import { openProposal, proposerOf } from './proposals.ts'
import type { governanceSchema, NewAsset } from './schema.ts'
import { fail } from './tables.ts'

type Args<A extends keyof (typeof governanceSchema)['actions']> = ActionArgs<typeof governanceSchema, A>

export function proposeAsset(ctx: ActionContext, asset: Args<'proposeAsset'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const refusal = refuseNewAsset(ctx.state, asset)
  switch (refusal?.code) {
    case 'FieldRefused':
      return fail.AssetRefused({ field: refusal.field })
    case 'SymbolTaken':
      return fail.SymbolTaken({ asset: refusal.asset })
    case 'TooManyAssets':
      return fail.TooManyAssets({ maximum: refusal.maximum })
  }
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'asset', provider: 0, proposer: proposer.id, asset })
  return undefined
}

export function proposeRequirement(ctx: ActionContext, requirement: Args<'proposeRequirement'>) {
  const proposer = proposerOf(ctx)
  if ('refused' in proposer) return proposer.refused
  const { asset, schema } = requirement
  // The coin never requires one: a claim on capacity stays payable to whoever holds a key.
  if (issuerOf(ctx.state, asset) === undefined) return fail.UnknownAsset({ asset })
  if (!isAttestable(ctx.state, schema)) return fail.UnknownCredential({ schema })
  // After this point the action must succeed.
  openProposal(ctx, { kind: 'requirement', provider: 0, proposer: proposer.id, requirement })
  return undefined
}

/** Registers an asset; false if that has become impossible. */
export function putAsset(ctx: WriteContext, asset: NewAsset): boolean {
  if (refuseNewAsset(ctx.state, asset) !== undefined) return false
  addAsset(ctx, asset)
  return true
}

/** Sets the credential that recipients of an asset need; false if nobody attests it any more. */
export function putRequirement(ctx: WriteContext, requirement: Args<'proposeRequirement'>): boolean {
  const issuer = issuerOf(ctx.state, requirement.asset)
  if (issuer === undefined || !isAttestable(ctx.state, requirement.schema)) return false
  requireCredential(ctx, { ...requirement, issuer })
  return true
}
