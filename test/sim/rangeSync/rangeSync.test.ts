// Scenario 41 of CONSENSUS §9 for the test suite; `npm run sim:range-sync` plays more.
import assert from 'node:assert/strict'
import { syncChain } from './syncChain.ts'
import { LIES } from './syncPeers.ts'
import { type SyncResult, SyncWorld } from './syncWorld.ts'

/** Liars beside three honest peers, in one run. */
const TOGETHER = 4

describe('simulated range sync (41)', function () {
  this.timeout(60_000)
  const names = Object.keys(LIES)
  const groups = Array.from({ length: Math.ceil(names.length / TOGETHER) }, (_, i) =>
    names.slice(i * TOGETHER, (i + 1) * TOGETHER),
  )
  const results: SyncResult[] = []

  async function play(seed: number): Promise<SyncResult> {
    return new SyncWorld({ seed, lies: groups[seed]!, hasTarget: seed % 2 === 1 }, await syncChain()).run()
  }

  before(syncChain)

  for (const [seed, lies] of groups.entries()) {
    it(`reaches the tip and blames no honest peer beside: ${lies.join(', ')}`, async () => {
      const result = await play(seed)
      results.push(result)
      for (const [i, name] of lies.entries()) {
        const peer = `liar${i}`
        if (!LIES[name]!.isProvable || !result.spoilt.has(peer)) continue
        assert.ok(result.penalised.has(peer), `${name}: a lie that its answer proves costs points`)
      }
    })
  }

  it('the same seed gives the same trace, another seed a different one', async () => {
    assert.equal((await play(0)).traceHash, results[0]!.traceHash)
    assert.notEqual(results[1]!.traceHash, results[0]!.traceHash)
  })
})
