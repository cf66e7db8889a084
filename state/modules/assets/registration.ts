// Registering an asset on a running chain: what is refused, and its number. Genesis checks its own document (genesis/check.ts).
import { equalBytes } from '../../../base/bytes.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { isSystemAddress } from '../../../base/moduleDefinition.ts'
import { nameFault } from '../../../base/names.ts'
import type { StateReader } from '../../view.ts'
import { assetIds } from './ledger.ts'
import { ASSETS_MAX, DECIMALS_MAX, isSymbol, RECEIPTS_FROM } from './schema.ts'
import { assetsTables } from './tables.ts'

export interface AssetFacts {
  readonly issuer: Address
  readonly name: string
  readonly symbol: string
  readonly decimals: number
}

export type AssetRefusal =
  | { readonly code: 'FieldRefused'; readonly field: string }
  | { readonly code: 'SymbolTaken'; readonly asset: number }
  | { readonly code: 'TooManyAssets'; readonly maximum: number }

/** The number of the next asset. */
export function nextAssetId(state: StateReader): number {
  return (assetIds(state).at(-1) ?? 0) + 1
}

/** Why an asset cannot be registered, or undefined. */
export function refuseAsset(state: StateReader, facts: AssetFacts): AssetRefusal | undefined {
  const { issuer, name, symbol, decimals } = facts
  if (isSystemAddress(issuer) || equalBytes(issuer, ZERO_ADDRESS))
    return { code: 'FieldRefused', field: 'issuer' }
  if (nameFault(name) !== undefined) return { code: 'FieldRefused', field: 'name' }
  if (!isSymbol(symbol)) return { code: 'FieldRefused', field: 'symbol' }
  if (decimals > DECIMALS_MAX) return { code: 'FieldRefused', field: 'decimals' }
  const ids = assetIds(state)
  const known = ids.find(
    (asset) => assetsTables.asset.mustGet(state, { asset }).symbol.toLowerCase() === symbol.toLowerCase(),
  )
  if (known !== undefined) return { code: 'SymbolTaken', asset: known }
  const isFull = ids.length >= ASSETS_MAX || nextAssetId(state) >= RECEIPTS_FROM
  return isFull ? { code: 'TooManyAssets', maximum: ASSETS_MAX } : undefined
}
