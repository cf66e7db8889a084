// One devnet at a time in a data directory, and none over a node that runs there. Owns: both checks.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { openDatabase } from '../storage/database.ts'
import { lockFolder } from '../storage/folderLock.ts'
import { hasChainStore } from '../storage/install.ts'
import { StoreError } from '../storage/types.ts'

export const LOCK_FOLDER = 'devnet.lock'

/**
 * Takes the data directory for this devnet before anything in it is changed; resolves with the function that releases it.
 * Throws OperatorError while another devnet holds it.
 */
export async function lockDevnet(dataDir: string): Promise<() => Promise<void>> {
  const path = join(dataDir, LOCK_FOLDER)
  if (
    existsSync(path) &&
    !readdirSync(path).every((name) => /^(LOCK|LOG|CURRENT|MANIFEST|\d+\.)/.test(name))
  ) {
    throw new OperatorError(`${path} is not the devnet's: move it away, or choose another data directory`)
  }
  try {
    return await lockFolder(path)
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'Locked') throw error
    throw new OperatorError(`${dataDir} is used by another devnet: stop it or choose another data directory`)
  }
}

/** Throws OperatorError when a node runs on one of these folders, for example a validator that somebody started by hand. */
export async function checkNotRunning(dirs: readonly string[]): Promise<void> {
  for (const dir of dirs) {
    const { chain } = nodePaths(dir)
    if (!hasChainStore(chain)) continue
    try {
      await (await openDatabase(chain)).close()
    } catch (error) {
      // A damaged chain is the node's own to report.
      if (!(error instanceof StoreError) || error.code !== 'Locked') continue
      throw new OperatorError(`a node runs on ${dir}: stop it first`)
    }
  }
}
