// A few stories of scenario 43 for the test suite. More: SUANLI_LOST_SEEDS=1000.
import assert from 'node:assert/strict'
import { errorText } from '../../base/errors.ts'
import { LostSignerStory } from './lostSigner.ts'

const FIRST = Number(process.env.SUANLI_LOST_FIRST ?? 1)
const SEEDS = Number(process.env.SUANLI_LOST_SEEDS ?? 4)
const STEPS = 100

describe('simulated loss of a signer record', () => {
  it('never gives two votes that contradict each other, and signs again after an honest proof', async () => {
    let losses = 0
    let resumed = 0
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      try {
        const result = await new LostSignerStory(seed).play(STEPS)
        losses += result.losses
        resumed += result.resumed
      } catch (cause) {
        const again = `SUANLI_LOST_FIRST=${seed} SUANLI_LOST_SEEDS=1`
        throw new Error(`seed ${seed}, again with ${again}: ${errorText(cause)}`, { cause })
      }
    }
    if (SEEDS > 1) assert.ok(losses > 0 && resumed > 0, `${losses} losses, ${resumed} resumed`)
  }).timeout(Math.max(60_000, SEEDS * 10_000))
})
