// The kinds of fields behind `t`. Owns: wire, JSON and ABI form of each kind. Not: messages (schema.ts).
import type protobuf from 'protobufjs/minimal.js'
import { assert } from './assert.ts'
import { bigintToBytes, bytesToBigint, equalBytes, parseHex, toHex, utf8 } from './bytes.ts'
import { type AbiType, type AbiValue, type Field, type Json, SchemaError, under } from './field.ts'

type Reader = protobuf.Reader

/** Throws SchemaError unless what was read is what would be written: one value has one encoding. */
export function mustBeCanonical(is: boolean): void {
  if (!is) throw new SchemaError('not the canonical encoding')
}

/** Bytes of the shortest varint. */
function varintBytes(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}

/** Bytes of the longest varint of a safe integer. */
const SAFE_VARINT_MAX = 8

/**
 * A varint as a safe integer; throws SchemaError beyond, and when it is longer than it must be. By hand, because the reader's
 * own makes an object for 64 bits and a text of that.
 */
export function readVarint(reader: Reader): number {
  const { buf, pos, len } = reader
  let value = 0
  let unit = 1
  for (let i = 0; ; i++) {
    if (pos + i >= len) throw new SchemaError('truncated integer')
    if (i === SAFE_VARINT_MAX) throw new SchemaError('integer beyond the safe range')
    const byte = buf[pos + i]!
    value += (byte & 127) * unit
    unit *= 128
    if (byte >= 128) continue
    if (!Number.isSafeInteger(value)) throw new SchemaError('integer beyond the safe range')
    mustBeCanonical(byte > 0 || i === 0)
    reader.pos = pos + i + 1
    return value
  }
}

/** The tag of a field or the length of what follows; throws SchemaError when it is longer than it must be. */
export function readShort(reader: Reader): number {
  const start = reader.pos
  // Bits beyond 32 are lost here, but a tag or a length of more than 28 bits is of no field and longer than any frame.
  const value = reader.uint32()
  mustBeCanonical(reader.pos - start === varintBytes(value))
  return value
}

/** A view of the bytes behind their length. */
function readBytes(reader: Reader): Uint8Array {
  const start = reader.pos
  const raw = reader.bytes()
  mustBeCanonical(reader.pos - start - raw.length === varintBytes(raw.length))
  return raw
}

export function uintField(bits: number, max: number): Field<number> {
  const check = (value: number): string | undefined =>
    Number.isSafeInteger(value) && value >= 0 && value <= max ? undefined : `expected an integer 0 to ${max}`
  const checked = (value: number): number => {
    const reason = check(value)
    if (reason !== undefined) throw new SchemaError(reason)
    return value
  }
  return {
    kind: `u${bits}`,
    wire: 0,
    proto: bits > 32 ? 'uint64' : 'uint32',
    isDefault: (value) => value === 0,
    absent: () => 0,
    write: (writer, value) => void writer.uint64(value),
    read: (reader) => checked(readVarint(reader)),
    check,
    toJson: (value) => value,
    fromJson: (json) => {
      if (typeof json !== 'number') throw new SchemaError(`expected an integer 0 to ${max}`)
      return checked(json)
    },
    jsonSchema: { type: 'integer', minimum: 0, maximum: max },
    abi: { kind: 'uint', bits },
    toAbi: (value) => BigInt(value),
    fromAbi: (value) => {
      if (typeof value !== 'bigint' || value > BigInt(max))
        throw new SchemaError(`expected an integer 0 to ${max}`)
      return Number(value)
    },
  }
}

export function bigField(kind: string, max: bigint, abiBits: number): Field<bigint> {
  const check = (value: bigint): string | undefined =>
    typeof value === 'bigint' && value >= 0n && value <= max ? undefined : `expected an amount 0 to ${max}`
  const checked = (value: bigint): bigint => {
    const reason = check(value)
    if (reason !== undefined) throw new SchemaError(reason)
    return value
  }
  return {
    kind,
    wire: 2,
    proto: 'bytes',
    isDefault: (value) => value === 0n,
    absent: () => 0n,
    write: (writer, value) => void writer.bytes(bigintToBytes(value)),
    read: (reader) => {
      const raw = readBytes(reader)
      if (raw.length > 32) throw new SchemaError('integer longer than 32 bytes')
      mustBeCanonical(raw[0] !== 0)
      return checked(bytesToBigint(raw))
    },
    check,
    toJson: (value) => value.toString(),
    fromJson: (json) => {
      if (typeof json !== 'string' || !/^(0|[1-9]\d{0,77})$/.test(json)) {
        throw new SchemaError('expected a decimal string in base units')
      }
      return checked(BigInt(json))
    },
    jsonSchema: { type: 'string', pattern: '^(0|[1-9][0-9]{0,77})$' },
    abi: { kind: 'uint', bits: abiBits },
    toAbi: (value) => value,
    fromAbi: (value) => {
      if (typeof value !== 'bigint') throw new SchemaError('expected an integer')
      return checked(value)
    },
  }
}

export function bytesField<T extends Uint8Array>(options: {
  kind: string
  sizeMin: number
  sizeMax: number
  abi: AbiType
  /** Decoded values are views of the decoded bytes. */
  isView?: boolean
}): Field<T> {
  const { sizeMin, sizeMax, isView = false } = options
  const expected = sizeMin === sizeMax ? `${sizeMin} bytes` : `${sizeMin} to ${sizeMax} bytes`
  const check = (value: T): string | undefined =>
    value instanceof Uint8Array && value.length >= sizeMin && value.length <= sizeMax
      ? undefined
      : `expected ${expected}`
  const checked = (value: Uint8Array): T => {
    const reason = check(value as T)
    if (reason !== undefined) throw new SchemaError(reason)
    return value as T
  }
  return {
    kind: options.kind,
    wire: 2,
    proto: 'bytes',
    isDefault: (value) => value.length === 0,
    absent: () => checked(new Uint8Array(0)),
    write: (writer, value) => void writer.bytes(value),
    // A copy: a view would keep the whole received frame alive (and a Buffer's own `slice` is a view).
    read: (reader) => checked(isView ? readBytes(reader) : new Uint8Array(readBytes(reader))),
    check,
    toJson: (value) => toHex(value),
    fromJson: (json) => {
      const parsed = typeof json === 'string' && json.startsWith('0x') ? parseHex(json) : undefined
      if (parsed === undefined) throw new SchemaError(`expected ${expected} as 0x hex`)
      return checked(parsed)
    },
    jsonSchema: {
      type: 'string',
      pattern: sizeMin === sizeMax ? `^0x[0-9a-fA-F]{${2 * sizeMin}}$` : '^0x([0-9a-fA-F]{2})*$',
    },
    abi: options.abi,
    toAbi: (value) => value,
    fromAbi: (value) => {
      if (!(value instanceof Uint8Array)) throw new SchemaError('expected bytes')
      return checked(value)
    },
  }
}

export const bool: Field<boolean> = {
  kind: 'bool',
  wire: 0,
  proto: 'bool',
  isDefault: (value) => !value,
  absent: () => false,
  write: (writer, value) => void writer.bool(value),
  read: (reader) => {
    const value = readVarint(reader)
    mustBeCanonical(value <= 1)
    return value === 1
  },
  check: (value) => (typeof value === 'boolean' ? undefined : 'expected true or false'),
  toJson: (value) => value,
  fromJson: (json) => {
    if (typeof json !== 'boolean') throw new SchemaError('expected true or false')
    return json
  },
  jsonSchema: { type: 'boolean' },
  abi: { kind: 'bool' },
  toAbi: (value) => value,
  fromAbi: (value) => {
    if (typeof value !== 'boolean') throw new SchemaError('expected a bool')
    return value
  },
}

const LONE_SURROGATE = /\p{Surrogate}/u

export function textField(sizeMax: number): Field<string> {
  const check = (value: string): string | undefined =>
    typeof value === 'string' && utf8(value).length <= sizeMax && !LONE_SURROGATE.test(value)
      ? undefined
      : `expected at most ${sizeMax} bytes of UTF-8`
  const checked = (value: string): string => {
    const reason = check(value)
    if (reason !== undefined) throw new SchemaError(reason)
    return value
  }
  return {
    kind: 'text',
    wire: 2,
    proto: 'string',
    isDefault: (value) => value === '',
    absent: () => '',
    write: (writer, value) => void writer.string(value),
    read: (reader) => {
      const { pos } = reader
      const raw = readBytes(reader)
      reader.pos = pos
      const value = checked(reader.string())
      // Malformed UTF-8 was replaced.
      mustBeCanonical(equalBytes(utf8(value), raw))
      return value
    },
    check,
    toJson: (value) => value,
    fromJson: (json) => {
      if (typeof json !== 'string') throw new SchemaError('expected a string')
      return checked(json)
    },
    jsonSchema: { type: 'string', maxLength: sizeMax },
    abi: { kind: 'string' },
    toAbi: (value) => value,
    fromAbi: (value) => {
      if (typeof value !== 'string') throw new SchemaError('expected a string')
      return checked(value)
    },
  }
}

export function oneOf<const N extends readonly string[]>(names: N): Field<N[number]> {
  type T = N[number]
  const check = (value: T): string | undefined =>
    names.includes(value) ? undefined : `expected one of ${names.join(', ')}`
  const at = (index: number): T => {
    const name = names[index]
    if (name === undefined) throw new SchemaError(`expected an index below ${names.length}`)
    return name
  }
  return {
    kind: 'oneOf',
    wire: 0,
    proto: 'uint32',
    isDefault: (value) => value === names[0],
    absent: () => at(0),
    write: (writer, value) => void writer.uint32(names.indexOf(value)),
    read: (reader) => at(readVarint(reader)),
    check,
    toJson: (value) => value,
    fromJson: (json) => {
      const reason = typeof json === 'string' ? check(json) : `expected one of ${names.join(', ')}`
      if (reason !== undefined) throw new SchemaError(reason)
      return json as T
    },
    jsonSchema: { enum: [...names] },
    abi: { kind: 'uint', bits: 8 },
    toAbi: (value) => BigInt(names.indexOf(value)),
    fromAbi: (value) => {
      if (typeof value !== 'bigint' || value >= BigInt(names.length)) {
        throw new SchemaError(`expected an index below ${names.length} (${names.join(', ')})`)
      }
      return at(Number(value))
    },
  }
}

export function list<T>(of: Field<T>, countMax: number): Field<readonly T[]> {
  const check = (value: readonly T[]): string | undefined => {
    if (!Array.isArray(value) || value.length > countMax) return `expected at most ${countMax} elements`
    for (let i = 0; i < value.length; i++) {
      const reason = of.check(value[i]!)
      if (reason !== undefined) return `[${i}]: ${reason}`
    }
    return undefined
  }
  const each = <A, B>(values: readonly A[], convert: (value: A) => B): B[] => {
    if (values.length > countMax) throw new SchemaError(`expected at most ${countMax} elements`)
    return values.map((value, i) => {
      try {
        return convert(value)
      } catch (error) {
        throw under(`[${i}]`, error)
      }
    })
  }
  return {
    kind: 'list',
    wire: 2,
    proto: `repeated ${of.proto}`,
    isDefault: (value) => value.length === 0,
    absent: () => [],
    write: () => assert(false, 'lists are written by their message'),
    read: () => assert(false, 'lists are read by their message') as never,
    check,
    toJson: (value) => value.map((v) => of.toJson(v)),
    fromJson: (json) => {
      if (!Array.isArray(json)) throw new SchemaError('expected an array')
      return each(json as readonly Json[], (v) => of.fromJson(v))
    },
    jsonSchema: { type: 'array', items: of.jsonSchema, maxItems: countMax },
    ...(of.abi === undefined ? {} : { abi: { kind: 'array', of: of.abi } as const }),
    toAbi: (value) => value.map((v) => of.toAbi(v)),
    fromAbi: (value) => {
      if (!Array.isArray(value)) throw new SchemaError('expected an array')
      return each(value as readonly AbiValue[], (v) => of.fromAbi(v))
    },
    list: { of: of as Field<unknown>, countMax },
  }
}

export function optional<T>(of: Field<T>): Field<T | undefined> {
  assert(of.list === undefined && of.optional === undefined, 'optional of a list or an optional')
  return {
    kind: 'optional',
    wire: of.wire,
    proto: `optional ${of.proto}`,
    isDefault: (value) => value === undefined,
    absent: () => undefined,
    write: (writer, value) => of.write(writer, value as T),
    read: (reader) => of.read(reader),
    check: (value) => (value === undefined ? undefined : of.check(value)),
    toJson: (value) => (value === undefined ? null : of.toJson(value)),
    fromJson: (json) => (json === null ? undefined : of.fromJson(json)),
    jsonSchema: { anyOf: [of.jsonSchema, { type: 'null' }] },
    toAbi: () => assert(false, 'optionals have no ABI form') as never,
    fromAbi: () => assert(false, 'optionals have no ABI form') as never,
    optional: true,
    inner: of as Field<unknown>,
    ...(of.struct === undefined ? {} : { struct: of.struct }),
  }
}
