// Locks a signer's folder for one process. Owns: what the refusal says. Not: the lock (storage/folderLock.ts).
import { join } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import { lockFolder } from '../storage/folderLock.ts'
import { StoreError } from '../storage/types.ts'

/**
 * Takes the lock `<dir>/lock`; resolves with the function that releases it. Throws OperatorError when a running node,
 * signer or command holds it.
 */
export async function lockSigner(dir: string): Promise<() => Promise<void>> {
  try {
    return await lockFolder(join(dir, 'lock'))
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'Locked') throw error
    throw new OperatorError(`${dir} is in use: stop the node or signer that runs on it`)
  }
}
