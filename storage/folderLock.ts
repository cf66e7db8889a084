// Locks a folder for one process. Owns: the lock. The operating system frees it however the process ends.
import { Level } from 'level'
import { diskFaultText } from './diskFault.ts'
import { makeFolder } from './durableFile.ts'
import { StoreError } from './types.ts'

/**
 * Takes the lock kept in the folder `path`, which is created; resolves with the function that releases it. Throws StoreError
 * Locked while another process holds it, and Disk where the system refuses. Uses LevelDB's file lock: Node has no other that is released when the process dies.
 */
export async function lockFolder(path: string): Promise<() => Promise<void>> {
  makeFolder(path, 0o700)
  const lock = new Level(path)
  try {
    await lock.open()
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause
    const fault = diskFaultText(error)
    if (fault !== undefined) throw new StoreError('Disk', fault, { cause: error })
    if (cause?.code !== 'LEVEL_LOCKED') throw error
    throw new StoreError('Locked', `${path} is locked by another process`, { cause: error })
  }
  return () => lock.close()
}
