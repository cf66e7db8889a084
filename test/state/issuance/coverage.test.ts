import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AMOUNT_MAX, COIN, PPM } from '../../../base/units.ts'
import {
  type Backer,
  coinValuePpm,
  computeCoverage,
  figuresOf,
  groupSums,
  mintLimits,
  quotaOf,
  unreserved,
} from '../../../state/modules/issuance/coverage.ts'

function backer(id: number, capacityBase: bigint, more: Partial<Backer> = {}): Backer {
  const owed = { liabilityBase: 0n, reservedBase: 0n, suspended: false }
  return { id, group: id, capacityBase, lastingBase: capacityBase, ...owed, ...more }
}

/** Joint limit and the sum of all quotas for capacity shares in percent, as thousandths of ΣC, rounded. */
function feasible(shares: readonly number[], coverN: number): { joint: bigint; quotas: bigint } {
  const marginPpm = 1_200_000n
  const backers = shares.map((share, i) => backer(i + 1, BigInt(share) * COIN * 10_000n))
  const coverage = computeCoverage(backers, { orphanBase: 0n, coverN })
  const quotas = backers.map((b) => quotaOf(b.lastingBase, { coverage, coverN, marginPpm }))
  const { jointBase: joint } = limitsOf({ backers, coverN, marginPpm })
  const thousandths = (value: bigint): bigint =>
    (value * 1_000n + coverage.capacityBase / 2n) / coverage.capacityBase
  return { joint: thousandths(joint), quotas: thousandths(quotas.reduce((sum, q) => sum + q, 0n)) }
}

/** Limits of the first backer, with generous quarter sums and bond unless given. */
function limitsOf(given: {
  readonly backers: readonly Backer[]
  readonly coverN?: number
  readonly marginPpm?: bigint
  readonly frontLoadPpm?: bigint
  readonly bondPpm?: bigint
  readonly quarterBase?: readonly bigint[]
  readonly bondValuePpm?: bigint
  readonly orphanBase?: bigint
}) {
  const coverN = given.coverN ?? 1
  const first = given.backers[0]!
  return mintLimits({
    coverage: computeCoverage(given.backers, { orphanBase: given.orphanBase ?? 0n, coverN }),
    coverN,
    marginPpm: given.marginPpm ?? PPM,
    frontLoadPpm: given.frontLoadPpm ?? 500_000n,
    bondPpm: given.bondPpm ?? 200_000n,
    horizon: 20,
    backer: first,
    group: groupSums(given.backers).get(first.group)!,
    quarterBase: given.quarterBase ?? [10n ** 30n, 10n ** 30n, 10n ** 30n],
    quarters: [5, 10, 15],
    bondValuePpm: given.bondValuePpm ?? 10n ** 36n,
  })
}

const amounts = fc.bigInt({ min: 0n, max: 10n ** 24n })
const backersArbitrary = fc.array(
  fc.record({
    capacityBase: amounts,
    lastingBase: amounts,
    liabilityBase: amounts,
    reservedBase: amounts,
    group: fc.nat(5),
    suspended: fc.constantFrom(false, false, false, true),
  }),
  { minLength: 1, maxLength: 8 },
)
const toBackers = (rows: readonly Omit<Backer, 'id'>[]): Backer[] =>
  rows.map((row, i) => ({ ...row, id: i + 1 }))

describe('coverage.computeCoverage', () => {
  it('counts what is lost when the largest groups fall silent', () => {
    const backers = [
      backer(1, 100n, { liabilityBase: 50n, reservedBase: 20n }),
      backer(2, 80n, { liabilityBase: 10n, reservedBase: 30n }),
      backer(3, 60n, { liabilityBase: 70n }),
    ]
    const coverage = computeCoverage(backers, { orphanBase: 5n, coverN: 1 })
    assert.equal(coverage.unreservedBase, 30n + 0n + 70n)
    assert.equal(coverage.topExposureBase, 100n + 20n)
    assert.equal(coverage.capacityBase, 240n)
    assert.equal(coverage.thresholdBase, 80n)
    assert.equal(coverage.weightBase, 80n + 80n + 60n)
    assert.equal(coverage.shortfallBase, 0n)
    const short = computeCoverage(backers, { orphanBase: 21n, coverN: 1 })
    assert.equal(short.shortfallBase, 1n)
  })

  it('leaves suspended groups out, which are among the silent ones', () => {
    const owed = { liabilityBase: 60n }
    const backers = [backer(1, 100n, owed), backer(2, 80n, owed), backer(3, 60n, owed), backer(4, 60n)]
    const cover = (suspended: readonly number[], coverN: number) =>
      computeCoverage(
        backers.map((b) => ({ ...b, suspended: suspended.includes(b.id) })),
        { orphanBase: 0n, coverN },
      )
    assert.equal(cover([], 1).shortfallBase, 0n)
    // One suspension can never make a shortfall.
    for (const id of [1, 2, 3, 4]) assert.equal(cover([id], 1).shortfallBase, 0n)
    assert.equal(cover([2], 1).topExposureBase, 0n)
    assert.equal(cover([2], 1).capacityBase, 220n)
    // Two of cover-1: 180 owed against 120. Three: against 60.
    assert.equal(cover([1, 2], 1).shortfallBase, 60n)
    assert.equal(cover([1, 2, 3], 1).shortfallBase, 120n)
    assert.equal(cover([1], 2).topExposureBase, 80n)
    assert.equal(cover([], 0).topExposureBase, 0n)
    // Suspended pledges stay in the mint limits: nobody stops the others' minting by failing.
    assert.equal(cover([1, 2], 1).lastingBase, 300n)
    assert.equal(cover([1, 2], 1).weightBase, cover([], 1).weightBase)
  })

  it('makes a whole legal group suspended with one of its members', () => {
    const backers = [
      backer(1, 100n, { group: 1 }),
      backer(2, 100n, { group: 1, suspended: true }),
      backer(3, 100n),
    ]
    const coverage = computeCoverage(backers, { orphanBase: 0n, coverN: 1 })
    assert.equal(coverage.capacityBase, 100n)
    assert.equal(coverage.topExposureBase, 0n)
  })

  it('treats providers of one legal group as one', () => {
    const apart = [backer(1, 100n), backer(2, 100n), backer(3, 100n)]
    const together = apart.map((b) => (b.id < 3 ? { ...b, group: 1 } : b))
    assert.equal(computeCoverage(apart, { orphanBase: 0n, coverN: 1 }).topExposureBase, 100n)
    assert.equal(computeCoverage(together, { orphanBase: 0n, coverN: 1 }).topExposureBase, 200n)
    assert.equal(computeCoverage(together, { orphanBase: 0n, coverN: 1 }).thresholdBase, 100n)
  })

  it('offsets the deficit of one provider by the surplus of others', () => {
    const backers = [backer(1, 0n, { liabilityBase: 60n }), backer(2, 50n), backer(3, 50n)]
    assert.equal(computeCoverage(backers, { orphanBase: 0n, coverN: 1 }).shortfallBase, 10n)
  })

  it('is all zero without providers', () => {
    const coverage = computeCoverage([], { orphanBase: 0n, coverN: 1 })
    assert.ok(Object.values(coverage).every((value) => value === 0n))
    assert.equal(quotaOf(0n, { coverage, coverN: 1, marginPpm: PPM }), 0n)
  })

  it('agrees with a model that tries every set of silent groups', () => {
    fc.assert(
      fc.property(backersArbitrary, amounts, fc.integer({ min: 0, max: 2 }), (rows, orphanBase, coverN) => {
        const backers = toBackers(rows)
        const sums = [...groupSums(backers).values()].filter((g) => !g.suspended)
        const suspended = groupSums(backers).size - sums.length
        const silent = Math.max(0, coverN - suspended)
        const sets = sums.flatMap((a, i) =>
          silent === 0
            ? [[]]
            : silent === 1 || sums.length === 1
              ? [[a]]
              : sums.slice(i + 1).map((b) => [a, b]),
        )
        const need = backers.reduce((n, b) => n + unreserved(b), orphanBase)
        const have = sums.reduce((n, s) => n + s.capacityBase, 0n)
        const worst = sets
          .map((set) => set.reduce((n, s) => n + figuresOf(s).exposureBase, 0n))
          .reduce((a, b) => (a > b ? a : b), 0n)
        const expected = need + worst - have
        const { shortfallBase } = computeCoverage(backers, { orphanBase, coverN })
        assert.equal(shortfallBase, expected > 0n ? expected : 0n)
      }),
      { numRuns: 200 },
    )
  })
})

describe('coverage.quotaOf', () => {
  const table: readonly (readonly [readonly number[], bigint, bigint])[] = [
    [[25, 25, 25, 25], 625n, 417n],
    [[20, 20, 20, 20, 20], 667n, 500n],
    [new Array<number>(10).fill(10), 750n, 667n],
    [[40, 25, 15, 12, 8], 500n, 292n],
    [[60, 20, 10, 6, 4], 333n, 167n],
  ]
  for (const [shares, cover1, cover2] of table)
    it(`makes ${cover1}/${cover2} thousandths of ΣC feasible for shares ${shares.join(', ')}`, () => {
      assert.deepEqual(feasible(shares, 1), { joint: cover1, quotas: cover1 })
      assert.deepEqual(feasible(shares, 2), { joint: cover2, quotas: cover2 })
    })

  it('never adds up to more than the joint limit', () => {
    fc.assert(
      fc.property(backersArbitrary, fc.integer({ min: 1, max: 2 }), (rows, coverN) => {
        const groups = [...groupSums(toBackers(rows)).values()]
        const backers = groups.map((group, i) => backer(i + 1, group.lastingBase))
        const coverage = computeCoverage(backers, { orphanBase: 0n, coverN })
        const marginPpm = 1_500_000n
        const quotas = backers.reduce(
          (n, b) => n + quotaOf(b.lastingBase, { coverage, coverN, marginPpm }),
          0n,
        )
        assert.ok(quotas * marginPpm <= (coverage.lastingBase - coverage.topBurdenBase) * PPM)
      }),
      { numRuns: 300 },
    )
  })

  it('allows nothing for capacity above the (coverN+1)-th largest', () => {
    const quota = (largest: bigint): bigint => {
      const backers = [backer(1, largest), backer(2, 50n * COIN), backer(3, 30n * COIN)]
      const coverage = computeCoverage(backers, { orphanBase: 0n, coverN: 1 })
      return quotaOf(largest, { coverage, coverN: 1, marginPpm: PPM })
    }
    assert.equal(quota(50n * COIN), quota(500n * COIN))
  })

  it('allows a legal group the same, however it splits its capacity', () => {
    const parts = fc.array(amounts, { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(parts, amounts, amounts, amounts, (split, a, b, c) => {
        const others = [backer(101, a), backer(102, b), backer(103, c)]
        const whole = split.reduce((n, part) => n + part, 0n)
        const one = [backer(1, whole, { group: 1 }), ...others]
        const many = [...split.map((part, i) => backer(i + 1, part, { group: 1 })), ...others]
        const quota = (backers: readonly Backer[]): bigint => {
          const coverage = computeCoverage(backers, { orphanBase: 0n, coverN: 1 })
          const { lastingBase } = groupSums(backers).get(1)!
          return quotaOf(lastingBase, { coverage, coverN: 1, marginPpm: PPM })
        }
        assert.equal(quota(many), quota(one))
      }),
      { numRuns: 200 },
    )
  })

  it('allows nothing while fewer groups exist than may fall silent', () => {
    const backers = [backer(1, COIN)]
    const coverage = computeCoverage(backers, { orphanBase: 0n, coverN: 1 })
    assert.equal(quotaOf(COIN, { coverage, coverN: 1, marginPpm: PPM }), 0n)
  })
})

describe('coverage.mintLimits', () => {
  const equal = [1, 2, 3, 4].map((id) => backer(id, 100n * COIN))

  it('states each limit exactly: one base unit more breaks its inequality', () => {
    const values = fc.record({
      rows: backersArbitrary,
      quarters: fc.tuple(amounts, amounts, amounts),
      bondValuePpm: amounts,
      orphanBase: amounts,
      coverN: fc.integer({ min: 0, max: 2 }),
    })
    fc.assert(
      fc.property(values, ({ rows, quarters, bondValuePpm, orphanBase, coverN }) => {
        const backers = toBackers(rows)
        const first = backers[0]!
        const m = 1_500_000n
        const given = { backers, marginPpm: m, quarterBase: quarters, bondValuePpm, orphanBase, coverN }
        const limits = limitsOf(given)
        const groups = [...groupSums(backers).values()]
        const group = groupSums(backers).get(first.group)!
        // The rules as ECONOMY §3 writes them, with sums of their own.
        const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
        const descending = (list: readonly bigint[]) => [...list].sort((a, b) => (a > b ? -1 : 1))
        const total = (list: readonly bigint[]) => list.reduce((n, v) => n + v, 0n)
        const lasting = descending(groups.map((g) => g.lastingBase))
        const burdens = descending(groups.map((g) => g.lastingBase + least(g.reservedBase, g.liabilityBase)))
        const T = lasting[coverN] ?? 0n
        const W = total(lasting.map((v) => least(v, T)))
        const w = least(group.lastingBase, T)
        const L = first.liabilityBase
        const allL = total(backers.map((b) => b.liabilityBase))
        const free = total(lasting) - total(burdens.slice(0, coverN))
        const rules: readonly (readonly [bigint, (x: bigint) => boolean])[] = [
          [
            limits.quotaBase,
            (x) => W > 0n && (group.liabilityBase + x) * m * W <= w * (W - BigInt(coverN) * T) * PPM,
          ],
          [limits.jointBase, (x) => (allL + orphanBase + x) * m <= free * PPM],
          [limits.ownBackingBase, (x) => (L + x) * m <= first.lastingBase * PPM],
          [
            limits.frontLoadBase,
            (x) => [5n, 10n, 15n].every((k, q) => quarters[q]! * 20n * PPM >= 500_000n * k * (L + x)),
          ],
          [limits.bondBase, (x) => bondValuePpm >= 200_000n * (L + x)],
        ]
        for (const [limit, holds] of rules) {
          assert.ok(limit === 0n || holds(limit))
          assert.ok(!holds(limit + 1n))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('is 0, not negative, once a rule is over its limit', () => {
    const over = equal.map((b) => ({ ...b, liabilityBase: 500n * COIN }))
    const limits = limitsOf({ backers: over, quarterBase: [0n, 0n, 0n], bondValuePpm: 0n })
    assert.deepEqual(limits, {
      quotaBase: 0n,
      jointBase: 0n,
      ownBackingBase: 0n,
      frontLoadBase: 0n,
      bondBase: 0n,
    })
  })

  it('omits front-load and bond when their parameter is 0', () => {
    const limits = limitsOf({ backers: equal, frontLoadPpm: 0n, bondPpm: 0n, bondValuePpm: 0n })
    assert.equal(limits.frontLoadBase, AMOUNT_MAX)
    assert.equal(limits.bondBase, AMOUNT_MAX)
  })

  it('values a bond in coins, rounded down', () => {
    assert.equal(coinValuePpm(3_028_200n, 3_028_200n), COIN * PPM)
    assert.equal(coinValuePpm(1n, 3n * COIN * PPM), 0n)
  })
})
