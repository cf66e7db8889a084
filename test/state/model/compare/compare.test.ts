// A slice of the comparison and of the rush; `npm run test:model` and `npm run test:rush` run the rest.
import { strict as assert } from 'node:assert'
import { isServed, runRush } from '../rush/rush.ts'
import type { World } from '../world.ts'
import { report, runSeed } from './history.ts'
import { exists } from './operations.ts'

const SEEDS = [8, 9, 10] as const
const OPERATIONS = 150

describe('state.model.compare', () => {
  it('draws only operations that the modules have', () => {
    for (const kind of ['mint', 'request', 'grant', 'settle', 'vote'] as const) assert.ok(exists(kind), kind)
  })
  for (const seed of SEEDS) {
    it(`chain and model agree after every block of seed ${seed}`, function () {
      this.timeout(120_000)
      const { divergence, executed } = runSeed(seed, OPERATIONS)
      // Not shrunk, which takes minutes; the command does.
      const text = divergence === undefined ? '' : report(divergence)
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

describe('state.model.compare of the oracle, faults and cures', () => {
  // Some chains have no reporters, or nobody is convicted on them: of these seeds one is enough.
  const others = {
    equivocationPpm: { value: 400_000n, seeds: [315, 316, 317] },
    graceWindows: { value: 1, seeds: [300, 302, 303] },
    cureWindows: { value: 1, seeds: [302, 303, 304] },
    disputedDriftPpm: { value: 1n, seeds: [300, 301, 302] },
  } as const
  for (const [name, { value, seeds }] of Object.entries(others)) {
    it(`tells a chain from a model with another ${name}`, function () {
      this.timeout(120_000)
      const look = {
        ignored: /(?!)/,
        without: new Set<string>(),
        spoil: (world: World) => void Object.assign(world.parameters, { [name]: value }),
      }
      assert.ok(seeds.some((seed) => runSeed(seed, 400, look).divergence !== undefined))
    })
  }
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
