// One value has one encoding: what `decode` takes is compared with a reader that takes any protobuf and encodes again.
import assert from 'node:assert/strict'
import { bytesToBigint, concatBytes, equalBytes } from '../../base/bytes.ts'
import { type AnyField, type Fields, SchemaError } from '../../base/field.ts'
import { type Message, message, t } from '../../base/schema.ts'
import { Random } from '../support/random.ts'

const innerSchema = message('Inner', { x: t.u32, y: t.optional(t.u8), z: t.list(t.bytes(3), 3) })
const everySchema = message('Every', {
  flag: t.bool,
  height: t.u64,
  amount: t.amount,
  root: t.optional(t.fixed(2)),
  blob: t.bytes(300),
  name: t.text(12),
  kind: t.oneOf(['none', 'some', 'all']),
  counts: t.list(t.u32, 4),
  flags: t.list(t.bool, 3),
  amounts: t.list(t.amount, 3),
  names: t.list(t.text(4), 3),
  inner: innerSchema,
  inners: t.list(innerSchema, 3),
  perhaps: t.optional(t.u64),
  maybe: t.optional(t.bool),
  sum: t.optional(t.amount),
  deep: t.optional(innerSchema),
  views: t.list(t.view(200), 4),
})
type Every = ReturnType<typeof everySchema.decode>

class Malformed extends Error {}

/** Any varint of up to ten bytes, cut to 64 bits. */
function varint(bytes: Uint8Array, at: { pos: number }): bigint {
  let value = 0n
  for (let i = 0n; i < 10n; i++) {
    const byte = bytes[at.pos++]
    if (byte === undefined) throw new Malformed()
    value |= BigInt(byte & 127) << (7n * i)
    if (byte < 128) return BigInt.asUintN(64, value)
  }
  throw new Malformed()
}

function chunk(bytes: Uint8Array, at: { pos: number }): Uint8Array {
  const size = Number(varint(bytes, at))
  if (at.pos + size > bytes.length) throw new Malformed()
  at.pos += size
  return bytes.slice(at.pos - size, at.pos)
}

function readAs(field: AnyField, raw: bigint | Uint8Array): unknown {
  if (field.struct !== undefined) return lenient(field.struct.fields, raw as Uint8Array)
  if (field.inner !== undefined) return readAs(field.inner, raw)
  if (raw instanceof Uint8Array) {
    if (field.proto === 'string') return new TextDecoder('utf-8', { ignoreBOM: true }).decode(raw)
    return field.kind === 'amount' ? bytesToBigint(raw) : raw
  }
  if (field.kind === 'bool') return raw !== 0n
  if (field.kind === 'oneOf') return (field.jsonSchema as { readonly enum: string[] }).enum[Number(raw)]
  return Number(raw)
}

/** The value of any protobuf bytes: fields in any order and repeated, unknown ones skipped, long varints, defaults. */
function lenient(fields: Fields, bytes: Uint8Array): Record<string, unknown> {
  const entries = Object.entries(fields)
  const out: Record<string, unknown> = {}
  for (const [name, field] of entries) if (field.list !== undefined) out[name] = []
  const at = { pos: 0 }
  while (at.pos < bytes.length) {
    const tag = varint(bytes, at)
    if ((tag & 7n) !== 0n && (tag & 7n) !== 2n) throw new Malformed()
    const raw = (tag & 7n) === 0n ? varint(bytes, at) : chunk(bytes, at)
    const entry = entries[Number(tag >> 3n) - 1]
    if (entry === undefined) continue
    const [name, field] = entry
    const { list } = field
    if ((raw instanceof Uint8Array ? 2 : 0) !== (list === undefined ? field.wire : 2)) throw new Malformed()
    if (list === undefined) out[name] = readAs(field, raw)
    else if (list.of.wire === 2) (out[name] as unknown[]).push(readAs(list.of, raw))
    else
      for (const inside = { pos: 0 }; inside.pos < (raw as Uint8Array).length; )
        (out[name] as unknown[]).push(readAs(list.of, varint(raw as Uint8Array, inside)))
  }
  for (const [name, field] of entries)
    if (out[name] === undefined && field.optional !== true) out[name] = field.absent()
  return out
}

/** Whether the bytes are those that their value is encoded to. */
function isCanonical<T>(schema: Message<T>, bytes: Uint8Array): boolean {
  try {
    const value = lenient(schema.fields, bytes) as T
    return schema.check(value) === undefined && equalBytes(schema.encode(value), bytes)
  } catch (error) {
    if (error instanceof Malformed || error instanceof SchemaError) return false
    throw error
  }
}

function isDecoded<T>(schema: Message<T>, bytes: Uint8Array): boolean {
  try {
    assert.deepEqual(schema.encode(schema.decode(bytes)), bytes)
    return true
  } catch (error) {
    if (error instanceof SchemaError) return false
    throw error
  }
}

const anyBytes = (random: Random, sizeMax: number): Uint8Array =>
  Uint8Array.from({ length: random.between(0, sizeMax) }, () => random.between(0, 255))

function many<T>(random: Random, make: () => T): T[] {
  return Array.from({ length: random.between(0, 3) }, make)
}

function anyInner(random: Random) {
  const x = random.pick([0, 1, 127, 128, 2 ** 32 - 1])
  const z = many(random, () => anyBytes(random, 3))
  return random.chance(0.5) ? { x, z } : { x, y: random.pick([0, 200]), z }
}

function anyEvery(random: Random): Every {
  const amount = () => random.pick([0n, 1n, 255n, 256n, 2n ** 80n])
  return {
    flag: random.chance(0.5),
    height: random.pick([0, 1, 16_384, Number.MAX_SAFE_INTEGER]),
    amount: amount(),
    blob: anyBytes(random, random.pick([0, 5, 300])),
    name: random.pick(['', 'abc', 'äö€', '算力', '\ufeffx']),
    kind: random.pick(['none', 'some', 'all'] as const),
    counts: many(random, () => random.pick([0, 1, 300])),
    flags: many(random, () => random.chance(0.5)),
    amounts: many(random, amount),
    names: many(random, () => random.pick(['', 'a', '力'])),
    inner: anyInner(random),
    inners: many(random, () => anyInner(random)),
    views: many(random, () => anyBytes(random, random.pick([3, 200]))),
    ...(random.chance(0.5) ? { root: Uint8Array.of(0, 1) } : {}),
    ...(random.chance(0.5) ? { perhaps: random.pick([0, 5]) } : {}),
    ...(random.chance(0.5) ? { maybe: random.chance(0.5) } : {}),
    ...(random.chance(0.5) ? { sum: amount() } : {}),
    ...(random.chance(0.5) ? { deep: anyInner(random) } : {}),
  }
}

/** Replaces `count` bytes at `at`. */
const splice = (bytes: Uint8Array, [at, count]: readonly [number, number], by: Uint8Array): Uint8Array =>
  concatBytes(bytes.subarray(0, at), by, bytes.subarray(at + count))

function mutated(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.between(0, Math.max(0, bytes.length - 1))
  const byte = bytes[at] ?? 0
  const to = Math.min(bytes.length, at + random.between(1, 6))
  switch (random.between(0, 6)) {
    case 0:
      return splice(bytes, [at, 1], Uint8Array.of(byte ^ (1 << random.between(0, 7))))
    case 1:
      return splice(bytes, [at, 1], Uint8Array.of(random.between(0, 255)))
    case 2:
      return splice(bytes, [at, 0], Uint8Array.of(random.between(0, 255)))
    case 3:
      return splice(bytes, [at, random.between(1, 3)], new Uint8Array(0))
    case 4:
      // A varint longer than it must be.
      return splice(
        bytes,
        [at, 1],
        Uint8Array.of(byte | 128, ...Array<number>(random.between(0, 4)).fill(128), 0),
      )
    case 5:
      // A default value that is written.
      return splice(bytes, [at, 0], Uint8Array.of(random.between(0, 18) * 8 + random.pick([0, 2]), 0))
    default:
      return splice(bytes, [at, 0], bytes.slice(at, to))
  }
}

const VALUES = 150
const MUTATIONS_OF_EACH = 12

describe('base.schema: canonical bytes', () => {
  it('takes exactly the bytes that a value is encoded to, whatever is done to them', () => {
    const random = new Random(7)
    let taken = 0
    let refused = 0
    for (let i = 0; i < VALUES; i++) {
      let bytes = everySchema.encode(anyEvery(random))
      assert.ok(isDecoded(everySchema, bytes) && isCanonical(everySchema, bytes))
      for (let j = 0; j < MUTATIONS_OF_EACH; j++) {
        const other = mutated(random, bytes)
        const is = isCanonical(everySchema, other)
        assert.equal(isDecoded(everySchema, other), is, Buffer.from(other).toString('hex'))
        if (is) bytes = other
        if (is) taken++
        else refused++
      }
    }
    assert.ok(taken > VALUES / 4 && refused > VALUES, `${taken} taken, ${refused} refused`)
  })

  it('agrees on arbitrary bytes of small messages', () => {
    const random = new Random(8)
    const small = message('Small', { a: t.u8, b: t.optional(t.bool), c: t.list(t.u8, 2), d: t.text(2) })
    for (let i = 0; i < 4_000; i++) {
      const bytes = Uint8Array.from({ length: random.between(0, 6) }, () =>
        random.chance(0.7) ? random.between(0, 34) : random.between(0, 255),
      )
      const hex = Buffer.from(bytes).toString('hex')
      assert.equal(isDecoded(small, bytes), isCanonical(small, bytes), hex)
    }
  })

  it('refuses each other form of one value', () => {
    const short = message('Short', {
      flag: t.bool,
      name: t.text(4),
      sum: t.optional(t.amount),
      counts: t.list(t.u8, 3),
      inner: t.optional(innerSchema),
    })
    const refused = [
      ['0802', 'true as two'],
      ['888000' + '01', 'a long tag'],
      ['1200', 'an empty text'],
      ['128100' + '61', 'a long length of a text'],
      ['1201ff', 'a text that is no UTF-8'],
      ['1a0100', 'zero as a byte'],
      ['1a020001', 'a number that begins with zero'],
      ['1a8100' + '01', 'a long length of a number'],
      ['2200', 'an empty list'],
      ['228100' + '01', 'a long length of a list'],
      ['22028100', 'a long element'],
      ['220101' + '220101', 'a list in two parts'],
      ['2a8000', 'a long length of a message'],
      ['2a020800', 'a default inside a message'],
    ] as const
    for (const [hex, what] of refused) {
      const bytes = new Uint8Array(Buffer.from(hex, 'hex'))
      assert.throws(() => short.decode(bytes), SchemaError, what)
      assert.equal(isCanonical(short, bytes), false, what)
    }
    assert.deepEqual(short.decode(Uint8Array.of(0x1a, 0)).sum, 0n)
  })
})
