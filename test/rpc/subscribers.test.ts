// A slice of `npm run test:subscribers` (test/rpc/subscribers/main.ts), on a chain in memory.
import assert from 'node:assert/strict'
import { serve } from '../support/rpcHarness.ts'
import { PER_SLOW, runCrowd } from './subscribers/crowd.ts'

describe('rpc.subscribe over WebSocket', () => {
  it('lets none of 50 miss a number; those who stop reading are cut, come again and miss none either', async () => {
    const served = await serve({ followLimits: { blocksBehindMax: 8 } })
    const mine = async (): Promise<void> => void served.backend.mine()
    const { messages, resumed, lastHeight } = await runCrowd({
      url: served.rpc.url,
      count: 50,
      slow: 1,
      fromBlock: 1,
      async blocks(areReading, tip) {
        for (let height = 1; height <= 100; height++) {
          await mine()
          while (tip() < height || !areReading()) await new Promise(setImmediate)
        }
      },
      block: mine,
    })
    assert.equal(resumed, 1)
    assert.equal(lastHeight, 100)
    assert.ok(messages >= 101 * (50 + PER_SLOW))
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })
})
