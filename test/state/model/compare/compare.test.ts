// A slice of the comparison and of the rush; `npm run test:model` and `npm run test:rush` run the rest.
import { strict as assert } from 'node:assert'
import { isServed, runRush } from '../rush/rush.ts'
import { report, runSeed, shrink } from './history.ts'

const SEEDS = [1, 4, 8] as const
const OPERATIONS = 150

describe('state.model.compare', () => {
  for (const seed of SEEDS) {
    it(`chain and model agree after every block of seed ${seed}`, function () {
      this.timeout(120_000)
      const { divergence, executed } = runSeed(seed, OPERATIONS)
      const text = divergence === undefined ? '' : report(shrink(divergence))
      assert.equal(text, '', `npm run test:model -- --seed ${seed} --chains 1`)
      assert.ok(executed >= OPERATIONS)
    })
  }

  it('tells a chain from a model that is told something else', () => {
    const { divergence } = runSeed(4, OPERATIONS, {
      ignored: /(?!)/,
      without: new Set(),
      spoil: (world) => {
        world.parameters.noShowPpm = 0n
        world.parameters.availabilityHaircutPpm = 0n
      },
    })
    assert.ok(divergence !== undefined)
  })
})

describe('state.model.rush', () => {
  for (const disturbance of ['none', 'hoarders', 'rejecters', 'spam'] as const) {
    it(`everyone is served within K windows: ${disturbance}`, function () {
      this.timeout(120_000)
      const result = runRush(3, disturbance, 1)
      assert.ok(result.honestBase > 0n)
      assert.ok(isServed(result), `${result.unservedBase} unserved after ${result.windows} windows`)
    })
  }
})
