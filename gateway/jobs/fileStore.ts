// Uploaded files of each redemption, on disk under the data folder. Owns: their number and size, their removal.
// Not: HTTP (fileRoutes.ts), what a job writes (jobStore.ts).
import { createReadStream, type ReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isWholeNumber } from '../../base/integers.ts'
import { Refusal } from '../http/answers.ts'
import type { JobsConfig } from '../jobsConfig.ts'
import { readJson, syncFolder, writeDurably } from './durable.ts'
import { isId, newId, Places } from './places.ts'

export const PURPOSES = ['fine-tune', 'user_data', 'batch', 'assistants', 'vision', 'evals'] as const

export interface StoredFile {
  readonly id: string
  readonly bytes: number
  readonly createdAtMs: number
  readonly filename: string
  readonly purpose: string
}

/** Redemptions that are loaded at a start. */
const OWNERS_MAX = 100_000

function storedFileOf(json: unknown): StoredFile | undefined {
  const file = json as StoredFile | undefined
  const isOne =
    typeof file === 'object' &&
    file !== null &&
    typeof file.id === 'string' &&
    isId(file.id) &&
    isWholeNumber(file.bytes) &&
    isWholeNumber(file.createdAtMs) &&
    typeof file.filename === 'string' &&
    typeof file.purpose === 'string'
  return isOne ? file : undefined
}

export class FileStore {
  readonly #places: Places
  readonly #config: JobsConfig
  readonly #files = new Map<number, Map<string, StoredFile>>()
  /** Of uploads under way, too. */
  #bytes = 0
  readonly #uploading = new Map<number, { count: number; bytes: number }>()

  private constructor(places: Places, config: JobsConfig) {
    this.#places = places
    this.#config = config
  }

  /** Reads what is there; what an upload left that was broken off is removed. */
  static async open(places: Places, config: JobsConfig): Promise<FileStore> {
    const store = new FileStore(places, config)
    await mkdir(places.root, { recursive: true, mode: 0o700 })
    for (const name of (await readdir(places.root)).slice(0, OWNERS_MAX)) {
      const redemptionId = Places.ownerOf(name)
      if (redemptionId !== undefined) await store.#load(redemptionId)
    }
    return store
  }

  async #load(redemptionId: number): Promise<void> {
    const folder = this.#places.files(redemptionId)
    const names = new Set(await readdir(folder).catch(() => []))
    for (const name of names) {
      const file = name.endsWith('.json') ? storedFileOf(await readJson(join(folder, name))) : undefined
      if (file !== undefined && names.has(file.id)) this.#add(redemptionId, file)
      else if (!(isId(name) && names.has(`${name}.json`))) await rm(join(folder, name), { force: true })
    }
  }

  #add(redemptionId: number, file: StoredFile): void {
    const files = this.#files.get(redemptionId) ?? new Map<string, StoredFile>()
    files.set(file.id, file)
    this.#files.set(redemptionId, files)
    this.#bytes += file.bytes
  }

  /** Oldest first. */
  list(redemptionId: number): readonly StoredFile[] {
    return [...(this.#files.get(redemptionId)?.values() ?? [])].sort((a, b) => a.createdAtMs - b.createdAtMs)
  }

  get(redemptionId: number, id: string): StoredFile | undefined {
    return this.#files.get(redemptionId)?.get(id)
  }

  bytesOf(redemptionId: number): number {
    const files = this.#files.get(redemptionId)?.values() ?? []
    return [...files].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  path(redemptionId: number, { id }: StoredFile): string {
    return join(this.#places.files(redemptionId), id)
  }

  read(redemptionId: number, file: StoredFile): ReadStream {
    return createReadStream(this.path(redemptionId, file))
  }

  /** A file that is being written. Throws Refusal when there is no room. */
  upload(redemptionId: number): Upload {
    const { filesPerRedemptionMax } = this.#config
    const uploading = this.#uploading.get(redemptionId) ?? { count: 0, bytes: 0 }
    const count = (this.#files.get(redemptionId)?.size ?? 0) + uploading.count
    if (count >= filesPerRedemptionMax) {
      throw new Refusal(400, 'too_many_files', `there are ${count} files: delete some first`)
    }
    uploading.count++
    this.#uploading.set(redemptionId, uploading)
    let reserved = 0
    return new Upload({
      folder: this.#places.files(redemptionId),
      bytesMax: this.#config.fileBytesMax,
      reserve: (bytes) => {
        this.#checkRoom(redemptionId, uploading.bytes + bytes, bytes)
        reserved += bytes
        uploading.bytes += bytes
        this.#bytes += bytes
      },
      end: (file) => {
        uploading.count--
        uploading.bytes -= reserved
        this.#bytes -= reserved
        if (uploading.count === 0) this.#uploading.delete(redemptionId)
        if (file !== undefined) this.#add(redemptionId, file)
      },
    })
  }

  #checkRoom(redemptionId: number, uploadingBytes: number, moreBytes: number): void {
    const { bytesPerRedemptionMax, bytesMax } = this.#config
    if (this.bytesOf(redemptionId) + uploadingBytes > bytesPerRedemptionMax) {
      throw new Refusal(
        400,
        'storage_full',
        `files of more than ${bytesPerRedemptionMax} bytes: delete some first`,
        { headers: { Connection: 'close' } },
      )
    }
    if (this.#bytes + moreBytes > bytesMax)
      throw new Refusal(503, 'storage_full', 'the provider has no room for files now')
  }

  async remove(redemptionId: number, { id, bytes }: StoredFile): Promise<void> {
    const files = this.#files.get(redemptionId)
    if (files?.delete(id) !== true) return
    this.#bytes -= bytes
    const path = join(this.#places.files(redemptionId), id)
    await rm(`${path}.json`, { force: true })
    await rm(path, { force: true })
  }

  /** Forgets a redemption; its folder is removed by whoever removes all of it. */
  forget(redemptionId: number): void {
    this.#bytes -= this.bytesOf(redemptionId)
    this.#files.delete(redemptionId)
  }
}

interface UploadOptions {
  readonly folder: string
  readonly bytesMax: number
  /** Throws Refusal when there is no room for so many bytes more. */
  readonly reserve: (bytes: number) => void
  readonly end: (file: StoredFile | undefined) => void
}

/** One file on its way to the disk. */
export class Upload {
  readonly id = newId('file')
  readonly #options: UploadOptions
  #handle: FileHandle | undefined
  #filename = ''
  #bytes = 0

  constructor(options: UploadOptions) {
    this.#options = options
  }

  get #partial(): string {
    return join(this.#options.folder, `${this.id}.partial`)
  }

  async begin(filename: string): Promise<void> {
    this.#filename = filename.replace(/[^\p{L}\p{N} ._@+=()-]/gu, '_').slice(0, 256)
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 })
    this.#handle = await open(this.#partial, 'wx', 0o600)
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { bytesMax, reserve } = this.#options
    if (this.#bytes + bytes.length > bytesMax) {
      throw new Refusal(413, 'file_too_large', `a file is at most ${bytesMax} bytes`, {
        param: 'file',
        headers: { Connection: 'close' },
      })
    }
    reserve(bytes.length)
    this.#bytes += bytes.length
    await this.#handle!.writeFile(bytes)
  }

  /** Resolves once it is on disk for good. */
  async keep(purpose: string, createdAtMs: number): Promise<StoredFile> {
    const { folder, end } = this.#options
    await this.#handle!.sync()
    await this.#handle!.close()
    this.#handle = undefined
    const file = { id: this.id, bytes: this.#bytes, createdAtMs, filename: this.#filename, purpose }
    await rename(this.#partial, join(folder, this.id))
    await syncFolder(folder)
    await writeDurably(join(folder, `${this.id}.json`), JSON.stringify(file))
    end(file)
    return file
  }

  /** Removes what was written. */
  async drop(): Promise<void> {
    await this.#handle?.close().catch(() => undefined)
    await rm(this.#partial, { force: true })
    this.#options.end(undefined)
  }
}
