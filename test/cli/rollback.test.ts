import assert from 'node:assert/strict'
import { join } from 'node:path'
import { keyBytes, toHex } from '../../base/bytes.ts'
import { ZERO_HASH } from '../../base/ids.ts'
import { sealBlock } from '../../base/protocol/header.ts'
import { forgetRefusals } from '../../cli/doctor/rollbackNode.ts'
import { openImporter } from '../../node/chain/importer.ts'
import { checkState } from '../../node/halt/stateCheck.ts'
import type { WriteContext } from '../../state/context.ts'
import { buildBlock } from '../../state/execute.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { tablesOf } from '../../state/table.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { openDatabase } from '../../storage/database.ts'
import { Journal } from '../../storage/journal.ts'
import { stateKeyBytes } from '../../storage/layout.ts'
import { landingHeight, rollbackChain } from '../../storage/rollback.ts'
import type { ChainStore } from '../../storage/types.ts'
import { certificateOf, withDirectory } from '../support/chainFixtures.ts'
import { addressOf, CHAIN, COIN, TestChain } from '../support/chainHarness.ts'

const { account } = tablesOf(accountsSchema)
const BOB = account.key({ address: addressOf('bob') })
const CAROL = account.key({ address: addressOf('carol') })
const BLOCKS = 10
/** Heights without an F of their own: a later one covers them. */
const UNCERTIFIED = [5, 6]

/** Ten blocks in which alice pays bob; carol is never touched. */
async function writeChain(dir: string): Promise<TestChain> {
  const chain = new TestChain({ balances: { alice: 1000n * COIN, bob: COIN, carol: 3n * COIN } })
  const block = sealBlock({ header: chain.parent.header, transactions: [] })
  const genesis = { block, changes: new Map(chain.full.entries('')) }
  const store = await openChainStore(dir)
  const importer = await openImporter(store, { chain: CHAIN, senderOf: chain.senderOf, genesis })
  const open: Uint8Array[] = []
  for (let nonce = 0; nonce < BLOCKS; nonce++) {
    const parent = importer.parentView(open.at(-1) ?? importer.head().hash)
    assert.ok(parent !== undefined)
    chain.parent = parent
    const draft = { from: 'alice', nonce, to: addressOf('bob'), valueBase: COIN, gasLimit: 100_000 }
    const { executed } = buildBlock(parent, chain.template([draft]), { chain: CHAIN })
    importer.adopt(executed)
    open.push(executed.block.hash)
    if (UNCERTIFIED.includes(nonce + 1)) continue
    await importer.finalize(open, certificateOf(executed.block))
    open.length = 0
  }
  await importer.close()
  await store.close()
  return chain
}

async function alter(dir: string, key: string, value: Uint8Array): Promise<void> {
  const database = await openDatabase(dir)
  await database.put(stateKeyBytes(key), value)
  await database.close()
}

async function withStore<T>(dir: string, run: (store: ChainStore) => Promise<T>): Promise<T> {
  const store = await openChainStore(dir)
  try {
    return await run(store)
  } finally {
    await store.close()
  }
}

const check = (dir: string, chain: TestChain, count = 64) =>
  withStore(dir, (store) =>
    checkState(store, {
      execution: { chain: CHAIN, senderOf: chain.senderOf },
      treeCachePath: join(dir, 'tree.cache'),
      count,
    }),
  )

const forged = account.encode({ nonce: 0, balanceBase: 77n * COIN })

describe('cli.rollback', () => {
  it('finds nothing wrong with an intact chain', () =>
    withDirectory(async (dir) => {
      const report = await check(dir, await writeChain(dir))
      assert.deepEqual(report, {
        fromHeight: 0,
        toHeight: BLOCKS,
        goodHeight: BLOCKS,
        badHeight: undefined,
        execution: undefined,
        keys: [],
      })
    }))

  it('names the key and the block of a wrong value that recent blocks wrote, and a rollback repairs it', () =>
    withDirectory(async (dir) => {
      const chain = await writeChain(dir)
      await alter(dir, BOB, forged)
      const report = await check(dir, chain)
      assert.equal(report.goodHeight, BLOCKS - 1)
      assert.equal(report.badHeight, BLOCKS)
      const expected = account.encode({ nonce: 0, balanceBase: BigInt(BLOCKS + 1) * COIN })
      assert.deepEqual(report.keys, [
        {
          record: 'accounts.account',
          key: toHex(keyBytes(BOB)),
          stored: toHex(forged),
          expected: toHex(expected),
          height: BLOCKS,
        },
      ])
      assert.deepEqual(await rollbackChain(dir, { height: BLOCKS - 1 }), {
        fromHeight: BLOCKS,
        toHeight: BLOCKS - 1,
      })
      const after = await check(dir, chain)
      assert.deepEqual([after.toHeight, after.goodHeight, after.keys], [BLOCKS - 1, BLOCKS - 1, []])
      await withStore(dir, async (store) => (await store.loadTree()).release())
    }))

  it('names a wrong key that no recent block changed from the tree cache, and refuses to roll back', () =>
    withDirectory(async (dir) => {
      const chain = await writeChain(dir)
      await alter(dir, CAROL, forged)
      const report = await check(dir, chain)
      assert.equal(report.goodHeight, undefined)
      assert.equal(report.badHeight, 0)
      assert.deepEqual(
        report.keys.map(({ key, stored, expected }) => ({ key, stored, expected })),
        [{ key: toHex(keyBytes(CAROL)), stored: toHex(forged), expected: null }],
      )
      await assert.rejects(rollbackChain(dir, { height: 7 }), {
        code: 'Corrupt',
        message: /state of block 7/,
      })
      await withStore(dir, async (store) => assert.equal(store.tip()?.height, BLOCKS))
    }))

  it('reports when this build executes a block to a different result', () =>
    withDirectory(async (dir) => {
      const chain = await writeChain(dir)
      const [first, ...rest] = CHAIN.modules
      const gift = { nonce: 0, balanceBase: 1n }
      const endBlock = ({ state }: WriteContext): void =>
        account.set(state, { address: addressOf('dave') }, gift)
      const modules = [{ ...first!, rules: { ...first!.rules, endBlock } }, ...rest]
      const report = await withStore(dir, (store) =>
        checkState(store, {
          execution: { chain: { ...CHAIN, modules }, senderOf: chain.senderOf },
          treeCachePath: join(dir, 'tree.cache'),
          count: 3,
        }),
      )
      assert.equal(report.fromHeight, BLOCKS - 3)
      assert.equal(report.goodHeight, BLOCKS)
      assert.equal(report.execution?.height, BLOCKS - 2)
      assert.match(report.execution?.reason ?? '', /invariant 1 coins is broken/)
    }))

  it('lands on a block with its own F and removes everything above it', () =>
    withDirectory(async (dir) => {
      await writeChain(dir)
      const above = await withStore(dir, async (store) => {
        assert.equal(landingHeight(store, 6), 4)
        return store.blockAt(7)!
      })
      assert.deepEqual(await rollbackChain(dir, { height: 6 }), { fromHeight: BLOCKS, toHeight: 4 })
      await withStore(dir, async (store) => {
        assert.equal(store.tip()?.height, 4)
        assert.equal(store.blockAt(5), undefined)
        assert.equal(store.certificateAt(7), undefined)
        assert.equal(store.receiptsAt(7), undefined)
        assert.equal(store.heightOf(above.hash), undefined)
        assert.equal(account.decode(store.state.get(BOB)!).balanceBase, 5n * COIN)
        assert.equal(store.stateAt(5), undefined)
        assert.equal(account.decode(store.stateAt(2)!.get(BOB)!).balanceBase, 3n * COIN)
      })
      assert.deepEqual(await rollbackChain(dir, { height: 0 }), { fromHeight: 4, toHeight: 0 })
    }))

  it('refuses heights at or above the tip, and below what is kept', () =>
    withDirectory(async (dir) => {
      await writeChain(dir)
      await assert.rejects(rollbackChain(dir, { height: BLOCKS }), { code: 'NotContiguous' })
      const database = await openDatabase(dir)
      const gone = [...Array(9).keys()].flatMap((height) => [0x64, 0x7a].map((space) => ({ space, height })))
      for (const { space, height } of gone) {
        const key = new Uint8Array(9)
        key[0] = space
        key[8] = height
        await database.del(key)
      }
      await database.close()
      await assert.rejects(rollbackChain(dir, { height: 4 }), { code: 'HistoryPruned' })
      await withStore(dir, async (store) => assert.equal(store.tip()?.height, BLOCKS))
    }))

  it("removes execution's refusals, and no votes", () =>
    withDirectory(async (dir) => {
      const journal = await Journal.open({ dir, genesisHash: ZERO_HASH })
      const digest = new Uint8Array(32).fill(7)
      const intent = {
        kind: 'intent',
        body: { epoch: 2, subject: { kind: 'nullify', epoch: 2, view: 5 } },
      } as const
      const verdictOf = (verdict: 'valid' | 'invalid' | 'mismatch') =>
        ({ kind: 'verdict', body: { epoch: 2, digest, verdict } }) as const
      for (const record of [verdictOf('mismatch'), intent, verdictOf('valid'), verdictOf('invalid')]) {
        journal.append(record)
      }
      await journal.close()
      assert.equal(await forgetRefusals(dir, ZERO_HASH), 2)
      assert.equal(await forgetRefusals(dir, ZERO_HASH), 0)
      const again = await Journal.open({ dir, genesisHash: ZERO_HASH })
      assert.deepEqual(again.replayed, [intent, verdictOf('valid')])
      assert.equal(again.damage, 'none')
      await again.close()
    }))
})
