import assert from 'node:assert/strict'
import type { FinalizedEvent } from '../../node/chain/importerTypes.ts'
import { tellSteps } from '../../node/chain/tell.ts'

const blockOf = (height: number, transactions: number): FinalizedEvent =>
  ({ height, executed: { block: { transactions: { length: transactions } } } }) as unknown as FinalizedEvent

describe('node.tellSteps', () => {
  it('tells a large commit in several steps, in order, each block to all', () => {
    const heard: string[] = []
    const listeners = new Set(
      ['a', 'b'].map(
        (name) =>
          ({ height }: FinalizedEvent) =>
            void heard.push(name + height),
      ),
    )
    const events = Array.from({ length: 64 }, (_, i) => blockOf(i, 2_000))
    const perStep: number[] = []
    const steps = tellSteps(events, listeners)
    for (let step = steps.next(), before = 0; ; step = steps.next()) {
      perStep.push((heard.length - before) / 2)
      before = heard.length
      if (step.done === true) break
    }
    assert.deepEqual(perStep, [8, 8, 8, 8, 8, 8, 8, 8])
    assert.deepEqual(
      heard,
      events.flatMap(({ height }) => [`a${height}`, `b${height}`]),
    )
  })

  it('tells an ordinary commit at once, and a huge block whole', () => {
    for (const events of [[blockOf(1, 0), blockOf(2, 2_000)], [blockOf(1, 50_000)]]) {
      let heard = 0
      assert.equal(tellSteps(events, new Set([() => void heard++])).next().done, true)
      assert.equal(heard, events.length)
    }
  })
})
