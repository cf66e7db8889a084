import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAccountIndexer, touchedBy } from '../../node/accountIndexer.ts'
import type { FinalizedBlock } from '../../rpc/backend.ts'
import { AccountIndex } from '../../storage/accountIndex.ts'
import { addressOf, CHAIN_ID } from '../support/chainHarness.ts'
import { type Account, accountOf, FakeBackend } from '../support/fakeBackend.ts'

const [ALICE, BOB] = [accountOf('alice'), accountOf('bob')]
const silentLogger = { debug() {}, info() {}, warn() {}, error: () => assert.fail('it stopped') }
const TOP = { height: 1e9, index: 0 }

/** A chain in memory as the indexer reads it; blocks below `min` are gone. */
class Chain {
  readonly backend = new FakeBackend()
  readonly #blocks: FinalizedBlock[] = [this.backend.head()]
  min = 1
  fund(...accounts: Account[]): void {
    this.backend.fund(accounts, 5n)
    this.#blocks.push(this.backend.head())
  }
  head(): FinalizedBlock {
    return this.backend.head()
  }
  blockByHeight(height: number): FinalizedBlock | undefined {
    return height < this.min ? undefined : this.#blocks[height]
  }
  blockHeightMin(): number {
    return this.min
  }
  onFinalized(listener: () => void): () => void {
    return this.backend.onFinalized(listener)
  }
}

describe('node.accountIndexer', () => {
  let dir: string
  let chain: Chain
  const ERA = 4
  const open = (eraBlocks = ERA): Promise<AccountIndex> => AccountIndex.open(join(dir, 'accounts'), eraBlocks)
  const start = async (given: Chain, eraBlocks = ERA) => {
    const index = await open(eraBlocks)
    const indexer = startAccountIndexer({
      index,
      chain: given,
      chainId: CHAIN_ID,
      logger: silentLogger,
      pauseMs: 0,
    })
    await indexer.caughtUp()
    return { index, indexer }
  }
  const heights = async (index: AccountIndex, { address }: Account, more = {}): Promise<number[]> => {
    const query = { address, before: TOP, fromHeight: 1, countMax: 100, ...more }
    const found: number[] = []
    for (;;) {
      const { places, before } = await index.places(query)
      found.push(...places.map(({ height }) => height))
      if (before === undefined) return found
      query.before = before
    }
  }

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'suanli-index-'))
    chain = new Chain()
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('knows who sent, who was called and whom a log names, once for each transaction', async () => {
    chain.fund(ALICE, BOB)
    const { touched, height } = await touchedBy(chain.head(), CHAIN_ID)
    const faucet = addressOf('faucet')
    assert.equal(height, 1)
    assert.deepEqual(touched, [
      [faucet, 0],
      [ALICE.address, 0],
      [faucet, 1],
      [BOB.address, 1],
    ])
  })

  it('is made from the blocks there are when it is switched on, follows, and is kept', async () => {
    for (let i = 0; i < 6; i++) chain.fund(ALICE)
    const first = await start(chain)
    chain.fund(BOB)
    chain.fund(ALICE, BOB)
    await first.indexer.caughtUp()
    assert.deepEqual(await heights(first.index, ALICE), [8, 6, 5, 4, 3, 2, 1])
    assert.deepEqual(await heights(first.index, ALICE, { countMax: 2 }), [8, 6, 5, 4, 3, 2, 1])
    assert.deepEqual(await heights(first.index, BOB), [8, 7])
    assert.deepEqual(await heights(first.index, ALICE, { fromHeight: 5 }), [8, 6, 5])
    assert.deepEqual(await heights(first.index, ALICE, { before: { height: 6, index: 0 } }), [5, 4, 3, 2, 1])
    await first.indexer.close()
    chain.fund(BOB)
    const second = await start(chain)
    assert.deepEqual([second.index.range()!.from, second.index.range()!.to], [1, 9])
    assert.deepEqual(await heights(second.index, BOB), [9, 8, 7])
    await second.indexer.close()
  })

  it('forgets pruned blocks: what it says begins with the blocks, what it holds with their era', async () => {
    for (let i = 0; i < 11; i++) chain.fund(ALICE)
    const { index, indexer } = await start(chain)
    chain.min = 6
    chain.fund(BOB)
    await indexer.caughtUp()
    assert.equal(index.range()!.from, 6)
    // Heights 1 to 3 are of an era that has passed; 4 and 5 wait for the end of theirs.
    assert.deepEqual(await heights(index, ALICE), [11, 10, 9, 8, 7, 6, 5, 4])
    assert.deepEqual(await heights(index, ALICE, { fromHeight: index.range()!.from }), [11, 10, 9, 8, 7, 6])
    await indexer.close()
  })

  it('is made again when it does not fit: another chain, blocks that are gone, another layout', async () => {
    for (let i = 0; i < 5; i++) chain.fund(ALICE)
    await (await start(chain)).indexer.close()
    const other = new Chain()
    for (let i = 0; i < 3; i++) other.fund(BOB)
    const second = await start(other)
    assert.deepEqual(await heights(second.index, ALICE), [])
    assert.deepEqual(await heights(second.index, BOB), [3, 2, 1])
    await second.indexer.close()
    for (let i = 0; i < 5; i++) other.fund(BOB)
    other.min = 6
    const third = await start(other)
    assert.deepEqual([third.index.range()!.from, third.index.range()!.to], [6, 8])
    assert.deepEqual(await heights(third.index, BOB), [8, 7, 6])
    await third.indexer.close()
  })
})
