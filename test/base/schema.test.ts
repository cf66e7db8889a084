import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AssertionFailed } from '../../base/assert.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { type AbiValue, type AnyField, type Json, SchemaError } from '../../base/field.ts'
import { indexed, message, t } from '../../base/schema.ts'
import { AMOUNT_MAX } from '../../base/units.ts'

const pointSchema = message('Point', { x: t.u32, y: t.optional(t.u8) })
const everySchema = message('Every', {
  flag: t.bool,
  small: t.u8,
  medium: t.u16,
  height: t.u64,
  rate: t.ppm,
  amount: t.amount,
  wide: t.u256,
  owner: t.address,
  root: t.hash,
  tag: t.fixed(4),
  blob: t.bytes(40),
  name: t.text(24),
  kind: t.oneOf(['none', 'some', 'all']),
  counts: t.list(t.u32, 5),
  blobs: t.list(t.bytes(8), 4),
  point: pointSchema,
  points: t.list(pointSchema, 3),
  perhaps: t.optional(t.u64),
  maybe: t.optional(t.hash),
})
type Every = ReturnType<typeof everySchema.decode>

const anyPoint = fc.record(
  { x: fc.nat({ max: 0xffff_ffff }), y: fc.nat({ max: 255 }) },
  { requiredKeys: ['x'], noNullPrototype: true },
)
const bytesOf = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength })
const anyEvery: fc.Arbitrary<Every> = fc.record(
  {
    flag: fc.boolean(),
    small: fc.nat({ max: 255 }),
    medium: fc.nat({ max: 65_535 }),
    height: fc.maxSafeNat(),
    rate: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    amount: fc.bigInt({ min: 0n, max: AMOUNT_MAX }),
    wide: fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
    owner: bytesOf(20),
    root: bytesOf(32),
    tag: bytesOf(4),
    blob: bytesOf(0, 40),
    name: fc.string({ maxLength: 6, unit: 'grapheme-composite' }).filter((s) => Buffer.byteLength(s) <= 24),
    kind: fc.constantFrom('none' as const, 'some' as const, 'all' as const),
    counts: fc.array(fc.nat({ max: 0xffff_ffff }), { maxLength: 5 }),
    blobs: fc.array(bytesOf(0, 8), { maxLength: 4 }),
    point: anyPoint,
    points: fc.array(anyPoint, { maxLength: 3 }),
    perhaps: fc.maxSafeNat(),
    maybe: bytesOf(32),
  },
  {
    requiredKeys: [
      'flag',
      'small',
      'medium',
      'height',
      'rate',
      'amount',
      'wide',
      'owner',
      'root',
      'tag',
      'blob',
      'name',
      'kind',
      'counts',
      'blobs',
      'point',
      'points',
    ],
    noNullPrototype: true,
  },
)

const pair = message('Pair', { a: t.u32, b: t.bytes(4) })

describe('base.schema', () => {
  it('round-trips every value through bytes and JSON', () => {
    fc.assert(
      fc.property(anyEvery, (value) => {
        const bytes = everySchema.encode(value)
        assert.deepEqual(everySchema.decode(bytes), value)
        assert.deepEqual(everySchema.decode(Buffer.from(bytes)), value)
        const json = JSON.parse(JSON.stringify(everySchema.toJson(value))) as Json
        assert.deepEqual(everySchema.fromJson(json), value)
      }),
    )
  })

  it('accepts only one encoding of each value', () => {
    fc.assert(
      fc.property(anyEvery, fc.nat(), fc.nat({ max: 255 }), (value, position, byte) => {
        const bytes = everySchema.encode(value)
        bytes[position % bytes.length] = byte
        let decoded: Every
        try {
          decoded = everySchema.decode(bytes)
        } catch (error) {
          assert.ok(error instanceof SchemaError)
          return
        }
        assert.deepEqual(everySchema.encode(decoded), bytes)
      }),
      { numRuns: 400 },
    )
  })

  it('rejects arbitrary bytes with a SchemaError', () => {
    fc.assert(
      fc.property(bytesOf(0, 120), (bytes) => {
        assert.throws(() => everySchema.decode(bytes), SchemaError)
      }),
      { numRuns: 300 },
    )
  })

  it('writes standard protobuf', () => {
    assert.equal(toHex(pair.encode({ a: 150, b: fromHex('0102') })), '0x089601' + '12020102')
    assert.equal(toHex(pair.encode({ a: 0, b: new Uint8Array(0) })), '0x')
    const nested = message('Nested', { counts: t.list(t.u32, 4), points: t.list(pointSchema, 2) })
    const value = { counts: [1, 0, 300], points: [{ x: 1 }, { x: 0, y: 0 }] }
    assert.equal(toHex(nested.encode(value)), '0x0a040100ac02' + '12020801' + '12021000')
    assert.deepEqual(nested.decode(nested.encode(value)), value)
  })

  it('rejects every other encoding of the same message', () => {
    const refused = [
      ['0800', 'a default that is written'],
      ['08968100', 'a varint that is not minimal'],
      ['12010008' + '01', 'fields out of order'],
      ['08010802', 'a field twice'],
      ['1801', 'an unknown field'],
      ['0a0101', 'a wrong wire type'],
      ['1205' + '0102030405', 'a field beyond its bound'],
      ['12040102', 'a field cut short'],
      ['08', 'a missing value'],
      ['08ffffffff1f', 'an integer beyond its bound'],
      ['08ffffffffffffffff7f', 'an integer beyond the safe range'],
    ] as const
    for (const [hex, what] of refused) assert.throws(() => pair.decode(fromHex(hex)), SchemaError, what)
  })

  it('does not keep the received frame alive', () => {
    const frame = Buffer.alloc(1000)
    frame.set(pair.encode({ a: 1, b: fromHex('0102') }), 500)
    const decoded = pair.decode(frame.subarray(500, 506))
    assert.equal(decoded.b.buffer.byteLength, 2)
    assert.equal(Object.getPrototypeOf(decoded.b), Uint8Array.prototype)
    assert.equal(pair.encode(decoded).buffer.byteLength, 6)
  })

  it('names the invalid field', () => {
    const outer = message('Outer', { points: t.list(pointSchema, 2) })
    assert.throws(
      () =>
        outer.fromJson({
          points: [
            { x: 1, y: null },
            { x: -1, y: null },
          ],
        }),
      {
        code: 'SchemaError',
        path: 'points[1].x',
        message: 'points[1].x: expected an integer 0 to 4294967295',
      },
    )
    assert.throws(() => outer.decode(fromHex('0a020802' + '0a03080110')), { path: /^points\[1\]|^points/ })
    assert.throws(() => outer.encode({ points: [{ x: 2 ** 32 }] }), {
      code: 'AssertionFailed',
      message: /Outer\.points: \[0\]: x: expected an integer/,
    })
  })

  it('checks the length of lists on the wire before it builds them', () => {
    const three = message('Lists', { numbers: t.list(t.u32, 3), texts: t.list(t.text(4), 3) })
    assert.throws(() => three.decode(fromHex('0a0401020304')), /at most 3 elements/)
    assert.throws(() => three.decode(fromHex('120161'.repeat(4))), /at most 3 elements/)
    assert.throws(() => three.decode(fromHex('0a050102')), SchemaError)
    assert.throws(() => three.decode(fromHex('0a0180')), SchemaError)
    assert.throws(() => three.encode({ numbers: [1, 2, 3, 4], texts: [] }), AssertionFailed)
    assert.throws(() => three.fromJson({ numbers: [1, 2, 3, 4], texts: [] }), /at most 3 elements/)
    assert.throws(() => three.fromJson({ numbers: 'no', texts: [] }), /expected an array/)
  })

  it('distinguishes absent from default in optional fields', () => {
    assert.deepEqual(pointSchema.decode(pointSchema.encode({ x: 0, y: 0 })), { x: 0, y: 0 })
    assert.deepEqual(pointSchema.decode(pointSchema.encode({ x: 0 })), { x: 0 })
    assert.deepEqual(pointSchema.fromJson({ x: 1, y: null }), { x: 1 })
    assert.throws(() => message('Bad', { list: t.optional(t.list(t.u8, 2)) }), AssertionFailed)
    assert.throws(() => message('Bad', { twice: t.optional(t.optional(t.u8)) }), AssertionFailed)
  })

  it('requires nested messages and fixed bytes', () => {
    const outer = message('Outer', { point: pointSchema, owner: t.address })
    assert.throws(() => outer.decode(fromHex('')), { path: 'point', reason: 'missing' })
    assert.throws(() => outer.decode(fromHex('0a00')), { path: 'owner' })
    assert.throws(() => outer.encode({ owner: new Uint8Array(20) } as never), /point: missing/)
  })

  it('rejects JSON of another shape', () => {
    const cases: readonly (readonly [AnyField, Json])[] = [
      [t.bool, 1],
      [t.bool, 'true'],
      [t.u8, 256],
      [t.u8, '1'],
      [t.u8, 1.5],
      [t.u64, 2 ** 53],
      [t.amount, 1],
      [t.amount, '-1'],
      [t.amount, '01'],
      [t.amount, '0x1'],
      [t.amount, (AMOUNT_MAX + 1n).toString()],
      [t.ppm, (2n ** 64n).toString()],
      [t.address, `0x${'00'.repeat(19)}`],
      [t.address, '00'.repeat(20)],
      [t.hash, null],
      [t.bytes(2), '0x010203'],
      [t.bytes(2), '0x0g'],
      [t.text(3), 'four'],
      [t.text(9), '\ud800'],
      [t.text(3), 7],
      [t.oneOf(['a', 'b']), 'c'],
      [t.oneOf(['a', 'b']), 0],
      [pointSchema, { x: 1, y: null, z: 2 }],
      [pointSchema, []],
      [pointSchema, null],
    ]
    for (const [field, json] of cases) {
      assert.throws(() => field.fromJson(json), SchemaError, `${field.kind} ${JSON.stringify(json)}`)
    }
  })

  it('converts to and from ABI values within the same bounds', () => {
    const fields: readonly (readonly [AnyField, unknown])[] = [
      [t.bool, true],
      [t.u32, 7],
      [t.amount, 7n],
      [t.address, new Uint8Array(20).fill(1)],
      [t.text(9), 'abc'],
      [t.oneOf(['a', 'b']), 'b'],
      [t.list(t.u8, 3), [1, 2]],
      [message('Flat', { a: t.u8, b: t.bool }), { a: 1, b: false }],
    ]
    for (const [field, value] of fields) {
      assert.deepEqual(field.fromAbi(field.toAbi(value)), value)
      assert.notEqual(field.abi, undefined)
    }
    const refused: readonly (readonly [AnyField, AbiValue])[] = [
      [t.bool, 1n],
      [t.u8, 256n],
      [t.u8, 'x'],
      [t.amount, AMOUNT_MAX + 1n],
      [t.amount, true],
      [t.address, new Uint8Array(19)],
      [t.address, 'x'],
      [t.text(2), 'abc'],
      [t.text(2), 1n],
      [t.oneOf(['a', 'b']), 2n],
      [t.oneOf(['a', 'b']), 'a'],
      [t.list(t.u8, 1), [1n, 2n]],
      [t.list(t.u8, 1), 1n],
      [message('Flat', { a: t.u8 }), [256n]],
      [message('Flat', { a: t.u8 }), []],
    ]
    for (const [field, value] of refused) assert.throws(() => field.fromAbi(value), SchemaError, field.kind)
    assert.equal(pointSchema.abi, undefined)
    assert.throws(() => t.optional(t.u8).toAbi(1), AssertionFailed)
    assert.throws(() => t.optional(t.u8).fromAbi(1n), AssertionFailed)
  })

  it('describes itself as JSON Schema', () => {
    assert.deepEqual(pointSchema.jsonSchema, {
      type: 'object',
      properties: {
        x: { type: 'integer', minimum: 0, maximum: 4294967295 },
        y: { anyOf: [{ type: 'integer', minimum: 0, maximum: 255 }, { type: 'null' }] },
      },
      required: ['x'],
      additionalProperties: false,
    })
    assert.deepEqual(t.oneOf(['a', 'b']).jsonSchema, { enum: ['a', 'b'] })
  })

  it('rejects field names that JavaScript would reorder', () => {
    assert.throws(() => message('Bad', { 1: t.u8 }), AssertionFailed)
  })

  it('marks topics without changing the field', () => {
    const field = indexed(t.u64)
    assert.equal(field.indexed, true)
    assert.equal(field.kind, t.u64.kind)
    assert.equal(t.u64.indexed, undefined)
  })
})

describe('schema.message with given numbers', () => {
  it('writes the given field numbers and reads only those', () => {
    const sparse = message('Sparse', { a: t.u8, b: t.u8 }, { a: 3, b: 9 })
    assert.equal(toHex(sparse.encode({ a: 1, b: 2 })), '0x18014802')
    assert.deepEqual(sparse.decode(fromHex('4802')), { a: 0, b: 2 })
    assert.throws(() => sparse.decode(fromHex('0801')), /unknown or misplaced field 1/)
  })

  it('asserts that the numbers ascend', () => {
    assert.throws(() => message('Wrong', { a: t.u8, b: t.u8 }, { a: 9, b: 3 }), AssertionFailed)
    assert.throws(() => message('Wrong', { a: t.u8 }, { a: 0 }), AssertionFailed)
  })
})
