// What nobody may do alone (ECONOMY §12): a third of the reporters, or all providers together, cannot leave the bounds nor stop
// the anchor. Random histories of what they say, played on the rules alone, against a sum kept beside them.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { maxBigint, minBigint } from '../../../base/units.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { clampAnchor } from '../../../state/modules/oracle/anchor.ts'
import { decideAnchor, decidePrice, type Side } from '../../../state/modules/oracle/decide.ts'
import type { Price } from '../../../state/modules/oracle/schema.ts'
import { Random } from '../../support/random.ts'

const PARAMS = TEST_PARAMETERS.oracle
const { driftPpm, disputedDriftPpm, priceMovePpm, tolerancePpm } = PARAMS
const P = 1_000_000n
const HISTORIES = 100
const WINDOWS = 60

const inOrder = (values: readonly bigint[]): readonly bigint[] =>
  [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
const sideOf = (members: number, values: readonly bigint[]): Side => ({ members, values: inOrder(values) })
const share = (value: bigint, ppm: bigint): bigint => (value * ppm) / P

/** Around what mainstream hardware does, give or take half a percent. */
const near = (random: Random, value: bigint): bigint =>
  share(value, 1_000_000n + BigInt(random.between(-5_000, 5_000)))
/** Anything at all. */
const wild = (random: Random): bigint =>
  random.pick([1n, 10n ** 15n, BigInt(random.between(1, 2_000_000_000)), P])

const forSeeds = (play: (seed: number) => void): void =>
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      play(seed)
    }),
    { numRuns: HISTORIES },
  )

interface Window {
  readonly anchor: bigint
  readonly next: bigint
  readonly honest: readonly bigint[]
}

/** Plays histories in which mainstream performance rises by half of gDisputed a window; `say` is what the attackers add. */
function histories(
  name: string,
  say: (
    random: Random,
    truth: bigint,
    members: number,
  ) => { reporters: Side; providers: Side; honest: readonly bigint[] },
  check: (window: Window, random: Random) => void,
  after: (anchor: bigint, truth: bigint) => void,
): void {
  forSeeds((seed) => {
    const random = new Random(seed)
    const members = random.between(3, 32)
    let [anchor, truth, silent] = [P, P, 0]
    for (let window = 0; window < WINDOWS; window++) {
      truth += share(truth, disputedDriftPpm / 2n)
      const { reporters, providers, honest } = say(random, truth, members)
      silent = 2 * reporters.values.length > members ? 0 : silent + 1
      const { target, boundPpm } = decideAnchor({ reporters, providers }, PARAMS, silent)
      const next = clampAnchor(anchor, target, boundPpm)
      assert.ok(
        anchor <= next && next <= anchor + share(anchor, driftPpm),
        `${name}, seed ${seed}: the bounds`,
      )
      check({ anchor, next, honest }, random)
      anchor = next
    }
    after(anchor, truth)
  })
}

describe('oracle: properties', () => {
  it('a third of the reporters cannot leave the bounds, move the anchor off what the others see, or stop it', () => {
    const say = (random: Random, truth: bigint, members: number) => {
      const colluding = Math.floor(members / 3)
      const honest = Array.from({ length: members - colluding }, () => near(random, truth))
      const extreme = wild(random)
      const liars = random.chance(0.2) ? [] : Array.from({ length: colluding }, () => extreme)
      const providers = Array.from({ length: 7 }, () => near(random, truth))
      return { reporters: sideOf(members, [...honest, ...liars]), providers: sideOf(7, providers), honest }
    }
    histories(
      'a colluding third',
      say,
      ({ anchor, next, honest }) => {
        // The median lies among the honest reports, so nobody pulls the anchor above the highest of them and the tolerance.
        const highest = inOrder(honest).at(-1)!
        const limit = highest + share(highest, tolerancePpm)
        assert.ok(next <= maxBigint(limit, anchor), 'not above what honest reporters see')
      },
      (anchor, truth) =>
        assert.ok(anchor >= share(truth, 950_000n), `the anchor stays at ${anchor}, mainstream is ${truth}`),
    )
  })

  it('all providers together cannot leave the bounds, nor stop the anchor, nor make it rise faster than gDisputed', () => {
    const say = (random: Random, truth: bigint, members: number) => {
      const honest = Array.from({ length: members }, () => near(random, truth))
      const said = wild(random)
      const providers = random.chance(0.3) ? [] : Array.from({ length: 9 }, () => said)
      return { reporters: sideOf(members, honest), providers: sideOf(9, providers), honest }
    }
    histories(
      'all providers',
      say,
      ({ anchor, next, honest }) => {
        const highest = inOrder(honest).at(-1)!
        const limit = highest + share(highest, tolerancePpm)
        assert.ok(next <= maxBigint(limit, anchor), 'not above what reporters see')
      },
      (anchor, truth) =>
        assert.ok(anchor >= share(truth, 950_000n), `the anchor stays at ${anchor}, mainstream is ${truth}`),
    )
  })

  it('all reporters together cannot make it rise faster than gDisputed against the providers', () => {
    histories(
      'all reporters',
      (random, truth, members) => {
        const values = Array.from({ length: members }, () => 10n ** 15n)
        const honest = Array.from({ length: 9 }, () => near(random, truth))
        return { reporters: sideOf(members, values), providers: sideOf(9, honest), honest }
      },
      ({ anchor, next }) => assert.ok(next <= anchor + share(anchor, disputedDriftPpm)),
      () => {},
    )
  })

  it('a dead feed holds the anchor for the grace, and never lets it rise faster than gDisputed', () => {
    const dead = { reporters: sideOf(9, [P, P, P, P]), providers: sideOf(4, [9n * P, 9n * P, 9n * P]) }
    let anchor = P
    for (let silent = 1; silent <= 50; silent++) {
      const { target, boundPpm } = decideAnchor(dead, PARAMS, silent)
      const next = clampAnchor(anchor, target, boundPpm)
      assert.equal(next, silent <= PARAMS.graceWindows ? anchor : anchor + share(anchor, disputedDriftPpm))
      anchor = next
    }
  })

  it('a price moves at most priceMove a window, keeps its order, and a third of the reporters cannot move it off the others', () => {
    forSeeds((seed) => {
      const random = new Random(seed)
      const members = random.between(3, 32)
      const colluding = Math.floor(members / 3)
      let truth = 3_000_000n
      let price: Omit<Price, 'renewedWindow'> = {
        ...{ priceBase: truth, bondPriceBase: truth, lockPriceBase: truth },
      }
      for (let window = 0; window < WINDOWS; window++) {
        truth = near(random, truth)
        const honest = Array.from({ length: members - colluding }, () => near(random, truth))
        const reporters = sideOf(members, [
          ...honest,
          ...Array.from({ length: colluding }, () => wild(random)),
        ])
        const providers = sideOf(
          5,
          Array.from({ length: 5 }, () => (random.chance(0.5) ? wild(random) : truth)),
        )
        const next = decidePrice(price, { reporters, providers }, PARAMS)!
        for (const field of ['priceBase', 'bondPriceBase', 'lockPriceBase'] as const) {
          const [before, after] = [price[field], next[field]]
          assert.ok(after <= before + share(before, priceMovePpm) + 1n)
          assert.ok(after >= before - share(before, priceMovePpm) - 1n)
        }
        assert.ok(next.bondPriceBase <= next.priceBase && next.priceBase <= next.lockPriceBase)
        const [low, high] = [inOrder(honest)[0]!, inOrder(honest).at(-1)!]
        // A quorum of providers pulls the mean by at most half of the tolerance.
        assert.ok(next.priceBase >= minBigint(price.priceBase, low - share(low, tolerancePpm)))
        assert.ok(next.priceBase <= maxBigint(price.priceBase, high + share(high, tolerancePpm)))
        price = next
      }
    })
  })
})
