// Builds a chain store from a snapshot in a temporary directory and moves it into place when complete.
// Owns: progress on disk, the last commit, the move. Not: fetching chunks (node/sync/stateSync.ts).
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { concatBytes, equalBytes, u32be, u64be, utf8 } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import { type EpochProof, epochProofSchema } from '../base/protocol/epochProof.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { SnapshotChunk } from '../base/protocol/snapshot.ts'
import type { Certificate } from '../base/protocol/vote.ts'
import { openChainStore } from './chainStore.ts'
import { type Database, openDatabase } from './database.ts'
import { fillBlock } from './fillBlock.ts'
import { BASE_KEY, LAYOUT_VERSION, META_KEY, numberKey, rawStateKey, tipSchema } from './layout.ts'
import { type BlockReceipts, StoreError } from './types.ts'

const INSTALL_KEY = concatBytes(META_KEY, utf8('.install'))

/** What an installed store's tip needs besides the state. */
export interface InstallAnchor {
  readonly genesis: SealedBlock
  readonly block: SealedBlock
  readonly receipts: BlockReceipts
  readonly certificate: Certificate
  /** Of every epoch that ended before the block, as far as known. */
  readonly epochProofs: readonly EpochProof[]
}

/** Whether a directory already holds a chain store, even an empty one. */
export function hasChainStore(dir: string): boolean {
  return existsSync(join(dir, 'chain', 'CURRENT'))
}

export class StateInstall {
  readonly #dir: string
  readonly #finalDir: string
  readonly #database: Database
  readonly #done = new Set<number>()

  private constructor(dir: string, finalDir: string, database: Database) {
    this.#dir = dir
    this.#finalDir = finalDir
    this.#database = database
  }

  /** Resumes an earlier run's install of the same snapshot, or starts over. `finalDir` must not hold a store. */
  static async open(finalDir: string, snapshot: Hash32): Promise<StateInstall> {
    const dir = `${finalDir}.incoming`
    for (const isFresh of [false, true]) {
      if (isFresh) await rm(dir, { recursive: true, force: true })
      await mkdir(dir, { recursive: true })
      try {
        const database = await openDatabase(dir)
        const install = new StateInstall(dir, finalDir, database)
        if (await install.#resume(snapshot)) return install
        await database.close()
      } catch (error) {
        // Start over when a crash left a corrupt store, but never when another process holds the lock.
        if (isFresh || !(error instanceof StoreError) || error.code !== 'Corrupt') throw error
      }
    }
    throw new StoreError('Corrupt', `${dir} cannot be written`)
  }

  /** Whether a chunk is already stored. */
  has(index: number): boolean {
    return this.#done.has(index)
  }

  get doneCount(): number {
    return this.#done.size
  }

  async #resume(snapshot: Hash32): Promise<boolean> {
    const id = await this.#database.get(INSTALL_KEY)
    if (id === undefined) {
      for await (const _ of this.#database.keys({ limit: 1 })) return false
      await this.#database.put(INSTALL_KEY, snapshot)
      return true
    }
    if (!equalBytes(id, snapshot)) return false
    const range = { gte: partKey(0), lte: partKey(0xffff_ffff) }
    for await (const key of this.#database.keys(range)) {
      this.#done.add(new DataView(key.buffer, key.byteOffset).getUint32(key.length - 4))
    }
    return true
  }

  /** Writes one chunk's verified records and marks the chunk done, in one batch. */
  async putChunk(index: number, entries: SnapshotChunk['entries']): Promise<void> {
    const batch = this.#database.batch()
    for (const { key, value } of entries) batch.put(rawStateKey(key), value)
    batch.put(partKey(index), Uint8Array.of(1))
    await batch.write()
    this.#done.add(index)
  }

  /**
   * Writes everything besides the state, checks the root of the records on disk, and moves the store into place.
   * Throws StoreError Corrupt when the records do not have the state root of the block.
   */
  async finish(anchor: InstallAnchor): Promise<void> {
    const { genesis, block, receipts, certificate, epochProofs } = anchor
    const { height } = block.header
    const batch = this.#database.batch()
    for (const index of this.#done) batch.del(partKey(index))
    batch.del(INSTALL_KEY)
    if (height > 0) fillBlock(batch, { block: genesis, receipts: [], senders: [], systemLogs: [] })
    for (const proof of epochProofs) {
      const { epoch } = proof.header
      batch.put(numberKey('epochProof', epoch), epochProofSchema.encode(proof))
      batch.put(numberKey('boundary', epoch), u64be(proof.header.height))
    }
    fillBlock(batch, { block, certificate, ...receipts })
    batch.put(BASE_KEY, u64be(height))
    batch.put(META_KEY, tipSchema.encode({ layout: LAYOUT_VERSION, height, hash: block.hash }))
    await batch.write({ sync: true })
    await this.#database.close()
    const store = await openChainStore(this.#dir)
    try {
      const tree = await store.loadTree()
      await store.saveTree(tree, height)
      tree.release()
    } finally {
      await store.close()
    }
    await rm(this.#finalDir, { recursive: true, force: true })
    await mkdir(dirname(this.#finalDir), { recursive: true })
    await rename(this.#dir, this.#finalDir)
  }

  /** Keeps the progress on disk for the next run. */
  async close(): Promise<void> {
    await this.#database.close()
  }
}

function partKey(index: number): Uint8Array {
  return concatBytes(INSTALL_KEY, utf8('.part'), u32be(index))
}
