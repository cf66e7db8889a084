// Locks a signer's folder for one process. Owns: the lock. The operating system frees it however the process ends.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { OperatorError } from '../base/errors.ts'

/**
 * Takes the lock `<dir>/lock`; resolves with the function that releases it. Throws OperatorError when a running node,
 * signer or command holds it. Uses LevelDB's file lock: Node has no other that is released when the process dies.
 */
export async function lockSigner(dir: string): Promise<() => Promise<void>> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const lock = new Level(join(dir, 'lock'))
  try {
    await lock.open()
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause
    if (cause?.code !== 'LEVEL_LOCKED') throw error
    throw new OperatorError(`${dir} is in use: stop the node or signer that runs on it`)
  }
  return () => lock.close()
}
