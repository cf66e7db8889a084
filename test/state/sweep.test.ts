import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AssertionFailed } from '../../base/assert.ts'
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { defineModule } from '../../base/moduleDefinition.ts'
import type { WriteContext } from '../../state/context.ts'
import { orderedSetsOf } from '../../state/orderedSet.ts'
import { MemoryState } from '../../state/overlay.ts'
import { setNodeRecord, sweepRecord } from '../../state/recordShapes.ts'
import { sweepOf } from '../../state/sweep.ts'
import { tablesOf } from '../../state/table.ts'
import { blockContext } from '../support/chainHarness.ts'

const schema = defineModule({
  name: 'sweeps',
  id: 200,
  doc: 'Test module with a sweep over an ordered set.',
  params: {},
  records: { node: setNodeRecord(1, 'A set.'), cursor: sweepRecord(2, 'A sweep.') },
  errors: {},
  events: {},
  actions: {},
  queries: {},
})
const tables = tablesOf(schema)
const sets = orderedSetsOf(tables.node)
const ITEMS = sha256(utf8('items'))
const sweep = sweepOf(tables.cursor, (state, from) => sets.next(state, ITEMS, from))

function open(items: Iterable<number>): WriteContext {
  const state = new MemoryState()
  for (const item of items) sets.insert(state, ITEMS, item)
  return { state, block: blockContext(), emit: () => undefined }
}

/** Runs whole blocks until the sweep is done; returns what each visited. */
function blocks(
  ctx: WriteContext,
  stepsMax: number,
  stepsOf: (item: number) => number = () => 1,
): number[][] {
  const visited: number[][] = []
  while (!sweep.isDone(ctx.state)) {
    assert.ok(visited.length < 1_000, 'the sweep ends')
    const seen: number[] = []
    const steps = sweep.run(ctx, stepsMax, (_ctx, item, left) => {
      seen.push(item)
      return Math.min(left, stepsOf(item))
    })
    assert.ok(steps >= 1 && steps <= stepsMax, 'a block keeps to its steps')
    visited.push(seen)
  }
  return visited
}

describe('sweep', () => {
  it('visits every item once, in order, at most so many steps a block', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(2_000), { maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 3 }),
        (items, stepsMax, each) => {
          const ctx = open(items)
          sweep.start(ctx.state)
          const visited = blocks(ctx, stepsMax, () => each).flat()
          assert.deepEqual(
            visited,
            [...items].sort((a, b) => a - b),
          )
        },
      ),
      { numRuns: 200 },
    )
  })

  it('does nothing before it is started and after it is done', () => {
    const ctx = open([1, 2])
    const never = () => assert.fail('no visit')
    assert.equal(sweep.isDone(ctx.state), true)
    assert.equal(sweep.run(ctx, 5, never), 0)
    sweep.start(ctx.state)
    assert.equal(sweep.run(ctx, 0, never), 0)
    assert.equal(sweep.isDone(ctx.state), false)
    assert.deepEqual(blocks(ctx, 5), [[1, 2]])
    assert.equal(sweep.run(ctx, 5, never), 0)
    assert.equal(tables.cursor.has(ctx.state, {}), false)
  })

  it('is not set back by being started again in every block, and then begins once more', () => {
    const ctx = open([1, 2, 3, 4, 5])
    const seen: number[] = []
    for (let block = 0; block < 3; block++) {
      sweep.start(ctx.state)
      sweep.run(ctx, 2, (_ctx, item) => seen.push(item) && 1)
    }
    assert.deepEqual(seen, [1, 2, 3, 4, 5])
    assert.deepEqual(blocks(ctx, 2).flat(), [1, 2, 3, 4, 5])
  })

  it('begins once more when a visit asks for it, also with the last item', () => {
    for (const asker of [1, 3]) {
      const ctx = open([1, 2, 3])
      sweep.start(ctx.state)
      const seen: number[] = []
      let asked = false
      while (!sweep.isDone(ctx.state))
        sweep.run(ctx, 10, (_ctx, item) => {
          seen.push(item)
          if (item === asker && !asked) {
            asked = true
            sweep.start(ctx.state)
          }
          return 1
        })
      assert.deepEqual(seen, [1, 2, 3, 1, 2, 3])
    }
  })

  it('sees items that come and go ahead of it', () => {
    const ctx = open([1, 5, 9])
    sweep.start(ctx.state)
    sweep.run(ctx, 1, () => 1)
    sets.remove(ctx.state, ITEMS, 5)
    sets.insert(ctx.state, ITEMS, 7)
    assert.deepEqual(blocks(ctx, 10).flat(), [7, 9])
  })

  it('asserts that a visit costs something and keeps within what is left', () => {
    for (const used of [0, 3]) {
      const ctx = open([1])
      sweep.start(ctx.state)
      assert.throws(() => sweep.run(ctx, 2, () => used), AssertionFailed)
    }
  })
})
