// A few runs of whole nodes for the test suite; `npm run sim:full-node` plays more.
import assert from 'node:assert/strict'
import { FULL_NODE_SCENARIOS } from './fullNodeScenarios.ts'
import { FullNodeWorld } from './fullNodeWorld.ts'

describe('simulated whole nodes', () => {
  for (const name of ['crashes', 'crashPoints', 'everything'] as const) {
    it(`${name}: driver, importer, mempool and store agree, lose nothing, and settle every transaction`, async () => {
      for (let seed = 1; seed <= 2; seed++) {
        try {
          const result = await new FullNodeWorld(FULL_NODE_SCENARIOS[name]!(seed)).run()
          assert.ok(result.crashes > 0)
          assert.ok(result.transactions > 10)
        } catch (error) {
          throw new Error(`replay: npm run sim:full-node -- --scenario ${name} --first ${seed} --seeds 1`, {
            cause: error,
          })
        }
      }
    }).timeout(180_000)
  }

  it('the same seed gives the same trace, another seed a different one', async () => {
    const play = async (seed: number) =>
      (await new FullNodeWorld({ ...FULL_NODE_SCENARIOS.crashPoints!(seed), faultsUntilMs: 2_500 }).run())
        .traceHash
    const first = await play(11)
    assert.equal(await play(11), first)
    assert.notEqual(await play(12), first)
  }).timeout(180_000)
})
