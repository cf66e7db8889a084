import assert from 'node:assert/strict'
import { decodeRlp as ethersDecode, encodeRlp as ethersEncode } from 'ethers'
import fc from 'fast-check'
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import {
  decodeRlp,
  decodeRlpUint,
  encodeRlp,
  encodeRlpUint,
  RLP_DEPTH_MAX,
  RLP_ITEMS_MAX,
  RlpError,
  type RlpItem,
  readRlpSpan,
} from '../../base/rlp.ts'

// The examples of the Ethereum wiki and yellow paper.
const VECTORS: readonly (readonly [RlpItem, string])[] = [
  [utf8('dog'), '83646f67'],
  [[utf8('cat'), utf8('dog')], 'c88363617483646f67'],
  [new Uint8Array(0), '80'],
  [[], 'c0'],
  [new Uint8Array([0]), '00'],
  [new Uint8Array([15]), '0f'],
  [new Uint8Array([4, 0]), '820400'],
  [[[], [[]], [[], [[]]]], 'c7c0c1c0c3c0c1c0'],
  [
    utf8('Lorem ipsum dolor sit amet, consectetur adipisicing elit'),
    `b838${Buffer.from('Lorem ipsum dolor sit amet, consectetur adipisicing elit').toString('hex')}`,
  ],
]

const { item } = fc.letrec<{ item: RlpItem }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', maxDepth: RLP_DEPTH_MAX - 1 },
    fc.uint8Array({ maxLength: 70 }),
    fc.array(tie('item'), { maxLength: 4 }),
  ),
}))

type HexTree = string | HexTree[]
const hexTree = (node: RlpItem): HexTree =>
  node instanceof Uint8Array ? toHex(node) : node.map((inner) => hexTree(inner))

describe('base.rlp', () => {
  it('encodes and decodes the published examples', () => {
    for (const [value, hex] of VECTORS) {
      assert.equal(toHex(encodeRlp(value)), `0x${hex}`)
      assert.deepEqual(decodeRlp(fromHex(hex)), value)
    }
  })

  it('agrees with ethers', () => {
    fc.assert(
      fc.property(item, (value) => {
        const encoded = encodeRlp(value)
        assert.equal(toHex(encoded), ethersEncode(hexTree(value)))
        assert.deepEqual(hexTree(decodeRlp(encoded)), ethersDecode(encoded))
      }),
    )
    const large = new Uint8Array(70_000).fill(1)
    assert.equal(toHex(encodeRlp(large)), ethersEncode(toHex(large)))
    assert.deepEqual(decodeRlp(encodeRlp([large])), [large])
  })

  it('accepts only what it would encode', () => {
    fc.assert(
      fc.property(item, fc.nat(), fc.nat({ max: 255 }), (value, position, byte) => {
        const bytes = encodeRlp(value)
        bytes[position % bytes.length] = byte
        let decoded: RlpItem
        try {
          decoded = decodeRlp(bytes)
        } catch (error) {
          assert.ok(error instanceof RlpError)
          return
        }
        assert.deepEqual(encodeRlp(decoded), bytes)
      }),
      { numRuns: 500 },
    )
  })

  it('rejects what is not canonical, with the reason', () => {
    const refused = [
      ['', 'item missing'],
      ['8100', 'single byte not minimal'],
      ['817f', 'single byte not minimal'],
      ['b80101', 'length not minimal'],
      [`b837${'00'.repeat(55)}`, 'length not minimal'],
      ['b90001ff', 'leading zero'],
      ['bb00000001ff', 'leading zero'],
      ['f800', 'leading zero'],
      ['b8', 'length cut short'],
      ['b9ff', 'length cut short'],
      ['83aabb', 'item cut short'],
      ['c3aabb', 'item cut short'],
      ['c183', 'item cut short'],
      ['baffffff', 'item cut short'],
      ['bc0100000000', 'item too long'],
      ['bfffffffffffffffff', 'item too long'],
      ['ffffffffffffffffff', 'item too long'],
      ['0000', 'bytes after the item'],
      ['c000', 'bytes after the item'],
    ] as const
    for (const [hex, reason] of refused) {
      assert.throws(() => decodeRlp(fromHex(hex)), { code: 'RlpError', message: new RegExp(reason) }, hex)
    }
  })

  it('bounds depth and items', () => {
    const nested = (depth: number): RlpItem => (depth === 0 ? [] : [nested(depth - 1)])
    assert.deepEqual(decodeRlp(encodeRlp(nested(RLP_DEPTH_MAX - 1))), nested(RLP_DEPTH_MAX - 1))
    assert.throws(() => decodeRlp(encodeRlp(nested(RLP_DEPTH_MAX))), /nested too deeply/)
    const wide = (count: number): Uint8Array =>
      encodeRlp(Array.from({ length: count }, () => new Uint8Array(0)))
    assert.equal(decodeRlp(wide(RLP_ITEMS_MAX - 1)).length, RLP_ITEMS_MAX - 1)
    assert.throws(() => decodeRlp(wide(RLP_ITEMS_MAX)), /too many items/)
  })

  it('reads spans within a limit', () => {
    const bytes = fromHex('c483646f6701')
    assert.deepEqual(readRlpSpan(bytes, 0, 6), { isList: true, start: 1, end: 5 })
    assert.deepEqual(readRlpSpan(bytes, 1, 5), { isList: false, start: 2, end: 5 })
    assert.deepEqual(readRlpSpan(bytes, 5, 6), { isList: false, start: 5, end: 6 })
    assert.throws(() => readRlpSpan(bytes, 1, 4), /cut short/)
  })

  it('reads integers without leading zeros', () => {
    assert.equal(decodeRlpUint(new Uint8Array(0)), 0n)
    assert.equal(decodeRlpUint(fromHex('0100')), 256n)
    assert.equal(decodeRlpUint(new Uint8Array(32).fill(255)), 2n ** 256n - 1n)
    assert.equal(toHex(encodeRlpUint(1024)), '0x0400')
    assert.equal(encodeRlpUint(0n).length, 0)
    assert.throws(() => decodeRlpUint(fromHex('00')), /leading zero/)
    assert.throws(() => decodeRlpUint(fromHex('0001')), /leading zero/)
    assert.throws(() => decodeRlpUint(new Uint8Array(33).fill(1)), /longer than 32/)
    assert.throws(() => decodeRlpUint(new Uint8Array(9).fill(1), 8), /longer than 8/)
    assert.throws(() => decodeRlpUint([]), /got a list/)
  })
})
