// Files that exist whole or not at all, whatever happens in between. Not: what is in them.
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Replaces `path` by this content and resolves once that survives a loss of power. */
export async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const unfinished = `${path}.tmp`
  const file = await open(unfinished, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(unfinished, path)
  await syncFolder(dirname(path))
}

/** Makes names in a folder durable. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
