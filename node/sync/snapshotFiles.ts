// The snapshots on disk: loading them at a start, reading chunks, keeping the newest few.
// Owns: the directory. Not: making a snapshot (snapshotWriter.ts), the wire (p2p/snapshotProtocol.ts).
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SchemaError } from '../../base/field.ts'
import type { Hash32 } from '../../base/ids.ts'
import {
  type SnapshotManifest,
  snapshotManifestHash,
  snapshotManifestSchema,
} from '../../base/protocol/snapshot.ts'
import { DATA_FILE, MANIFEST_FILE } from './snapshotWriter.ts'

export interface HeldSnapshot {
  readonly height: number
  readonly manifest: SnapshotManifest
  readonly manifestBytes: Uint8Array
  readonly manifestHash: Hash32
  /** Total of all chunks. */
  readonly sizeBytes: number
}

interface Held extends HeldSnapshot {
  /** Start offset of each chunk. */
  readonly offsets: Float64Array
  /** Opened by the first chunk that is asked for. */
  file: Promise<FileHandle> | undefined
}

export class SnapshotFiles {
  readonly #dir: string
  /** By height, oldest first. */
  #held: Held[] = []

  private constructor(dir: string) {
    this.#dir = dir
  }

  /** Opens the directory; removes unfinished snapshots and those that `isValid` refuses. */
  static async open(
    dir: string,
    isValid: (manifest: SnapshotManifest) => boolean = () => true,
  ): Promise<SnapshotFiles> {
    await mkdir(dir, { recursive: true })
    const files = new SnapshotFiles(dir)
    for (const name of await readdir(dir)) {
      const held = /^\d{1,15}$/.test(name) ? await readSnapshot(join(dir, name)) : undefined
      if (held !== undefined && held.height === Number(name) && isValid(held.manifest)) {
        files.#held.push(held)
      } else if (/^\d{1,15}(\.tmp)?$/.test(name)) {
        await rm(join(dir, name), { recursive: true, force: true })
      }
    }
    files.#held.sort((a, b) => a.height - b.height)
    return files
  }

  /** Directory of a height's files. */
  dirOf(height: number): string {
    return join(this.#dir, String(height))
  }

  /** Newest last. */
  list(): readonly HeldSnapshot[] {
    return this.#held
  }

  /** Adds a snapshot made by `writeSnapshot`, and deletes the oldest beyond `keep`. */
  async add(height: number, keep: number): Promise<HeldSnapshot> {
    const held = await readSnapshot(this.dirOf(height))
    if (held === undefined) throw new Error(`the snapshot of block ${height} cannot be read back`)
    this.#held = [...this.#held.filter((old) => old.height !== height), held]
    this.#held.sort((a, b) => a.height - b.height)
    while (this.#held.length > keep) await this.#drop(this.#held.shift()!)
    return held
  }

  async chunk(height: number, index: number): Promise<Uint8Array | undefined> {
    const held = this.#held.find((snapshot) => snapshot.height === height)
    const part = held?.manifest.parts[index]
    if (held === undefined || part === undefined) return undefined
    held.file ??= open(join(this.dirOf(height), DATA_FILE), 'r').catch((error) => {
      held.file = undefined
      throw error
    })
    const bytes = new Uint8Array(part.bytes)
    const { bytesRead } = await (await held.file).read(bytes, 0, part.bytes, held.offsets[index]!)
    return bytesRead === part.bytes ? bytes : undefined
  }

  async close(): Promise<void> {
    for (const held of this.#held) await (await held.file)?.close()
    this.#held = []
  }

  async #drop(held: Held): Promise<void> {
    await (await held.file)?.close()
    await rm(this.dirOf(held.height), { recursive: true, force: true })
  }
}

async function readSnapshot(dir: string): Promise<Held | undefined> {
  try {
    const manifestBytes = new Uint8Array(await readFile(join(dir, MANIFEST_FILE)))
    const manifest = snapshotManifestSchema.decode(manifestBytes)
    const offsets = new Float64Array(manifest.parts.length)
    let sizeBytes = 0
    for (const [i, { bytes }] of manifest.parts.entries()) {
      offsets[i] = sizeBytes
      sizeBytes += bytes
    }
    const { size } = await stat(join(dir, DATA_FILE))
    if (size !== sizeBytes) return undefined
    const manifestHash = snapshotManifestHash(manifestBytes)
    return {
      height: manifest.height,
      manifest,
      manifestBytes,
      manifestHash,
      sizeBytes,
      offsets,
      file: undefined,
    }
  } catch (error) {
    // Truncated by a crash, or not a snapshot: it will be made again.
    if (error instanceof SchemaError || (error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
}
