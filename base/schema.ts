// A schema is a value: one definition gives the static type, canonical protobuf bytes, JSON and ABI type. READ FIRST.
// Owns: messages and the list of kinds. Not: the kinds (fields.ts), module definitions (moduleDefinition.ts), ABI bytes (abi.ts).
import protobuf from 'protobufjs/minimal.js'
import { assert } from './assert.ts'
import { errorText } from './errors.ts'
import {
  type AbiValue,
  type AnyField,
  type Field,
  type Fields,
  type InferFields,
  type Json,
  SchemaError,
  under,
} from './field.ts'
import {
  bigField,
  bool,
  bytesField,
  list,
  mustBeCanonical,
  oneOf,
  optional,
  readShort,
  textField,
  uintField,
} from './fields.ts'
import type { Address, AmountBase, Hash32 } from './ids.ts'
import { AMOUNT_MAX } from './units.ts'

type Writer = protobuf.Writer
type Reader = protobuf.Reader

/** A writer with a larger buffer is not kept. */
const WRITER_BYTES_MAX = 65_536
/** The writer that nobody uses: its buffer serves one encoding after another. */
let idleWriter: Writer | undefined

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
  const end = readShort(reader) + reader.pos
  if (end > reader.len) throw new SchemaError('truncated list')
  // An empty list is not written.
  mustBeCanonical(reader.pos < end)
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
    const tag = readShort(reader)
    const number = tag >>> 3
    while (next < entries.length && entries[next]!.number < number) absentInto(out, entries[next++]!)
    const entry = entries[next]
    if (entry === undefined || entry.number !== number)
      throw new SchemaError(`unknown or misplaced field ${number}`)
    const wire = entry.field.list === undefined ? entry.field.wire : 2
    if ((tag & 7) !== wire) throw new SchemaError('wrong wire type', entry.name)
    try {
      if (entry.field.list === undefined) {
        const value: unknown = entry.field.read(reader)
        mustBeCanonical(!entry.field.isDefault(value))
        out[entry.name] = value
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

function entriesOf(
  name: string,
  fields: Fields,
  numbers: { readonly [name: string]: number } | undefined,
): readonly Entry[] {
  let last = 0
  return Object.entries(fields).map(([fieldName, field], i) => {
    assert(!/^\d/.test(fieldName), `${name}.${fieldName} looks like an integer`)
    const number = numbers === undefined ? i + 1 : numbers[fieldName]!
    assert(number > last, `${name}.${fieldName}: number ${number} after ${last}`)
    last = number
    return { name: fieldName, number, field }
  })
}

/**
 * Defines a message from its fields; numbers are 1, 2, 3 … in order and append-only, or those given for all fields,
 * ascending.
 */
export function message<const F extends Fields>(
  name: string,
  fields: F,
  numbers?: { readonly [N in keyof F]: number },
): Message<InferFields<F>> {
  type T = InferFields<F>
  const entries = entriesOf(name, fields, numbers)
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
    // One that fails leaves its writer to the collector.
    const writer = idleWriter ?? new protobuf.Writer()
    idleWriter = undefined
    writeAll(writer, value)
    const bytes = writer.finish(true).slice()
    if (bytes.length <= WRITER_BYTES_MAX) idleWriter = writer.reset()
    return bytes
  }
  const decode = (bytes: Uint8Array): T => {
    const reader = new protobuf.Reader(bytes)
    try {
      return readFields(reader, entries, reader.len) as T
    } catch (error) {
      throw error instanceof SchemaError ? error : new SchemaError(errorText(error))
    }
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
      const end = readShort(reader) + reader.pos
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
  /** Like `bytes`, but decoded values are views: for parts that do not outlive the decoded bytes. */
  view: (sizeMax: number): Field<Uint8Array> =>
    bytesField({ kind: 'bytes', sizeMin: 0, sizeMax, abi: { kind: 'bytes' }, isView: true }),
  text: textField,
  oneOf,
  list,
  optional,
} as const

/** Marks an event field as a log topic. */
export function indexed<T>(field: Field<T>): Field<T> {
  return { ...field, indexed: true }
}
