// Units that this module holds: the guarantee fund, estates, deposits of bids, payments of novations. Owns: the escrows' names,
// and what goes in and out. Not: why (the topic files).
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import { COIN_ASSET, type Escrow, escrowsOf, ledger, type MoveRefusal } from '../../ledger.ts'
import type { StateReader } from '../../view.ts'
import { defaultSchema } from './schema.ts'

export const COIN_ID = COIN_ASSET
const { fund, estates, deposits, novations } = escrowsOf(defaultSchema)
/** The escrows of this module, by the provider that they concern. */
export const escrows = { estate: estates, deposit: deposits, novation: novations } as const
/** The guarantee fund. */
export const FUND = fund(0)

export interface Units {
  readonly asset: number
  readonly amountBase: bigint
}

/** What the guarantee fund holds of an asset. */
export function fundUnits(state: StateReader, asset: number): bigint {
  return ledger.balanceOf(state, { asset, owner: FUND })
}

/** What the guarantee fund holds of the coin. */
export function fundHeld(state: StateReader): bigint {
  return fundUnits(state, COIN_ID)
}

/** Pays from the guarantee fund. Asserts that it holds it. */
export function payFromFund(ctx: WriteContext, payment: Units & { readonly to: Address }): void {
  if (payment.amountBase > 0n) ledger.release(ctx, { from: FUND, ...payment })
}

/** Units in an escrow of this module. */
export function heldIn(state: StateReader, escrow: Escrow, asset: number): bigint {
  return ledger.balanceOf(state, { asset, owner: escrow })
}

/** Pays out of an escrow of this module. Asserts that it holds it. */
export function payFrom(ctx: WriteContext, from: Escrow, payment: Units & { readonly to: Address }): void {
  if (payment.amountBase > 0n) ledger.release(ctx, { from, ...payment })
}

/** Moves units of an account into an escrow; a refusal has written nothing. */
export function escrowUnits(
  ctx: WriteContext,
  payment: Units & { readonly from: Address; readonly to: Escrow },
): MoveRefusal | undefined {
  return payment.amountBase === 0n ? undefined : ledger.move(ctx, payment)
}

/** Units of an account. */
export function unitsAt(state: StateReader, owner: Address, asset: number): bigint {
  return ledger.balanceOf(state, { asset, owner })
}
