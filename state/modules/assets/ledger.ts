// The multi-asset ledger: registered assets, balances, allowances. Other modules move assets through these functions.
import { assert, mustExist } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { isSystemAddress, SYSTEM_KIND, systemAddress } from '../../../base/moduleDefinition.ts'
import { AMOUNT_MAX } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import { transferLog } from '../../transferLog.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { ASSETS_MAX, type Asset, RECEIPTS_FROM } from './schema.ts'
import { assetsTables } from './tables.ts'

/** Address of an asset's ERC-20 interface; receipts of series have a kind of their own, named by the series. */
export function assetAddress(asset: number): Address {
  return asset < RECEIPTS_FROM
    ? systemAddress(SYSTEM_KIND.asset, asset)
    : systemAddress(SYSTEM_KIND.series, asset - RECEIPTS_FROM)
}

/** The number of the asset whose interface would be at a system address of a kind; undefined when none could be. */
export function assetAt(kind: number, id: number): number | undefined {
  if (kind === SYSTEM_KIND.asset) return id < RECEIPTS_FROM ? id : undefined
  return kind === SYSTEM_KIND.series && id < RECEIPTS_FROM ? RECEIPTS_FROM + id : undefined
}

export function getAsset(state: StateReader, asset: number): Asset | undefined {
  return assetsTables.asset.get(state, { asset })
}

/** Ids of all assets, ascending; at most `ASSETS_MAX`. */
export function assetIds(state: StateReader): readonly number[] {
  return assetsTables.index.get(state, {})?.assets ?? []
}

export function getAssetBalance(
  state: StateReader,
  at: { readonly asset: number; readonly owner: Address },
): bigint {
  return assetsTables.balance.get(state, at)?.amountBase ?? 0n
}

function setAssetBalance(
  state: StateWriter,
  at: { asset: number; owner: Address },
  amountBase: bigint,
): void {
  assert(amountBase >= 0n && amountBase <= AMOUNT_MAX, 'asset balance within the ledger bound')
  if (amountBase === 0n) assetsTables.balance.delete(state, at)
  else assetsTables.balance.set(state, at, { amountBase })
}

/** The asset of a series' receipts. */
export function receiptAsset(series: number): number {
  assert(series > 0 && series < RECEIPTS_FROM, 'the number of a series')
  return RECEIPTS_FROM + series
}

/** Registers the receipts of a series with supply 0. They are not in the index, whose length is bounded for people's assets. */
export function registerReceipts(
  ctx: WriteContext,
  receipts: {
    readonly series: number
    readonly issuer: Address
    readonly name: string
    readonly symbol: string
    readonly decimals: number
  },
): void {
  const { series, ...facts } = receipts
  const asset = receiptAsset(series)
  assert(!assetsTables.asset.has(ctx.state, { asset }), 'the series is new')
  assetsTables.asset.set(ctx.state, { asset }, { ...facts, supplyBase: 0n })
}

/** Removes the receipts of a series that has ended. Asserts that nobody has any. */
export function removeReceipts(ctx: WriteContext, series: number): void {
  const asset = receiptAsset(series)
  const { supplyBase } = assetsTables.asset.mustGet(ctx.state, { asset })
  assert(supplyBase === 0n, 'all receipts are gone')
  assetsTables.asset.delete(ctx.state, { asset })
}

/** Registers an asset with supply 0; genesis and governance call it. Asserts that the id is new. */
export function registerAsset(
  ctx: WriteContext,
  asset: {
    readonly id: number
    readonly issuer: Address
    readonly name: string
    readonly symbol: string
    readonly decimals: number
  },
): void {
  const ids = assetIds(ctx.state)
  assert(!ids.includes(asset.id) && ids.length < ASSETS_MAX, 'the asset id is new and within the bound')
  assert(asset.id > 0 && asset.id < RECEIPTS_FROM, 'asset 0 is the coin, and receipts have their own numbers')
  const { id, issuer, name, symbol, decimals } = asset
  assetsTables.asset.set(ctx.state, { asset: id }, { issuer, name, symbol, decimals, supplyBase: 0n })
  assetsTables.index.set(ctx.state, {}, { assets: [...ids, id].sort((a, b) => a - b) })
}

/** Moves units and logs it at the asset's address. False, with nothing written, when `from` has less. */
export function transferAsset(
  ctx: WriteContext,
  transfer: {
    readonly asset: number
    readonly from: Address
    readonly to: Address
    readonly amountBase: bigint
  },
): boolean {
  const { asset, from, to, amountBase } = transfer
  assert(assetsTables.asset.has(ctx.state, { asset }), 'the asset is registered')
  assert(amountBase >= 0n, 'transferred amount is not negative')
  const heldBase = getAssetBalance(ctx.state, { asset, owner: from })
  if (heldBase < amountBase) return false
  if (amountBase > 0n && !equalBytes(from, to)) {
    setAssetBalance(ctx.state, { asset, owner: from }, heldBase - amountBase)
    const receivedBase = getAssetBalance(ctx.state, { asset, owner: to }) + amountBase
    setAssetBalance(ctx.state, { asset, owner: to }, receivedBase)
  }
  // ERC-20 requires the log for zero amounts and self-transfers too.
  ctx.emit(transferLog({ emitter: assetAddress(asset), from, to, amountBase }))
  return true
}

/** Creates units. Asserts that the asset exists and the supply stays in bounds; actions check first. */
export function issueAsset(
  ctx: WriteContext,
  issue: { readonly asset: number; readonly to: Address; readonly amountBase: bigint },
): void {
  const { asset, to, amountBase } = issue
  const record = mustExist(getAsset(ctx.state, asset), 'the asset is registered')
  const supplyBase = record.supplyBase + amountBase
  assert(amountBase >= 0n && supplyBase <= AMOUNT_MAX, 'asset supply within the ledger bound')
  assetsTables.asset.set(ctx.state, { asset }, { ...record, supplyBase })
  const owner = to
  setAssetBalance(ctx.state, { asset, owner }, getAssetBalance(ctx.state, { asset, owner }) + amountBase)
  ctx.emit(transferLog({ emitter: assetAddress(asset), from: ZERO_ADDRESS, to, amountBase }))
}

/** Destroys units; false, with nothing written, when `from` has less. */
export function redeemAsset(
  ctx: WriteContext,
  burn: { readonly asset: number; readonly from: Address; readonly amountBase: bigint },
): boolean {
  const { asset, from, amountBase } = burn
  const record = mustExist(getAsset(ctx.state, asset), 'the asset is registered')
  const heldBase = getAssetBalance(ctx.state, { asset, owner: from })
  if (heldBase < amountBase) return false
  assert(amountBase >= 0n && record.supplyBase >= amountBase, 'asset supply covers what is redeemed')
  assetsTables.asset.set(ctx.state, { asset }, { ...record, supplyBase: record.supplyBase - amountBase })
  setAssetBalance(ctx.state, { asset, owner: from }, heldBase - amountBase)
  ctx.emit(transferLog({ emitter: assetAddress(asset), from, to: ZERO_ADDRESS, amountBase }))
  return true
}

export function getAllowance(
  state: StateReader,
  at: { readonly asset: number; readonly owner: Address; readonly spender: Address },
): bigint {
  return assetsTables.allowance.get(state, at)?.amountBase ?? 0n
}

export function setAllowance(
  state: StateWriter,
  at: { readonly asset: number; readonly owner: Address; readonly spender: Address },
  amountBase: bigint,
): void {
  if (amountBase === 0n) assetsTables.allowance.delete(state, at)
  else assetsTables.allowance.set(state, at, { amountBase })
}

/** Whether holders may send units to this address: not to system addresses, where nobody could move them again. */
export function acceptsAsset(to: Address): boolean {
  return !isSystemAddress(to) && !equalBytes(to, ZERO_ADDRESS)
}
