import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AssertionFailed, mustExist, unreachable } from '../../base/assert.ts'
import {
  bigintToBytes,
  bigintToFixed,
  bytesKey,
  bytesToBigint,
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  keyBytes,
  parseHex,
  portableBytesKey,
  portableHex,
  readU64be,
  toHex,
  u32be,
  u64be,
  utf8,
  utf8Text,
} from '../../base/bytes.ts'
import { parseAddress, parseHash32 } from '../../base/ids.ts'

const anyBytes = fc.uint8Array({ maxLength: 70 })

describe('base.bytes', () => {
  it('makes the same keys with and without Node, for any length and for views', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const key = bytesKey(bytes)
        assert.equal(key, portableBytesKey(bytes))
        assert.deepEqual(keyBytes(key), bytes)
        assert.equal(bytesKey(bytes.subarray(1)), key.slice(1))
      }),
    )
  })

  it('agrees with Node on hex', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const hex = Buffer.from(bytes).toString('hex')
        assert.equal(toHex(bytes), `0x${hex}`)
        assert.equal(portableHex(bytes), `0x${hex}`)
        assert.equal(toHex(bytes.subarray(1)), `0x${hex.slice(2)}`)
        assert.deepEqual(parseHex(hex.toUpperCase()), bytes)
        assert.deepEqual(fromHex(`0x${hex}`), bytes)
      }),
    )
  })

  it('rejects an odd number of digits and invalid digits', () => {
    for (const text of ['0x1', '0xgg', '0x 1', 'zz', '0x0g', '0xg0']) assert.equal(parseHex(text), undefined)
    assert.throws(() => fromHex('0x1'), TypeError)
  })

  it('orders byte strings as Node does', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        const expected = Buffer.compare(a, b)
        assert.equal(compareBytes(a, b), expected)
        assert.equal(equalBytes(a, b), expected === 0)
        const keysOrder = bytesKey(a) < bytesKey(b) ? -1 : bytesKey(a) === bytesKey(b) ? 0 : 1
        assert.equal(keysOrder, expected)
        assert.deepEqual(keyBytes(bytesKey(a)), a)
      }),
    )
    assert.equal(compareBytes(fromHex('01'), fromHex('0100')), -1)
    assert.equal(compareBytes(fromHex('0100'), fromHex('01')), 1)
  })

  it('concatenates in order', () => {
    assert.equal(toHex(concatBytes(fromHex('01'), new Uint8Array(0), fromHex('0203'))), '0x010203')
  })

  it('writes and reads fixed integers', () => {
    assert.equal(toHex(u32be(0xdeadbeef)), '0xdeadbeef')
    assert.equal(toHex(u64be(Number.MAX_SAFE_INTEGER)), '0x001fffffffffffff')
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        assert.equal(readU64be(u64be(value)), value)
        assert.equal(readU64be(concatBytes(fromHex('ffff'), u64be(value)), 2), value)
      }),
    )
    assert.throws(() => u64be(-1), RangeError)
    assert.throws(() => u64be(2 ** 53), RangeError)
    assert.throws(() => u64be(1.5), RangeError)
    assert.throws(() => readU64be(fromHex('0020000000000000')), RangeError)
  })

  it('converts bigints to minimal and fixed bytes and back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (value) => {
        const bytes = bigintToBytes(value)
        assert.notEqual(bytes[0], 0)
        assert.equal(bytesToBigint(bytes), value)
        assert.equal(bytesToBigint(bigintToFixed(value, 32)), value)
        assert.equal(bigintToFixed(value, 32).length, 32)
      }),
    )
    for (let size = 0; size <= 9; size++) {
      assert.equal(bytesToBigint(new Uint8Array(size).fill(255)), 256n ** BigInt(size) - 1n)
    }
    assert.equal(bigintToBytes(0n).length, 0)
    assert.throws(() => bigintToBytes(-1n), RangeError)
    assert.throws(() => bigintToFixed(256n, 1), RangeError)
  })

  it('agrees with conversion through text for integers of every size', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 300n }),
        fc.integer({ min: 0, max: 300 }),
        (wide, shift) => {
          const value = wide >> BigInt(shift)
          const hex = value === 0n ? '' : value.toString(16)
          const expected = fromHex(hex.length % 2 === 1 ? `0${hex}` : hex)
          assert.deepEqual(bigintToBytes(value), expected)
          assert.equal(bytesToBigint(expected), value)
          assert.equal(bytesToBigint(concatBytes(new Uint8Array(2), expected)), value)
        },
      ),
    )
    for (const bits of [0, 1, 8, 47, 48, 63, 64, 65, 127, 128, 129]) {
      for (const value of [2n ** BigInt(bits), 2n ** BigInt(bits) - 1n])
        assert.equal(bytesToBigint(bigintToBytes(value)), value)
    }
  })

  it('compares byte strings of any length, views and Buffers too', () => {
    for (const length of [0, 1, 32, 255, 256, 257, 5_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i & 255)
      assert.ok(equalBytes(bytes, Buffer.from(bytes)))
      assert.ok(equalBytes(concatBytes(bytes, bytes).subarray(length), bytes))
      if (length === 0) continue
      for (const at of [0, length - 1]) {
        const other = bytes.slice()
        other[at]! ^= 1
        assert.ok(!equalBytes(bytes, other))
      }
    }
  })

  it('decodes only well-formed UTF-8', () => {
    assert.equal(utf8Text(utf8('算力 €')), '算力 €')
    assert.throws(() => utf8Text(fromHex('c0af')), TypeError)
    assert.throws(() => utf8Text(fromHex('ff')), TypeError)
  })
})

describe('base.ids', () => {
  it('parses exactly 20 and 32 bytes with a prefix', () => {
    assert.deepEqual(parseAddress(`0x${'Ab'.repeat(20)}`), new Uint8Array(20).fill(0xab))
    assert.deepEqual(parseHash32(`0x${'0f'.repeat(32)}`), new Uint8Array(32).fill(15))
    for (const text of [
      '',
      '0x',
      'ab'.repeat(20),
      `0x${'ab'.repeat(19)}`,
      `0x${'ab'.repeat(21)}`,
      `0x${'zz'.repeat(20)}`,
    ]) {
      assert.equal(parseAddress(text), undefined)
    }
    for (const text of [`0x${'0f'.repeat(31)}`, '0f'.repeat(32), `0x${'0g'.repeat(32)}`]) {
      assert.equal(parseHash32(text), undefined)
    }
  })
})

describe('base.assert', () => {
  it('names the broken condition', () => {
    assert.throws(() => mustExist(undefined, 'the block'), { code: 'AssertionFailed', message: /the block/ })
    assert.throws(() => mustExist(null, 'the block'), AssertionFailed)
    assert.equal(mustExist(0, 'zero'), 0)
    assert.throws(() => unreachable('third' as never), /unreachable: third/)
  })
})
