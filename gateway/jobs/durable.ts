// Small files that survive a crash whole or not at all. Not: what is in them.
import { open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

const JSON_BYTES_MAX = 4_194_304

/** Resolves once the file, and its name, survive a power loss; without `isSynced` the death of this process alone. */
export async function writeDurably(path: string, text: string, isSynced = true): Promise<void> {
  const partial = `${path}.partial`
  const handle = await open(partial, 'w', 0o600)
  try {
    await handle.writeFile(text)
    if (isSynced) await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(partial, path)
  if (isSynced) await syncFolder(dirname(path))
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Undefined for a file that is not there or is no JSON. */
export async function readJson(path: string): Promise<unknown> {
  try {
    if ((await stat(path)).size > JSON_BYTES_MAX) return undefined
    return JSON.parse(await readFile(path, 'utf8')) as unknown
  } catch {
    return undefined
  }
}
