import assert from 'node:assert/strict'
import fc from 'fast-check'
import { largest } from '../../../state/modules/issuance/coverage.ts'
import { RANKED, Ranking } from '../../../state/modules/issuance/ranking.ts'
import { PAGE_SEATS, RANK_PAGES } from '../../../state/modules/issuance/shapes.ts'
import { PROVIDERS_MAX } from '../../../state/modules/providers/schema.ts'
import { MemoryState } from '../../../state/overlay.ts'

describe('issuance: rankings', () => {
  it('have a place for every legal group', () => {
    assert.equal(PAGE_SEATS * RANK_PAGES, PROVIDERS_MAX)
    const ranking = new Ranking(new MemoryState(), { ranking: RANKED.lasting, count: 2, pass: 1, slot: 1 })
    ranking.set(1, 5n)
    ranking.set(PROVIDERS_MAX, 7n)
    assert.deepEqual(ranking.top(), [7n, 5n])
    assert.throws(() => ranking.set(0, 1n), /within the bound/)
    assert.throws(() => ranking.set(PROVIDERS_MAX + 1, 1n), /within the bound/)
  })

  it('agree with sorting all values, read from state or with changes in memory', () => {
    const change = fc.record({
      group: fc.integer({ min: 1, max: PROVIDERS_MAX }),
      value: fc.bigInt({ min: 0n, max: 1_000n }),
      stored: fc.boolean(),
    })
    const cases = fc.record({
      changes: fc.array(change, { maxLength: 60 }),
      count: fc.integer({ min: 1, max: 17 }),
    })
    fc.assert(
      fc.property(cases, ({ changes, count }) => {
        const state = new MemoryState()
        const options = { ranking: RANKED.exposure, count, pass: 3, slot: 1 }
        // What an earlier recount left in the slot.
        const old = new Ranking(state, { ...options, pass: 1 })
        old.set(1, 2_000n)
        old.store(state)
        const values = new Array<bigint>(PROVIDERS_MAX + 1).fill(0n)
        let ranking = new Ranking(state, options)
        for (const { group, value, stored } of changes) {
          values[group] = value
          ranking.set(group, value)
          assert.deepEqual(ranking.top(), largest(values, count))
          if (!stored) continue
          ranking.store(state)
          ranking = new Ranking(state, options)
          assert.deepEqual(ranking.top(), largest(values, count))
        }
      }),
      { numRuns: 60 },
    )
  })
})
