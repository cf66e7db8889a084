import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { ZERO_HASH } from '../../base/ids.ts'
import { sealBlock } from '../../base/protocol/header.ts'
import type { Subject, Vote } from '../../base/protocol/vote.ts'
import type { Signer } from '../../consensus/ports.ts'
import type { Importer } from '../../node/chain/importerTypes.ts'
import { guardSigner } from '../../node/halt/signingGuard.ts'
import { startStoreCheck } from '../../node/halt/storeCheck.ts'
import { openChain } from '../../node/openChain.ts'
import { buildBlock } from '../../state/execute.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { tablesOf } from '../../state/table.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { openDatabase } from '../../storage/database.ts'
import { stateKeyBytes } from '../../storage/layout.ts'
import { rollbackChain } from '../../storage/rollback.ts'
import type { ChainStore } from '../../storage/types.ts'
import { certificateOf, withDirectory } from '../support/chainFixtures.ts'
import { addressOf, CHAIN, COIN, TestChain } from '../support/chainHarness.ts'

const { account } = tablesOf(accountsSchema)
const CAROL = account.key({ address: addressOf('carol') })
const DAVE = account.key({ address: addressOf('dave') })
const forged = account.encode({ nonce: 0, balanceBase: 77n * COIN })
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** Opens a chain with a few blocks, runs, and closes it. */
async function withChain(
  dir: string,
  run: (store: ChainStore, importer: Importer, chain: TestChain) => Promise<void>,
): Promise<void> {
  const chain = new TestChain({ balances: { alice: 1000n * COIN, bob: COIN, carol: 3n * COIN } })
  const block = sealBlock({ header: chain.parent.header, transactions: [] })
  const genesis = { chain: CHAIN, block, changes: new Map(chain.full.entries('')) }
  const opened = await openChain({ genesis, openStore: () => openChainStore(dir) })
  try {
    await run(opened.store, opened.importer, chain)
  } finally {
    await opened.close()
  }
}

async function grow(importer: Importer, chain: TestChain, nonce: number): Promise<void> {
  chain.parent = importer.parentView(importer.head().hash)!
  const draft = { from: 'alice', nonce, to: addressOf('bob'), valueBase: COIN, gasLimit: 100_000 }
  const { executed } = buildBlock(chain.parent, chain.template([draft]), { chain: CHAIN })
  importer.adopt(executed)
  await importer.finalize([executed.block.hash], certificateOf(executed.block))
}

/** A chain of five blocks, closed in order, and then as after `kill -9`. */
async function writeKilled(dir: string): Promise<void> {
  await withChain(dir, async (_, importer, chain) => {
    for (let nonce = 0; nonce < 5; nonce++) await grow(importer, chain, nonce)
  })
  await rm(join(dir, 'closed'))
}

async function alter(dir: string, key: string, value: Uint8Array | undefined): Promise<void> {
  const database = await openDatabase(dir)
  if (value === undefined) await database.del(stateKeyBytes(key))
  else await database.put(stateKeyBytes(key), value)
  await database.close()
}

const subject: Subject = { kind: 'nullify', epoch: 0, view: 1 }
const vote: Vote = { subject, signer: 0, signature: new Uint8Array(96) }

function fakeSigner(): { readonly signer: Signer; readonly asked: Subject[] } {
  const asked: Subject[] = []
  const signer: Signer = {
    publicKey: new Uint8Array(48),
    observing: false,
    losses: () => [],
    noteHeld: async () => {},
    beginEpoch: async () => {},
    signed: () => [subject],
    sign: async (_, subjects) => {
      asked.push(...subjects)
      return subjects.map(() => vote)
    },
    signRandao: async () => ZERO_HASH,
    raiseFloor() {},
    close: async () => {},
  }
  return { signer, asked }
}

describe('node.storeCheck', () => {
  it('trusts a state that was closed in order, and not one that was not', () =>
    withDirectory(async (dir) => {
      await withChain(dir, async (store) => assert.equal(store.isStateTrusted(), true))
      await withChain(dir, async (store, importer, chain) => {
        assert.equal(store.isStateTrusted(), true)
        await grow(importer, chain, 0)
      })
      await withChain(dir, async (store) => {
        assert.equal(store.isStateTrusted(), true)
        assert.equal(store.lossAtOpen(), undefined)
      })
      await rm(join(dir, 'closed'))
      await withChain(dir, async (store) => assert.equal(store.isStateTrusted(), false))
      await withChain(dir, async (store, importer) => {
        assert.equal(store.isStateTrusted(), false, 'closing an unchecked state does not make it trusted')
        const result = await importer.compareState(new AbortController().signal)
        const pinned = await store.pinState()
        const entries = await pinned.entries({ prefix: '', after: undefined }, 100_000)
        await pinned.close()
        assert.deepEqual(result, {
          entries: entries.length,
          difference: undefined,
        })
      })
      await withChain(dir, async (store) => assert.equal(store.isStateTrusted(), true))
      await rollbackChain(dir, { height: 0 })
      await withChain(dir, async (store) => assert.equal(store.lossAtOpen(), undefined))
    }))

  it('removes the mark before the first commit', () =>
    withDirectory(async (dir) => {
      await withChain(dir, async () => {})
      await withChain(dir, async (_, importer, chain) => {
        await grow(importer, chain, 0)
        await assert.rejects(rm(join(dir, 'closed')), { code: 'ENOENT' })
      })
    }))

  it('says that the chain is not the one that was closed', () =>
    withDirectory(async (dir) => {
      await withChain(dir, async (_, importer, chain) => grow(importer, chain, 0))
      await writeFile(join(dir, 'closed'), 'block 7 0x12')
      await withChain(dir, async (store) => {
        assert.equal(store.isStateTrusted(), false)
        assert.match(store.lossAtOpen()!, /closed at block 7 0x12 and is at block 1 0x\w+, blocks from 1/)
      })
    }))

  for (const [what, key, value, words] of [
    ['a wrong value', CAROL, forged, /key 0x\w+ has a wrong value/],
    ['a key too many', DAVE, forged, /key 0x\w+ does not belong to the state/],
    ['a missing key', CAROL, undefined, /1 of \d+ keys are missing/],
  ] as const) {
    it(`halts on ${what}`, () =>
      withDirectory(async (dir) => {
        await writeKilled(dir)
        await alter(dir, key, value)
        await withChain(dir, async (store, importer) => {
          const reasons: string[] = []
          const check = startStoreCheck({ store, importer, onDamage: (r) => reasons.push(r), logger: quiet })
          assert.equal(await check.checked, false)
          assert.match(reasons[0]!, words)
          await check.close()
        })
        await withChain(dir, async (store) => assert.equal(store.isStateTrusted(), false))
      }))
  }

  it('compares the state of its start while commits go on', () =>
    withDirectory(async (dir) => {
      await writeKilled(dir)
      await withChain(dir, async (store, importer, chain) => {
        const check = startStoreCheck({ store, importer, onDamage: assert.fail, logger: quiet })
        await grow(importer, chain, 5)
        assert.equal(await check.checked, true)
        await check.close()
      })
    }))

  it('is stopped by a close and then trusts nothing', () =>
    withDirectory(async (dir) => {
      await writeKilled(dir)
      await withChain(dir, async (store, importer) => {
        const check = startStoreCheck({ store, importer, onDamage: assert.fail, logger: quiet })
        await check.close()
        assert.equal(await check.checked, false)
        assert.equal(store.isStateTrusted(), false)
      })
    }))
})

describe('node.signingGuard', () => {
  it('signs nothing before the check has passed, and everything else at once', async () => {
    const { signer, asked } = fakeSigner()
    let pass: (passed: boolean) => void = () => {}
    const checked = new Promise<boolean>((resolve) => {
      pass = resolve
    })
    const guarded = guardSigner(signer, { checked, isHalted: () => false })
    const signing = guarded.sign(0, [subject])
    assert.deepEqual(guarded.signed(), [subject])
    assert.equal(guarded.publicKey, signer.publicKey)
    await guarded.beginEpoch(1, async () => [])
    await setImmediate()
    assert.deepEqual(asked, [])
    pass(true)
    assert.deepEqual(await signing, [vote])
  })

  it('signs nothing after a failed check or a halt', async () => {
    const failed = fakeSigner()
    const guarded = guardSigner(failed.signer, { checked: Promise.resolve(false), isHalted: () => false })
    assert.deepEqual(await guarded.sign(0, [subject]), [undefined])
    const halted = fakeSigner()
    const stopped = guardSigner(halted.signer, { checked: Promise.resolve(true), isHalted: () => true })
    assert.deepEqual(await stopped.sign(0, [subject]), [undefined])
    assert.deepEqual([...failed.asked, ...halted.asked], [])
  })
})
