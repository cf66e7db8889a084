// A slice of `npm run test:market`.
import assert from 'node:assert/strict'
import { compareBook, noCounts } from './compare.ts'
import { gainOf } from './proposer.ts'

const BOOKS = 250
const BLOCKS = 400

describe('market: the independent model', () => {
  it(`agrees on prices, fills and balances of ${BOOKS} random books, whatever the order in a block`, () => {
    const counts = noCounts()
    for (let seed = 1; seed <= BOOKS; seed++) compareBook(seed, counts)
    for (const [name, count] of Object.entries(counts)) assert.ok(count > 0, `no ${name}`)
  })

  it('gives a proposer that inserts and leaves out orders no more than the best limit order, but for a tick', () => {
    let traded = 0
    for (let seed = 1; seed <= BLOCKS; seed++) {
      const { gain, lots } = gainOf(seed)
      assert.ok(gain <= lots, `seed ${seed}: gains ${gain} ticks over ${lots} lots`)
      if (lots > 0) traded++
    }
    assert.ok(traded > BLOCKS / 4)
  })
})
