// Some seconds of the economy's fuzzer; `npm run fuzz:economy` plays as many histories as one likes.
import assert from 'node:assert/strict'
import { act } from './act.ts'
import { request } from './actors/holders.ts'
import { type Block, History } from './history.ts'
import { remainsOf } from './remains.ts'
import { describeBlocks, end, shrink } from './shrink.ts'
import { COIN } from './world.ts'

const BLOCKS = 90
const HISTORIES = 3

describe('fuzz: the economy', () => {
  for (let seed = 1; seed <= HISTORIES; seed++)
    it(`seed ${seed}: nothing throws, every invariant holds, and everything can be wound up`, () => {
      const history = new History(seed)
      for (let block = 0; block < BLOCKS; block++) history.step()
      assert.equal(end(history), undefined)
      const succeeded = [...history.outcomes.keys()].filter((name) => !name.includes(':'))
      assert.ok(succeeded.length >= 20, `only ${succeeded.join(', ')} succeeded`)
      history.close()
    }).timeout(60_000)

  it('equal seeds give equal histories, and recorded blocks give the same chain', () => {
    const roots = [0, 1].map(() => {
      const history = new History(5)
      for (let block = 0; block < 12; block++) history.step()
      return { history, root: history.chain.parent.hash }
    })
    assert.deepEqual(roots[0]!.root, roots[1]!.root)
    const again = new History(5)
    for (const block of roots[0]!.history.blocks) again.play(block)
    assert.deepEqual(again.chain.parent.hash, roots[0]!.root)
    for (const history of [again, ...roots.map((made) => made.history)]) history.close()
  }).timeout(30_000)

  it('finds what is left, and leaves out what does not matter', () => {
    const history = new History(6)
    history.play({ acts: [request(20, COIN)], pauseMs: 100, proposer: 0 })
    assert.ok(
      remainsOf(history.scene, 1).some((line) => line.startsWith(`redemption.locked: ${COIN} of asset 0`)),
    )
    history.close()
    const blocks = Array.from({ length: 8 }, (_, i) => ({
      acts: [act(20, 'redemption.cancel', { id: i }), act(21, 'redemption.cancel', { id: i })],
      pauseMs: 100 + i,
      proposer: 0,
    }))
    const replayed = (tried: readonly Block[]): string | undefined =>
      tried[5]!.acts.some(({ from }) => from === 21) ? `finding ${tried.length}` : undefined
    const kept = shrink(blocks, 'finding 9', replayed)
    assert.deepEqual(describeBlocks(kept), ['block 6, 21: redemption.cancel(id=5)'])
    assert.deepEqual(
      kept.map(({ pauseMs }) => pauseMs),
      blocks.map(({ pauseMs }) => pauseMs),
    )
  })
})
