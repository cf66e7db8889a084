// Writes files so that after a crash they exist whole or not at all. Not: their contents.
import {
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

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
  naming(unfinished, () => writeFileSync(unfinished, content, { mode: before?.mode ?? mode, flush: true }))
  renameSync(unfinished, target)
  syncFolderSync(dirname(target))
}

/** Whether something stands at a path. Unlike `existsSync` it throws where the system does not let this process look. */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/** A failed write does not say of which file it was. */
function naming(path: string, write: () => void): void {
  try {
    write()
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
  naming(unfinished, () => writeFileSync(unfinished, content, { mode, flag: 'wx', flush: true }))
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
