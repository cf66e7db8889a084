// Writes files so that after a crash they exist whole or not at all. Not: their contents.
import {
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { concatBytes } from '../base/bytes.ts'

const MIB = 1_024 * 1_024
/** A genesis document with hundreds of thousands of accounts. */
export const TEXT_BYTES_MAX = 64 * MIB
const READ_BYTES = 256 * 1_024
/** Readable by its owner alone. */
const PRIVATE = 0o600
/** Subject to the process's umask. */
export const PUBLIC = 0o666

/**
 * Writes a new file with `write`, renames it to `path`, and resolves with it, still open, once it survives a power
 * loss.
 */
export async function createDurably(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  mode = PRIVATE,
): Promise<FileHandle> {
  const unfinished = `${path}.tmp`
  const file = await open(unfinished, 'w', mode)
  try {
    await write(file)
    await file.sync()
    await rename(unfinished, path)
    await syncFolder(dirname(path))
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Replaces `path` with this content; resolves once it survives a power loss. */
export async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const file = await createDurably(path, (unfinished) => unfinished.writeFile(content))
  await file.close()
}

/** Synchronous `writeDurably`. An existing file keeps its permissions, and a symbolic link stays a link. */
export function writeDurablySync(path: string, content: string | Uint8Array, mode = PRIVATE): void {
  const before = statSync(path, { throwIfNoEntry: false })
  const target = before === undefined ? path : realpathSync(path)
  const unfinished = `${target}.tmp`
  naming(path, () => writeFileSync(unfinished, content, { mode: before?.mode ?? mode, flush: true }))
  renameSync(unfinished, target)
  syncFolderSync(dirname(target))
}

/**
 * Makes a folder and those above it that are missing. Node's own `recursive` tries for ever where the system says of a folder that is
 * there that it is not, as below /proc. Throws the system's error.
 */
export function makeFolder(path: string, mode = 0o777): void {
  const missing: string[] = []
  for (let at = resolve(path); !isThere(at) && at !== dirname(at); at = dirname(at)) missing.push(at)
  for (const folder of missing.reverse()) {
    try {
      mkdirSync(folder, { mode })
    } catch (error) {
      // Another process may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  // A file of that name: the system's word for it.
  if (!statSync(path).isDirectory()) mkdirSync(path)
}

/** Whether something stands at a path. Unlike `existsSync` it throws where the system does not let this process look. */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/**
 * A whole file as text. Throws the system's error with the path, which a failed read does not have, and one with code EFBIG for what is
 * longer than any document of this program: a device may have no end.
 */
export function readText(path: string): string {
  return naming(path, () => {
    const file = openSync(path, 'r')
    try {
      return readToEnd(file)
    } finally {
      closeSync(file)
    }
  })
}

function readToEnd(file: number): string {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for (;;) {
    const piece = new Uint8Array(READ_BYTES)
    const count = readSync(file, piece)
    if (count === 0) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(concatBytes(...pieces))
    pieces.push(piece.subarray(0, count))
    sizeBytes += count
    if (sizeBytes > TEXT_BYTES_MAX)
      throw Object.assign(new Error(`longer than ${TEXT_BYTES_MAX / MIB} MiB`), { code: 'EFBIG' })
  }
}

/** A failed read or write does not say of which file it was. */
function naming<T>(path: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw Object.assign(error as NodeJS.ErrnoException, { path })
  }
}

/** What file systems without hard links answer. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/**
 * Writes a file that must not exist yet; throws EEXIST otherwise. After a crash it is whole or absent; without hard links it
 * may be truncated.
 */
export function writeNewDurablySync(path: string, content: string | Uint8Array, mode = PRIVATE): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw existsError(path)
  const unfinished = `${path}.tmp`
  rmSync(unfinished, { force: true })
  naming(path, () => writeFileSync(unfinished, content, { mode, flag: 'wx', flush: true }))
  try {
    // Unlike a rename, a link replaces nothing.
    linkSync(unfinished, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw existsError(path)
    if (!NO_LINKS.has(code)) throw error
    writeFileSync(path, content, { mode, flag: 'wx', flush: true })
  } finally {
    rmSync(unfinished, { force: true })
  }
  syncFolderSync(dirname(path))
}

function existsError(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`EEXIST: file already exists, '${path}'`), { code: 'EEXIST', path })
}

/** Truncates a file and syncs it. */
export async function truncateDurably(path: string, length: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.truncate(length)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the directory's entries durable. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function syncFolderSync(dir: string): void {
  const folder = openSync(dir, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
