// Bonds: what members have posted, per asset. Not: freezing them (members.ts), their value in coins (issuance).
import { assert } from '../../../base/assert.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { MoveRefusal } from '../../ledger.ts'
import type { StateReader } from '../../view.ts'
import { type BondPayment, escrowUnits, issuerOf } from './external.ts'
import { providerByOperator } from './members.ts'
import { BOND_ASSETS_MAX, type providersSchema } from './schema.ts'
import { events, fail, providersTables } from './tables.ts'

/** A member's bond in one asset, base units. */
export function getBond(
  state: StateReader,
  at: { readonly provider: number; readonly asset: number },
): bigint {
  return providersTables.bond.get(state, at)?.amountBase ?? 0n
}

/** All bonds of a member; at most `BOND_ASSETS_MAX`. */
export function getBonds(
  state: StateReader,
  provider: number,
): readonly { readonly asset: number; readonly amountBase: bigint }[] {
  const assets = providersTables.bondAssets.get(state, { provider })?.assets ?? []
  return assets.map((asset) => ({ asset, amountBase: getBond(state, { provider, asset }) }))
}

/** Adds units of `from` to a bond. False, with nothing written, when it holds less or may not. Genesis calls it. */
export function addBond(ctx: WriteContext, bond: BondPayment): boolean {
  return payBond(ctx, bond) === undefined
}

function payBond(ctx: WriteContext, bond: BondPayment): MoveRefusal | undefined {
  const { provider, asset, amountBase } = bond
  const refusal = escrowUnits(ctx, bond)
  if (refusal !== undefined) return refusal
  const totalBase = getBond(ctx.state, { provider, asset }) + amountBase
  const assets = providersTables.bondAssets.get(ctx.state, { provider })?.assets ?? []
  if (!assets.includes(asset)) {
    assert(assets.length < BOND_ASSETS_MAX, 'bond assets within the bound')
    providersTables.bondAssets.set(ctx.state, { provider }, { assets: [...assets, asset] })
  }
  providersTables.bond.set(ctx.state, { provider, asset }, { amountBase: totalBase })
  events.BondPosted(ctx, { provider, asset, amountBase, totalBase })
  return undefined
}

export function postBond(
  ctx: ActionContext,
  { asset, amountBase }: ActionArgs<typeof providersSchema, 'postBond'>,
) {
  const provider = providerByOperator(ctx.state, ctx.sender)
  if (provider === undefined) return fail.NotProvider({ sender: ctx.sender })
  const issuedBy = issuerOf(ctx.state, asset)
  if (issuedBy === undefined) return fail.UnknownAsset({ asset })
  if (amountBase === 0n) return fail.BelowMinimum({ amountBase, minimumBase: 1n })
  const group = providersTables.provider.mustGet(ctx.state, { id: provider }).profile.legalGroup
  const issuer = providerByOperator(ctx.state, issuedBy)
  if (
    issuer !== undefined &&
    providersTables.provider.mustGet(ctx.state, { id: issuer }).profile.legalGroup === group
  ) {
    return fail.OwnAssetAsBond({ asset })
  }
  const assets = providersTables.bondAssets.get(ctx.state, { provider })?.assets ?? []
  if (!assets.includes(asset) && assets.length >= BOND_ASSETS_MAX) {
    return fail.TooManyBondAssets({ maximum: BOND_ASSETS_MAX })
  }
  const refusal = payBond(ctx, { provider, asset, from: ctx.sender, amountBase })
  if (refusal?.code === 'InsufficientFunds') {
    const { balanceBase, neededBase } = refusal
    return fail.InsufficientAsset({ asset, balanceBase, neededBase })
  }
  return refusal?.code === 'UnknownAsset' ? fail.UnknownAsset({ asset }) : refusal
}
