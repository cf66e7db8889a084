// A bounded fuzzer run for the test suite; `npm run fuzz` plays millions of frames.
import assert from 'node:assert/strict'
import { Random } from '../support/random.ts'
import { sharesOf, TARGETS } from './all.ts'
import { mutateBytes } from './bytes.ts'
import { fuzz } from './run.ts'
import type { FuzzTarget } from './target.ts'

const FRAMES = 30_000
/** Targets with state between frames. */
const STATEFUL = ['core', 'gossip', 'addresses', 'frame', 'rpc']

describe('fuzz', () => {
  const shares = sharesOf(TARGETS, FRAMES)
  for (const [i, target] of TARGETS.entries()) {
    it(`${target.name}: nothing throws and nothing invalid passes`, async () => {
      const frames = Math.max(40, shares[i]!)
      const weighed = STATEFUL.includes(target.name)
      const { failures } = await fuzz(target, { frames, seed: 7, weighed })
      assert.deepEqual(failures, [])
    }).timeout(30_000)
  }

  it('detects a throw, a leak and a broken bound, and reports the frame', async () => {
    const target = (open: FuzzTarget['open']): FuzzTarget => ({ name: 'bad', weight: 1, open })
    const throwing = target(() => ({
      step: () => {
        throw new Error('boom')
      },
    }))
    assert.match((await fuzz(throwing, { frames: 3, seed: 1 })).failures[0]!, /^frame 0: Error: boom/)
    const kept: Uint8Array[] = []
    const leaking = target(() => ({ step: () => void kept.push(new Uint8Array(2 ** 21)) }))
    assert.match((await fuzz(leaking, { frames: 40, seed: 1 })).failures[0]!, /the heap grew/)
    kept.length = 0
    const growing = target(() => ({ step: () => {}, check: () => 'too large' }))
    assert.deepEqual((await fuzz(growing, { frames: 1, seed: 1 })).failures, ['frame 0: too large'])
  }).timeout(30_000)

  it('the same seed gives the same frames', () => {
    const bytes = new Uint8Array(64)
    const of = (seed: number) => {
      const random = new Random(seed)
      return Array.from({ length: 50 }, () => mutateBytes(random, bytes, bytes).join())
    }
    assert.deepEqual(of(3), of(3))
    assert.notDeepEqual(of(3), of(4))
  })
})
