import assert from 'node:assert/strict'
import { MemoryLevel } from 'memory-level'
import { keyBytes } from '../../base/bytes.ts'
import type { Hash32 } from '../../base/ids.ts'
import { openBlock, type SealedBlock, sealBlock } from '../../base/protocol/header.ts'
import { verifyStateProof } from '../../base/protocol/stateProof.ts'
import { openImporter } from '../../node/chain/importer.ts'
import { type FinalizedEvent, type Importer, ImporterError } from '../../node/chain/importerTypes.ts'
import { UNFINALIZED_HEIGHTS_MAX } from '../../node/chain/unfinalizedBlocks.ts'
import { type BlockTemplate, buildBlock, type ExecutedBlock } from '../../state/execute.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { tablesOf } from '../../state/table.ts'
import type { TreeVersion } from '../../state/tree/tree.ts'
import { openChainStore, openChainStoreOn } from '../../storage/chainStore.ts'
import type { Database } from '../../storage/database.ts'
import type { ChainStore } from '../../storage/types.ts'
import { certificateOf, withDirectory } from '../support/chainFixtures.ts'
import { addressOf, CHAIN, COIN, type Draft, TestChain } from '../support/chainHarness.ts'

const { account } = tablesOf(accountsSchema)
const BALANCES = { alice: 1000n * COIN, bob: 5n * COIN }
function pay(nonce: number, coins = 1n, from = 'alice', to = 'bob'): Draft {
  return { from, nonce, to: addressOf(to), valueBase: coins * COIN, gasLimit: 100_000 }
}

/** One node: an importer on a store, and the test chain that builds its blocks. */
class Node {
  readonly chain: TestChain
  readonly store: ChainStore
  readonly importer: Importer
  readonly events: FinalizedEvent[] = []
  readonly #counter: { prepared: number }

  private constructor(
    chain: TestChain,
    store: ChainStore,
    importer: Importer,
    counter: { prepared: number },
  ) {
    this.chain = chain
    this.store = store
    this.importer = importer
    this.#counter = counter
    importer.onFinalized((event) => void this.events.push(event))
  }

  static async open(
    dir: string,
    balances: Record<string, bigint> = BALANCES,
    openStore: () => Promise<ChainStore> = () => openChainStore(dir),
  ): Promise<Node> {
    const chain = new TestChain({ balances })
    const store = await openStore()
    const counter = { prepared: 0 }
    const genesis = {
      block: sealBlock({ header: chain.parent.header, transactions: [] }),
      changes: new Map(chain.full.entries('')),
    }
    const prepare = async (): Promise<void> => {
      counter.prepared++
      await new Promise(setImmediate)
    }
    try {
      const importer = await openImporter(store, { chain: CHAIN, senderOf: chain.senderOf, genesis, prepare })
      return new Node(chain, store, importer, counter)
    } catch (error) {
      await store.close()
      throw error
    }
  }

  /** Blocks that reached execution. */
  get prepared(): number {
    return this.#counter.prepared
  }

  build(parent: Hash32, drafts: readonly Draft[], over: Partial<BlockTemplate> = {}): ExecutedBlock {
    const view = this.importer.parentView(parent)
    assert.ok(view !== undefined)
    this.chain.parent = view
    return buildBlock(view, this.chain.template(drafts, over), { chain: CHAIN }).executed
  }

  /** A block as received from another node. */
  received(parent: Hash32, drafts: readonly Draft[], over: Partial<BlockTemplate> = {}): SealedBlock {
    const executed = this.build(parent, drafts, over)
    executed.tree.release()
    return openBlock(executed.block.bytes)
  }

  /** Executes a new block on `parent` and returns it. */
  async grow(
    parent: Hash32,
    drafts: readonly Draft[],
    over: Partial<BlockTemplate> = {},
  ): Promise<SealedBlock> {
    const block = this.received(parent, drafts, over)
    assert.deepEqual(await this.importer.execute(block), { kind: 'valid' })
    return block
  }

  coinsOf(name: string, state = this.importer.head().state): bigint {
    return account.get(state, { address: addressOf(name) })?.balanceBase ?? 0n
  }

  async close(): Promise<void> {
    await this.importer.close()
    await this.store.close()
  }
}

async function withNode(run: (node: Node, dir: string) => Promise<void>): Promise<void> {
  await withDirectory(async (dir) => {
    const node = await Node.open(dir)
    try {
      await run(node, dir)
    } finally {
      await node.close()
    }
  })
}

describe('importer.open', () => {
  it('commits genesis into an empty store and finds it again', async () => {
    await withDirectory(async (dir) => {
      const first = await Node.open(dir)
      const genesis = first.importer.head()
      assert.equal(genesis.header.height, 0)
      assert.equal(first.coinsOf('alice'), 1000n * COIN)
      assert.deepEqual(first.importer.pendingHead(), genesis)
      await first.close()
      const again = await Node.open(dir)
      assert.deepEqual(again.importer.head().hash, genesis.hash)
      assert.equal(again.coinsOf('alice'), 1000n * COIN)
      await again.close()
    })
  })

  it('refuses the data of another chain', async () => {
    await withDirectory(async (dir) => {
      await (await Node.open(dir)).close()
      await assert.rejects(
        Node.open(dir, { alice: 1n }),
        (error) => error instanceof ImporterError && error.code === 'GenesisMismatch',
      )
    })
  })
})

describe('importer.execute', () => {
  it('executes a block once, also for concurrent calls', async () => {
    await withNode(async (node) => {
      const block = node.received(node.importer.head().hash, [pay(0)])
      const verdicts = await Promise.all([node.importer.execute(block), node.importer.execute(block)])
      assert.deepEqual(verdicts, [{ kind: 'valid' }, { kind: 'valid' }])
      assert.deepEqual(await node.importer.execute(openBlock(block.bytes)), { kind: 'valid' })
      assert.equal(node.prepared, 1)
      assert.equal(node.importer.unfinalizedCount(), 1)
      assert.deepEqual(node.importer.pendingHead().hash, block.hash)
      assert.equal(node.coinsOf('bob', node.importer.pendingHead().state), 6n * COIN)
      assert.equal(node.coinsOf('bob'), 5n * COIN)
    })
  })

  it('adopts its own block without executing it', async () => {
    await withNode(async (node) => {
      const built = node.build(node.importer.head().hash, [pay(0)])
      assert.deepEqual(node.importer.adopt(built), { kind: 'valid' })
      assert.deepEqual(node.importer.adopt(built), { kind: 'valid' })
      assert.deepEqual(await node.importer.execute(openBlock(built.block.bytes)), { kind: 'valid' })
      assert.equal(node.prepared, 0)
      assert.equal(node.importer.executed(built.block.hash), built)
    })
  })

  it('distinguishes invalid blocks from root mismatches, and caches both', async () => {
    await withNode(async (node) => {
      const good = node.received(node.importer.head().hash, [pay(0)])
      const bent = (over: object): SealedBlock =>
        sealBlock({ header: { ...good.header, ...over }, transactions: good.transactions })
      const wrongMix = bent({ mix: new Uint8Array(32).fill(1) })
      const invalid = await node.importer.execute(wrongMix)
      assert.equal(invalid.kind, 'invalid')
      assert.match(JSON.stringify(invalid), /WrongHeader.*mix/)
      const wrongRoot = bent({ stateRoot: new Uint8Array(32).fill(1) })
      const mismatch = await node.importer.execute(wrongRoot)
      assert.equal(mismatch.kind, 'mismatch')
      assert.match(JSON.stringify(mismatch), /stateRoot/)
      const before = node.prepared
      assert.equal(await node.importer.execute(wrongRoot), mismatch)
      assert.equal(await node.importer.execute(wrongMix), invalid)
      assert.equal(node.prepared, before)
      assert.equal(node.importer.unfinalizedCount(), 0)
      assert.deepEqual(await node.importer.execute(good), { kind: 'valid' })
    })
  })

  it("does not mark a block as rejected for another block's body", async () => {
    await withNode(async (node) => {
      const good = node.received(node.importer.head().hash, [pay(0)])
      const other = node.received(node.importer.head().hash, [pay(0, 2n)])
      const mixed = sealBlock({ header: good.header, transactions: other.transactions })
      assert.deepEqual(mixed.hash, good.hash)
      const verdict = await node.importer.execute(mixed)
      assert.ok(verdict.kind === 'invalid' && verdict.code === 'WrongBody')
      assert.deepEqual(await node.importer.execute(good), { kind: 'valid' })
    })
  })

  it('shares executions by the whole block: two bodies under one header get a verdict each, in any order', async () => {
    const kinds = async (list: readonly SealedBlock[], importer: Importer) =>
      (await Promise.all(list.map((block) => importer.execute(block)))).map(({ kind }) => kind)
    for (const order of ['true first', 'false first'] as const) {
      await withNode(async (node) => {
        const { importer } = node
        const good = node.received(importer.head().hash, [pay(0)])
        const wrong = sealBlock({
          header: good.header,
          transactions: [...good.transactions, ...good.transactions],
        })
        const list = order === 'true first' ? [good, wrong] : [wrong, good]
        const expected = list.map((block) => (block === good ? 'valid' : 'invalid'))
        assert.deepEqual(await kinds(list, importer), expected)
        assert.deepEqual(await kinds(list, importer), expected)
        await importer.finalize([good.hash], certificateOf(good))
        assert.deepEqual(await kinds(list, importer), expected)
      })
    }
  })

  it('does not take the verdict on a refused block for another body of its header', async () => {
    await withNode(async (node) => {
      const good = node.received(node.importer.head().hash, [pay(0)])
      const bent = { ...good.header, stateRoot: new Uint8Array(32).fill(1) }
      const mismatch = sealBlock({ header: bent, transactions: good.transactions })
      assert.equal((await node.importer.execute(mismatch)).kind, 'mismatch')
      const other = await node.importer.execute(sealBlock({ header: bent, transactions: [] }))
      assert.ok(other.kind === 'invalid' && other.code === 'WrongBody')
      assert.equal((await node.importer.execute(mismatch)).kind, 'mismatch')
    })
  })

  it('reports a missing parent or a lost fork', async () => {
    await withNode(async (node) => {
      const genesis = node.importer.head().hash
      const one = await node.grow(genesis, [pay(0)])
      const fork = node.received(genesis, [pay(0, 3n)], { view: 2 })
      const two = await node.grow(one.hash, [pay(1)])
      const three = await node.grow(two.hash, [])
      const beyond = node.received(three.hash, [])
      await withNode(async (other) => {
        assert.deepEqual(await other.importer.execute(beyond), { kind: 'unknownParent' })
      })
      await node.importer.finalize([one.hash, two.hash], certificateOf(two))
      assert.deepEqual(await node.importer.execute(fork), { kind: 'stale' })
      assert.deepEqual(await node.importer.execute(one), { kind: 'valid' })
      assert.equal(node.importer.adopt(await node.build(three.hash, [])).kind, 'valid')
    })
  })

  it('accepts only empty blocks far above the finalized head', async () => {
    await withNode(async (node) => {
      let parent = node.importer.head().hash
      for (let i = 0; i < UNFINALIZED_HEIGHTS_MAX; i++) parent = (await node.grow(parent, [pay(i)])).hash
      const loaded = node.received(parent, [pay(UNFINALIZED_HEIGHTS_MAX)])
      assert.deepEqual(await node.importer.execute(loaded), { kind: 'busy' })
      const empty = await node.grow(parent, [])
      assert.equal(node.importer.unfinalizedCount(), UNFINALIZED_HEIGHTS_MAX + 1)
      assert.deepEqual(node.importer.pendingHead().hash, empty.hash)
    })
  })
})

describe('importer.finalize', () => {
  it('commits a path at once and reports each block in order', async () => {
    await withNode(async (node) => {
      const one = await node.grow(node.importer.head().hash, [pay(0)])
      const two = await node.grow(one.hash, [pay(1), pay(0, 1n, 'bob', 'carol')])
      const three = await node.grow(two.hash, [pay(2)])
      const certificate = certificateOf(two)
      await node.importer.finalize([one.hash, two.hash], certificate)
      assert.deepEqual(
        node.events.map(({ height, hash }) => [height, hash]),
        [
          [1, one.hash],
          [2, two.hash],
        ],
      )
      assert.deepEqual(node.events[1]!.certificate, certificate)
      assert.equal(node.events[0]!.certificate, undefined)
      assert.equal(node.events[1]!.executed.receipts.length, 2)
      assert.deepEqual(node.store.certificateAt(2), certificate)
      assert.deepEqual(node.importer.head().hash, two.hash)
      assert.equal(node.coinsOf('carol'), COIN)
      assert.deepEqual(node.importer.pendingHead().hash, three.hash)
      assert.equal(node.coinsOf('bob', node.importer.pendingHead().state) > node.coinsOf('bob'), true)
      // Repeated after a crash of the caller: durable blocks are skipped.
      await node.importer.finalize([one.hash, two.hash], certificate)
      await node.importer.finalize([two.hash, three.hash], certificateOf(three))
      assert.equal(node.events.length, 3)
      assert.equal(node.importer.unfinalizedCount(), 0)
    })
  })

  it('drops lost forks and frees their trees and those of old heights', async () => {
    await withDirectory(async (dir) => {
      const node = await Node.open(dir)
      let parent = node.importer.head().hash
      const { nodes } = node.importer.parentView(parent)!.tree as TreeVersion
      for (let i = 0; i < 70; i++) {
        const lost = await node.grow(parent, [pay(i, 2n)], { view: 100 + 2 * i })
        await node.grow(lost.hash, [pay(i + 1)])
        const won = await node.grow(parent, [pay(i)], { view: 101 + 2 * i })
        await node.importer.finalize([won.hash], certificateOf(won))
        assert.equal(node.importer.unfinalizedCount(), 0)
        assert.equal(node.importer.executed(lost.hash), undefined)
        parent = won.hash
      }
      assert.equal(node.importer.proofHeightMin(), 70 - 63)
      assert.equal(node.importer.prove('k', 6), undefined)
      await node.close()
      assert.deepEqual(nodes.liveCount, { leaves: 0, inners: 0 })
    })
  })

  it('refuses unexecuted or unconnected blocks, and changes nothing', async () => {
    await withNode(async (node) => {
      const genesis = node.importer.head().hash
      const one = await node.grow(genesis, [pay(0)])
      const two = await node.grow(one.hash, [pay(1)])
      const unknown = node.received(two.hash, [])
      const code = (expected: string) => (error: unknown) =>
        error instanceof ImporterError && error.code === expected
      await assert.rejects(node.importer.finalize([one.hash, two.hash, unknown.hash]), code('NotExecuted'))
      await assert.rejects(node.importer.finalize([two.hash]), code('NotConnected'))
      assert.deepEqual(node.importer.head().hash, genesis)
      assert.equal(node.events.length, 0)
      await node.importer.finalize([one.hash, two.hash], certificateOf(two))
      assert.equal(node.importer.head().header.height, 2)
    })
  })

  it('runs calls one after another while execution continues', async () => {
    await withNode(async (node) => {
      const one = await node.grow(node.importer.head().hash, [pay(0)])
      const two = await node.grow(one.hash, [pay(1)])
      const first = node.importer.finalize([one.hash], certificateOf(one))
      const second = node.importer.finalize([two.hash], certificateOf(two))
      const three = await node.grow(two.hash, [pay(2)])
      await Promise.all([first, second])
      assert.deepEqual(
        node.events.map(({ height }) => height),
        [1, 2],
      )
      assert.equal(node.coinsOf('bob', node.importer.parentView(three.hash)!.state), 8n * COIN)
      await node.importer.finalize([three.hash], certificateOf(three))
      assert.equal(node.coinsOf('bob'), 8n * COIN)
    })
  })

  it('survives a stop at any height with the same state and root', async () => {
    await withDirectory(async (dir) => {
      const reference: Hash32[] = []
      let node = await Node.open(dir)
      for (let i = 0; i < 6; i++) {
        const block = await node.grow(node.importer.head().hash, [pay(i)])
        await node.importer.finalize([block.hash], certificateOf(block))
        const lost = await node.grow(block.hash, [])
        reference.push(block.header.stateRoot)
        // Every second time without closing the importer, so that no tree.cache is written.
        if (i % 2 === 0) await node.importer.close()
        await node.store.close()
        node = await Node.open(dir)
        assert.deepEqual(node.importer.head().hash, block.hash)
        assert.equal(node.coinsOf('bob'), BigInt(6 + i) * COIN)
        assert.deepEqual(node.importer.parentView(block.hash)!.tree.rootHash, block.header.stateRoot)
        assert.equal(node.importer.executed(lost.hash), undefined)
        assert.deepEqual(await node.importer.execute(lost), { kind: 'valid' })
      }
      assert.equal(new Set(reference.map((root) => String(root))).size, 6)
      await node.close()
    })
  })
})

describe('importer.prove', () => {
  it('proves presence and absence at every recent height against the header', async () => {
    await withNode(async (node) => {
      const blocks: SealedBlock[] = []
      for (let i = 0; i < 5; i++) {
        const block = await node.grow(node.importer.head().hash, [
          pay(i, 1n, 'alice', i < 3 ? 'bob' : 'dora'),
        ])
        await node.importer.finalize([block.hash], certificateOf(block))
        blocks.push(block)
      }
      for (const block of blocks) {
        const { height, stateRoot } = block.header
        for (const name of ['bob', 'dora']) {
          const key = account.key({ address: addressOf(name) })
          const { value, proof } = node.importer.prove(key, height)!
          const stored = value === undefined ? undefined : account.decode(value)
          const paid = name === 'bob' ? 5n + BigInt(Math.min(height, 3)) : BigInt(Math.max(0, height - 3))
          assert.equal(stored?.balanceBase ?? 0n, paid * COIN)
          assert.ok(verifyStateProof({ root: stateRoot, key: keyBytes(key), value, proof }))
          assert.equal(node.coinsOf(name, node.importer.stateAt(height)!), paid * COIN)
        }
      }
      assert.equal(node.importer.prove('k', 6), undefined)
      assert.equal(node.importer.stateAt(6), undefined)
    })
  })
})

describe('importer.turns', () => {
  /** A store whose writes take a fixed number of turns, so that what overlaps does not depend on a disk. */
  async function openInMemory(dir: string): Promise<Node> {
    const database = new MemoryLevel<Uint8Array, Uint8Array>({
      keyEncoding: 'view',
      valueEncoding: 'view',
      storeEncoding: 'view',
    }) as unknown as Database
    await database.open()
    return Node.open(dir, BALANCES, () => openChainStoreOn(database, dir))
  }

  /** Transfers of 21,000 gas to fresh accounts. */
  const many = (count: number, nonce: number): Draft[] =>
    Array.from({ length: count }, (_, i) => ({ ...pay(nonce + i), to: addressOf(`fresh ${nonce + i}`) }))

  /** Turns of the event loop until the promise settles. */
  async function turnsOf<T>(work: Promise<T>): Promise<{ result: T; turns: number }> {
    let turns = 0
    let isDone = false
    const counting = (async () => {
      for (; !isDone; turns++) await new Promise(setImmediate)
    })()
    const result = await work.finally(() => {
      isDone = true
    })
    await counting
    return { result, turns }
  }

  it('executes, builds and commits a large block over many turns, with the results of one turn', async () => {
    await withNode(async (node) => {
      const head = node.importer.head().hash
      const block = node.received(head, many(400, 0))
      const execution = await turnsOf(node.importer.execute(block))
      assert.deepEqual(execution.result, { kind: 'valid' })
      assert.ok(execution.turns > 4, `${execution.turns} turns for 8.4 million gas`)
      const template = node.chain.template(many(400, 400))
      const built = await turnsOf(node.importer.build(block.hash, template))
      const { hash } = built.result!.executed.block
      assert.ok(built.turns > 4, `${built.turns} turns for 8.4 million gas`)
      assert.equal(node.importer.executed(hash), built.result!.executed)
      await node.importer.finalize([block.hash, hash])
      assert.equal(node.importer.head().header.height, 2)
      assert.equal(node.coinsOf('fresh 799'), COIN)
    })
  })

  it('finishes a block whose parent becomes final, and drops one whose parent is lost, meanwhile', async () => {
    await withDirectory(async (dir) => {
      const node = await openInMemory(dir)
      const head = node.importer.head().hash
      const { nodes } = node.importer.parentView(head)!.tree as TreeVersion
      const won = await node.grow(head, [pay(0)], { view: 2 })
      const lost = await node.grow(head, [pay(0, 2n)], { view: 3 })
      const child = node.received(won.hash, many(400, 1), { view: 4 })
      const orphan = node.received(lost.hash, many(400, 1), { view: 5 })
      const executions = Promise.all([node.importer.execute(child), node.importer.execute(orphan)])
      const template = node.chain.template(many(400, 1), { view: 6 })
      const build = node.importer.build(lost.hash, template)
      await node.importer.finalize([won.hash], certificateOf(won))
      assert.equal(node.importer.executed(child.hash), undefined, 'it is still being executed')
      assert.deepEqual(await executions, [{ kind: 'valid' }, { kind: 'stale' }])
      assert.equal(await build, undefined)
      await node.importer.finalize([child.hash], certificateOf(child))
      assert.equal(node.coinsOf('fresh 400'), COIN)
      assert.equal(node.importer.unfinalizedCount(), 0)
      await node.close()
      assert.deepEqual(nodes.liveCount, { leaves: 0, inners: 0 })
    })
  })

  it('finishes what it executes and builds before it closes', async () => {
    await withDirectory(async (dir) => {
      const node = await Node.open(dir)
      const head = node.importer.head().hash
      const { nodes } = node.importer.parentView(head)!.tree as TreeVersion
      const execution = node.importer.execute(node.received(head, many(200, 0)))
      const build = node.importer.build(head, node.chain.template(many(200, 0), { view: 9 }))
      await node.close()
      assert.deepEqual(await execution, { kind: 'valid' })
      assert.ok((await build) !== undefined)
      assert.deepEqual(nodes.liveCount, { leaves: 0, inners: 0 })
    })
  })
})
