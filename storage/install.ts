// A chain store that is filled from a snapshot beside the place where it will live, and moved there when it is whole.
// Owns: progress on disk, the last commit, the move. Not: where the chunks come from (node/sync/stateSync.ts).
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

/** What the tip of an installed store needs beside the state. */
export interface InstallAnchor {
  readonly genesis: SealedBlock
  readonly block: SealedBlock
  readonly receipts: BlockReceipts
  readonly certificate: Certificate
  /** Of every epoch that ended before the block, as far as they are known. */
  readonly epochProofs: readonly EpochProof[]
}

/** Whether a directory holds a chain store already, however young. */
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

  /** Goes on with what an earlier run left of the same snapshot, or begins anew. `finalDir` must not hold a store. */
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
        // A crash may have left anything; another process may not be disturbed.
        if (isFresh || !(error instanceof StoreError) || error.code !== 'Corrupt') throw error
      }
    }
    throw new StoreError('Corrupt', `${dir} cannot be written`)
  }

  /** Chunks that need not be fetched again. */
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

  /** Writes the verified records of one chunk together with the note that they are there. */
  async putChunk(index: number, entries: SnapshotChunk['entries']): Promise<void> {
    const batch = this.#database.batch()
    for (const { key, value } of entries) batch.put(rawStateKey(key), value)
    batch.put(partKey(index), Uint8Array.of(1))
    await batch.write()
    this.#done.add(index)
  }

  /**
   * Writes what stands around the state, checks the root of everything on disk, and moves the store into its place.
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

  /** Keeps what is there for the next run. */
  async close(): Promise<void> {
    await this.#database.close()
  }
}

function partKey(index: number): Uint8Array {
  return concatBytes(INSTALL_KEY, utf8('.part'), u32be(index))
}
