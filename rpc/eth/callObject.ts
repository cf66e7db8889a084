// The transaction object of eth_call and its kin. Owns: parsing it. Not: running it (call.ts, simulate.ts).
import { EMPTY_BYTES, equalBytes } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { type Address, ZERO_ADDRESS } from '../../base/ids.ts'
import { TX_BYTES_MAX } from '../../base/protocol/limits.ts'
import { AMOUNT_MAX } from '../../base/units.ts'
import type { AccessListEntry } from '../../state/transaction.ts'
import type { Param } from '../method.ts'
import { parseAddressJson, parseData, parseHashJson, parseQuantity, parseUint } from '../params.ts'

export interface CallObject {
  readonly from: Address
  /** Undefined = creation. */
  readonly to: Address | undefined
  readonly valueBase: bigint
  readonly data: Uint8Array
  readonly chainId: bigint | undefined
  readonly accessList: readonly AccessListEntry[]
}

/** A call with what only a transaction has; undefined where the caller leaves the choice to the node. */
export interface TransactionRequest extends CallObject {
  readonly type: 0 | 1 | 2 | undefined
  readonly nonce: number | undefined
  readonly gasLimit: number | undefined
  readonly gasPrice: bigint | undefined
  readonly maxFeePerGas: bigint | undefined
  readonly maxPriorityFeePerGas: bigint | undefined
}

export type JsonObject = { readonly [name: string]: Json | undefined }

/** Lists that make a transaction of type 3 or 4 unless they are empty. */
const EVM_LISTS = ['blobs', 'blobVersionedHashes', 'authorizationList']

/** Batched reads (Multicall3) are larger than any transaction. */
const CALL_BYTES_MAX = 8 * TX_BYTES_MAX

/** Prepends the member's name to the reason. */
export function named<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${name}: ${errorText(error)}`)
  }
}

export function objectOf(json: Json, what: string): JsonObject {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) throw new Error(`expected ${what}`)
  return json as JsonObject
}

/** Reads a member with `parse`; undefined when it is absent or null. */
export function member<T>(source: JsonObject, name: string, parse: (json: Json) => T): T | undefined {
  const json = source[name] ?? null
  return json === null ? undefined : named(name, () => parse(json))
}

/** A quantity of base units that fits the ledger. */
export function parseAmount(json: Json): bigint {
  const value = parseQuantity(json)
  if (value > AMOUNT_MAX) throw new Error('higher than 2^128-1')
  return value
}

/** Entries and keys of one access list. */
const ACCESS_LIST_MAX = 1_000

function parseAccessList(json: Json): readonly AccessListEntry[] {
  if (!Array.isArray(json) || json.length > ACCESS_LIST_MAX) {
    throw new Error(`expected an array of at most ${ACCESS_LIST_MAX} entries`)
  }
  return (json as readonly Json[]).map((entry) => {
    const { address, storageKeys } = (entry ?? {}) as JsonObject
    if (address === undefined || !Array.isArray(storageKeys) || storageKeys.length > ACCESS_LIST_MAX) {
      throw new Error('expected entries {address, storageKeys}')
    }
    return {
      address: parseAddressJson(address),
      storageKeys: (storageKeys as readonly Json[]).map(parseHashJson),
    }
  })
}

/** Members that say nothing here, e.g. `chain`, `hardfork` or `customData`, are ignored, as on other nodes. */
export function parseCall(json: Json): CallObject {
  const source = objectOf(json, 'a transaction object')
  for (const name of EVM_LISTS) {
    const list = source[name] ?? []
    if (!Array.isArray(list) || list.length > 0) throw new Error(`${name} is not supported: there is no EVM`)
  }
  const data = member(source, 'data', (value) => parseData(value, CALL_BYTES_MAX))
  const input = member(source, 'input', (value) => parseData(value, CALL_BYTES_MAX))
  if (data !== undefined && input !== undefined && !equalBytes(data, input)) {
    throw new Error('data and input are both set and not equal: use input')
  }
  return {
    from: member(source, 'from', parseAddressJson) ?? ZERO_ADDRESS,
    to: member(source, 'to', parseAddressJson),
    valueBase: member(source, 'value', parseAmount) ?? 0n,
    data: input ?? data ?? EMPTY_BYTES,
    accessList: member(source, 'accessList', parseAccessList) ?? [],
    chainId: member(source, 'chainId', parseQuantity),
  }
}

function parseType(json: Json): 0 | 1 | 2 {
  const type = parseUint(json)
  if (type !== 0 && type !== 1 && type !== 2) throw new Error('transaction type not supported')
  return type
}

export function parseTransactionRequest(json: Json): TransactionRequest {
  const source = objectOf(json, 'a transaction object')
  const request = {
    ...parseCall(json),
    type: member(source, 'type', parseType),
    nonce: member(source, 'nonce', parseUint),
    gasLimit: member(source, 'gas', parseUint),
    gasPrice: member(source, 'gasPrice', parseAmount),
    maxFeePerGas: member(source, 'maxFeePerGas', parseAmount),
    maxPriorityFeePerGas: member(source, 'maxPriorityFeePerGas', parseAmount),
  }
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = request
  if (gasPrice !== undefined && (maxFeePerGas ?? maxPriorityFeePerGas) !== undefined) {
    throw new Error('both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified')
  }
  return request
}

export const callParam: Param<CallObject> = {
  schema: { type: 'object' },
  required: true,
  parse: parseCall,
  absent: () => parseCall({}),
}

export const transactionRequestParam: Param<TransactionRequest> = {
  schema: { type: 'object' },
  required: true,
  parse: parseTransactionRequest,
  absent: () => parseTransactionRequest({}),
}
