// A schema is a value: one definition gives the static type, canonical protobuf bytes, JSON and ABI type.
// Owns: field kinds and messages. Not: module definitions (module.ts), ABI bytes (abi.ts).
import protobuf from 'protobufjs/minimal.js'
import { assert } from './assert.ts'
import { bigintToBytes, bytesToBigint, equalBytes, parseHex, toHex, utf8 } from './bytes.ts'
import type { Address, AmountBase, Hash32 } from './ids.ts'
import { AMOUNT_MAX } from './units.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
export type JsonSchema = { readonly [name: string]: Json }
type Writer = protobuf.Writer
type Reader = protobuf.Reader

/** Malformed wire bytes or JSON; `path` names the field, e.g. `header.reserve.supply`. */
export class SchemaError extends Error {
  readonly code = 'SchemaError'
  readonly path: string
  readonly reason: string
  constructor(reason: string, path = '') {
    super(path === '' ? reason : `${path}: ${reason}`)
    this.name = 'SchemaError'
    this.path = path
    this.reason = reason
  }
}

function under(name: string, error: unknown): SchemaError {
  if (!(error instanceof SchemaError)) {
    return new SchemaError(error instanceof Error ? error.message : 'malformed', name)
  }
  const separator = error.path === '' || error.path.startsWith('[') ? '' : '.'
  return new SchemaError(error.reason, `${name}${separator}${error.path}`)
}

/** The Solidity type a field has in calldata, events and errors. */
export type AbiType =
  | { readonly kind: 'uint'; readonly bits: number }
  | { readonly kind: 'address' }
  | { readonly kind: 'bool' }
  | { readonly kind: 'fixedBytes'; readonly size: number }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'string' }
  | { readonly kind: 'array'; readonly of: AbiType }
  | {
      readonly kind: 'tuple'
      readonly components: readonly { readonly name: string; readonly type: AbiType }[]
    }

/** What the ABI coder speaks: uint → bigint, bytes → Uint8Array, tuples and arrays → arrays. */
export type AbiValue = bigint | boolean | string | Uint8Array | readonly AbiValue[]

export interface Field<T> {
  /** Short kind for documents and generators. */
  readonly kind: string
  /** Protobuf wire type: 0 varint, 2 length-delimited. */
  readonly wire: 0 | 2
  /** Type name in the exported `.proto` text. */
  readonly proto: string
  /** Proto3 default values are not written. */
  isDefault(value: T): boolean
  /** The value an absent field has; throws SchemaError when the field cannot be absent. */
  absent(): T
  write(writer: Writer, value: T): void
  /** Reads one value; bounds are checked. Throws SchemaError. */
  read(reader: Reader): T
  /** Reason why `value` is out of bounds, or undefined. */
  check(value: T): string | undefined
  toJson(value: T): Json
  /** Throws SchemaError naming what was expected. */
  fromJson(json: Json): T
  readonly jsonSchema: JsonSchema
  /** Absent for fields that cannot stand in calldata (optionals). */
  readonly abi?: AbiType
  toAbi(value: T): AbiValue
  /** Throws SchemaError when the ABI value is outside the field's bounds. */
  fromAbi(value: AbiValue): T
  /** Set on lists: element field and maximum length. */
  readonly list?: { readonly of: Field<unknown>; readonly countMax: number }
  /** Set on optionals: presence is explicit. */
  readonly optional?: true
  /** Set on optionals: the field of a present value. */
  readonly inner?: Field<unknown>
  /** Set on structs. */
  readonly struct?: { readonly name: string; readonly fields: Fields }
  /** Set on event fields that become log topics. */
  readonly indexed?: true
}

// biome-ignore lint/suspicious/noExplicitAny: a heterogeneous map of fields needs the variance hole of any
export type AnyField = Field<any>
export type Fields = { readonly [name: string]: AnyField }
export type Infer<F> = F extends Field<infer T> ? T : never
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends Infer<F[K]> ? K : never }[keyof F]
/** The object type that a map of fields describes; optional fields may be left out. */
export type InferFields<F extends Fields> = {
  [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]>
} & { [K in OptionalKeys<F>]?: Infer<F[K]> }

function readVarint(reader: Reader): number {
  const raw = reader.uint64() as unknown
  const value = typeof raw === 'number' ? raw : Number((raw as { toString(): string }).toString())
  if (!Number.isSafeInteger(value)) throw new SchemaError('integer beyond the safe range')
  return value
}

function uintField(bits: number, max: number): Field<number> {
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

function bigField(kind: string, max: bigint, abiBits: number): Field<bigint> {
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
      const raw = reader.bytes()
      if (raw.length > 32) throw new SchemaError('integer longer than 32 bytes')
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

function bytesField<T extends Uint8Array>(options: {
  kind: string
  sizeMin: number
  sizeMax: number
  abi: AbiType
}): Field<T> {
  const { sizeMin, sizeMax } = options
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
    read: (reader) => checked(new Uint8Array(reader.bytes())),
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

const bool: Field<boolean> = {
  kind: 'bool',
  wire: 0,
  proto: 'bool',
  isDefault: (value) => !value,
  absent: () => false,
  write: (writer, value) => void writer.bool(value),
  read: (reader) => readVarint(reader) === 1,
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

function textField(sizeMax: number): Field<string> {
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
    read: (reader) => checked(reader.string()),
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

function oneOf<const N extends readonly string[]>(names: N): Field<N[number]> {
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

function list<T>(of: Field<T>, countMax: number): Field<readonly T[]> {
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

function optional<T>(of: Field<T>): Field<T | undefined> {
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

function writeField(writer: Writer, number: number, field: AnyField, value: unknown): void {
  if (field.list !== undefined) {
    const { of } = field.list
    const values = value as readonly unknown[]
    if (values.length === 0) return
    if (of.wire === 0) {
      writer.uint32((number << 3) | 2).fork()
      for (const v of values) of.write(writer, v)
      writer.ldelim()
      return
    }
    for (const v of values) {
      writer.uint32((number << 3) | 2)
      of.write(writer, v)
    }
    return
  }
  if (field.isDefault(value)) return
  writer.uint32((number << 3) | field.wire)
  field.write(writer, value)
}

function readElements(reader: Reader, list: NonNullable<AnyField['list']>, into: unknown[]): void {
  if (list.of.wire === 2) {
    if (into.length >= list.countMax) throw new SchemaError(`expected at most ${list.countMax} elements`)
    into.push(list.of.read(reader))
    return
  }
  const end = reader.uint32() + reader.pos
  if (end > reader.len) throw new SchemaError('truncated list')
  while (reader.pos < end) {
    if (into.length >= list.countMax) throw new SchemaError(`expected at most ${list.countMax} elements`)
    into.push(list.of.read(reader))
  }
  if (reader.pos !== end) throw new SchemaError('list element crosses its end')
}

type Entry = { readonly name: string; readonly number: number; readonly field: AnyField }

function readFields(reader: Reader, entries: readonly Entry[], end: number): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  let next = 0
  while (reader.pos < end) {
    const tag = reader.uint32()
    const number = tag >>> 3
    while (next < entries.length && entries[next]!.number < number) absentInto(out, entries[next++]!)
    const entry = entries[next]
    if (entry === undefined || entry.number !== number)
      throw new SchemaError(`unknown or misplaced field ${number}`)
    const wire = entry.field.list === undefined ? entry.field.wire : 2
    if ((tag & 7) !== wire) throw new SchemaError('wrong wire type', entry.name)
    try {
      if (entry.field.list === undefined) {
        out[entry.name] = entry.field.read(reader)
        next++
      } else {
        const values = (out[entry.name] as unknown[] | undefined) ?? []
        readElements(reader, entry.field.list, values)
        out[entry.name] = values
        const repeats = entry.field.list.of.wire === 2 && reader.pos < end
        // A repeated element carries the same tag; peek without consuming.
        if (!(repeats && peekNumber(reader) === number)) next++
      }
    } catch (error) {
      throw under(entry.name, error)
    }
  }
  if (reader.pos !== end) throw new SchemaError('message crosses its end')
  while (next < entries.length) absentInto(out, entries[next++]!)
  return out
}

function peekNumber(reader: Reader): number {
  const at = reader.pos
  const number = reader.uint32() >>> 3
  reader.pos = at
  return number
}

function absentInto(out: Record<string, unknown>, entry: Entry): void {
  try {
    const value = entry.field.absent()
    if (value !== undefined) out[entry.name] = value
  } catch (error) {
    throw under(entry.name, error)
  }
}

/** A message: a struct field that also stands alone as canonical bytes. Field numbers follow the order. */
export interface Message<T> extends Field<T> {
  readonly name: string
  readonly fields: Fields
  /** Canonical protobuf bytes; asserts that every value is within its bounds. */
  encode(value: T): Uint8Array
  /** Strict: order, bounds, no unknown fields, and the bytes must be the canonical ones. Throws SchemaError. */
  decode(bytes: Uint8Array): T
}

/** Defines a message from its fields; numbers are 1, 2, 3 … in order and append-only. */
export function message<const F extends Fields>(name: string, fields: F): Message<InferFields<F>> {
  type T = InferFields<F>
  const entries: Entry[] = Object.entries(fields).map(([fieldName, field], i) => {
    assert(!/^\d/.test(fieldName), `${name}.${fieldName} looks like an integer`)
    return { name: fieldName, number: i + 1, field }
  })
  const record = (value: T): Record<string, unknown> => value as Record<string, unknown>
  const writeAll = (writer: Writer, value: T): void => {
    for (const e of entries) writeField(writer, e.number, e.field, record(value)[e.name])
  }
  const check = (value: T): string | undefined => {
    for (const e of entries) {
      const v = record(value)[e.name]
      if (v === undefined && e.field.optional !== true) return `${e.name}: missing`
      const reason = e.field.check(v)
      if (reason !== undefined) return `${e.name}: ${reason}`
    }
    return undefined
  }
  const encode = (value: T): Uint8Array => {
    const reason = check(value)
    assert(reason === undefined, `${name}.${reason}`)
    const writer = new protobuf.Writer()
    writeAll(writer, value)
    const bytes = writer.finish() as Uint8Array
    // Small results are views on a shared slab; one that is kept must not keep the slab.
    return bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice()
  }
  const decode = (bytes: Uint8Array): T => {
    const reader = new protobuf.Reader(bytes)
    let value: T
    try {
      value = readFields(reader, entries, reader.len) as T
    } catch (error) {
      throw error instanceof SchemaError ? error : new SchemaError((error as Error).message)
    }
    const writer = new protobuf.Writer()
    writeAll(writer, value)
    if (!equalBytes(writer.finish() as Uint8Array, bytes)) throw new SchemaError('not the canonical encoding')
    return value
  }
  const abiReady = entries.every((e) => e.field.abi !== undefined)
  return {
    kind: 'struct',
    name,
    fields,
    wire: 2,
    proto: name,
    // A nested message is always written, so that its absence is never ambiguous.
    isDefault: () => false,
    absent: () => {
      throw new SchemaError('missing')
    },
    write: (writer, value) => {
      writer.fork()
      writeAll(writer, value)
      writer.ldelim()
    },
    read: (reader) => {
      const end = reader.uint32() + reader.pos
      if (end > reader.len) throw new SchemaError('truncated message')
      return readFields(reader, entries, end) as T
    },
    check,
    toJson: (value) => {
      const out: Record<string, Json> = {}
      for (const e of entries) {
        const v = record(value)[e.name]
        if (v !== undefined) out[e.name] = e.field.toJson(v)
      }
      return out
    },
    fromJson: (json) => {
      if (json === null || typeof json !== 'object' || Array.isArray(json))
        throw new SchemaError('expected an object')
      const source = json as { readonly [name: string]: Json }
      for (const key of Object.keys(source))
        if (!Object.hasOwn(fields, key)) throw new SchemaError('unknown field', key)
      const out: Record<string, unknown> = {}
      for (const e of entries) {
        const v = source[e.name]
        if (v === undefined) {
          if (e.field.optional !== true) throw new SchemaError('missing', e.name)
          continue
        }
        try {
          const parsed = e.field.fromJson(v)
          if (parsed !== undefined) out[e.name] = parsed
        } catch (error) {
          throw under(e.name, error)
        }
      }
      return out as T
    },
    jsonSchema: {
      type: 'object',
      properties: Object.fromEntries(entries.map((e) => [e.name, e.field.jsonSchema])),
      required: entries.filter((e) => e.field.optional !== true).map((e) => e.name),
      additionalProperties: false,
    },
    ...(abiReady
      ? {
          abi: {
            kind: 'tuple',
            components: entries.map((e) => ({ name: e.name, type: e.field.abi! })),
          } as const,
        }
      : {}),
    toAbi: (value) => entries.map((e) => e.field.toAbi(record(value)[e.name])),
    fromAbi: (value) => {
      if (!Array.isArray(value) || value.length !== entries.length) throw new SchemaError('expected a tuple')
      const out: Record<string, unknown> = {}
      entries.forEach((e, i) => {
        try {
          out[e.name] = e.field.fromAbi((value as readonly AbiValue[])[i]!)
        } catch (error) {
          throw under(e.name, error)
        }
      })
      return out as T
    },
    struct: { name, fields },
    encode,
    decode,
  }
}

/** The field kinds. `max` arguments are inclusive bounds in bytes or elements. */
export const t = {
  bool,
  u8: uintField(8, 0xff),
  u16: uintField(16, 0xffff),
  u32: uintField(32, 0xffff_ffff),
  /** Heights, views, times, nonces, ids: a safe integer. */
  u64: uintField(64, Number.MAX_SAFE_INTEGER),
  /** Parts per million, as a bigint because it multiplies amounts. At most 2^64 − 1. */
  ppm: bigField('ppm', 2n ** 64n - 1n, 64),
  /** Base units, at most 2^128 − 1. */
  amount: bigField('amount', AMOUNT_MAX, 256) as Field<AmountBase>,
  u256: bigField('u256', 2n ** 256n - 1n, 256),
  address: bytesField<Address>({ kind: 'address', sizeMin: 20, sizeMax: 20, abi: { kind: 'address' } }),
  hash: bytesField<Hash32>({ kind: 'hash', sizeMin: 32, sizeMax: 32, abi: { kind: 'fixedBytes', size: 32 } }),
  /** Exactly `size` bytes; bytesN in the ABI up to 32, else bytes. */
  fixed: (size: number): Field<Uint8Array> =>
    bytesField({
      kind: 'fixed',
      sizeMin: size,
      sizeMax: size,
      abi: size <= 32 ? { kind: 'fixedBytes', size } : { kind: 'bytes' },
    }),
  bytes: (sizeMax: number): Field<Uint8Array> =>
    bytesField({ kind: 'bytes', sizeMin: 0, sizeMax, abi: { kind: 'bytes' } }),
  text: textField,
  oneOf,
  list,
  optional,
} as const

/** Marks an event field as a log topic. */
export function indexed<T>(field: Field<T>): Field<T> {
  return { ...field, indexed: true }
}
