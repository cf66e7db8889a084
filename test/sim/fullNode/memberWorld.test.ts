// Joins, leaves, jailings, rotations and restarts in the order of a few seeds: one chain, no double vote, no node accused or
// penalised, all nodes at the tip and in their role after healing. More seeds: SUANLI_MEMBER_SEEDS=100.
import assert from 'node:assert/strict'
import { errorText } from '../../../base/errors.ts'
import { encodeCall } from '../../../client/calls.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { providersSchema } from '../../../state/modules/providers/schema.ts'
import { admissionOf, MemberDecisions } from './memberDecisions.ts'
import { type Machine, type MemberConfig, MemberWorld } from './memberWorld.ts'

const MIXES: Readonly<Record<string, Omit<MemberConfig, 'seed'>>> = {
  crashes: {
    lossRate: 0.05,
    crashEveryMs: 2_500,
    crashPointRate: 0,
    faultsUntilMs: 16_000,
    limitMs: 180_000,
  },
  crashPoints: {
    lossRate: 0.02,
    crashEveryMs: 0,
    crashPointRate: 0.005,
    faultsUntilMs: 14_000,
    limitMs: 180_000,
  },
}
const FIRST = Number(process.env.SUANLI_MEMBER_FIRST ?? 1)
const SEEDS = Number(process.env.SUANLI_MEMBER_SEEDS ?? 1)

describe('membership of simulated whole nodes', () => {
  it('a member removed while down for several epochs comes back as a follower', async () => {
    const quiet = { lossRate: 0, crashEveryMs: 0, crashPointRate: 0, limitMs: 60_000 }
    const world = new MemberWorld({ ...quiet, seed: 1, faultsUntilMs: 21_000 })
    const decisions = new MemberDecisions(world)
    const [first, second, , fourth, fifth] = world.machines as readonly [
      Machine,
      Machine,
      Machine,
      Machine,
      Machine,
    ]
    const decide = (action: string, args: { readonly [name: string]: unknown }) => () =>
      encodeCall(governanceSchema, action, args)
    const { consensusKey, possessionProof } = second.keys[1]
    const begin = (): void => {
      decisions.play(3_500, [
        [first, decide('proposeAdmission', admissionOf(fifth))],
        [first, decide('proposeRemoval', { provider: 4 })],
        [second, () => encodeCall(providersSchema, 'rotateConsensusKey', { consensusKey, possessionProof })],
        [second, decide('proposeJail', { provider: 1 })],
        [second, decide('proposeUnjail', { provider: 1 })],
      ])
      // Down before its removal is proposed, back when the chain is epochs ahead, but by far less than 64 blocks.
      world.scheduler.after(6_900, () => world.away(fourth, 13_000))
    }
    await world.run(begin, () => decisions.isSettled())
    assert.ok(world.epochs >= 3, `${world.epochs} epochs`)
    assert.equal(world.roleOf(fourth), 'outside')
    assert.equal(world.roleOf(fifth), 'inside')
  }).timeout(180_000)

  for (const [name, mix] of Object.entries(MIXES)) {
    it(`${name}: the set decided on chain is the set that signs`, async () => {
      let epochs = 0
      for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
        const world = new MemberWorld({ ...mix, seed })
        const decisions = new MemberDecisions(world)
        try {
          await world.run(
            () => decisions.begin(),
            () => decisions.isSettled(),
          )
        } catch (error) {
          const again = `SUANLI_MEMBER_FIRST=${seed} SUANLI_MEMBER_SEEDS=1`
          throw new Error(
            `${name} seed ${seed}, again with ${again}: ${errorText(error)}; ${world.describe()}`,
            {
              cause: error,
            },
          )
        }
        assert.ok(decisions.proposals > 0)
        epochs += world.epochs
      }
      assert.ok(epochs > SEEDS, 'sets changed')
    }).timeout(60_000 * Math.max(1, SEEDS))
  }
})
