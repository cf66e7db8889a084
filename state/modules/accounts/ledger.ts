// The coin ledger: accounts, escrows and the supply. Every other module moves coins through these functions.
import { assert } from '../../../base/assert.ts'
import { bytesKey, equalBytes } from '../../../base/bytes.ts'
import { ADDRESS_BYTES, type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { SYSTEM_KIND, systemAddress } from '../../../base/moduleDefinition.ts'
import type { Reserve } from '../../../base/protocol/header.ts'
import { AMOUNT_MAX } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import { TRANSFER_EMITTER, transferLog } from '../../transferLog.ts'
import type { StateKey, StateReader, StateWriter } from '../../view.ts'
import { decodeAccount, encodeAccount } from './codec.ts'
import type { Account } from './schema.ts'
import { accountsTables } from './tables.ts'

const NOTHING: Account = { nonce: 0, balanceBase: 0n }
/** Bound on the object ids of one named escrow. */
const ESCROW_OBJECT_MAX = 2 ** 36
/** Named escrows of one module. */
const ESCROW_NAMES_MAX = 16

/**
 * System address of kind 03 that holds a module's escrow for an object; an ordinary ledger account. Its id is the
 * module, then four bits for the escrow's name, then the object. Modules use `escrowsOf` (state/ledger.ts).
 */
export function escrowAddress(moduleId: number, objectId: number, nameId = 0): Address {
  assert(Number.isSafeInteger(objectId) && objectId >= 0 && objectId < ESCROW_OBJECT_MAX, 'escrow object id')
  assert(Number.isInteger(moduleId) && moduleId >= 1 && moduleId <= 255, 'escrow module id')
  assert(Number.isInteger(nameId) && nameId >= 0 && nameId < ESCROW_NAMES_MAX, 'escrow name id')
  const owner = moduleId * ESCROW_NAMES_MAX + nameId
  return systemAddress(SYSTEM_KIND.escrow, owner * ESCROW_OBJECT_MAX + objectId)
}

/** The guarantee fund (ECONOMY §7): no-show fees, penalties and its part of the base fees. Escrow 0 of module 12, default. */
export const GUARANTEE_FUND_ADDRESS: Address = escrowAddress(12, 0)

/** Base fees until the window ends and module 12 shares them. */
export const FEES_ADDRESS: Address = escrowAddress(12, 1)

/** Same as `accountsTables.account.key`. */
function accountKey(address: Address): StateKey {
  assert(address.length === ADDRESS_BYTES, 'an address has 20 bytes')
  return accountsTables.account.prefix + bytesKey(address)
}

export function getAccount(state: StateReader, address: Address): Account {
  const stored = state.get(accountKey(address))
  return stored === undefined ? NOTHING : decodeAccount(stored)
}

/** Writes an account; deletes the record of one with neither nonce nor coins. Only fees and this module call it. */
export function setAccount(state: StateWriter, address: Address, account: Account): void {
  const key = accountKey(address)
  if (account.nonce === 0 && account.balanceBase === 0n) state.delete(key)
  else state.set(key, encodeAccount(account))
}

/** All coins in existence, base units. */
export function getSupply(state: StateReader): bigint {
  return accountsTables.supply.get(state, {})?.supplyBase ?? 0n
}

/** This module's part of the header's reserve (ECONOMY §11). */
export function reserve(state: StateReader): Partial<Reserve> {
  return { supplyBase: getSupply(state) }
}

/**
 * Adds coins that an earlier debit or a mint accounts for. It has no failure: no balance exceeds the supply, and a mint
 * keeps the supply within `AMOUNT_MAX`, so the sum below cannot overflow. Asserts it.
 */
export function creditCoins(state: StateWriter, address: Address, amountBase: bigint): void {
  if (amountBase === 0n) return
  const account = getAccount(state, address)
  const balanceBase = account.balanceBase + amountBase
  assert(amountBase > 0n && balanceBase <= AMOUNT_MAX, 'credit within the ledger bound')
  setAccount(state, address, { nonce: account.nonce, balanceBase })
}

/** Moves coins and logs it (EIP-7708). False, with nothing written, when `from` has less. */
export function transferCoins(
  ctx: WriteContext,
  transfer: { readonly from: Address; readonly to: Address; readonly amountBase: bigint },
): boolean {
  const { from, to, amountBase } = transfer
  assert(amountBase >= 0n, 'transferred amount is not negative')
  const sender = getAccount(ctx.state, from)
  if (sender.balanceBase < amountBase) return false
  // As in EIP-7708, zero amounts and self-transfers move nothing and log nothing.
  if (amountBase === 0n || equalBytes(from, to)) return true
  setAccount(ctx.state, from, { nonce: sender.nonce, balanceBase: sender.balanceBase - amountBase })
  creditCoins(ctx.state, to, amountBase)
  ctx.emit(transferLog({ emitter: TRANSFER_EMITTER, from, to, amountBase }))
  return true
}

/**
 * Moves the same amount to each of several accounts, as one transfer after another would, with one debit. False, with
 * nothing written, when `from` has less than they get together. None of them is `from`.
 */
export function shareCoins(
  ctx: WriteContext,
  share: { readonly from: Address; readonly to: readonly Address[]; readonly eachBase: bigint },
): boolean {
  const { from, to, eachBase } = share
  assert(eachBase >= 0n && !to.some((address) => equalBytes(address, from)), 'a share leaves its account')
  const sender = getAccount(ctx.state, from)
  const balanceBase = sender.balanceBase - eachBase * BigInt(to.length)
  if (balanceBase < 0n) return false
  if (eachBase === 0n || to.length === 0) return true
  setAccount(ctx.state, from, { nonce: sender.nonce, balanceBase })
  for (const address of to) {
    creditCoins(ctx.state, address, eachBase)
    ctx.emit(transferLog({ emitter: TRANSFER_EMITTER, from, to: address, amountBase: eachBase }))
  }
  return true
}

/** Creates coins; only issuance may call it, for a liability that rises by the same amount. */
export function mintCoins(
  ctx: WriteContext,
  mint: { readonly to: Address; readonly amountBase: bigint },
): void {
  if (mint.amountBase === 0n) return
  const supplyBase = getSupply(ctx.state) + mint.amountBase
  assert(mint.amountBase > 0n && supplyBase <= AMOUNT_MAX, 'supply within the ledger bound')
  creditCoins(ctx.state, mint.to, mint.amountBase)
  accountsTables.supply.set(ctx.state, {}, { supplyBase })
  ctx.emit(transferLog({ emitter: TRANSFER_EMITTER, from: ZERO_ADDRESS, ...mint }))
}

/** Destroys coins; false, with nothing written, when `from` has less. */
export function burnCoins(
  ctx: WriteContext,
  burn: { readonly from: Address; readonly amountBase: bigint },
): boolean {
  assert(burn.amountBase >= 0n, 'burned amount is not negative')
  const account = getAccount(ctx.state, burn.from)
  if (account.balanceBase < burn.amountBase) return false
  if (burn.amountBase === 0n) return true
  const supplyBase = getSupply(ctx.state) - burn.amountBase
  assert(supplyBase >= 0n, 'supply covers what is burned')
  setAccount(ctx.state, burn.from, {
    nonce: account.nonce,
    balanceBase: account.balanceBase - burn.amountBase,
  })
  accountsTables.supply.set(ctx.state, {}, { supplyBase })
  ctx.emit(transferLog({ emitter: TRANSFER_EMITTER, to: ZERO_ADDRESS, ...burn }))
  return true
}
