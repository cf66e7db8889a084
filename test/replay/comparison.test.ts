import { strict as assert } from 'node:assert'
import { dayOf } from '../../bench/replay/calendar.ts'
import { compare, rolledFuture, statisticsOf, type Values } from '../../bench/replay/comparison.ts'
import type { History } from '../../bench/replay/history.ts'
import { Prices } from '../../bench/replay/prices.ts'
import { WorldStock } from '../../bench/replay/stock.ts'

const day = dayOf('2022-04-01')
/** One class that rents for 2 dollars and from June on for 1; a better one that takes over in the second quarter, for 4. */
const history: History = {
  shipments: [
    { quarter: 0, classId: 'old', units: 1_300 },
    { quarter: 1, classId: 'new', units: 130_000 },
  ],
  rentals: [
    { classId: 'old', day: 0, milliUsd: 2_000n },
    { classId: 'new', day: 0, milliUsd: 4_000n },
    { classId: 'new', day: day + 200, milliUsd: 4_000n },
    { classId: 'new', day: day + 201, milliUsd: 2_000n },
  ],
  index: [],
  bitcoin: [
    { day: 0, cents: 5_000_000n },
    { day: day + 300, cents: 2_500_000n },
  ],
  ratings: new Map([
    ['old', 400_000n],
    ['new', 1_000_000n],
  ]),
}
const prices = new Prices(history, new WorldStock(history))

describe('replay.rolledFuture', () => {
  it('gains nothing when a better and dearer device becomes the benchmark', () => {
    assert.equal(prices.benchmarkAt(0), 'old')
    assert.equal(prices.benchmarkAt(day + 100), 'new')
    assert.deepEqual(rolledFuture(prices, [0, day + 100]), [100_000_000n, 100_000_000n])
  })

  it('loses what the benchmark loses within a month', () => {
    assert.deepEqual(rolledFuture(prices, [0, day + 250]), [100_000_000n, 50_000_000n])
  })
})

describe('replay.compare', () => {
  it('begins all at 100 and follows what each is worth', () => {
    const rows = [
      { day: 0, coinMicro: 2_000_000n, referenceMicro: 5_000_000n },
      { day: day + 300, coinMicro: 3_000_000n, referenceMicro: 2_000_000n },
    ]
    const [first, last] = compare(rows, prices, history.bitcoin)
    const begun = 100_000_000n
    assert.deepEqual(first, { day: 0, coin: begun, fixed: begun, future: begun, bitcoin: begun })
    assert.deepEqual(last, {
      day: day + 300,
      coin: 150_000_000n,
      fixed: 40_000_000n,
      future: 50_000_000n,
      bitcoin: 50_000_000n,
    })
  })
})

describe('replay.statisticsOf', () => {
  const valuesOf = (...coins: readonly number[]): readonly Values[] =>
    coins.map((coin, i) => {
      const value = BigInt(coin) * 1_000_000n
      return { day: 31 * i, coin: value, fixed: value, future: value, bitcoin: value }
    })

  it('finds the deepest fall below an earlier height', () => {
    const { worstFall, fallFromDay, fallToDay, last } = statisticsOf(
      valuesOf(100, 80, 200, 150, 50, 120),
      'coin',
    )
    assert.equal(worstFall, 0.75)
    assert.deepEqual([fallFromDay, fallToDay], [62, 124])
    assert.equal(last, 120)
  })

  it('has no volatility in steady growth, and that of the changes otherwise', () => {
    assert.ok(statisticsOf(valuesOf(100, 200, 400, 800), 'coin').monthlyVolatility < 1e-9)
    // Changes of ±ln 2: their deviation is ln 2 · √(4/3).
    const { monthlyVolatility } = statisticsOf(valuesOf(100, 200, 100, 200, 100), 'coin')
    assert.ok(Math.abs(monthlyVolatility - Math.LN2 * Math.sqrt((4 / 3) * 12)) < 1e-9)
  })
})
