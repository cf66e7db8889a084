// Numbered segment files of records in one directory. Owns: names, headers, durable creation. Not: when to rotate or prune.

import { type FileHandle, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts'
import { ExpectedError } from '../base/errors.ts'
import type { Hash32 } from '../base/ids.ts'
import { createDurably, PUBLIC } from './durableFile.ts'
import { type Scan, scanFrames } from './recordFile.ts'

const MAGIC = utf8('SUANLI01')
const HEADER_BYTES = MAGIC.length + 32

/** The file belongs to another chain or is not a record file. */
export class SegmentError extends ExpectedError {
  readonly code: 'ForeignFile'
  readonly file: string
  constructor(file: string, reason: string) {
    super(`${file}: ${reason}. It is damaged, or genesis.json is not this chain's: ask \`suanli doctor\``)
    this.name = 'SegmentError'
    this.code = 'ForeignFile'
    this.file = file
  }
}

export interface SegmentFile {
  readonly sequence: number
  readonly path: string
}

export function segmentHeader(genesisHash: Hash32): Uint8Array {
  return concatBytes(MAGIC, genesisHash)
}

/** Segments named `<prefix>-<number>.log`, ascending. None if the directory is missing. */
export async function listSegments(dir: string, prefix: string): Promise<readonly SegmentFile[]> {
  const pattern = new RegExp(`^${prefix}-(\\d{1,12})\\.log$`)
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files: SegmentFile[] = []
  for (const name of names) {
    const match = pattern.exec(name)
    if (match !== null) files.push({ sequence: Number(match[1]), path: join(dir, name) })
  }
  return files.sort((a, b) => a.sequence - b.sequence)
}

/** One line per file: what an orderly close leaves behind, to notice files that are cut or removed later. */
export async function segmentSizes(files: readonly SegmentFile[]): Promise<string> {
  const lines: string[] = []
  for (const { path } of files) lines.push(`${basename(path)} ${(await stat(path)).size}\n`)
  return lines.join('')
}

export function segmentPath(dir: string, prefix: string, sequence: number): string {
  return join(dir, `${prefix}-${String(sequence).padStart(8, '0')}.log`)
}

/** Reads one segment. A truncated header is an interrupted creation (no records). Throws SegmentError on a foreign file. */
export async function readSegment(path: string, genesisHash: Hash32): Promise<Scan> {
  const bytes = new Uint8Array(await readFile(path))
  if (bytes.length < HEADER_BYTES) return { frames: [], validBytes: 0, damage: 'torn' }
  if (!equalBytes(bytes.subarray(0, HEADER_BYTES), segmentHeader(genesisHash))) {
    throw new SegmentError(path, 'not a record file of this chain')
  }
  return scanFrames(bytes, HEADER_BYTES)
}

/** Whether the file's header names another chain, or is no header at all. */
export async function isForeignSegment(path: string, genesisHash: Hash32): Promise<boolean> {
  const bytes = new Uint8Array(await readFile(path))
  return (
    bytes.length >= HEADER_BYTES && !equalBytes(bytes.subarray(0, HEADER_BYTES), segmentHeader(genesisHash))
  )
}

/** Creates a segment with its header and `body`; it exists whole or not at all. */
export async function createSegment(
  path: string,
  genesisHash: Hash32,
  body: Uint8Array,
): Promise<FileHandle> {
  const content = concatBytes(segmentHeader(genesisHash), body)
  return createDurably(path, (file) => file.writeFile(content), PUBLIC)
}

/** Renames a damaged file to `.damaged` for diagnosis. */
export async function setAside(path: string): Promise<void> {
  await rename(path, `${path}.damaged`)
}

export async function removeSegment(path: string): Promise<void> {
  await rm(path, { force: true })
}
