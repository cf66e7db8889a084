// Rules of assets: the multi-asset ledger. Other modules move assets through the functions exported here.
import { assert, mustExist } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { isSystemAddress, SYSTEM_KIND, systemAddress } from '../../../base/moduleDefinition.ts'
import { AMOUNT_MAX } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import { failuresOf, type Invariant, implement } from '../../rules.ts'
import { tablesOf } from '../../table.ts'
import { transferLog } from '../../transferLog.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { ASSETS_MAX, assetsSchema } from './schema.ts'

export interface Asset {
  readonly issuer: Address
  readonly name: string
  readonly symbol: string
  readonly decimals: number
  readonly supplyBase: bigint
}

export const assetsTables = tablesOf(assetsSchema)
const fail = failuresOf(assetsSchema)

/** Where the ERC-20 face of an asset answers. */
export function assetAddress(asset: number): Address {
  return systemAddress(SYSTEM_KIND.asset, asset)
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
  const { id, issuer, name, symbol, decimals } = asset
  assetsTables.asset.set(ctx.state, { asset: id }, { issuer, name, symbol, decimals, supplyBase: 0n })
  assetsTables.index.set(ctx.state, {}, { assets: [...ids, id].sort((a, b) => a - b) })
}

/** Moves units and logs it at the asset's address. False when `from` has less; then nothing was written. */
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
  // ERC-20 demands the log for zero amounts and for oneself too.
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

/** Destroys units; false when `from` has less, then nothing was written. */
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

/** Whether holders may send units there: not to system addresses, where nobody could move them again. */
export function acceptsAsset(to: Address): boolean {
  return !isSystemAddress(to) && !equalBytes(to, ZERO_ADDRESS)
}

function infoOf(state: StateReader, id: number) {
  const asset = getAsset(state, id)
  return asset === undefined ? undefined : { id, ...asset }
}

const supplyInvariant: Invariant = {
  id: '1 assets',
  severity: 'halt',
  doc: 'The supply of each asset is the sum of its balances.',
  checkChanges(changes, parent) {
    const balance = assetsTables.balance
    const record = assetsTables.asset
    // Per asset (its eight key bytes): balances gained minus supply gained.
    const gaps = new Map<string, bigint>()
    for (const [key, stored] of changes) {
      const isBalance = key.startsWith(balance.prefix)
      if (!isBalance && !key.startsWith(record.prefix)) continue
      const id = key.slice(2, 10)
      const before = parent.get(key)
      const amountOf = (bytes: Uint8Array | undefined): bigint => {
        if (bytes === undefined) return 0n
        return isBalance ? balance.decode(bytes).amountBase : -record.decode(bytes).supplyBase
      }
      gaps.set(id, (gaps.get(id) ?? 0n) + amountOf(stored) - amountOf(before))
    }
    for (const gap of gaps.values()) if (gap !== 0n) return `balances and supply of an asset differ by ${gap}`
    return undefined
  },
  recount(full) {
    const sums = new Map<string, bigint>()
    for (const [key, { amountBase }] of assetsTables.balance.entries(full)) {
      const id = key.slice(2, 10)
      sums.set(id, (sums.get(id) ?? 0n) + amountBase)
    }
    for (const [key, asset] of assetsTables.asset.entries(full)) {
      const id = key.slice(2, 10)
      const sum = sums.get(id) ?? 0n
      if (sum !== asset.supplyBase)
        return `${asset.symbol}: balances hold ${sum}, the supply is ${asset.supplyBase}`
      sums.delete(id)
    }
    return sums.size === 0 ? undefined : 'balances of an unregistered asset'
  },
}

export const assetsModule = implement(assetsSchema, {
  actions: {
    issue(ctx, { asset, to, amountBase }) {
      const record = getAsset(ctx.state, asset)
      if (record === undefined) return fail.UnknownAsset({ asset })
      if (!equalBytes(record.issuer, ctx.sender)) return fail.NotIssuer({ asset, issuer: record.issuer })
      if (!acceptsAsset(to)) return fail.AssetRecipientRefused({ recipient: to })
      if (record.supplyBase + amountBase > AMOUNT_MAX) {
        return fail.AssetSupplyTooLarge({ asset, maximumBase: AMOUNT_MAX })
      }
      // After this point the action must succeed.
      issueAsset(ctx, { asset, to, amountBase })
      return undefined
    },
    redeem(ctx, { asset, amountBase }) {
      if (getAsset(ctx.state, asset) === undefined) return fail.UnknownAsset({ asset })
      const balanceBase = getAssetBalance(ctx.state, { asset, owner: ctx.sender })
      if (balanceBase < amountBase)
        return fail.InsufficientAsset({ asset, balanceBase, neededBase: amountBase })
      // After this point the action must succeed.
      assert(
        redeemAsset(ctx, { asset, from: ctx.sender, amountBase }),
        'checked balance covers the redemption',
      )
      return undefined
    },
  },
  queries: {
    asset: (ctx, { asset }) => infoOf(ctx.state, asset),
    assets: (ctx) =>
      assetIds(ctx.state).map((id) => mustExist(infoOf(ctx.state, id), 'indexed asset exists')),
    balance: (ctx, { asset, owner }) => getAssetBalance(ctx.state, { asset, owner }),
  },
  invariants: [supplyInvariant],
})
