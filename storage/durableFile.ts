// Files that exist whole or not at all, whatever happens in between. Not: what is in them.
import { closeSync, fsyncSync, openSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Readable by its owner alone. */
const PRIVATE = 0o600
/** As the process's umask allows. */
export const PUBLIC = 0o666

/**
 * Replaces `path` by what `write` puts into a new file, and resolves with it, still open, once that survives a loss of
 * power.
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

/** Replaces `path` by this content and resolves once that survives a loss of power. */
export async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const file = await createDurably(path, (unfinished) => unfinished.writeFile(content))
  await file.close()
}

/** The same for callers that must not be interrupted. A file that stands there keeps its place and its permissions. */
export function writeDurablySync(path: string, content: string | Uint8Array, mode = PRIVATE): void {
  const before = statSync(path, { throwIfNoEntry: false })
  const target = before === undefined ? path : realpathSync(path)
  const unfinished = `${target}.tmp`
  writeFileSync(unfinished, content, { mode: before?.mode ?? mode, flush: true })
  renameSync(unfinished, target)
  syncFolderSync(dirname(target))
}

/** Writes a file that must not exist yet; throws EEXIST otherwise. A crash in between leaves the beginning of it. */
export function writeNewDurablySync(path: string, content: string | Uint8Array, mode = PRIVATE): void {
  writeFileSync(path, content, { mode, flag: 'wx', flush: true })
  syncFolderSync(dirname(path))
}

/** Cuts a file's end off for good. */
export async function truncateDurably(path: string, length: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.truncate(length)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes names in a folder durable. */
async function syncFolder(dir: string): Promise<void> {
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
