import { strict as assert } from 'node:assert'
import { dayOf } from '../../bench/replay/calendar.ts'
import { chartsOf } from '../../bench/replay/charts.ts'
import { compare } from '../../bench/replay/comparison.ts'
import { readHistory } from '../../bench/replay/history.ts'
import { play } from '../../bench/replay/play.ts'
import { Prices } from '../../bench/replay/prices.ts'
import { csvOf } from '../../bench/replay/rows.ts'
import { WorldStock } from '../../bench/replay/stock.ts'

const history = readHistory()
const PPM = 1_000_000n

describe('replay.play', function () {
  this.timeout(180_000)

  it('plays the first weeks of 2022: A100s, a steady anchor, coins that are minted, redeemed and covered', () => {
    const { rows, blocks, transactions } = play({ history, days: 22 })
    assert.ok(blocks > 4 * 22, 'four blocks a day and what they leave to be done')
    assert.ok(transactions > 22 * 26, 'each of both chambers commits and reveals in every window')
    const last = rows.at(-1)!
    assert.equal(rows.length, 4)
    for (const row of rows) {
      assert.equal(row.anchorPpm, 388_000n)
      assert.equal(row.mainstream, 'a100-sxm-80')
      assert.equal(row.shortfallBase, 0n)
      assert.ok(row.supplyBase <= row.limitBase && row.limitBase < row.capacityBase)
      assert.equal(row.supplyBase, row.liabilitiesBase)
      assert.equal(row.queuedBase, 0n)
    }
    assert.ok(last.lockedBase > 0n && last.lockedBase < last.supplyBase)
    assert.ok(last.deliveredBase > 0n && last.perishedBase > last.deliveredBase)
    assert.ok(last.devices[0]! > 0 && last.devices[1]! > rows[0]!.devices[1]!, 'what was bought is pledged')
    // Without a benchmark of its own the A100 counts three quarters of its rating: 388 / (437 · 3/4).
    assert.equal(last.microHours[1], (388_000n * PPM) / 327_750n)
  })

  it('lets the anchor follow a new mainstream device, at most 0.15 % a window', () => {
    const firstDay = dayOf('2023-09-01')
    const days = 16
    const { rows } = play({ history, firstDay, days })
    assert.equal(rows[0]!.mainstream, 'h100-sxm')
    let anchor = rows[0]!.anchorPpm
    rows.slice(1).forEach((row) => {
      for (let window = 0; window < 7; window++) anchor = (anchor * 1_001_500n) / PPM
      assert.equal(row.anchorPpm, anchor)
      // Coins buy more of every device as the anchor rises.
      row.microHours.forEach((hours, c) => {
        assert.ok(hours > rows[0]!.microHours[c]!)
      })
    })
  })

  it('plays the same again, byte for byte', () => {
    const runs = [0, 1].map(() => {
      const { rows } = play({ history, days: 8 })
      const values = compare(rows, new Prices(history, new WorldStock(history)), history.bitcoin)
      return [csvOf(rows), ...chartsOf(rows, values).values()]
    })
    assert.deepEqual(runs[0], runs[1])
    assert.equal(runs[0]![0]!.split('\n').length, 1 + 2 + 1)
  })
})
