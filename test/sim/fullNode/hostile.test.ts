// A few runs of whole nodes beside a Byzantine member; `npm run sim:hostile` plays every behaviour.
import assert from 'node:assert/strict'
import { BEHAVIOURS } from '../../support/byzantine/behaviours.ts'
import { HOSTILE_SCENARIOS } from './hostileScenarios.ts'
import { type HostileResult, HostileWorld } from './hostileWorld.ts'

/** Long enough for each of four validators to lead several views. */
const ATTACK_MS = 1_800

async function play(behaviour: string, seed: number): Promise<HostileResult> {
  try {
    return await new HostileWorld({ ...HOSTILE_SCENARIOS[behaviour]!(seed), attackMs: ATTACK_MS }).run()
  } catch (cause) {
    const again = `npm run sim:hostile -- --behaviour ${behaviour} --first ${seed} --seeds 1 --attack-ms ${ATTACK_MS}`
    throw new Error(`replay: ${again}`, { cause })
  }
}

describe('simulated whole nodes beside a Byzantine member', () => {
  it('only the hostile member is penalised, the others go on, and the same seed gives the same trace', async () => {
    for (const behaviour of ['falseBodyFetch', 'wrongVoteOnlyToOne']) {
      const { points, transactions } = await play(behaviour, 2)
      assert.ok(points > 0, 'the attack takes place')
      assert.ok(transactions > 10)
    }
    const { traceHash } = await play('wrongVoteOnlyToOne', 4)
    assert.equal((await play('wrongVoteOnlyToOne', 4)).traceHash, traceHash)
  }).timeout(120_000)

  it('plays every behaviour that frames can carry', () => {
    const others = Object.keys(BEHAVIOURS).filter((name) => !Object.hasOwn(HOSTILE_SCENARIOS, name))
    assert.deepEqual(others, ['slowReading', 'reconnects', 'oneByteFrames', 'manyConnections'])
  })
})
