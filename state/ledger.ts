// One ledger for the coin (asset 0) and every registered asset: moves, escrows, creation and destruction of units.
// Every module moves value through these functions. Not: where balances are stored (accounts and assets), allowances.
import { assert } from '../base/assert.ts'
import type { Address } from '../base/ids.ts'
import { isSystemAddress, type ModuleDef } from '../base/moduleDefinition.ts'
import type { DebitRefused, WriteContext } from './context.ts'
import {
  burnCoins,
  escrowAddress,
  getAccount,
  getSupply,
  mintCoins,
  transferCoins,
} from './modules/accounts/ledger.ts'
import { getAsset, getAssetBalance, issueAsset, redeemAsset, transferAsset } from './modules/assets/ledger.ts'
import type { StateReader } from './view.ts'

/** The coin's number among assets; registered assets begin at 1. */
export const COIN_ASSET = 0

declare const escrowed: unique symbol
/**
 * The ledger account of an escrow: an ordinary account at a system address that nobody can call or send to, so that the
 * sum of all accounts covers balances, escrows, bonds, locks and pools alike (ECONOMY §12, invariant 1).
 */
export type Escrow = Address & { readonly [escrowed]: true }

/** `escrowsOf(definition).bonds(provider)`: the escrows that a definition names, one per object. */
export function escrowsOf<D extends ModuleDef & { readonly escrows: NonNullable<ModuleDef['escrows']> }>(
  definition: D,
): { readonly [E in keyof D['escrows']]: (object: number) => Escrow } {
  const out: Record<string, (object: number) => Escrow> = {}
  for (const [name, { id }] of Object.entries(definition.escrows))
    out[name] = (object) => escrowAddress(definition.id, object, id) as Escrow
  return out as { readonly [E in keyof D['escrows']]: (object: number) => Escrow }
}

/** Why units did not move; nothing was written. */
export type MoveRefusal =
  | { readonly code: 'UnknownAsset'; readonly asset: number }
  | { readonly code: 'InsufficientFunds'; readonly balanceBase: bigint; readonly neededBase: bigint }
  | DebitRefused

interface At {
  readonly asset: number
  readonly owner: Address
}

export interface Move {
  readonly asset: number
  readonly from: Address
  readonly to: Address
  readonly amountBase: bigint
}

/** Units of an asset that an account or escrow holds. */
function balanceOf(state: StateReader, { asset, owner }: At): bigint {
  return asset === COIN_ASSET
    ? getAccount(state, owner).balanceBase
    : getAssetBalance(state, { asset, owner })
}

/** All units of an asset in existence; 0 for an unknown one. */
function supplyOf(state: StateReader, asset: number): bigint {
  return asset === COIN_ASSET ? getSupply(state) : (getAsset(state, asset)?.supplyBase ?? 0n)
}

function isAsset(state: StateReader, asset: number): boolean {
  return asset === COIN_ASSET || getAsset(state, asset) !== undefined
}

/**
 * Why an account must not give up units now, whatever it holds, or undefined: `move` and `burn` ask the same. For rules
 * that must know before they write. System addresses are never refused: what leaves an escrow is a settlement.
 */
function refuseDebit(
  ctx: WriteContext,
  debit: Omit<Move, 'to'> & Partial<Pick<Move, 'to'>>,
): DebitRefused | undefined {
  const { from: account, ...facts } = debit
  // A call without value, too, moves nothing: a frozen account can appeal.
  return isSystemAddress(account) || debit.amountBase === 0n
    ? undefined
    : ctx.refuseDebit?.({ account, ...facts })
}

function short(state: StateReader, at: At, neededBase: bigint): MoveRefusal {
  if (!isAsset(state, at.asset)) return { code: 'UnknownAsset', asset: at.asset }
  return { code: 'InsufficientFunds', balanceBase: balanceOf(state, at), neededBase }
}

/**
 * Moves units and logs it: coins as EIP-7708 (nothing for zero or to oneself), assets as ERC-20 (always). The debit may
 * be refused, with nothing written; the credit cannot fail, whoever receives it: a balance is at most the supply, and
 * whoever raises the supply stays within `AMOUNT_MAX`, so that no sum of balances overflows. Asserts amount ≥ 0.
 */
function move(ctx: WriteContext, transfer: Move): MoveRefusal | undefined {
  const { asset, from, to, amountBase } = transfer
  const refused = refuseDebit(ctx, { asset, from, to, amountBase })
  if (refused !== undefined) return refused
  const moved =
    asset === COIN_ASSET
      ? transferCoins(ctx, transfer)
      : isAsset(ctx.state, asset) && transferAsset(ctx, transfer)
  return moved ? undefined : short(ctx.state, { asset, owner: from }, amountBase)
}

/**
 * Pays out of an escrow: refunds, settlements, rewards. It has no failure, for a refund that compliance could refuse
 * would leave coins that are nobody's. The module's own books say what the escrow holds; asserts that they are right.
 */
function release(
  ctx: WriteContext,
  payment: {
    readonly asset: number
    readonly from: Escrow
    readonly to: Address
    readonly amountBase: bigint
  },
): void {
  const refused = move(ctx, payment)
  assert(refused === undefined, 'an escrow holds what its module owes')
}

/** Creates units. Asserts that the asset exists and its supply stays within `AMOUNT_MAX`: the caller has checked both. */
function mint(ctx: WriteContext, created: Omit<Move, 'from'>): void {
  if (created.asset === COIN_ASSET) mintCoins(ctx, created)
  else issueAsset(ctx, created)
}

/** Destroys units; a refusal has written nothing. Asserts amount ≥ 0. */
function burn(ctx: WriteContext, burned: Omit<Move, 'to'>): MoveRefusal | undefined {
  const { asset, from, amountBase } = burned
  const refused = refuseDebit(ctx, { asset, from, amountBase })
  if (refused !== undefined) return refused
  const done =
    asset === COIN_ASSET ? burnCoins(ctx, burned) : isAsset(ctx.state, asset) && redeemAsset(ctx, burned)
  return done ? undefined : short(ctx.state, { asset, owner: from }, amountBase)
}

/** `ledger.move(ctx, { asset, from, to, amountBase })`. */
export const ledger = { balanceOf, supplyOf, refuseDebit, move, release, mint, burn } as const
