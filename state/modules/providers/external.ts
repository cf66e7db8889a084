// What providers needs from accounts and assets: an escrow for the units of each member's bonds.
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { escrowAddress, FEE_POOL_ADDRESS } from '../accounts/ledger.ts'
import { getAsset, getAssetBalance, transferAsset } from '../assets/ledger.ts'
import { providersSchema } from './schema.ts'

/** The guarantee fund: base fees, and its half of penalties. */
export const GUARANTEE_FUND: Address = FEE_POOL_ADDRESS

/** Address of the units of a member's bonds. */
export function bondAddress(provider: number): Address {
  return escrowAddress(providersSchema.id, provider)
}

/** The issuer of an asset; undefined when it is not registered. */
export function issuerOf(state: StateReader, asset: number): Address | undefined {
  return getAsset(state, asset)?.issuer
}

/** Units of an asset that an account can post. */
export function unitsOf(state: StateReader, at: { readonly asset: number; readonly owner: Address }): bigint {
  return getAssetBalance(state, at)
}

/** Units of an asset in the escrow of a member. */
export function bondedUnits(
  state: StateReader,
  at: { readonly provider: number; readonly asset: number },
): bigint {
  return getAssetBalance(state, { asset: at.asset, owner: bondAddress(at.provider) })
}

/** Units of an asset on their way from an account into a member's bond. */
export interface BondPayment {
  readonly provider: number
  readonly asset: number
  readonly from: Address
  readonly amountBase: bigint
}

/** Moves units into the escrow of a member. False, with nothing written, when `from` has less. */
export function escrowUnits(ctx: WriteContext, bond: BondPayment): boolean {
  const { provider, asset, from, amountBase } = bond
  return transferAsset(ctx, { asset, from, to: bondAddress(provider), amountBase })
}

/** Pays units out of a member's bond; asserts that its escrow holds them. */
export function payUnits(
  ctx: WriteContext,
  payment: {
    readonly provider: number
    readonly asset: number
    readonly to: Address
    readonly amountBase: bigint
  },
): void {
  const { provider, asset, to, amountBase } = payment
  if (amountBase === 0n) return
  const paid = transferAsset(ctx, { asset, from: bondAddress(provider), to, amountBase })
  assert(paid, 'the escrow covers the bond')
}
