// Latency targets on a simulated network, a few blocks each. `npm run sim:scale` measures longer runs.
import assert from 'node:assert/strict'
import { FIXED_100_MS, measureIdle, measureScale, WIDE_AREA } from './scale.ts'

const LOAD = { transactionsPerSecond: 20, warmUpMs: 400 }

describe('scale', () => {
  it('20 validators on 100 ms links: median finality within 0.7 s', () => {
    const options = { validators: 20, network: FIXED_100_MS, seed: 1, samples: 40, ...LOAD }
    const { p50Ms } = measureScale(options)
    assert.ok(p50Ms <= 700, `${p50Ms} ms`)
    // Minimum: one hop from the client's node to the leader and three to finality.
    assert.ok(p50Ms >= 400, `${p50Ms} ms`)
  }).timeout(180_000)

  it('100 validators worldwide: median finality within 1.2 s', () => {
    const options = { validators: 100, network: WIDE_AREA, seed: 1, samples: 12, ...LOAD }
    const { p50Ms } = measureScale(options)
    assert.ok(p50Ms <= 1_200, `${p50Ms} ms`)
  }).timeout(180_000)

  it('finalizes a transaction in one view after an idle hour', () => {
    const options = { validators: 4, network: WIDE_AREA, seed: 2, idleMs: 3_600_000 }
    const { finalMs, views } = measureIdle(options)
    assert.equal(views, 1)
    // To the leader, proposal, votes, finalize votes: four hops of at most 121 ms with jitter, plus work.
    assert.ok(finalMs <= 4 * 135 + 60, `${finalMs} ms`)
  }).timeout(180_000)
})
