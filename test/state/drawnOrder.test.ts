import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AssertionFailed } from '../../base/assert.ts'
import { compareBytes, concatBytes, u32be, u64be } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { type Hash32, ZERO_HASH } from '../../base/ids.ts'
import { defineModule } from '../../base/moduleDefinition.ts'
import { t } from '../../base/schema.ts'
import type { WriteContext } from '../../state/context.ts'
import { drawnOrderOf } from '../../state/drawnOrder.ts'
import { addProvider } from '../../state/modules/providers/members.ts'
import { MemoryState } from '../../state/overlay.ts'
import { drawRecords } from '../../state/recordShapes.ts'
import { recountNow } from '../../state/recount.ts'
import { tablesOf } from '../../state/table.ts'
import { addressOf, blockContext, profileOf } from '../support/chainHarness.ts'

const schema = defineModule({
  name: 'lottery',
  id: 200,
  doc: 'Test module with a drawn order.',
  params: {},
  records: drawRecords(1, { value: t.u64 }),
  errors: {},
  events: {},
  actions: {},
  queries: {},
})
const tables = tablesOf(schema)
const order = drawnOrderOf(tables)

const mixAt = (height: number): Hash32 => sha256(u64be(height))
const txAt = (height: number, n: number) => sha256(u64be(height * 1_000 + n)) as Uint8Array

/** Members 1, 2, 3 … of the given legal groups; member n proposes with `operator n`. */
class Chain {
  readonly state = new MemoryState()
  height = 0

  constructor(groups: readonly string[]) {
    groups.forEach((legalGroup, i) => {
      const id = i + 1
      addProvider(this.ctx(1), {
        id,
        operator: addressOf(`operator${id}`),
        consensusKey: new Uint8Array(48).fill(id),
        peerId: new Uint8Array([id]),
        profile: { ...profileOf(id), legalGroup },
      })
    })
  }

  ctx(proposer: number): WriteContext {
    const { state, height } = this
    const facts = { height, mix: mixAt(height), proposer: addressOf(`operator${proposer}`) }
    return { state, block: blockContext(facts), emit: () => undefined }
  }

  /** A block: settles what it may, then adds one entry per value; entries of one transaction come in pairs. */
  block(proposer: number, values: readonly number[] = [], stepsMax = 1_000, each = 1): number[] {
    this.height++
    const ctx = this.ctx(proposer)
    const settled: number[] = []
    let steps = 0
    order.drain(
      ctx,
      () => steps < stepsMax,
      (_ctx, { value }) => {
        settled.push(value)
        steps += each
      },
    )
    values.forEach((value, i) => {
      const action = { sender: addressOf('alice'), valueBase: 0n, txIndex: i }
      order.add({ ...ctx, ...action, txId: txAt(this.height, i >> 1) }, { value })
    })
    const broken = recountNow({ recount: order.recount }, this.state, ctx)
    assert.equal(broken, undefined)
    return settled
  }
}

/** Values of a block in the order of SHA256(mix ‖ txId ‖ index). */
function drawnBy(mix: Hash32, height: number, values: readonly number[]): number[] {
  const rankOf = (i: number) => sha256(concatBytes(mix, txAt(height, i >> 1), u32be(i)))
  return values
    .map((value, i) => ({ value, rank: rankOf(i) }))
    .sort((a, b) => compareBytes(a.rank, b.rank))
    .map(({ value }) => value)
}

const TEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

describe('drawnOrder', () => {
  it('settles a block’s entries at the start of the next block of another legal group, by its mix', () => {
    const chain = new Chain(['a', 'a', 'b'])
    assert.deepEqual(chain.block(1, TEN), [])
    assert.equal(order.waiting(chain.state), 10)
    // The same member, then another of its group: both may have known the mix.
    assert.deepEqual(chain.block(1), [])
    assert.deepEqual(chain.block(2), [])
    assert.deepEqual(chain.block(3), drawnBy(mixAt(4), 1, TEN))
    assert.notDeepEqual(drawnBy(mixAt(4), 1, TEN), TEN)
    assert.equal(order.waiting(chain.state), 0)
    assert.deepEqual(chain.block(1), [])
  })

  it('takes members without a legal group for groups of their own', () => {
    const chain = new Chain(['', ''])
    chain.block(1, TEN)
    assert.deepEqual(chain.block(1), [])
    assert.equal(chain.block(2).length, 10)
  })

  it('settles in the next block when the validators are one group', () => {
    const chain = new Chain(['a', 'a'])
    chain.block(1, TEN)
    assert.deepEqual(chain.block(1, [10, 11]), drawnBy(mixAt(2), 1, TEN))
    assert.deepEqual(chain.block(2), drawnBy(mixAt(3), 2, [10, 11]))
    const alone = new Chain(['a'])
    alone.block(1, [5])
    assert.deepEqual(alone.block(1), [5])
  })

  it('settles earlier blocks before later ones, all by the mix of the one block that drew them', () => {
    const chain = new Chain(['a', 'b'])
    chain.block(1, TEN)
    chain.block(1, [20, 21, 22])
    const expected = [...drawnBy(mixAt(3), 1, TEN), ...drawnBy(mixAt(3), 2, [20, 21, 22])]
    assert.deepEqual(chain.block(2, [30]), expected)
    assert.deepEqual(chain.block(1), [30])
  })

  it('continues in later blocks, whoever makes them, in the order once drawn', () => {
    const chain = new Chain(['a', 'b'])
    chain.block(1, TEN)
    const settled = [
      ...chain.block(2, [20, 21, 22, 23], 3),
      ...chain.block(2, [], 3),
      ...chain.block(2, [30], 3),
      // Draws 20 to 23 and 30, but the first ten come first.
      ...chain.block(1, [40], 2),
      ...chain.block(2, [], 2),
      ...chain.block(2, [], 9),
    ]
    const expected = [...drawnBy(mixAt(2), 1, TEN), ...drawnBy(mixAt(5), 2, [20, 21, 22, 23]), 30, 40]
    assert.deepEqual(settled, expected)
  })

  it('stops at the bound, a settlement counting as many steps as it says', () => {
    const chain = new Chain(['a', 'b'])
    chain.block(1, TEN)
    assert.equal(chain.block(2, [], 5, 2).length, 3)
    assert.equal(chain.block(2, [], 0).length, 0)
    assert.equal(chain.block(2).length, 7)
  })

  it('asserts that entries of two groups never wait for one draw', () => {
    const chain = new Chain(['a', 'b'])
    chain.block(1, [1])
    chain.height++
    const action = { sender: addressOf('alice'), valueBase: 0n, txIndex: 0, txId: new Uint8Array(32) }
    assert.throws(() => order.add({ ...chain.ctx(2), ...action }, { value: 2 }), AssertionFailed)
  })

  it('lets a simulated call come after entries of a group that is not its own', () => {
    const chain = new Chain(['a', 'b'])
    chain.block(1, [1])
    chain.height++
    const action = { sender: addressOf('alice'), valueBase: 0n, txIndex: 0, txId: new Uint8Array(32) }
    const { block, ...ctx } = chain.ctx(2)
    order.add({ ...ctx, ...action, block: { ...block, isSimulated: true } }, { value: 2 })
    assert.equal(order.waiting(chain.state), 2)
  })

  it('finds lost entries by recount', () => {
    const chain = new Chain(['a', 'b'])
    chain.block(1, [1, 2])
    const recount = () => recountNow({ recount: order.recount }, chain.state, chain.ctx(1))
    tables.drawEntry.delete(chain.state, { number: 1 })
    assert.match(recount()!, /1 entries wait for their turn, the queue says 2/)
    tables.drawEntry.set(chain.state, { number: 1 }, { value: 2, height: 1, index: 1, txId: ZERO_HASH })
    assert.equal(recount(), undefined)
    tables.drawQueue.set(chain.state, {}, { ...tables.drawQueue.mustGet(chain.state, {}), drawn: 2 })
    assert.match(recount()!, /the rounds reach 0, 2 entries are drawn/)
  })

  it('agrees with a naive model over random proposers, blocks and bounds', () => {
    const block = fc.record({
      proposer: fc.integer({ min: 1, max: 4 }),
      count: fc.nat(5),
      stepsMax: fc.integer({ min: 0, max: 6 }),
    })
    fc.assert(
      fc.property(fc.array(block, { maxLength: 40 }), (blocks) => {
        const groups = ['a', 'a', 'b', '']
        const chain = new Chain(groups)
        const undrawn: { group: string; height: number; values: number[] }[] = []
        const drawn: number[] = []
        let value = 0
        for (const { proposer, count, stepsMax } of blocks) {
          const group = groups[proposer - 1]!
          const height = chain.height + 1
          // Blocks of one group in a row wait together; the first block of another group draws them all.
          while (undrawn.length > 0 && undrawn[0]!.group !== group) {
            const entry = undrawn.shift()!
            drawn.push(...drawnBy(mixAt(height), entry.height, entry.values))
          }
          const values = Array.from({ length: count }, () => value++)
          assert.deepEqual(chain.block(proposer, values, stepsMax), drawn.splice(0, stepsMax))
          if (count > 0) undrawn.push({ group, height, values })
          const waiting = drawn.length + undrawn.reduce((sum, { values: own }) => sum + own.length, 0)
          assert.equal(order.waiting(chain.state), waiting)
        }
      }),
      { numRuns: 300 },
    )
  })
})
