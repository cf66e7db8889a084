import assert from 'node:assert/strict'
import { bytesKey, concatBytes, u32be, utf8 } from '../../base/bytes.ts'
import { PastTrees } from '../../node/chain/pastTrees.ts'
import { TreeVersion } from '../../state/tree/tree.ts'
import { ReverseDifference } from '../../storage/reverseDifference.ts'
import type { ChainTip } from '../../storage/types.ts'

const KEYS = 3_000
const HEIGHTS = 4

const keyOf = (i: number): string => bytesKey(concatBytes(utf8('k'), u32be(i)))
const stateOf = (height: number): Map<string, Uint8Array> =>
  new Map(Array.from({ length: KEYS }, (_, i) => [keyOf(i), utf8(`${i} at ${height}`)]))

describe('node.pastTrees', () => {
  it('undoes large blocks over many turns, and frees every tree', async () => {
    const roots = Array.from({ length: HEIGHTS }, (_, height) => {
      const tree = TreeVersion.empty().update(stateOf(height))
      return tree.rootHash
    })
    // Every block changes every key.
    const newest = TreeVersion.empty().update(stateOf(HEIGHTS - 1))
    const live = newest.nodes.liveCount
    let turnsNow = 0
    const readAt: number[] = []
    const past = new PastTrees(
      {
        differenceAt: (height) => {
          readAt.push(turnsNow)
          return ReverseDifference.encode(stateOf(height - 1))
        },
        stateHeightMin: () => 0,
        headerAt: (height) => ({ header: { stateRoot: roots[height]! } }) as ChainTip,
      },
      () => ({ height: HEIGHTS - 1, tree: newest }),
    )
    let isDone = false
    const counting = (async () => {
      for (; !isDone; turnsNow++) await new Promise(setImmediate)
    })()
    const found = await past.with(0, (tree) => tree.rootHash)
    isDone = true
    await counting
    assert.deepEqual(found, roots[0])
    // No two blocks of so many keys in one turn, and none in one step.
    assert.equal(new Set(readAt).size, HEIGHTS - 1)
    assert.ok(turnsNow > (HEIGHTS - 1) * (KEYS / 512), `${turnsNow} turns`)
    await past.close()
    assert.deepEqual(newest.nodes.liveCount, live)
  })
})
