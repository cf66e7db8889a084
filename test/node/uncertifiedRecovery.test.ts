// Blocks that no quorum notarized are never executed, whatever recovery file a peer serves with them: anyone can build
// blocks, and an importer full of them has no room for the chain's own.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Recovery, recoveryFileSchema } from '../../base/protocol/recovery.ts'
import type { Certificate } from '../../base/protocol/vote.ts'
import { ChainMaker } from '../../bench/chainMaker.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { buildGenesis } from '../../genesis/build.ts'
import { openChain } from '../../node/openChain.ts'
import { RecoveryBook } from '../../node/recovery/recoveries.ts'
import { BlockSync, type BlockSyncOptions } from '../../node/sync/blockSync.ts'
import { syncSourceOf } from '../../node/sync/syncSource.ts'
import type { RangeDownload } from '../../p2p/rangeDownload.ts'
import type { DownloadedRange } from '../../p2p/rangePieces.ts'
import type { RangeItem } from '../../p2p/syncMessages.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { openChainStore } from '../../storage/chainStore.ts'

const BLOCKS = 12

/** One range of one peer; records the reasons it is rejected for. */
class OneRange implements RangeDownload {
  readonly reasons: string[] = []
  #left: DownloadedRange | undefined
  constructor(items: readonly RangeItem[]) {
    this.#left = { peer: 'stranger', fromHeight: 1, items }
  }
  async next() {
    const range = this.#left
    this.#left = undefined
    return range
  }
  reject(_: DownloadedRange, reason: string): void {
    this.reasons.push(reason)
  }
  blame() {}
  again() {
    return false
  }
  putBack() {}
  rewind(): void {}
  claimedHeight = (): number => BLOCKS
  servedHeightMin = (): number => 1
  close(): void {}
}

describe('node.uncertifiedRecovery', function () {
  this.timeout(20_000)
  const dir = mkdtempSync(join(tmpdir(), 'suanli-uncertified-'))
  const genesis = developmentGenesis({ validators: 4, blockTimeMs: 250, windowMs: 60_000 })
  let maker: ChainMaker

  before(async () => {
    maker = await ChainMaker.open({ dir: join(dir, 'real'), genesis, validators: 4, blockTimeMs: 250 })
    await maker.grow({ blocks: BLOCKS })
  })
  after(async () => {
    await maker.close()
    rmSync(dir, { recursive: true })
  })

  /** An unsigned file with floor `BLOCKS - 1` and the given certificate. */
  function fileWith(certificate: Certificate): Uint8Array {
    const floor = maker.store.blockAt(BLOCKS - 1)!
    const recovery: Recovery = {
      genesisHash: maker.chain.genesisHash,
      floor: { height: BLOCKS - 1, hash: floor.hash, epoch: 0, view: certificate.subject.view },
      certificate,
      epoch: 1000,
      previous: validatorSet(maker.importer.head().state),
      members: [],
      abandoned: [],
      reason: '',
      madeBy: 1,
    }
    return recoveryFileSchema.encode({ recovery, signatures: [] })
  }

  /** Serves every block without its F, and a file with one of them; returns how many were executed and committed, and why not. */
  async function serve(
    name: string,
    recovery: Uint8Array,
    more: { readonly beside?: number; readonly book?: BlockSyncOptions['recoveries'] } = {},
  ) {
    const built = buildGenesis(genesis)
    built.tree.release()
    const opened = await openChain({ genesis: built, openStore: () => openChainStore(join(dir, name)) })
    const { importer } = opened
    const { genesisHash } = built.chain
    const whole = await syncSourceOf(maker.store).range({ fromHeight: 1, countMax: 64, bytesMax: 1 << 22 })
    const beside = more.beside ?? BLOCKS
    const items = whole.map(({ block }, i) => (i + 1 === beside ? { block, recovery } : { block }))
    const download = new OneRange(items)
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const blockSync = new BlockSync({
      importer,
      genesisHash,
      sync: { download: () => download },
      recoveries: more.book ?? RecoveryBook.open({ dir: join(dir, `${name}-recovery`), genesisHash }),
      penalise() {},
      logger: log,
    })
    await blockSync.follow(new AbortController().signal)
    const executed = importer.unfinalizedCount() + importer.head().header.height
    await opened.close()
    return { executed, reasons: download.reasons }
  }

  it('a malformed file or one with a forged certificate is rejected, and nothing is executed', async () => {
    const real = maker.store.certificateAt(BLOCKS - 1)!
    const other = maker.store.certificateAt(BLOCKS - 2)!
    const forged = { ...real, signature: other.signature }
    for (const [name, file] of [
      ['none', new Uint8Array([1])],
      ['forged', fileWith(forged)],
      ['below', fileWith(other)],
    ] as const) {
      const { executed, reasons } = await serve(name, file)
      assert.equal(executed, 0, name)
      assert.deepEqual(reasons, ['a recovery whose floor is not certified'], name)
    }
  })

  it('an accepted file, served with a block not above its floor, makes nothing final', async () => {
    const bytes = fileWith(maker.store.certificateAt(2)!)
    const { recovery } = recoveryFileSchema.decode(bytes)
    const book = { on: () => undefined, offer: async () => ({ kind: 'known', recovery }) as const }
    for (const [beside, reason] of [
      [1, 'a recovery of another floor'],
      [BLOCKS, 'a recovery whose floor is not certified'],
    ] as const) {
      const { executed, reasons } = await serve(`known-${beside}`, bytes, { beside, book })
      assert.equal(executed, 0)
      assert.deepEqual(reasons, [reason])
    }
  })

  it('a file with a certified floor is judged on the state, by every rule of a recovery', async () => {
    const { executed, reasons } = await serve('certified', fileWith(maker.store.certificateAt(BLOCKS - 1)!))
    assert.equal(executed, BLOCKS - 1)
    assert.equal(reasons.length, 1)
    assert.match(reasons[0]!, /0 members: of 4 at least 2 must go on/)
  })
})
