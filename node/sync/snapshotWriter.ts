// Writes one snapshot's files from the state in key order: sorted by key hash on disk, cut into subtrees, proven.
// Owns: layout and pace. Not: which heights (snapshotKeeper.ts), finding and serving files (snapshotFiles.ts).
import { appendFile, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { concatBytes, equalBytes, keyBytes, u32be } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Header } from '../../base/protocol/header.ts'
import {
  joinSnapshotEntries,
  SNAPSHOT_CHUNK_BYTES,
  type SnapshotPart,
  snapshotEntryBytes,
  snapshotManifestSchema,
} from '../../base/protocol/snapshot.ts'
import { compareHashes, firstDifference } from '../../state/tree/bits.ts'
import { cutRoot, leavesRootSteps } from '../../state/tree/cut.ts'
import type { StateKey } from '../../state/view.ts'
import { inTurns } from '../../storage/turns.ts'

/** Files that sort the records by the first bits of their key hash. */
const BUCKET_BITS = 10
const BUCKETS = 1 << BUCKET_BITS
/** Bytes of records buffered in memory before they are written to the buckets. */
const BUFFER_BYTES_MAX = 16 * 1024 * 1024
const BUCKET_BYTES_MIN = 2048
/** Records hashed between pauses, about two milliseconds. */
const SLICE_ENTRIES = 512
/** Pause after a slice: twice as long as the slice, to leave the time to consensus. */
const PAUSE_MS = 4
/** Key hash, value hash, length of the entry. */
const RECORD_HEAD_BYTES = 32 + 32 + 4

export const MANIFEST_FILE = 'manifest'
export const DATA_FILE = 'data'

interface StoredEntry {
  readonly keyHash: Uint8Array
  readonly valueHash: Uint8Array
  readonly entry: Uint8Array
}

export interface WriteSnapshotOptions {
  /** The final directory; it appears whole or not at all. */
  readonly dir: string
  readonly header: Header
  readonly blockHash: Uint8Array
  /** The whole state of that header, keys ascending. */
  readonly pieces: AsyncIterable<ReadonlyMap<StateKey, Uint8Array>>
  readonly signal: AbortSignal
  /** Bytes of records buffered in memory; default 16 MiB. */
  readonly bufferBytesMax?: number
}

/** Resolves with the manifest; rejects when aborted, or when the records do not have the header's state root. */
export async function writeSnapshot(options: WriteSnapshotOptions): Promise<Uint8Array> {
  const unfinished = `${options.dir}.tmp`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  try {
    const buckets = new Buckets(unfinished, options.bufferBytesMax ?? BUFFER_BYTES_MAX)
    const pace = new Pace(options.signal)
    for await (const piece of options.pieces) {
      let count = 0
      for (const [key, value] of piece) {
        buckets.add(keyBytes(key), value)
        if (++count % SLICE_ENTRIES === 0) await pace.pause()
      }
      await buckets.spillWhenFull()
      await pace.pause()
    }
    const parts = await writeChunks(join(unfinished, DATA_FILE), buckets, pace)
    const { header, blockHash } = options
    const splits = parts.slice(0, -1).map(({ split }) => split)
    const root = cutRoot(
      parts.map((part) => part.root),
      splits,
    )
    if (root === undefined || !equalBytes(root, header.stateRoot)) {
      throw new Error(`the stored records do not have the state root of block ${header.height}`)
    }
    const { height, stateRoot } = header
    const manifest = snapshotManifestSchema.encode({ height, blockHash, stateRoot, parts })
    await writeFile(join(unfinished, MANIFEST_FILE), manifest, { flush: true })
    await rename(unfinished, options.dir)
    return manifest
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** Yields to the event loop after each slice. */
class Pace {
  readonly #signal: AbortSignal

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  async pause(): Promise<void> {
    await setTimeout(PAUSE_MS)
    this.#signal.throwIfAborted()
  }
}

/** Records by the first bits of their key hash; in memory until the buffer is full, then in files. */
class Buckets {
  readonly #dir: string
  readonly #bufferBytesMax: number
  // One growing array per bucket: many small ones make the garbage collector stop the thread for long.
  readonly #buffers: Uint8Array[] = Array.from({ length: BUCKETS }, () => new Uint8Array(0))
  readonly #used = new Uint32Array(BUCKETS)
  readonly #spilled = new Set<number>()
  #bufferedBytes = 0
  /** Encoded bytes by bucket. */
  readonly sizes = new Float64Array(BUCKETS)

  constructor(dir: string, bufferBytesMax: number) {
    this.#dir = dir
    this.#bufferBytesMax = bufferBytesMax
  }

  add(key: Uint8Array, value: Uint8Array): void {
    const keyHash = sha256(key)
    const entry = snapshotEntryBytes(key, value)
    const bucket = ((keyHash[0]! << 8) | keyHash[1]!) >> (16 - BUCKET_BITS)
    const sizeBytes = RECORD_HEAD_BYTES + entry.length
    const at = this.#used[bucket]!
    const buffer = this.#withRoom(bucket, sizeBytes)
    buffer.set(keyHash, at)
    buffer.set(sha256(value), at + 32)
    buffer.set(u32be(entry.length), at + 64)
    buffer.set(entry, at + RECORD_HEAD_BYTES)
    this.#used[bucket] = at + sizeBytes
    this.#bufferedBytes += sizeBytes
    this.sizes[bucket]! += entry.length
  }

  #withRoom(bucket: number, sizeBytes: number): Uint8Array {
    const buffer = this.#buffers[bucket]!
    const needed = this.#used[bucket]! + sizeBytes
    if (needed <= buffer.length) return buffer
    const larger = new Uint8Array(Math.max(BUCKET_BYTES_MIN, needed, buffer.length * 2))
    larger.set(buffer)
    this.#buffers[bucket] = larger
    return larger
  }

  /** The records in memory; valid until the next `add` to this bucket. */
  #buffered(bucket: number): Uint8Array {
    return this.#buffers[bucket]!.subarray(0, this.#used[bucket])
  }

  async spillWhenFull(): Promise<void> {
    if (this.#bufferedBytes < this.#bufferBytesMax) return
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (this.#used[bucket] === 0) continue
      await appendFile(this.#file(bucket), this.#buffered(bucket))
      this.#used[bucket] = 0
      this.#spilled.add(bucket)
    }
    this.#bufferedBytes = 0
  }

  /** Removes a bucket and returns its records sorted by key hash. */
  async take(bucket: number): Promise<StoredEntry[]> {
    const inMemory = this.#buffered(bucket)
    this.#buffers[bucket] = new Uint8Array(0)
    this.#used[bucket] = 0
    const entries: StoredEntry[] = []
    if (this.#spilled.has(bucket)) {
      readRecords(new Uint8Array(await readFile(this.#file(bucket))), entries)
      await rm(this.#file(bucket))
    }
    readRecords(inMemory, entries)
    return entries.sort((a, b) => compareHashes(a.keyHash, 0, b.keyHash, 0))
  }

  #file(bucket: number): string {
    return join(this.#dir, `bucket-${bucket}`)
  }
}

function readRecords(bytes: Uint8Array, out: StoredEntry[]): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.length; ) {
    const end = at + RECORD_HEAD_BYTES + view.getUint32(at + 64)
    out.push({
      keyHash: bytes.subarray(at, at + 32),
      valueHash: bytes.subarray(at + 32, at + 64),
      entry: bytes.subarray(at + RECORD_HEAD_BYTES, end),
    })
    at = end
  }
}

/** Writes the largest subtrees within the bound, in order; every node makes the same cut. */
async function writeChunks(path: string, buckets: Buckets, pace: Pace): Promise<SnapshotPart[]> {
  const file = await open(path, 'w')
  const parts: SnapshotPart[] = []
  let last: Uint8Array | undefined
  const write = async (entries: readonly StoredEntry[]): Promise<void> => {
    const chunk = joinSnapshotEntries(entries.map(({ entry }) => entry))
    const first = entries[0]!.keyHash
    if (last !== undefined) parts.push({ ...parts.pop()!, split: firstDifference(last, 0, first, 0) })
    last = entries.at(-1)!.keyHash
    const leaves = {
      keyHashes: concatBytes(...entries.map(({ keyHash }) => keyHash)),
      valueHashes: concatBytes(...entries.map(({ valueHash }) => valueHash)),
    }
    const root = await inTurns(leavesRootSteps(leaves))
    parts.push({ root, leaves: entries.length, bytes: chunk.length, split: 0 })
    await file.write(chunk)
    await pace.pause()
  }
  const cutBuckets = async (from: number, to: number): Promise<void> => {
    const bytes = buckets.sizes.subarray(from, to).reduce((sum, size) => sum + size, 0)
    if (bytes === 0) return
    if (bytes > SNAPSHOT_CHUNK_BYTES && to - from > 1) {
      const middle = (from + to) >> 1
      await cutBuckets(from, middle)
      await cutBuckets(middle, to)
      return
    }
    const entries: StoredEntry[] = []
    for (let bucket = from; bucket < to; bucket++) entries.push(...(await buckets.take(bucket)))
    await cutEntries(entries)
  }
  const cutEntries = async (entries: readonly StoredEntry[]): Promise<void> => {
    const bytes = entries.reduce((sum, { entry }) => sum + entry.length, 0)
    if (bytes <= SNAPSHOT_CHUNK_BYTES || entries.length === 1) {
      await write(entries)
      return
    }
    const bit = firstDifference(entries[0]!.keyHash, 0, entries.at(-1)!.keyHash, 0)
    const middle = entries.findIndex(({ keyHash }) => ((keyHash[bit >> 3]! >> (7 - (bit & 7))) & 1) === 1)
    await cutEntries(entries.slice(0, middle))
    await cutEntries(entries.slice(middle))
  }
  try {
    await cutBuckets(0, BUCKETS)
    await file.sync()
  } finally {
    await file.close()
  }
  return parts
}
