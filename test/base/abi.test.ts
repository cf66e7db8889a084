import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type AbiParameter, encodeAbiParameters } from 'viem'
import { abiSignature, decodeAbi, encodeAbi, isDynamic } from '../../base/abi.ts'
import { bigintToFixed, concatBytes, fromHex, toHex } from '../../base/bytes.ts'
import { type AbiType, type AbiValue, SchemaError } from '../../base/field.ts'

const uint = (bits: number): AbiType => ({ kind: 'uint', bits })
const array = (of: AbiType): AbiType => ({ kind: 'array', of })
const tuple = (...types: AbiType[]): AbiType => ({
  kind: 'tuple',
  components: types.map((type, i) => ({ name: `m${i}`, type })),
})
const ADDRESS: AbiType = { kind: 'address' }
const BOOL: AbiType = { kind: 'bool' }
const BYTES: AbiType = { kind: 'bytes' }
const STRING: AbiType = { kind: 'string' }
const bytesN = (size: number): AbiType => ({ kind: 'fixedBytes', size })

const { type: anyType } = fc.letrec<{ type: AbiType }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', maxDepth: 2 },
    fc.constantFrom(uint(8), uint(64), uint(256), ADDRESS, BOOL, BYTES, STRING, bytesN(4), bytesN(32)),
    tie('type').map(array),
    fc.array(tie('type'), { minLength: 1, maxLength: 3 }).map((types) => tuple(...types)),
  ),
}))

function anyValue(type: AbiType): fc.Arbitrary<AbiValue> {
  switch (type.kind) {
    case 'uint':
      return fc.bigInt({ min: 0n, max: 2n ** BigInt(type.bits) - 1n })
    case 'address':
      return fc.uint8Array({ minLength: 20, maxLength: 20 })
    case 'bool':
      return fc.boolean()
    case 'fixedBytes':
      return fc.uint8Array({ minLength: type.size, maxLength: type.size })
    case 'bytes':
      return fc.uint8Array({ maxLength: 70 })
    case 'string':
      return fc.string({ maxLength: 40, unit: 'grapheme-composite' })
    case 'array':
      return fc.array(anyValue(type.of), { maxLength: 3 })
    case 'tuple':
      return fc.tuple(...type.components.map((c) => anyValue(c.type)))
  }
}

const anyCall = fc
  .array(anyType, { minLength: 1, maxLength: 4 })
  .chain((types) => fc.tuple(fc.constant(types), fc.tuple(...types.map(anyValue))))

function viemType(type: AbiType): AbiParameter {
  if (type.kind === 'tuple')
    return { type: 'tuple', components: type.components.map((c) => viemType(c.type)) }
  if (type.kind !== 'array') return { type: abiSignature(type) }
  const inner = viemType(type.of)
  return { ...inner, type: `${inner.type}[]` }
}

function viemValue(value: AbiValue): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  return Array.isArray(value) ? value.map(viemValue) : value
}

describe('base.abi', () => {
  it('encodes as viem does and decodes its own bytes', () => {
    fc.assert(
      fc.property(anyCall, ([types, values]) => {
        const encoded = encodeAbi(types, values)
        assert.equal(toHex(encoded), encodeAbiParameters(types.map(viemType), values.map(viemValue)))
        assert.deepEqual(decodeAbi(types, encoded), values)
        assert.deepEqual(decodeAbi(types, Buffer.from(encoded)), values)
      }),
      { numRuns: 150 },
    )
  })

  it('accepts only one encoding of each value', () => {
    fc.assert(
      fc.property(anyCall, fc.nat(), fc.nat({ max: 255 }), ([types, values], position, byte) => {
        const bytes = encodeAbi(types, values)
        if (bytes.length === 0) return
        bytes[position % bytes.length] = byte
        let decoded: AbiValue[]
        try {
          decoded = decodeAbi(types, bytes)
        } catch (error) {
          assert.ok(error instanceof SchemaError)
          return
        }
        assert.deepEqual(encodeAbi(types, decoded), bytes)
      }),
      { numRuns: 300 },
    )
  })

  it('writes Solidity signatures', () => {
    const type = array(tuple(ADDRESS, bytesN(32), array(uint(64)), STRING, BOOL, BYTES))
    assert.equal(abiSignature(type), '(address,bytes32,uint64[],string,bool,bytes)[]')
    assert.equal(isDynamic(type), true)
    assert.equal(isDynamic(tuple(ADDRESS, BOOL)), false)
    assert.equal(isDynamic(tuple(ADDRESS, BYTES)), true)
  })

  it('rejects dirty, short, long and reordered calldata with the reason', () => {
    const word = (value: bigint): Uint8Array => bigintToFixed(value, 32)
    const max = 2n ** 256n - 1n
    const cases: readonly (readonly [AbiType[], Uint8Array, RegExp])[] = [
      [[uint(8)], word(256n), /exceeds uint8/],
      [[BOOL], word(2n), /not a bool/],
      [[ADDRESS], word(2n ** 160n), /dirty address/],
      [[bytesN(4)], word(1n), /canonical/],
      [[bytesN(4)], new Uint8Array(31), /too short/],
      [[uint(8)], new Uint8Array(0), /too short/],
      [[uint(8)], concatBytes(word(1n), word(0n)), /canonical/],
      [[BYTES], concatBytes(word(32n), word(max)), /beyond the calldata/],
      [[BYTES], word(max), /beyond the calldata/],
      [[BYTES], concatBytes(word(32n), word(40n)), /too short/],
      [[BYTES], concatBytes(word(0n)), /canonical|too short/],
      [[BYTES, BYTES], concatBytes(word(64n), word(64n), word(0n)), /canonical/],
      [[array(uint(8))], concatBytes(word(32n), word(60n)), /array too long/],
      [[STRING], concatBytes(word(32n), word(1n), fromHex(`ff${'00'.repeat(31)}`)), /malformed calldata/],
    ]
    for (const [types, bytes, reason] of cases) {
      assert.throws(() => decodeAbi(types, bytes), { code: 'SchemaError', message: reason }, toHex(bytes))
    }
  })

  it('bounds length and depth', () => {
    const many = encodeAbi([array(BOOL)], [Array.from({ length: 4097 }, () => true)])
    assert.throws(() => decodeAbi([array(BOOL)], many), /array too long/)
    let deepType: AbiType = BOOL
    let deepValue: AbiValue = true
    for (let i = 0; i < 7; i++) {
      deepType = array(deepType)
      deepValue = [deepValue]
    }
    assert.throws(() => decodeAbi([deepType], encodeAbi([deepType], [deepValue])), /nested too deeply/)
  })
})
