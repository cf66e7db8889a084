// Parameter types. Owns: parsing untrusted JSON into typed values. Not: what the values mean.

import type { Field, Json, JsonSchema } from '../base/field.ts'
import { type Address, type Hash32, parseAddress, parseHash32, type TxId } from '../base/ids.ts'
import { isWholeNumber } from '../base/integers.ts'
import type { Param } from './method.ts'

/** Which block a request refers to; `safe` and `finalized` are `latest`, `earliest` is height 0. */
export type BlockSelector =
  | { readonly kind: 'latest' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'height'; readonly height: number }
  | { readonly kind: 'hash'; readonly hash: Hash32 }

const LATEST: BlockSelector = { kind: 'latest' }
const PENDING: BlockSelector = { kind: 'pending' }
const EARLIEST: BlockSelector = { kind: 'height', height: 0 }

function required<T>(schema: JsonSchema, parse: (json: Json) => T): Param<T> {
  return {
    schema,
    required: true,
    parse,
    absent: () => {
      throw new TypeError('required')
    },
  }
}

/** The same parameter, optional: undefined when absent or null. */
export function optional<T>(param: Param<T>): Param<T | undefined> {
  return { schema: param.schema, required: false, parse: param.parse, absent: () => undefined }
}

/** The same parameter with a default. */
export function withDefault<T>(param: Param<T>, value: T): Param<T> {
  return { schema: param.schema, required: false, parse: param.parse, absent: () => value }
}

/** The same parameter with a further condition; `reason` returns undefined when it holds. */
export function invalidWhen<T>(param: Param<T>, reason: (value: T) => string | undefined): Param<T> {
  return {
    ...param,
    parse: (json) => {
      const value = param.parse(json)
      const broken = reason(value)
      if (broken !== undefined) throw new Error(broken)
      return value
    },
  }
}

/** Hex text with a small x: `0X` is accepted, as by geth. */
function hexText(json: Json): Json {
  return typeof json === 'string' && json.startsWith('0X') ? `0x${json.slice(2)}` : json
}

/** A quantity: 0x and up to 64 hex digits without leading zeros. Throws an Error with the reason. */
export function parseQuantity(given: Json): bigint {
  const json = hexText(given)
  if (typeof json !== 'string') throw new Error('expected a quantity as a 0x hex string')
  if (!json.startsWith('0x')) throw new Error('hex string without 0x prefix')
  if (json.length === 2) throw new Error('empty hex number')
  if (json.length > 66) throw new Error('hex number exceeds 256 bits')
  if (!/^0x[0-9a-fA-F]+$/.test(json)) throw new Error('invalid hex digits')
  if (json.length > 3 && json[2] === '0') throw new Error('hex number with leading zero digits')
  return BigInt(json)
}

/** A quantity that is a safe integer. */
export function parseUint(json: Json): number {
  const value = parseQuantity(json)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error('number out of range')
  return Number(value)
}

/** Highest number that geth takes for a height. */
const HEIGHT_MAX = 2n ** 63n - 1n

/** A height or an index. Those above any that exist are valid, so that the answer to them is null. */
function parsePlace(json: Json): number {
  const value = parseQuantity(json)
  if (value > HEIGHT_MAX) throw new Error('number larger than int64')
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value)
}

/** 0x hex of whole bytes, at most `bytesMax`. */
export function parseData(given: Json, bytesMax: number): Uint8Array {
  const json = hexText(given)
  if (typeof json !== 'string' || !json.startsWith('0x')) throw new Error('expected bytes as a 0x hex string')
  if (json.length > 2 + 2 * bytesMax) throw new Error(`expected at most ${bytesMax} bytes`)
  if (json.length % 2 !== 0) throw new Error('hex string of odd length')
  // Buffer.from stops at the first non-hex digit, so a short result means an invalid one.
  const bytes = Buffer.from(json.slice(2), 'hex')
  if (bytes.length * 2 + 2 !== json.length) throw new Error('invalid hex digits')
  return new Uint8Array(bytes)
}

export function parseAddressJson(given: Json): Address {
  const json = hexText(given)
  const address = typeof json === 'string' ? parseAddress(json) : undefined
  if (address === undefined) throw new Error('expected an address, 20 bytes as 0x hex')
  return address
}

export function parseHashJson(given: Json): Hash32 {
  const json = hexText(given)
  const hash = typeof json === 'string' ? parseHash32(json) : undefined
  if (hash === undefined) throw new Error('expected 32 bytes as 0x hex')
  return hash
}

/** A tag, a quantity, a block hash, or EIP-1898's object. */
export function parseBlockSelector(json: Json): BlockSelector {
  if (json === 'latest' || json === 'safe' || json === 'finalized') return LATEST
  if (json === 'pending') return PENDING
  if (json === 'earliest') return EARLIEST
  if (typeof json === 'string') {
    if (json.length === 66) return { kind: 'hash', hash: parseHashJson(json) }
    return { kind: 'height', height: parsePlace(json) }
  }
  if (json !== null && typeof json === 'object' && !Array.isArray(json)) {
    const { blockHash, blockNumber } = json as { readonly [name: string]: Json | undefined }
    if (blockHash !== undefined && blockNumber !== undefined)
      throw new Error('cannot specify both blockHash and blockNumber, choose one or the other')
    if (blockHash !== undefined) return { kind: 'hash', hash: parseHashJson(blockHash) }
    if (blockNumber !== undefined) return parseBlockSelector(blockNumber)
  }
  throw new Error(
    'expected a block number, a tag (latest, pending, earliest, safe, finalized) or a block hash',
  )
}

export const QUANTITY_SCHEMA: JsonSchema = { type: 'string', pattern: '^0x(0|[1-9a-f][0-9a-f]*)$' }
const DECIMAL_SCHEMA: JsonSchema = { type: 'string', pattern: '^[0-9]{1,16}$' }
export const DATA_SCHEMA: JsonSchema = { type: 'string', pattern: '^0x([0-9a-f]{2})*$' }
export const HASH_SCHEMA: JsonSchema = { type: 'string', pattern: '^0x[0-9a-fA-F]{64}$' }
export const ADDRESS_SCHEMA: JsonSchema = { type: 'string', pattern: '^0x[0-9a-fA-F]{40}$' }
/** Alternatives overlap: a hash without leading zeros is a quantity too. */
export const BLOCK_SCHEMA: JsonSchema = {
  anyOf: [
    { enum: ['latest', 'pending', 'earliest', 'safe', 'finalized'] },
    QUANTITY_SCHEMA,
    HASH_SCHEMA,
    {
      type: 'object',
      properties: {
        blockHash: HASH_SCHEMA,
        blockNumber: QUANTITY_SCHEMA,
        requireCanonical: { type: 'boolean' },
      },
    },
  ],
}

export const p = {
  address: required(ADDRESS_SCHEMA, parseAddressJson),
  hash: required(HASH_SCHEMA, parseHashJson),
  txId: required(HASH_SCHEMA, (json): TxId => parseHashJson(json) as Uint8Array),
  quantity: required(QUANTITY_SCHEMA, parseQuantity),
  /** An index in a list. */
  index: required(QUANTITY_SCHEMA, parsePlace),
  /** A storage slot; clients send a quantity or 32 padded bytes. */
  data32OrQuantity: required({ type: 'string', pattern: '^0x[0-9a-fA-F]{1,64}$' }, (given) => {
    const json = hexText(given)
    if (typeof json !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(json))
      throw new Error('expected a storage slot as 0x hex of at most 32 bytes')
    return json
  }),
  /** A quantity or a JSON integer. */
  uintOrInteger: required({ oneOf: [QUANTITY_SCHEMA, { type: 'integer', minimum: 0 }] }, (json) => {
    if (typeof json !== 'number') return parseUint(json)
    if (!isWholeNumber(json)) throw new Error('expected a non-negative integer')
    return json
  }),
  /** A quantity, a JSON integer or a decimal string, as geth takes for counts. */
  count: required({ oneOf: [QUANTITY_SCHEMA, { type: 'integer', minimum: 0 }, DECIMAL_SCHEMA] }, (json) => {
    const value = typeof json === 'string' && /^[0-9]{1,16}$/.test(json) ? Number(json) : json
    if (typeof value !== 'number') return parseUint(value)
    if (!isWholeNumber(value)) throw new Error('expected a non-negative integer')
    return value
  }),
  block: required(BLOCK_SCHEMA, parseBlockSelector),
  /** Default: latest, as on every Ethereum node. */
  blockOrLatest: withDefault(required(BLOCK_SCHEMA, parseBlockSelector), LATEST),
  /** Native methods: heights are integers; tags and hashes as in `eth_`. Default: latest. */
  atBlock: withDefault(
    required<BlockSelector>({ oneOf: [{ type: 'integer', minimum: 0 }, BLOCK_SCHEMA] }, (json) => {
      if (typeof json !== 'number') return parseBlockSelector(json)
      if (!isWholeNumber(json)) throw new Error('expected a height')
      return { kind: 'height', height: json }
    }),
    LATEST,
  ),
  bool: required({ type: 'boolean' }, (json) => {
    if (typeof json !== 'boolean') throw new Error('expected true or false')
    return json
  }),
  data: (bytesMax: number): Param<Uint8Array> => required(DATA_SCHEMA, (json) => parseData(json, bytesMax)),
  text: (lengthMax: number): Param<string> =>
    required({ type: 'string', maxLength: lengthMax }, (json) => {
      if (typeof json !== 'string' || json.length > lengthMax)
        throw new Error(`expected a string of at most ${lengthMax} characters`)
      return json
    }),
  /** Any JSON value; the method validates it. */
  json: required({}, (json) => json),
  /** A native value in its schema's JSON form. */
  field: <T>(field: Field<T>): Param<T> => ({
    schema: field.jsonSchema,
    required: field.optional !== true,
    parse: (json) => field.fromJson(json),
    absent: () => field.absent(),
  }),
} as const
