// Random windows of reports against a naive model: whoever is absent, silent, mistaken or malformed, with or without a price.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { u64be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { ZERO_HASH } from '../../../base/ids.ts'
import { reportCommitment } from '../../../base/protocol/oracleReport.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getAnchor } from '../../../state/modules/oracle/anchor.ts'
import { openReporters } from '../../../state/modules/oracle/appointments.ts'
import { recordOf } from '../../../state/modules/oracle/chambers.ts'
import { getClock, revealsFromMs } from '../../../state/modules/oracle/clock.ts'
import { oracleModule } from '../../../state/modules/oracle/module.ts'
import { getPrice } from '../../../state/modules/oracle/prices.ts'
import { resultOf } from '../../../state/modules/oracle/tally.ts'
import { accountOf, EconomyChain, PRICE_BASE, SETTLEMENT_ASSET } from '../../support/economyFixture.ts'

const REPORTERS = 5
const PROVIDERS = 4
const { driftPpm, disputedDriftPpm, tolerancePpm, priceMovePpm, graceWindows } = TEST_PARAMETERS.oracle
const P = 1_000_000n
const SALT = sha256(u64be(7))

const KINDS = ['absent', 'silent', 'mistaken', 'malformed', 'heard', 'heard', 'heard'] as const
interface Said {
  readonly kind: (typeof KINDS)[number]
  /** Ppm of the anchor, and of the price of genesis. */
  readonly rating: number
  readonly price: number
  readonly hasPrice: boolean
}
const saidArbitrary: fc.Arbitrary<Said> = fc.record({
  kind: fc.constantFrom(...KINDS),
  rating: fc.integer({ min: 950_000, max: 1_100_000 }),
  price: fc.integer({ min: 900_000, max: 1_100_000 }),
  hasPrice: fc.boolean(),
})
const windowArbitrary = fc.array(saidArbitrary, {
  minLength: REPORTERS + PROVIDERS,
  maxLength: REPORTERS + PROVIDERS,
})

/** The reporters are accounts 101 to 105, the members' operators 1 to 4. */
const accountAt = (i: number) => accountOf(i < REPORTERS ? 101 + i : 1 + i - REPORTERS)

function median(values: readonly bigint[]): bigint {
  const sorted = values.toSorted((a, b) => Number(a - b))
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2n
}
const agree = (a: bigint, b: bigint): boolean => {
  const [low, high] = a < b ? [a, b] : [b, a]
  return (high - low) * P <= tolerancePpm * low
}
const isQuorum = (count: number, members: number): boolean => count > members / 2

/** What is kept beside the chain, by the words of ECONOMY §5. */
class Model {
  anchor = P
  price = PRICE_BASE
  bond = PRICE_BASE
  lock = PRICE_BASE
  renewed: number | undefined
  silent = 0
  readonly counts = Array.from({ length: REPORTERS + PROVIDERS }, () => ({
    silent: 0,
    mistaken: 0,
    malformed: 0,
    heard: 0,
  }))

  end(
    window: number,
    ratings: readonly (bigint | undefined)[],
    prices: readonly (bigint | undefined)[],
  ): string {
    const [own, theirs] = split(ratings)
    this.#renew(window, prices)
    const limit = (target: bigint, bound: bigint): void => {
      const most = (this.anchor * (P + bound)) / P
      if (target > this.anchor) this.anchor = target < most ? target : most
    }
    if (!isQuorum(own.length, REPORTERS)) {
      this.silent++
      if (this.silent <= graceWindows) return 'held'
      limit(10n ** 18n, disputedDriftPpm)
      return 'trend'
    }
    this.silent = 0
    const mine = median(own)
    if (!isQuorum(theirs.length, PROVIDERS)) {
      limit(mine, disputedDriftPpm)
      return 'providersSilent'
    }
    if (!agree(mine, median(theirs))) {
      limit(mine, disputedDriftPpm)
      return 'disputed'
    }
    limit((mine + median(theirs)) / 2n, driftPpm)
    return 'agreed'
  }

  #renew(window: number, prices: readonly (bigint | undefined)[]): void {
    const [own, theirs] = split(prices)
    if (!isQuorum(own.length, REPORTERS)) return
    const mine = median(own)
    const other = isQuorum(theirs.length, PROVIDERS) ? median(theirs) : mine
    const both = agree(mine, other) ? (mine + other) / 2n : undefined
    const move = (before: bigint, target: bigint): bigint => {
      const most = (before * (P + priceMovePpm) + P - 1n) / P
      const least = (before * (P - priceMovePpm)) / P
      return target > most ? most : target < least ? least : target
    }
    this.price = move(this.price, both ?? mine)
    this.bond = move(this.bond, both ?? mine)
    this.lock = move(this.lock, both ?? (mine > other ? mine : other))
    this.renewed = window
  }
}

function split(values: readonly (bigint | undefined)[]): [bigint[], bigint[]] {
  const known = (part: readonly (bigint | undefined)[]): bigint[] =>
    part.filter((value) => value !== undefined)
  return [known(values.slice(0, REPORTERS)), known(values.slice(REPORTERS))]
}

function open(): EconomyChain {
  const chain = new EconomyChain(TEST_PARAMETERS)
  for (let id = 1; id <= PROVIDERS; id++) chain.addProvider(id, { bondBase: 0n })
  const named = Array.from({ length: REPORTERS }, (_, i) => ({
    account: accountAt(i),
    name: `Reporter ${i}`,
  }))
  openReporters(chain.ctx(), named)
  chain.endBlock()
  return chain
}

/** Plays a window on the chain; returns the values that count. */
function play(chain: EconomyChain, said: readonly Said[], window: number) {
  const genesisHash = ZERO_HASH
  const reports = said.map(({ kind, rating, price, hasPrice }) => ({
    rating: kind === 'malformed' ? 0n : (getAnchor(chain.state) * BigInt(rating)) / P,
    prices: hasPrice ? [{ asset: SETTLEMENT_ASSET, priceBase: (PRICE_BASE * BigInt(price)) / P }] : [],
  }))
  const act = (i: number, action: string, args: object): void =>
    assert.equal(chain.act(oracleModule, action, accountAt(i), { window, ...args }), undefined)
  said.forEach(({ kind }, i) => {
    const terms = { genesisHash, window, account: accountAt(i), salt: SALT, report: reports[i]! }
    if (kind !== 'absent') act(i, 'commit', { commitment: reportCommitment(terms) })
  })
  const { startedAtMs } = getClock(chain.state)!
  chain.endBlock(revealsFromMs(getClock(chain.state)!) - startedAtMs)
  said.forEach(({ kind }, i) => {
    if (kind === 'absent' || kind === 'silent') return
    const rating = reports[i]!.rating + (kind === 'mistaken' ? 1n : 0n)
    act(i, 'reveal', { salt: SALT, ...reports[i]!, rating })
  })
  chain.endBlock()
  chain.endWindow()
  const counted = said.map(({ kind }, i) => (kind === 'heard' ? reports[i]! : undefined))
  return {
    ratings: counted.map((report) => report?.rating),
    prices: counted.map((report) => report?.prices[0]?.priceBase),
  }
}

describe('oracle: against a naive model', () => {
  it('decides, renews and counts as the model does', () => {
    fc.assert(
      fc.property(fc.array(windowArbitrary, { minLength: 4, maxLength: 12 }), (windows) => {
        const [chain, model] = [open(), new Model()]
        windows.forEach((said, window) => {
          const { ratings, prices } = play(chain, said, window)
          said.forEach(({ kind }, i) => {
            if (kind !== 'absent') model.counts[i]![kind]++
          })
          const decision = model.end(window, ratings, prices)
          assert.equal(resultOf(chain.state, window)?.decision, decision)
          assert.equal(getAnchor(chain.state), model.anchor)
          const { priceBase, bondPriceBase, lockPriceBase, renewedWindow } = getPrice(
            chain.state,
            SETTLEMENT_ASSET,
          )!
          assert.deepEqual(
            [priceBase, bondPriceBase, lockPriceBase, renewedWindow],
            [model.price, model.bond, model.lock, model.renewed],
          )
        })
        model.counts.forEach((count, i) => {
          const isReporter = i < REPORTERS
          const member = isReporter ? i + 1 : 1 + i - REPORTERS
          const record = recordOf(chain.state, { chamber: isReporter ? 'reporters' : 'providers', member })
          const { heard, silent, mistaken, malformed } = count
          if (record === undefined) {
            assert.equal(heard + silent + mistaken + malformed, 0)
            return
          }
          assert.deepEqual(
            [record.revealed, record.notRevealed, record.mismatched, record.malformed],
            [heard, silent, mistaken, malformed],
          )
          if (isReporter)
            assert.equal(record.notCommitted, windows.length - heard - silent - mistaken - malformed)
        })
      }),
      { numRuns: 25 },
    )
  })
})
