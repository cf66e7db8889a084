// The Solidity ABI coder: strict in both directions. Owns: head/tail layout. Not: selectors (they need keccak, see moduleDefinition.ts).
import { bigintToFixed, bytesToBigint, concatBytes, equalBytes, utf8, utf8Text } from './bytes.ts'
import { type AbiType, type AbiValue, SchemaError } from './field.ts'

const WORD = 32
/** Most elements of a calldata array; schemas bound it further. */
const ARRAY_MAX = 4096
const DEPTH_MAX = 6

/** Canonical signature of a type: `uint64`, `bytes32`, `(address,uint256)[]`. */
export function abiSignature(type: AbiType): string {
  switch (type.kind) {
    case 'uint':
      return `uint${type.bits}`
    case 'fixedBytes':
      return `bytes${type.size}`
    case 'array':
      return `${abiSignature(type.of)}[]`
    case 'tuple':
      return `(${type.components.map((c) => abiSignature(c.type)).join(',')})`
    default:
      return type.kind
  }
}

/** Whether the type is encoded by offset. */
export function isDynamic(type: AbiType): boolean {
  if (type.kind === 'bytes' || type.kind === 'string' || type.kind === 'array') return true
  return type.kind === 'tuple' && type.components.some((c) => isDynamic(c.type))
}

function headSize(type: AbiType): number {
  if (type.kind === 'tuple' && !isDynamic(type))
    return type.components.reduce((n, c) => n + headSize(c.type), 0)
  return WORD
}

function padRight(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / WORD) * WORD)
  out.set(bytes)
  return out
}

function encodeOne(type: AbiType, value: AbiValue): Uint8Array {
  switch (type.kind) {
    case 'uint':
      return bigintToFixed(value as bigint, WORD)
    case 'bool':
      return bigintToFixed(value === true ? 1n : 0n, WORD)
    case 'address': {
      const out = new Uint8Array(WORD)
      out.set(value as Uint8Array, 12)
      return out
    }
    case 'fixedBytes':
      return padRight(value as Uint8Array)
    case 'bytes':
    case 'string': {
      const raw = type.kind === 'string' ? utf8(value as string) : (value as Uint8Array)
      return concatBytes(bigintToFixed(BigInt(raw.length), WORD), padRight(raw))
    }
    case 'array': {
      const values = value as readonly AbiValue[]
      const types = values.map(() => type.of)
      return concatBytes(bigintToFixed(BigInt(values.length), WORD), encodeAbi(types, values))
    }
    case 'tuple':
      return encodeAbi(
        type.components.map((c) => c.type),
        value as readonly AbiValue[],
      )
  }
}

/** Standard head/tail encoding of a parameter list. */
export function encodeAbi(types: readonly AbiType[], values: readonly AbiValue[]): Uint8Array {
  const heads: Uint8Array[] = []
  const tails: Uint8Array[] = []
  let offset = types.reduce((n, type) => n + headSize(type), 0)
  types.forEach((type, i) => {
    const encoded = encodeOne(type, values[i]!)
    if (!isDynamic(type)) {
      heads.push(encoded)
      return
    }
    heads.push(bigintToFixed(BigInt(offset), WORD))
    tails.push(encoded)
    offset += encoded.length
  })
  return concatBytes(...heads, ...tails)
}

function word(bytes: Uint8Array, at: number): Uint8Array {
  if (at + WORD > bytes.length) throw new SchemaError('calldata too short')
  return bytes.subarray(at, at + WORD)
}

function readLength(bytes: Uint8Array, at: number): number {
  const value = bytesToBigint(word(bytes, at))
  if (value > BigInt(bytes.length)) throw new SchemaError('offset or length beyond the calldata')
  return Number(value)
}

/** End of the last decoded dynamic value, relative to its enclosing sequence. */
interface Cursor {
  end: number
}

function decodeOne(
  type: AbiType,
  bytes: Uint8Array,
  at: number,
  place: { readonly depth: number; readonly cursor: Cursor },
): AbiValue {
  const { depth, cursor } = place
  switch (type.kind) {
    case 'uint': {
      const value = bytesToBigint(word(bytes, at))
      if (value >= 1n << BigInt(type.bits)) throw new SchemaError(`value exceeds uint${type.bits}`)
      return value
    }
    case 'bool': {
      const value = bytesToBigint(word(bytes, at))
      if (value > 1n) throw new SchemaError('not a bool')
      return value === 1n
    }
    case 'address':
      if (bytesToBigint(word(bytes, at).subarray(0, 12)) !== 0n) throw new SchemaError('dirty address')
      return new Uint8Array(bytes.subarray(at + 12, at + WORD))
    case 'fixedBytes':
      word(bytes, at)
      return new Uint8Array(bytes.subarray(at, at + type.size))
    case 'bytes':
    case 'string': {
      const length = readLength(bytes, at)
      if (at + WORD + length > bytes.length) throw new SchemaError('calldata too short')
      const raw = new Uint8Array(bytes.subarray(at + WORD, at + WORD + length))
      cursor.end = at + WORD + Math.ceil(length / WORD) * WORD
      return type.kind === 'bytes' ? raw : utf8Text(raw)
    }
    case 'array': {
      const count = readLength(bytes, at)
      if (count > ARRAY_MAX || count * WORD > bytes.length) throw new SchemaError('array too long')
      const types = Array.from({ length: count }, () => type.of)
      const values = decodeSequence(types, bytes.subarray(at + WORD), { depth: depth + 1, cursor })
      cursor.end += at + WORD
      return values
    }
    case 'tuple': {
      const types = type.components.map((c) => c.type)
      const values = decodeSequence(types, bytes.subarray(at), { depth: depth + 1, cursor })
      cursor.end += at
      return values
    }
  }
}

function decodeSequence(
  types: readonly AbiType[],
  bytes: Uint8Array,
  place: { readonly depth: number; readonly cursor: Cursor },
): AbiValue[] {
  const { depth, cursor } = place
  if (depth > DEPTH_MAX) throw new SchemaError('calldata nested too deeply')
  let at = 0
  let tail = types.reduce((n, type) => n + headSize(type), 0)
  const values = types.map((type) => {
    const head = at
    at += headSize(type)
    if (!isDynamic(type)) return decodeOne(type, bytes, head, place)
    // Each tail must begin where the previous one ends: overlapping offsets would multiply decoding work.
    if (readLength(bytes, head) !== tail) throw new SchemaError('calldata is not the canonical encoding')
    const value = decodeOne(type, bytes, tail, place)
    tail = cursor.end
    return value
  })
  cursor.end = tail
  return values
}

/** Decodes a parameter list; the bytes must be exactly what `encodeAbi` produces. Throws SchemaError. */
export function decodeAbi(types: readonly AbiType[], bytes: Uint8Array): AbiValue[] {
  let values: AbiValue[]
  try {
    values = decodeSequence(types, bytes, { depth: 0, cursor: { end: 0 } })
  } catch (error) {
    throw error instanceof SchemaError ? error : new SchemaError('malformed calldata')
  }
  if (!equalBytes(encodeAbi(types, values), bytes))
    throw new SchemaError('calldata is not the canonical encoding')
  return values
}
