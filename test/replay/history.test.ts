import { strict as assert } from 'node:assert'
import { DAYS, dateOf, dayOf, isMonthStart, monthOf, weekOf, yearOf } from '../../bench/replay/calendar.ts'
import { readHistory } from '../../bench/replay/history.ts'
import { Prices } from '../../bench/replay/prices.ts'
import { indexPath, WorldStock } from '../../bench/replay/stock.ts'

const history = readHistory()
const stock = new WorldStock(history)
const prices = new Prices(history, stock)

describe('replay.calendar', () => {
  it('begins with 2022 and ends before July 2026', () => {
    assert.equal(dateOf(0), '2022-01-01')
    assert.equal(dateOf(DAYS - 1), '2026-06-30')
    assert.equal(dayOf('2024-03-01') - dayOf('2024-02-28'), 2)
    assert.ok(isMonthStart(dayOf('2025-11-01')) && !isMonthStart(dayOf('2025-11-02')))
    assert.equal(monthOf(31), '2022-02')
    assert.equal(yearOf(dayOf('2023-01-01')), 2023)
  })
})

describe('replay.stock', () => {
  it('finds the mainstream device of each week as the index that it is compared with', () => {
    for (const { week, medianClass, ratingPpm } of history.index) {
      const { classId, ratingPpm: found } = stock.mainstreamAt(week)
      assert.deepEqual([week, classId, found], [week, medianClass, ratingPpm])
    }
  })

  it('follows the rule of that index', () => {
    assert.deepEqual(
      indexPath(stock, history.index.length),
      history.index.map(({ indexPpm }) => indexPpm),
    )
  })

  it('has shipped by the end what all quarters have', () => {
    for (const classId of stock.classes) {
      const units = history.shipments
        .filter((shipment) => shipment.classId === classId)
        .reduce((sum, shipment) => sum + shipment.units, 0)
      assert.equal(stock.unitsOf(classId, weekOf(DAYS)), units)
    }
  })
})

describe('replay.prices', () => {
  it('gives the figure of a month in its middle and the straight line between', () => {
    const [first, second] = history.rentals.filter(({ classId }) => classId === 'h100-sxm')
    assert.ok(first !== undefined && second !== undefined)
    assert.equal(prices.rentOf('h100-sxm', first.day), first.milliUsd * 1_000n)
    assert.equal(prices.rentOf('h100-sxm', 0), first.milliUsd * 1_000n)
    const past = BigInt(10)
    const span = BigInt(second.day - first.day)
    const expected = ((first.milliUsd * (span - past) + second.milliUsd * past) * 1_000n) / span
    assert.equal(prices.rentOf('h100-sxm', first.day + 10), expected)
    assert.equal(prices.rentOf('mi300x', 1_500), undefined)
  })

  it('values the reference hour at what the whole stock rents for', () => {
    // Only A100s are there on the first day, at 0.388 of an H100.
    const rent = prices.rentOf('a100-sxm-80', 0)
    assert.ok(rent !== undefined)
    assert.equal(prices.referenceRent(0), (rent * 1_000_000n) / 388_000n)
    assert.equal(prices.coinPrice(0, 388_000n), (prices.referenceRent(0) * 388_000n) / 1_000_000n)
  })

  it('names as benchmark the mainstream device, or the last one with a price', () => {
    assert.equal(prices.benchmarkAt(0), 'a100-sxm-80')
    assert.equal(prices.benchmarkAt(7 * 80), 'a100-sxm-80')
    assert.equal(prices.benchmarkAt(7 * 100), 'h100-sxm')
    // The MI300X has no price.
    assert.equal(stock.mainstreamAt(192).classId, 'mi300x')
    assert.equal(prices.benchmarkAt(7 * 192), 'h100-sxm')
    assert.equal(prices.benchmarkAt(7 * 210), 'b200-sxm')
  })
})
