// Ethereum transaction envelopes (WALLETS §1): types 2, 1 and protected 0, decoded once over the received bytes.
// Owns: shape, canonical form, hashes, signing. Not: nonce, balance, fees against the state (execute.ts, mempool).
import { recoverAddress } from '../base/address.ts'
import { assert } from '../base/assert.ts'
import { bytesKey, bytesToBigint, concatBytes, EMPTY_BYTES } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import { isCanonicalSignature, signHash } from '../base/crypto/secp256k1.ts'
import { ADDRESS_BYTES, type Address, HASH_BYTES, type Hash32, type TxId } from '../base/ids.ts'
import { TX_BYTES_MAX } from '../base/protocol/limits.ts'
import {
  decodeRlp,
  decodeRlpUint,
  encodeRlp,
  encodeRlpUint,
  RlpError,
  type RlpItem,
  readRlpSpan,
  rlpHeader,
} from '../base/rlp.ts'
import { AMOUNT_MAX } from '../base/units.ts'

export interface AccessListEntry {
  readonly address: Address
  readonly storageKeys: readonly Hash32[]
}

/** What the sender decides; the signature covers all of it. */
export interface TransactionFields {
  readonly type: 0 | 1 | 2
  readonly chainId: number
  readonly nonce: number
  /** Base units per gas. Types 0 and 1 have one gas price, which fills both fee fields. */
  readonly maxPriorityFeePerGas: bigint
  readonly maxFeePerGas: bigint
  readonly gasLimit: number
  readonly to: Address
  readonly valueBase: bigint
  readonly data: Uint8Array
  /** Accepted and without effect: there is no EVM. Always empty for type 0. */
  readonly accessList: readonly AccessListEntry[]
}

export interface Transaction extends TransactionFields {
  /** keccak-256 of `raw`, as the client computed it in advance. */
  readonly hash: TxId
  /** `bytesKey` of `hash`, for maps. */
  readonly key: string
  /** The received bytes, copied. */
  readonly raw: Uint8Array
  readonly r: bigint
  readonly s: bigint
  readonly yParity: 0 | 1
  readonly signingHash: Hash32
  /** r ‖ s ‖ yParity, 65 bytes, canonical (EIP-2). Like `signingHash`, recomputed on every read. */
  readonly signature: Uint8Array
}

export type EnvelopeFailureCode =
  | 'TooLarge'
  | 'UnsupportedType'
  | 'MalformedEnvelope'
  | 'UnprotectedLegacy'
  | 'WrongChainId'
  | 'CreationNotSupported'
  | 'NonceTooHigh'
  | 'GasLimitTooHigh'
  | 'ValueTooHigh'
  | 'FeeTooHigh'
  | 'TipAboveFeeCap'
  | 'InvalidSignature'

/** Why bytes are not a transaction of this chain; the wording is the one that Ethereum clients match. */
export interface EnvelopeFailure {
  readonly code: EnvelopeFailureCode
  readonly message: string
}

export type DecodedTransaction = { readonly transaction: Transaction } | { readonly failure: EnvelopeFailure }

const LIST_BASE = 0xc0
const TYPED_MAX = 0x7f
/** Items of each envelope, signature included. */
const ITEM_COUNT = { 0: 9, 1: 11, 2: 12 } as const
const NO_ACCESS_LIST: readonly AccessListEntry[] = []
/** Gas of the smallest transaction. */
export const TRANSFER_GAS = 21_000
/** Gas of a calldata byte. */
export const BYTE_GAS = 16
/** A byte of a proof: proofs are long, and everyone gains from them. */
const PROOF_BYTE_GAS = 2

/** Carries a failure out of the nested readers; never leaves this file. */
class Refused extends Error {
  readonly failure: EnvelopeFailure
  constructor(code: EnvelopeFailureCode, message: string) {
    super(message)
    this.failure = { code, message }
  }
}

function refuse(code: EnvelopeFailureCode, message: string): never {
  throw new Refused(code, message)
}

/** Start and end of each item of the last envelope read: its payload, or the whole encoding of a list. */
const starts = new Uint32Array(ITEM_COUNT[2])
const ends = new Uint32Array(ITEM_COUNT[2])
const span = { isList: false, start: 0, end: 0 }

/** Locates the items into `starts` and `ends`; returns where the first item's header begins. */
function findItems(raw: Uint8Array, type: 0 | 1 | 2): number {
  const outer = readRlpSpan(raw, type === 0 ? 0 : 1, raw.length)
  if (!outer.isList) throw new RlpError('expected a list')
  if (outer.end !== raw.length) throw new RlpError('bytes after the transaction')
  const itemCount = ITEM_COUNT[type]
  const accessListAt = type === 0 ? -1 : itemCount - 4
  let count = 0
  for (let at = outer.start; at < outer.end; count++) {
    if (count === itemCount) throw new RlpError(`more than ${itemCount} fields`)
    readRlpSpan(raw, at, outer.end, span)
    if (span.isList !== (count === accessListAt)) throw new RlpError('list and string confused')
    starts[count] = span.isList ? at : span.start
    ends[count] = span.end
    at = span.end
  }
  if (count !== itemCount) throw new RlpError(`fewer than ${itemCount} fields`)
  return outer.start
}

function payload(raw: Uint8Array, item: number): Uint8Array {
  return raw.subarray(starts[item]!, ends[item]!)
}

/** An item as an integer; like `decodeRlpUint`, but creates no view for values that a double holds exactly. */
function uint(raw: Uint8Array, item: number): bigint {
  const start = starts[item]!
  const end = ends[item]!
  if (end - start > 6) return decodeRlpUint(payload(raw, item))
  return BigInt(shortUint(raw, start, end))
}

function shortUint(raw: Uint8Array, start: number, end: number): number {
  if (start < end && raw[start] === 0) throw new RlpError('integer with a leading zero')
  let value = 0
  for (let at = start; at < end; at++) value = value * 256 + raw[at]!
  return value
}

function safeUint(raw: Uint8Array, item: number, code: EnvelopeFailureCode, message: string): number {
  if (ends[item]! - starts[item]! <= 6) return shortUint(raw, starts[item]!, ends[item]!)
  const value = uint(raw, item)
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? refuse(code, message) : Number(value)
}

function amount(raw: Uint8Array, item: number, code: EnvelopeFailureCode, message: string): bigint {
  const value = uint(raw, item)
  return value > AMOUNT_MAX ? refuse(code, message) : value
}

function checkChainId(have: bigint, want: number): void {
  if (have !== BigInt(want)) refuse('WrongChainId', `invalid chain id for signer: have ${have} want ${want}`)
}

function readAccessList(encoded: Uint8Array): readonly AccessListEntry[] {
  if (encoded.length === 1) return NO_ACCESS_LIST
  const list = decodeRlp(encoded) as readonly RlpItem[]
  return list.map((entry) => {
    if (entry instanceof Uint8Array || entry.length !== 2) throw new RlpError('malformed access list entry')
    const [address, keys] = entry as readonly [RlpItem, RlpItem]
    if (!(address instanceof Uint8Array) || address.length !== ADDRESS_BYTES || keys instanceof Uint8Array) {
      throw new RlpError('malformed access list entry')
    }
    const storageKeys = keys.map((key) => {
      if (!(key instanceof Uint8Array) || key.length !== HASH_BYTES)
        throw new RlpError('malformed storage key')
      return key
    })
    return { address, storageKeys }
  })
}

/** The parity in a protected legacy `v` (EIP-155), after checking its chain id. */
function legacyParity(v: bigint, chainId: number): number {
  if (v === 0n || v === 1n || v === 27n || v === 28n) {
    refuse('UnprotectedLegacy', 'only replay-protected (EIP-155) transactions allowed over RPC')
  }
  if (v < 35n) refuse('InvalidSignature', 'invalid transaction v, r, s values')
  checkChainId((v - 35n) / 2n, chainId)
  return Number((v - 35n) % 2n)
}

function typedParity(v: bigint): number {
  return v > 1n ? refuse('InvalidSignature', 'invalid transaction v, r, s values') : Number(v)
}

const SIGNATURE_BYTES = 65
const joined = new Uint8Array(SIGNATURE_BYTES)

/** Writes an item as 32 bytes that end at `to` in `joined`. */
function joinHalf(raw: Uint8Array, item: number, to: number): void {
  const start = starts[item]!
  const size = ends[item]! - start
  if (size > 32) refuse('InvalidSignature', 'invalid transaction v, r, s values')
  if (size > 0 && raw[start] === 0) throw new RlpError('integer with a leading zero')
  joined.fill(0, to - 32, to - size)
  for (let i = 0; i < size; i++) joined[to - size + i] = raw[start + i]!
}

/** Writes r ‖ s ‖ yParity of the items located last into `joined`; rejects a signature that is not canonical. */
function joinSignature(raw: Uint8Array, type: 0 | 1 | 2, yParity: number): void {
  joinHalf(raw, ITEM_COUNT[type] - 2, 32)
  joinHalf(raw, ITEM_COUNT[type] - 1, 64)
  joined[SIGNATURE_BYTES - 1] = yParity
  if (!isCanonicalSignature(joined)) refuse('InvalidSignature', 'invalid transaction v, r, s values')
}

/** Buffer for the bytes to hash; most envelopes fit. */
const preimage = new Uint8Array(512)

/** The unsigned items are a prefix of the received ones, so their bytes are hashed as received. */
function signingHashOf(raw: Uint8Array, type: 0 | 1 | 2, chainId: number): Hash32 {
  const first = findItems(raw, type)
  const unsigned = raw.subarray(first, ends[ITEM_COUNT[type] - 4]!)
  const suffix =
    type === 0 ? concatBytes(encodeRlp(encodeRlpUint(chainId)), new Uint8Array([0x80, 0x80])) : EMPTY_BYTES
  const header = rlpHeader(true, unsigned.length + suffix.length)
  const prefixSize = type === 0 ? 0 : 1
  const size = prefixSize + header.length + unsigned.length + suffix.length
  const out = size <= preimage.length ? preimage : new Uint8Array(size)
  if (type !== 0) out[0] = raw[0]!
  out.set(header, prefixSize)
  out.set(unsigned, prefixSize + header.length)
  out.set(suffix, size - suffix.length)
  return keccak256(out.subarray(0, size))
}

/**
 * A class because thousands wait in a pool: values that follow from the bytes and are used once (signing hash,
 * signature) are computed on demand and not kept.
 */
class Envelope implements Transaction {
  readonly type: 0 | 1 | 2
  readonly hash: TxId
  readonly key: string
  readonly raw: Uint8Array
  readonly chainId: number
  readonly nonce: number
  readonly maxPriorityFeePerGas: bigint
  readonly maxFeePerGas: bigint
  readonly gasLimit: number
  readonly to: Address
  readonly valueBase: bigint
  readonly data: Uint8Array
  readonly accessList: readonly AccessListEntry[]
  readonly yParity: 0 | 1

  constructor(fields: TransactionFields, signed: { raw: Uint8Array; hash: TxId; yParity: number }) {
    this.type = fields.type
    this.hash = signed.hash
    this.key = bytesKey(signed.hash)
    this.raw = signed.raw
    this.chainId = fields.chainId
    this.nonce = fields.nonce
    this.maxPriorityFeePerGas = fields.maxPriorityFeePerGas
    this.maxFeePerGas = fields.maxFeePerGas
    this.gasLimit = fields.gasLimit
    this.to = fields.to
    this.valueBase = fields.valueBase
    this.data = fields.data
    this.accessList = fields.accessList
    this.yParity = signed.yParity === 0 ? 0 : 1
  }

  get signingHash(): Hash32 {
    return signingHashOf(this.raw, this.type, this.chainId)
  }

  get signature(): Uint8Array {
    findItems(this.raw, this.type)
    joinSignature(this.raw, this.type, this.yParity)
    return joined.slice()
  }

  recover(): Address | undefined {
    // This also locates the items.
    const hash = this.signingHash
    joinSignature(this.raw, this.type, this.yParity)
    return recoverAddress(hash, joined)
  }

  get r(): bigint {
    return bytesToBigint(this.signature.subarray(0, 32))
  }

  get s(): bigint {
    return bytesToBigint(this.signature.subarray(32, 64))
  }
}

function decodeEnvelope(
  raw: Uint8Array,
  options: { readonly type: 0 | 1 | 2; readonly chainId: number; readonly hash: TxId | undefined },
): Transaction {
  const { type, chainId } = options
  findItems(raw, type)
  // Types 1 and 2 begin with the chain id; type 2 has two fees where the others have one price.
  let next = 0
  if (type !== 0) checkChainId(uint(raw, next++), chainId)
  const nonce = safeUint(raw, next++, 'NonceTooHigh', 'nonce has max value')
  const maxPriorityFeePerGas = amount(
    raw,
    next++,
    'FeeTooHigh',
    'max priority fee per gas higher than 2^128-1',
  )
  const maxFeePerGas =
    type === 2
      ? amount(raw, next++, 'FeeTooHigh', 'max fee per gas higher than 2^128-1')
      : maxPriorityFeePerGas
  const gasLimit = safeUint(raw, next++, 'GasLimitTooHigh', 'exceeds block gas limit')
  const to = payload(raw, next++)
  const valueBase = amount(raw, next++, 'ValueTooHigh', 'value higher than 2^128-1')
  const dataAt = next++
  const data = starts[dataAt] === ends[dataAt] ? EMPTY_BYTES : payload(raw, dataAt)
  const accessList = type === 0 ? NO_ACCESS_LIST : readAccessList(payload(raw, next++))
  const v = uint(raw, next++)
  const yParity = type === 0 ? legacyParity(v, chainId) : typedParity(v)

  if (to.length === 0) refuse('CreationNotSupported', 'contract creation is not supported: there is no EVM')
  if (to.length !== ADDRESS_BYTES) throw new RlpError('recipient is not 20 bytes')
  if (maxPriorityFeePerGas > maxFeePerGas) {
    refuse(
      'TipAboveFeeCap',
      `max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: ${maxPriorityFeePerGas}, maxFeePerGas: ${maxFeePerGas}`,
    )
  }
  joinSignature(raw, type, yParity)
  assert(next + 2 === ITEM_COUNT[type], 'every field of the envelope was read')
  const hash: Uint8Array = options.hash ?? keccak256(raw)
  return new Envelope(
    {
      type,
      chainId,
      nonce,
      maxPriorityFeePerGas,
      maxFeePerGas,
      gasLimit,
      to,
      valueBase,
      data,
      accessList,
    },
    { raw, hash, yParity },
  )
}

/**
 * Decodes received bytes for the chain `chainId`. Checks everything that needs no state, but recovers no key.
 * `hash` is the keccak-256 of `raw` when the caller has it.
 */
export function decodeTransaction(raw: Uint8Array, chainId: number, hash?: TxId): DecodedTransaction {
  if (raw.length > TX_BYTES_MAX) {
    const message = `oversized data: transaction size ${raw.length}, limit ${TX_BYTES_MAX}`
    return { failure: { code: 'TooLarge', message } }
  }
  const first = raw[0]
  if (first === undefined)
    return { failure: { code: 'MalformedEnvelope', message: 'rlp: transaction is empty' } }
  const type = first >= LIST_BASE ? 0 : first
  if (type !== 0 && type !== 1 && type !== 2) {
    return type <= TYPED_MAX
      ? { failure: { code: 'UnsupportedType', message: 'transaction type not supported' } }
      : { failure: { code: 'MalformedEnvelope', message: 'rlp: expected a list' } }
  }
  if (first === 0) return { failure: { code: 'UnsupportedType', message: 'transaction type not supported' } }
  try {
    // A copy, not a Buffer: a view would keep the whole received frame alive.
    return { transaction: decodeEnvelope(new Uint8Array(raw), { type, chainId, hash }) }
  } catch (error) {
    if (error instanceof Refused) return { failure: error.failure }
    if (error instanceof RlpError) return { failure: { code: 'MalformedEnvelope', message: error.message } }
    throw error
  }
}

/** The account that signed, or `undefined` when the signature matches no key. Costs tens of microseconds. */
export function recoverSender(
  transaction: Pick<Transaction, 'signingHash' | 'signature'>,
): Address | undefined {
  if (transaction instanceof Envelope) return transaction.recover()
  return recoverAddress(transaction.signingHash, transaction.signature)
}

/** 21,000 and 16 per calldata byte, zero bytes too; 2 per byte of a proof (WALLETS §1). */
export function bytesGas(transaction: Pick<Transaction, 'data'>, isProof = false): number {
  return TRANSFER_GAS + (isProof ? PROOF_BYTE_GAS : BYTE_GAS) * transaction.data.length
}

function unsignedItems(fields: TransactionFields): RlpItem[] {
  const uint = encodeRlpUint
  const price =
    fields.type === 2
      ? [uint(fields.maxPriorityFeePerGas), uint(fields.maxFeePerGas)]
      : [uint(fields.maxFeePerGas)]
  const body = [...price, uint(fields.gasLimit), fields.to, uint(fields.valueBase), fields.data]
  if (fields.type === 0) return [uint(fields.nonce), ...body]
  const accessList = fields.accessList.map((entry) => [entry.address, entry.storageKeys])
  return [uint(fields.chainId), uint(fields.nonce), ...body, accessList]
}

function envelopeBytes(type: 0 | 1 | 2, items: readonly RlpItem[]): Uint8Array {
  return type === 0 ? encodeRlp(items) : concatBytes(new Uint8Array([type]), encodeRlp(items))
}

/** The hash that the sender signs. */
export function signingHash(fields: TransactionFields): Hash32 {
  const items = unsignedItems(fields)
  if (fields.type === 0) items.push(encodeRlpUint(fields.chainId), EMPTY_BYTES, EMPTY_BYTES)
  return keccak256(envelopeBytes(fields.type, items))
}

/** The raw envelope of `fields` with a 65-byte signature. */
export function encodeTransaction(fields: TransactionFields, signature: Uint8Array): Uint8Array {
  assert(signature.length === 65, 'a signature has 65 bytes')
  assert(
    fields.type === 2 || fields.maxFeePerGas === fields.maxPriorityFeePerGas,
    'types 0 and 1 have one price',
  )
  assert(fields.type !== 0 || fields.accessList.length === 0, 'type 0 has no access list')
  const yParity = signature[64]!
  const v = fields.type === 0 ? BigInt(fields.chainId) * 2n + 35n + BigInt(yParity) : yParity
  const r = bytesToBigint(signature.subarray(0, 32))
  const s = bytesToBigint(signature.subarray(32, 64))
  return envelopeBytes(fields.type, [
    ...unsignedItems(fields),
    encodeRlpUint(v),
    encodeRlpUint(r),
    encodeRlpUint(s),
  ])
}

/** Signs and encodes; the result is what `eth_sendRawTransaction` takes. Throws on an invalid key. */
export function signTransaction(fields: TransactionFields, secretKey: Uint8Array): Uint8Array {
  return encodeTransaction(fields, signHash(signingHash(fields), secretKey))
}
