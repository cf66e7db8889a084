import { strict as assert } from 'node:assert'
import { gunzipSync } from 'node:zlib'
import { openBlock } from '../../base/protocol/header.ts'
import { erc20Schema } from '../../state/modules/assets/schema.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'
import { modulesWithNotary } from '../support/notary/lists.ts'
import { assertGolden, type Lines, readGolden, readLines } from './files.ts'
import { recordChain } from './recordChain.ts'
import { cutFrames, type Replayed, replay } from './replay.ts'

const texts = (counts: { readonly [name: string]: number }): Lines =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, String(count)]))

/** Actions that a sound chain always refuses: no scene can stop its minting, nor keep back what only that keeps back. */
const IMPOSSIBLE: ReadonlySet<string> = new Set(['governance.proposeResumeMinting', 'series.refund'])

describe('golden chain', function () {
  this.timeout(60_000)
  const golden = readLines<Replayed>('chain.json')
  const frames = cutFrames(new Uint8Array(gunzipSync(readGolden('chain.bin.gz'))))
  let now: Replayed
  before(() => {
    now = replay(frames)
  })

  it('replays every recorded block to the recorded hash, roots, receipts and gas', () => {
    assert.equal(frames.length, Object.keys(golden.blocks).length)
    assertGolden('block', golden.blocks, now.blocks)
  })

  it('replays to the same in a newer build, whose further module came with a later version', () => {
    const some = replay(frames.slice(0, 101), modulesWithNotary)
    const heights = Object.keys(some.blocks)
    assert.equal(heights.length, 101)
    assertGolden(
      'block',
      Object.fromEntries(heights.map((height) => [height, golden.blocks[height]!])),
      some.blocks,
    )
  })

  it('runs every action of every module with success, with counts as recorded', () => {
    const missing = [...MODULE_SCHEMAS, erc20Schema].flatMap(({ name, actions }) =>
      Object.keys(actions)
        .map((action) => `${name}.${action}`)
        .filter((action) => now.actions[action] === undefined && !IMPOSSIBLE.has(action)),
    )
    for (const action of IMPOSSIBLE) {
      const refused = Object.keys(now.failures).some((failure) => failure.startsWith(`${action}: `))
      assert.ok(refused && now.actions[action] === undefined, `${action} is refused on the recorded chain`)
    }
    assert.deepEqual(
      missing,
      [],
      'actions that never succeed on the recorded chain: add scenes to chainStory.ts',
    )
    assertGolden('action', texts(golden.actions), texts(now.actions))
    assertGolden('failure', texts(golden.failures), texts(now.failures))
    assertGolden('event', texts(golden.events), texts(now.events))
  })

  it('is rebuilt by this build with the same bytes', () => {
    const [document, ...blocks] = recordChain()
    assert.deepEqual(document, frames[0], 'the genesis of the story')
    const hashes = (list: readonly Uint8Array[]): Lines =>
      Object.fromEntries(list.map((bytes, i) => [i + 1, Buffer.from(openBlock(bytes).hash).toString('hex')]))
    assertGolden('built block', hashes(frames.slice(1)), hashes(blocks))
    assert.deepEqual(blocks, frames.slice(1))
  })
})
