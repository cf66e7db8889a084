// Opens a chain's LevelDB and converts its bytes for the node. Not: its contents (layout.ts).
import { join } from 'node:path'
import { Level } from 'level'
import { diskFaultText } from './diskFault.ts'
import { findLevelDamage } from './levelCheck.ts'
import { StoreError } from './types.ts'

/** The ordered store under a chain; the simulator uses an in-memory one instead of LevelDB. */
export type Database = Level<Uint8Array, Uint8Array>

/** LevelDB returns Buffers; inside the node bytes are plain arrays. */
export function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The folder of the database in a store's `dir`. */
export const databaseDir = (dir: string): string => join(dir, 'chain')

/** Opens or creates the database in `dir`. For repair tools; others use `openChainStore`. Throws StoreError Locked, Disk or Corrupt. */
export async function openDatabase(dir: string): Promise<Database> {
  const path = databaseDir(dir)
  await refuseDamage(path)
  const database = new Level<Uint8Array, Uint8Array>(path, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: 16 * 1024 * 1024,
    writeBufferSize: 8 * 1024 * 1024,
  })
  try {
    await database.open()
    return database
  } catch (error) {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause
    if (cause?.code === 'LEVEL_LOCKED') {
      throw new StoreError('Locked', `${dir} is in use by another process`, { cause: error })
    }
    const fault = diskFaultText(error)
    if (fault !== undefined) throw new StoreError('Disk', fault, { cause: error })
    throw new StoreError('Corrupt', `${dir} cannot be opened: ${cause?.message ?? String(error)}`, {
      cause: error,
    })
  }
}

/** Opening would drop damaged writes in silence and delete the files that held them. */
async function refuseDamage(path: string): Promise<void> {
  // A process that has the database open may replace files between two reads, so only what is found twice counts.
  const first = await findLevelDamage(path, { tables: false })
  if (first === undefined) return
  const again = await findLevelDamage(path, { tables: false })
  if (again?.file !== first.file || again.reason !== first.reason) return
  throw new StoreError('Corrupt', `${join(path, again.file)} ${again.reason}`)
}
