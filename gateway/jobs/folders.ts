// Looks at what a job wrote. Owns: measuring a folder, listing what may be downloaded. Links are never followed.
import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** More files than this are beyond every limit. */
export const ENTRIES_MAX = 20_000
const DEPTH_MAX = 32

interface Seen {
  readonly path: string
  readonly bytes: number
  readonly diskBytes: number
  readonly atMs: number
  readonly isFolder: boolean
  readonly depth: number
}

async function entries(folder: string): Promise<readonly Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => [])
}

/** Files and folders below one, in no order; stops after ENTRIES_MAX + 1. */
async function* walk(root: string): AsyncGenerator<Seen> {
  const waiting = [{ folder: root, depth: 1 }]
  let count = 0
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const entry of await entries(next.folder)) {
      const path = join(next.folder, entry.name)
      const stat = await lstat(path).catch(() => undefined)
      if (stat === undefined) continue
      const isFolder = stat.isDirectory()
      if (isFolder && next.depth < DEPTH_MAX) waiting.push({ folder: path, depth: next.depth + 1 })
      const bytes = stat.isFile() ? stat.size : 0
      const depth = next.depth + (isFolder ? 1 : 0)
      yield { path, bytes, diskBytes: stat.blocks * 512, atMs: stat.mtimeMs, isFolder, depth }
      if (++count > ENTRIES_MAX) return
    }
  }
}

export interface Measured {
  readonly bytes: number
  readonly isBeyond: boolean
}

/** What a folder takes on disk, as far as a limit. A folder that is too deep or too full is beyond every one. */
export async function measureFolder(folder: string, bytesMax: number): Promise<Measured> {
  let [bytes, count] = [0, 0]
  for await (const seen of walk(folder)) {
    // A sparse file counts by what it takes.
    bytes += seen.diskBytes
    count++
    if (bytes > bytesMax || count > ENTRIES_MAX || seen.depth > DEPTH_MAX) return { bytes, isBeyond: true }
  }
  return { bytes, isBeyond: false }
}

export interface Output {
  readonly name: string
  readonly bytes: number
  readonly atMs: number
}

const OUTPUTS_MAX = 1_000

/** Plain files below folders, by name. */
export async function listOutputs(work: string, folders: readonly string[]): Promise<readonly Output[]> {
  const found: Output[] = []
  for (const folder of folders) {
    for await (const { path, bytes, atMs, isFolder } of walk(folder)) {
      const stat = isFolder ? undefined : await lstat(path).catch(() => undefined)
      if (stat?.isFile() !== true) continue
      found.push({ name: relative(work, path), bytes, atMs: Math.floor(atMs) })
      if (found.length >= OUTPUTS_MAX) return found.sort(byName)
    }
  }
  return found.sort(byName)
}

const byName = (a: Output, b: Output): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** Finished entries of a job's checkpoints folder, oldest first: what is being written has a name that ends with .partial. */
export async function listCheckpoints(folder: string, countMax: number): Promise<readonly Output[]> {
  const names = (await entries(folder)).map(({ name }) => name)
  const found: Output[] = []
  for (const name of names
    .filter((one) => !one.endsWith('.partial') && !one.startsWith('.'))
    .slice(0, ENTRIES_MAX)) {
    const stat = await lstat(join(folder, name)).catch(() => undefined)
    if (stat !== undefined && (stat.isFile() || stat.isDirectory()))
      found.push({ name, bytes: stat.isFile() ? stat.size : 0, atMs: Math.floor(stat.mtimeMs) })
  }
  return found.sort((a, b) => a.atMs - b.atMs || byName(a, b)).slice(-countMax)
}
