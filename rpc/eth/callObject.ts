// The transaction object of eth_call and eth_estimateGas. Owns: parsing it. Not: running it (state.ts).
import { EMPTY_BYTES, equalBytes } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { type Address, ZERO_ADDRESS } from '../../base/ids.ts'
import { TX_BYTES_MAX } from '../../base/protocol/limits.ts'
import { AMOUNT_MAX } from '../../base/units.ts'
import type { AccessListEntry } from '../../state/transaction.ts'
import type { Param } from '../method.ts'
import { parseAddressJson, parseData, parseHashJson, parseQuantity } from '../params.ts'

export interface CallObject {
  readonly from: Address
  /** Undefined = creation. */
  readonly to: Address | undefined
  readonly valueBase: bigint
  readonly data: Uint8Array
  readonly chainId: bigint | undefined
  readonly accessList: readonly AccessListEntry[]
}

/** Transaction fields that a simulated call ignores. */
const IGNORED = new Set(['type', 'nonce', 'gas', 'gasPrice', 'maxFeePerGas', 'maxPriorityFeePerGas'])
const USED = new Set(['from', 'to', 'value', 'data', 'input', 'chainId', 'accessList'])
const EVM_ONLY = new Set(['blobs', 'blobVersionedHashes', 'maxFeePerBlobGas', 'authorizationList'])

/** Batched reads (Multicall3) are larger than any transaction. */
const CALL_BYTES_MAX = 8 * TX_BYTES_MAX

function named<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${name}: ${errorText(error)}`)
  }
}

/** Entries and keys of one access list. */
const ACCESS_LIST_MAX = 1_000

function parseAccessList(json: Json): readonly AccessListEntry[] {
  if (!Array.isArray(json) || json.length > ACCESS_LIST_MAX) {
    throw new Error(`expected an array of at most ${ACCESS_LIST_MAX} entries`)
  }
  return (json as readonly Json[]).map((entry) => {
    const { address, storageKeys } = (entry ?? {}) as { readonly [name: string]: Json | undefined }
    if (address === undefined || !Array.isArray(storageKeys) || storageKeys.length > ACCESS_LIST_MAX) {
      throw new Error('expected entries {address, storageKeys}')
    }
    return {
      address: parseAddressJson(address),
      storageKeys: (storageKeys as readonly Json[]).map(parseHashJson),
    }
  })
}

function parseCall(json: Json): CallObject {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) {
    throw new Error('expected a transaction object')
  }
  const source = json as { readonly [name: string]: Json | undefined }
  for (const key of Object.keys(source)) {
    if (EVM_ONLY.has(key)) throw new Error(`${key} is not supported: there is no EVM`)
    if (!USED.has(key) && !IGNORED.has(key)) throw new Error(`unknown field ${key.slice(0, 40)}`)
  }
  const bytes = (name: 'data' | 'input'): Uint8Array | undefined => {
    const value = source[name]
    return value === undefined || value === null
      ? undefined
      : named(name, () => parseData(value, CALL_BYTES_MAX))
  }
  const data = bytes('data')
  const input = bytes('input')
  if (data !== undefined && input !== undefined && !equalBytes(data, input)) {
    throw new Error('data and input are both set and not equal: use input')
  }
  const { from, to, value, chainId } = source
  const valueBase = named('value', () => parseQuantity(value ?? '0x0'))
  if (valueBase > AMOUNT_MAX) throw new Error('value: higher than 2^128-1')
  return {
    from: (from ?? null) === null ? ZERO_ADDRESS : named('from', () => parseAddressJson(from as Json)),
    to: (to ?? null) === null ? undefined : named('to', () => parseAddressJson(to as Json)),
    valueBase,
    data: input ?? data ?? EMPTY_BYTES,
    accessList: named('accessList', () => parseAccessList(source.accessList ?? [])),
    chainId: (chainId ?? null) === null ? undefined : named('chainId', () => parseQuantity(chainId as Json)),
  }
}

export const callParam: Param<CallObject> = {
  schema: { type: 'object' },
  required: true,
  parse: parseCall,
  absent: () => parseCall({}),
}
