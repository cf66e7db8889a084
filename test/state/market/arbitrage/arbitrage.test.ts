// A slice of `npm run test:arbitrage`.
import assert from 'node:assert/strict'
import { PPM } from '../../../../base/units.ts'
import { playArbitrage } from './story.ts'

const SLICE = { seed: 1, firstDay: 560, days: 40 }

describe('market: arbitrage on the rents of 2022 to 2026', () => {
  it('keeps the coin within the band that the documents state, and the bot gains by it', () => {
    const outcome = playArbitrage({ ...SLICE, isKept: true })
    assert.equal(outcome.outside, 0)
    assert.ok(outcome.auctions > SLICE.days)
    assert.ok(outcome.mintedBase > 0n && outcome.redeemedBase > 0n)
    // Hours that it bought below the price rented for more than it had paid.
    assert.ok(outcome.worth > outcome.paid)
    // Both edges were reached: the band is not wide by chance.
    assert.ok(outcome.lowestPpm < PPM && outcome.highestPpm > PPM)
  })

  it('is left far behind without the bot', () => {
    const outcome = playArbitrage({ ...SLICE, isKept: false })
    assert.ok(outcome.outside > outcome.auctions / 4)
    assert.ok(outcome.lowestPpm < 900_000n && outcome.highestPpm > 1_100_000n)
  })
})
