// What backing needs from other modules: coins and assets in escrow, the running window, members.
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import { COIN_ASSET, type Escrow, escrowsOf, ledger, type MoveRefusal } from '../../ledger.ts'
import type { StateReader } from '../../view.ts'
import { currentWindow } from '../capacity/windows.ts'
import { getProvider, providerByOperator } from '../providers/members.ts'
import type { Provider } from '../providers/schema.ts'
import { backingSchema } from './schema.ts'

const { pools, incomes } = escrowsOf(backingSchema)

/** Address of the coins behind a provider. */
export function poolAddress(provider: number): Escrow {
  return pools(provider)
}

/** Coins that the escrow of a pool holds. */
export function coinsInPool(state: StateReader, provider: number): bigint {
  return ledger.balanceOf(state, { asset: COIN_ASSET, owner: pools(provider) })
}

/** Units that the escrow of a pool's income holds. */
export function incomeHeld(
  state: StateReader,
  at: { readonly provider: number; readonly asset: number },
): bigint {
  return ledger.balanceOf(state, { asset: at.asset, owner: incomes(at.provider) })
}

/** Moves coins of an account into a pool; a refusal has written nothing. */
export function takeCoins(
  ctx: WriteContext,
  payment: { readonly provider: number; readonly from: Address; readonly amountBase: bigint },
): MoveRefusal | undefined {
  const { provider, from, amountBase } = payment
  return ledger.move(ctx, { asset: COIN_ASSET, from, to: pools(provider), amountBase })
}

/** Pays coins out of a pool. Asserts that it holds them. */
export function payCoins(
  ctx: WriteContext,
  payment: { readonly provider: number; readonly to: Address; readonly amountBase: bigint },
): void {
  const { provider, to, amountBase } = payment
  if (amountBase > 0n) ledger.release(ctx, { asset: COIN_ASSET, from: pools(provider), to, amountBase })
}

/** Moves income of a provider to its backers. Asserts that `from`, an address of the chain itself, holds it. */
export function takeIncome(
  ctx: WriteContext,
  payment: {
    readonly provider: number
    readonly asset: number
    readonly from: Address
    readonly amountBase: bigint
  },
): void {
  const { provider, ...moved } = payment
  const refusal = ledger.move(ctx, { ...moved, to: incomes(provider) })
  assert(refusal === undefined, 'whoever pays the provider holds what it pays')
}

/** Pays income to a backer. Asserts that the escrow holds it. */
export function payIncome(
  ctx: WriteContext,
  payment: {
    readonly provider: number
    readonly asset: number
    readonly to: Address
    readonly amountBase: bigint
  },
): void {
  const { provider, ...paid } = payment
  ledger.release(ctx, { ...paid, from: incomes(provider) })
}

/** Index of the running window. */
export function runningWindow(state: StateReader): number {
  return currentWindow(state)
}

export function getMember(state: StateReader, provider: number): Provider | undefined {
  return getProvider(state, provider)
}

/** The member that an account acts for. */
export function memberOf(state: StateReader, operator: Address): number | undefined {
  return providerByOperator(state, operator)
}
