// What the market needs from other modules: escrows, what can be traded, windows.
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import { COIN_ASSET, type Escrow, escrowsOf, ledger, type MoveRefusal } from '../../ledger.ts'
import type { StateReader } from '../../view.ts'
import { getAsset } from '../assets/ledger.ts'
import { RECEIPTS_FROM } from '../assets/schema.ts'
import { currentWindow } from '../capacity/windows.ts'
import { getSeries } from '../series/books.ts'
import { marketSchema } from './schema.ts'

const COIN_DECIMALS = 18

/** The escrow of a book. */
export function escrowOf(book: number): Escrow {
  return escrowsOf(marketSchema).held(book)
}

/** Index of the running window. */
export function runningWindow(state: StateReader): number {
  return currentWindow(state)
}

/** Decimals of the coin or of an asset; undefined for one that is not there. */
export function decimalsOf(state: StateReader, asset: number): number | undefined {
  return asset === COIN_ASSET ? COIN_DECIMALS : getAsset(state, asset)?.decimals
}

export function isCoin(asset: number): boolean {
  return asset === COIN_ASSET
}

/** The series whose receipts an asset is. */
export function seriesOf(asset: number): number | undefined {
  return asset > RECEIPTS_FROM ? asset - RECEIPTS_FROM : undefined
}

/** The settlement asset that a series was sold for; undefined for one that is not in the state. */
export function soldFor(state: StateReader, series: number): number | undefined {
  return getSeries(state, series)?.asset
}

/** Units of an asset that an account or escrow holds. */
export function unitsAt(state: StateReader, at: { readonly asset: number; readonly owner: Address }): bigint {
  return ledger.balanceOf(state, at)
}

/** Takes units of an account into the escrow of a book; a refusal has written nothing. */
export function payIn(
  ctx: WriteContext,
  payment: {
    readonly book: number
    readonly asset: number
    readonly from: Address
    readonly amountBase: bigint
  },
): MoveRefusal | undefined {
  const { book, asset, from, amountBase } = payment
  return ledger.move(ctx, { asset, from, to: escrowOf(book), amountBase })
}

/** Pays units out of the escrow of a book; nothing for zero. Asserts that it holds them. */
export function payOut(
  ctx: WriteContext,
  payment: {
    readonly book: number
    readonly asset: number
    readonly to: Address
    readonly amountBase: bigint
  },
): void {
  const { book, asset, to, amountBase } = payment
  if (amountBase > 0n) ledger.release(ctx, { asset, from: escrowOf(book), to, amountBase })
}
