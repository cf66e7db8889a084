// What providers needs from accounts and assets: an escrow for the units of each member's bonds.
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import { type Escrow, escrowsOf, ledger, type MoveRefusal } from '../../ledger.ts'
import type { StateReader } from '../../view.ts'
import { FEE_POOL_ADDRESS } from '../accounts/ledger.ts'
import { getAsset } from '../assets/ledger.ts'
import { providersSchema } from './schema.ts'

/** The guarantee fund: base fees, and its half of penalties. */
export const GUARANTEE_FUND: Address = FEE_POOL_ADDRESS

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
  ledger.release(ctx, { asset, from: bondAddress(provider), to, amountBase })
}
