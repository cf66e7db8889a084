// Takes a stopped validator of a devnet back to an earlier block, with the record of what its key signed. All validators of a devnet go
// back together and their keys are public: on any other chain this would be a double vote.
import { rmSync } from 'node:fs'
import { developmentValidator } from '../genesis/devKeys.ts'
import { loadConfig } from '../node/config.ts'
import { createKeys } from '../node/nodeKeys.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { keyFile } from '../signer/keyFiles.ts'
import { rollbackChain } from '../storage/rollback.ts'
import { DEVELOPMENT_PASSWORD } from './directories.ts'
import type { DevnetMember } from './member.ts'

/** Throws StoreError and changes nothing when the state of that block is no longer kept. */
export async function takeBack(member: DevnetMember, height: number): Promise<void> {
  const { dir } = member
  await rollbackChain(nodePaths(dir).chain, { height, historyHeightsMax: loadConfig(dir).historyHeights })
  forgetSigned(member)
}

/** Removes what a stopped validator signed and noted, after its chain was replaced. */
export function forgetSigned({ dir, index }: DevnetMember): void {
  const paths = nodePaths(dir)
  for (const path of [paths.journal, paths.signer, paths.evidence, keyFile(dir, 'consensus')]) {
    rmSync(path, { recursive: true, force: true })
  }
  // A key that has signed nothing yet.
  createKeys({
    dataDir: dir,
    password: DEVELOPMENT_PASSWORD,
    isValidator: true,
    given: developmentValidator(index),
    cost: 'light',
  })
}
