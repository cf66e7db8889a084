import { strict as assert } from 'node:assert'
import { newBlockWork, openWalk, WALK_TURNS } from '../../state/blockWork.ts'
import { WALKS } from '../../state/modules/capacity/walks.ts'

const STEPS_MAX = 12_000
const ACT = 1_600

/** Acts of every walk of the economy in one block, each with as many acts to do as `wants` says. */
function runBlock(height: number, wants: (number: number) => number) {
  const ctx = { block: { height }, work: newBlockWork() }
  const acts = Object.values(WALKS).map((number) => {
    const walk = openWalk(ctx, { stepsMax: STEPS_MAX, number, isLast: number === WALKS.matching })
    let done = 0
    while (done < wants(number) && walk.take(ACT)) done++
    return done
  })
  return { acts, usedSteps: ctx.work.usedSteps }
}

describe('the work of a block', () => {
  it('is at most the budget and two acts, whoever wants how much', () => {
    for (let set = 0; set < 1 << Object.keys(WALKS).length; set += 7) {
      const { usedSteps } = runBlock(set % 97, (number) => ((set >> number) & 1) * 1_000)
      assert.ok(usedSteps < STEPS_MAX + 2 * ACT, `walks ${set.toString(2)}: ${usedSteps} steps`)
    }
  })

  it('lets each walk act in every so many blocks, however much all others want', () => {
    const acts = Object.keys(WALKS).map(() => 0)
    for (let height = 100; height < 100 + WALK_TURNS; height++)
      runBlock(height, () => 1_000_000).acts.forEach((count, number) => {
        acts[number]! += count
      })
    assert.ok(
      acts.every((count) => count > 0),
      acts.join(),
    )
  })

  it('is all for matching when nobody else has any', () => {
    const { acts } = runBlock(3, (number) => (number === WALKS.matching ? 1_000 : 0))
    assert.equal(acts[WALKS.matching], Math.ceil(STEPS_MAX / ACT))
  })

  it('has a turn for each walk, and one number for each', () => {
    const numbers = Object.values(WALKS)
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i),
    )
    assert.ok(numbers.length <= WALK_TURNS)
  })
})
