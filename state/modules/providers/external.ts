// What providers needs from accounts and assets: an escrow for the units of each member's bonds.
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import { type Escrow, escrowsOf, ledger, type MoveRefusal } from '../../ledger.ts'
import type { StateReader } from '../../view.ts'
import { getAsset } from '../assets/ledger.ts'
import { providersSchema } from './schema.ts'

/** Address of the units of a member's bonds. */
export function bondAddress(provider: number): Escrow {
  return escrowsOf(providersSchema).bonds(provider)
}

/** The issuer of an asset; undefined when it is not registered. */
export function issuerOf(state: StateReader, asset: number): Address | undefined {
  return getAsset(state, asset)?.issuer
}

/** Units of an asset in the escrow of a member. */
export function bondedUnits(
  state: StateReader,
  at: { readonly provider: number; readonly asset: number },
): bigint {
  return ledger.balanceOf(state, { asset: at.asset, owner: bondAddress(at.provider) })
}

/** Units of an asset on their way from an account into a member's bond. */
export interface BondPayment {
  readonly provider: number
  readonly asset: number
  readonly from: Address
  readonly amountBase: bigint
}

/** Moves units into the escrow of a member; a refusal has written nothing. */
export function escrowUnits(ctx: WriteContext, bond: BondPayment): MoveRefusal | undefined {
  const { provider, asset, from, amountBase } = bond
  return ledger.move(ctx, { asset, from, to: bondAddress(provider), amountBase })
}
