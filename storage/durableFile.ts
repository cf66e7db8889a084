// Writes files so that after a crash they exist whole or not at all. Not: their contents.
import { closeSync, fsyncSync, openSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
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
  writeFileSync(unfinished, content, { mode: before?.mode ?? mode, flush: true })
  renameSync(unfinished, target)
  syncFolderSync(dirname(target))
}

/** Writes a file that must not exist yet; throws EEXIST otherwise. A crash may leave a truncated file. */
export function writeNewDurablySync(path: string, content: string | Uint8Array, mode = PRIVATE): void {
  writeFileSync(path, content, { mode, flag: 'wx', flush: true })
  syncFolderSync(dirname(path))
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
