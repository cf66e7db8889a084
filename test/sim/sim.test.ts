// A bounded slice of the simulator for every run of the suite; `npm run sim` plays more.
import assert from 'node:assert/strict'
import { play, SCENARIOS } from './scenarios.ts'

describe('simulator', () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    it(`${name} (${scenario.numbers.join(', ')}): ${scenario.about}`, () => {
      const seeds = Math.max(1, Math.round(4 * Math.min(1, scenario.weight)))
      for (let seed = 1; seed <= seeds; seed++) {
        try {
          assert.ok(play(scenario, seed).height > 0)
        } catch (error) {
          throw new Error(`replay: npm run sim -- --scenario ${name} --first ${seed} --seeds 1`, {
            cause: error,
          })
        }
      }
    }).timeout(60_000)
  }
})
