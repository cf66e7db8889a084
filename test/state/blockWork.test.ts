import { strict as assert } from 'node:assert'
import { newBlockWork, numberOfWalk, openWalk } from '../../state/blockWork.ts'
import { redemptionSchema } from '../../state/modules/redemption/schema.ts'
import { MODULES } from '../../state/registry.ts'
import { modulesWithNotary } from '../support/notary/lists.ts'
import { notarySchema } from '../support/notary/schema.ts'

const STEPS_MAX = 12_000
const ACT = 1_600
const COUNT = MODULES.flatMap(({ definition }) => definition.walks ?? []).length

/** Acts of every walk of the economy in one block, each with as many acts to do as `wants` says. */
function runBlock(height: number, wants: (number: number) => number) {
  const ctx = { block: { height }, work: newBlockWork() }
  const acts = Array.from({ length: COUNT }, (_, number) => {
    const walk = openWalk(ctx, { stepsMax: STEPS_MAX, number, count: COUNT })
    let done = 0
    while (done < wants(number) && walk.take(ACT)) done++
    return done
  })
  return { acts, usedSteps: ctx.work.usedSteps }
}

describe('the work of a block', () => {
  it('is at most the budget and two acts, whoever wants how much', () => {
    for (let set = 0; set < 1 << COUNT; set += 7) {
      const { usedSteps } = runBlock(set % 97, (number) => ((set >> number) & 1) * 1_000)
      assert.ok(usedSteps < STEPS_MAX + 2 * ACT, `walks ${set.toString(2)}: ${usedSteps} steps`)
    }
  })

  it('lets each walk act once in as many blocks as there are walks, however much all others want', () => {
    const acts = Array.from({ length: COUNT }, () => 0)
    for (let height = 100; height < 100 + COUNT; height++)
      runBlock(height, () => 1_000_000).acts.forEach((count, number) => {
        acts[number]! += count
      })
    assert.ok(
      acts.every((count) => count > 0),
      acts.join(),
    )
  })

  it('is all for matching when nobody else has any', () => {
    const { number, count } = numberOfWalk(MODULES, redemptionSchema, 'matching')
    assert.deepEqual({ number, count }, { number: COUNT - 1, count: COUNT })
    const { acts } = runBlock(3, (other) => (other === number ? 1_000 : 0))
    assert.equal(acts[number], Math.ceil(STEPS_MAX / ACT))
  })

  it('numbers the walks by the registry, with those of a module that is added', () => {
    const walks = modulesWithNotary.flatMap(({ definition }) =>
      (definition.walks ?? []).map((name) => ({ definition, name })),
    )
    walks.forEach(({ definition, name }, number) => {
      assert.deepEqual(numberOfWalk(modulesWithNotary, definition, name), { number, count: COUNT + 1 })
    })
    assert.equal(walks.at(-1)?.name, 'returns')
  })

  it('refuses a walk that no module of the version names', () => {
    assert.throws(() => numberOfWalk(MODULES, notarySchema, 'returns'), /notary.returns/)
  })
})
