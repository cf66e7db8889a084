// Every order of join, leave, jail, rotate and restart that a few seeds play: one chain, no double vote, nobody accused or
// punished, everybody at the tip and in its role after healing. More seeds: SUANLI_MEMBER_SEEDS=100.
import assert from 'node:assert/strict'
import { MemberDecisions } from './memberDecisions.ts'
import { type MemberConfig, MemberWorld } from './memberWorld.ts'

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
  for (const [name, mix] of Object.entries(MIXES)) {
    it(`${name}: the set that the chain decides is the one that signs`, async () => {
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
            `${name} seed ${seed}, again with ${again}: ${(error as Error).message}; ${world.describe()}`,
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
