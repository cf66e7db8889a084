// What providers needs from accounts and assets: an escrow for the units of each member's bonds.
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { escrowAddress } from '../accounts/ledger.ts'
import { getAsset, getAssetBalance, transferAsset } from '../assets/ledger.ts'
import { providersSchema } from './schema.ts'

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
