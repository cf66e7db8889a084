import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AssertionFailed } from '../../base/assert.ts'
import {
  AMOUNT_MAX,
  COIN,
  formatCoins,
  maxBigint,
  minBigint,
  mulDivCeil,
  mulDivFloor,
  parseCoins,
} from '../../base/units.ts'

const amount = fc.bigInt({ min: 0n, max: AMOUNT_MAX })

describe('base.units', () => {
  it('brackets the exact quotient', () => {
    fc.assert(
      fc.property(amount, amount, fc.bigInt({ min: 1n, max: AMOUNT_MAX }), (a, b, d) => {
        const floor = mulDivFloor(a, b, d)
        const ceil = mulDivCeil(a, b, d)
        assert.ok(floor * d <= a * b && a * b < (floor + 1n) * d)
        assert.equal(ceil - floor, (a * b) % d === 0n ? 0n : 1n)
      }),
    )
  })

  it('asserts its operands', () => {
    for (const divide of [mulDivFloor, mulDivCeil]) {
      assert.throws(() => divide(1n, 1n, 0n), AssertionFailed)
      assert.throws(() => divide(-1n, 1n, 1n), AssertionFailed)
      assert.throws(() => divide(1n, -1n, 1n), AssertionFailed)
      assert.throws(() => divide(1n, 1n, -1n), AssertionFailed)
    }
  })

  it('returns the smaller and the larger', () => {
    assert.equal(minBigint(1n, 2n), 1n)
    assert.equal(minBigint(2n, 1n), 1n)
    assert.equal(maxBigint(1n, 2n), 2n)
    assert.equal(maxBigint(2n, 1n), 2n)
  })

  it('writes coins without trailing zeros', () => {
    assert.equal(formatCoins(0n), '0')
    assert.equal(formatCoins(COIN), '1')
    assert.equal(formatCoins((3n * COIN) / 2n), '1.5')
    assert.equal(formatCoins(1n), '0.000000000000000001')
    assert.equal(formatCoins(-COIN / 4n), '-0.25')
  })

  it('parses what it writes and rejects malformed text', () => {
    fc.assert(fc.property(amount, (value) => assert.equal(parseCoins(formatCoins(value)), value)))
    for (const text of [
      '',
      '.',
      '1.',
      '.5',
      '-1',
      '1e3',
      '1,5',
      ' 1',
      '0x1',
      '1.0000000000000000001',
      '9'.repeat(22),
    ]) {
      assert.equal(parseCoins(text), undefined)
    }
  })
})
