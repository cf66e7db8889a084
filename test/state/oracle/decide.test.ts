// The arithmetic of reports: medians, agreement, bounds and moves.
import { strict as assert } from 'node:assert'
import { DEV_PARAMETERS, MAIN_PARAMETERS, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { clampAnchor } from '../../../state/modules/oracle/anchor.ts'
import {
  areClose,
  decideAnchor,
  decidePrice,
  hasQuorum,
  medianOf,
  PRICE_MAX,
  quorumOf,
  type Side,
} from '../../../state/modules/oracle/decide.ts'
import { ANCHOR_MAX, anchorBound } from '../../../state/modules/oracle/drift.ts'
import { checkParameters } from '../../../state/modules/oracle/parameters.ts'

const DEV = DEV_PARAMETERS.oracle
const A = 1_000_000n
const side = (members: number, ...values: readonly bigint[]): Side => ({ members, values })
const of = (reporters: Side, providers: Side) => ({ reporters, providers })

describe('oracle.parameters', () => {
  it('are those of ECONOMY §13', () => {
    const shown = [MAIN_PARAMETERS, DEV_PARAMETERS, TEST_PARAMETERS].map(({ oracle }) => [
      ...[oracle.driftPpm, oracle.disputedDriftPpm, oracle.graceWindows, oracle.priceFreshWindows],
      ...[oracle.tolerancePpm, oracle.priceMovePpm],
    ])
    assert.deepEqual(shown, [
      [1_500n, 1_000n, 14, 3, 15_000n, 20_000n],
      [20_000n, 13_000n, 5, 3, 15_000n, 20_000n],
      [50_000n, 33_000n, 3, 2, 15_000n, 20_000n],
    ])
  })

  it('refuse a rise by disagreement that is faster than by agreement', () => {
    assert.equal(checkParameters({ ...DEV, disputedDriftPpm: DEV.driftPpm }), undefined)
    assert.equal(checkParameters({ ...DEV, disputedDriftPpm: DEV.driftPpm + 1n })?.path, 'disputedDriftPpm')
  })
})

describe('oracle.decide: quorum and median', () => {
  it('more than half of a chamber is a quorum, and nobody is none', () => {
    assert.deepEqual(
      [side(4, 1n, 1n), side(4, 1n, 1n, 1n), side(5, 1n, 1n), side(5, 1n, 1n, 1n), side(0)].map(hasQuorum),
      [false, true, false, true, false],
    )
    assert.deepEqual([0, 1, 2, 3, 4, 5, 256].map(quorumOf), [1, 1, 2, 2, 3, 3, 129])
  })

  it('the median is the middle value, of two the mean rounded down', () => {
    assert.equal(medianOf([7n]), 7n)
    assert.equal(medianOf([1n, 2n]), 1n)
    assert.equal(medianOf([1n, 5n, 900n]), 5n)
    assert.equal(medianOf([1n, 5n, 8n, 900n]), 6n)
    assert.throws(() => medianOf([]))
  })

  it('tolerance is a share of the lower median, the limit included', () => {
    assert.ok(areClose(A, 1_015_000n, 15_000n))
    assert.ok(areClose(1_015_000n, A, 15_000n))
    assert.ok(!areClose(A, 1_015_001n, 15_000n))
    assert.ok(areClose(5n, 5n, 0n))
    assert.ok(!areClose(0n, 1n, 999_999n))
  })
})

describe('oracle.decide: the anchor', () => {
  const three = (value: bigint): Side => side(3, value, value, value)
  const next = (sides: ReturnType<typeof of>, silent = 0): bigint => {
    const { target, boundPpm } = decideAnchor(sides, DEV, silent)
    return clampAnchor(A, target, boundPpm)
  }

  it('is the mean of medians that agree, within A and the bound', () => {
    assert.equal(next(of(three(1_010_000n), three(1_012_001n))), 1_011_000n)
    assert.equal(next(of(three(1_030_000n), three(1_030_000n))), 1_020_000n)
    assert.equal(next(of(three(900_000n), three(900_000n))), A)
    assert.equal(decideAnchor(of(three(A), three(A)), DEV, 0).decision, 'agreed')
  })

  it('is the reporters’ median within gDisputed where the chambers differ, or the providers lack a quorum', () => {
    assert.equal(next(of(three(1_010_000n), three(2_000_000n))), 1_010_000n)
    assert.equal(next(of(three(1_100_000n), three(1_000_000n))), 1_013_000n)
    assert.equal(next(of(three(1_100_000n), side(4, 1_100_000n, 1_100_000n))), 1_013_000n)
    assert.equal(decideAnchor(of(three(A), three(2n * A)), DEV, 0).decision, 'disputed')
    assert.equal(decideAnchor(of(three(A), side(3)), DEV, 0).decision, 'providersSilent')
  })

  it('holds without a quorum of reporters for the grace, then rises by gDisputed whatever the providers say', () => {
    const silent = side(4, 5_000_000n, 5_000_000n)
    assert.equal(next(of(silent, three(1_020_000n)), DEV.graceWindows), A)
    assert.equal(next(of(silent, three(A)), DEV.graceWindows + 1), 1_013_000n)
    assert.equal(decideAnchor(of(silent, three(A)), DEV, 1).decision, 'held')
    assert.equal(decideAnchor(of(silent, three(A)), DEV, 99).decision, 'trend')
  })

  it('saturates at the highest anchor', () => {
    assert.equal(clampAnchor(ANCHOR_MAX, 2n ** 64n - 1n, DEV.driftPpm), ANCHOR_MAX)
    assert.equal(anchorBound(ANCHOR_MAX - 1n, DEV.driftPpm), ANCHOR_MAX)
  })
})

describe('oracle.decide: a price', () => {
  const flat = (priceBase: bigint) => ({ priceBase, bondPriceBase: priceBase, lockPriceBase: priceBase })
  const three = (value: bigint): Side => side(3, value, value, value)
  const before = flat(1_000_000n)

  it('is the mean where chambers agree, and moves at most priceMove a window', () => {
    assert.deepEqual(decidePrice(before, of(three(1_010_000n), three(1_000_000n)), DEV), flat(1_005_000n))
    assert.deepEqual(decidePrice(before, of(three(9_000_000n), three(9_000_000n)), DEV), flat(1_020_000n))
    assert.deepEqual(decidePrice(before, of(three(1n), three(1n)), DEV), flat(980_000n))
  })

  it('that of the reporters values bonds, and the higher median locks and mints, where they differ', () => {
    assert.deepEqual(decidePrice(before, of(three(1_018_000n), three(990_000n)), DEV), {
      priceBase: 1_018_000n,
      bondPriceBase: 1_018_000n,
      lockPriceBase: 1_018_000n,
    })
    assert.deepEqual(decidePrice(before, of(three(990_000n), three(1_500_000n)), DEV), {
      priceBase: 990_000n,
      bondPriceBase: 990_000n,
      lockPriceBase: 1_020_000n,
    })
  })

  it('is that of the reporters alone without a quorum of providers, and none without theirs', () => {
    assert.deepEqual(decidePrice(before, of(three(1_010_000n), side(4, 1n, 1n)), DEV), flat(1_010_000n))
    assert.equal(decidePrice(before, of(side(4, 1n, 1n), three(1_010_000n)), DEV), undefined)
  })

  it('keeps its three values in order and positive, and a small price can move', () => {
    let price = flat(10n)
    for (let i = 0; i < 40; i++) {
      const target = i % 2 === 0 ? three(1n) : three(50n)
      price = decidePrice(price, of(target, three(1n)), DEV)!
      assert.ok(0n < price.bondPriceBase && price.bondPriceBase <= price.priceBase)
      assert.ok(price.priceBase <= price.lockPriceBase)
    }
    assert.deepEqual(decidePrice(flat(10n), of(three(50n), three(50n)), DEV), flat(11n))
    assert.deepEqual(
      decidePrice(flat(1n), of(three(1n), three(1n)), { ...DEV, priceMovePpm: 1_000_000n }),
      flat(1n),
    )
    assert.deepEqual(
      decidePrice(flat(PRICE_MAX), of(three(PRICE_MAX), three(PRICE_MAX)), DEV),
      flat(PRICE_MAX),
    )
  })
})
