// How much disk a node's parts take. Owns: measuring, at most once in a while and only when asked. Not: what is kept (upkeep.ts).
import { readdir, stat, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { nodePaths } from '../nodePaths.ts'

/** What was measured stands for this long. */
const FRESH_MS = 30_000
/** Files looked at together. */
const BATCH = 64
/** Snapshots and the database's lock lie this deep. */
const DEPTH_MAX = 4

export interface DiskFigures {
  /** Bytes of each part that is there: `chain`, `journal`, `signer`, … */
  readonly bytes: Readonly<Record<string, number>>
  readonly freeBytes: number
}

export class DiskUse {
  readonly #dataDir: string
  #figures: DiskFigures | undefined
  #measuring: Promise<void> | undefined
  #atMs = Number.NEGATIVE_INFINITY

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  /** The latest figures; when they are old, the next ones are measured meanwhile. Undefined when the disk does not answer. */
  async figures(): Promise<DiskFigures | undefined> {
    if (this.#measuring === undefined && performance.now() - this.#atMs > FRESH_MS) {
      this.#measuring = this.#measure().finally(() => {
        this.#atMs = performance.now()
        this.#measuring = undefined
      })
    }
    if (this.#figures === undefined) await this.#measuring
    return this.#figures
  }

  async #measure(): Promise<void> {
    try {
      const bytes: Record<string, number> = {}
      for (const path of Object.values(nodePaths(this.#dataDir))) {
        const size = await sizeOf(path, DEPTH_MAX)
        if (size > 0) bytes[basename(path)] = size
      }
      const { bavail, bsize } = await statfs(this.#dataDir)
      this.#figures = { bytes, freeBytes: bavail * bsize }
    } catch {
      this.#figures = undefined
    }
  }
}

/** Bytes of the files in a folder; 0 for what is gone or no folder. */
async function sizeOf(path: string, depth: number): Promise<number> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (let i = 0; i < entries.length; i += BATCH) {
    const sizes = entries.slice(i, i + BATCH).map(async (entry) => {
      const at = join(path, entry.name)
      if (entry.isDirectory()) return depth > 1 ? sizeOf(at, depth - 1) : 0
      // A file may be gone since: databases replace theirs.
      return stat(at).then(
        ({ size }) => size,
        () => 0,
      )
    })
    for (const size of await Promise.all(sizes)) bytes += size
  }
  return bytes
}
