// Makes a node's data directory. Owns: the order of its files, so that an interrupted run can be run again.
// Not: their contents (nodeDir.ts, nodeKeys.ts).
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { equalBytes } from '../base/bytes.ts'
import { OperatorError } from '../base/errors.ts'
import { type Genesis, genesisHash } from '../genesis/schema.ts'
import { hasConsensusKey, keyFile, openConsensusKey } from '../signer/keyFiles.ts'
import { makeFolder } from '../storage/durableFile.ts'
import { CONFIG_FILE, GENESIS_FILE, type NodeConfig, saveConfig } from './config.ts'
import { noteProofsChecked, parseGenesis, writeGenesis } from './nodeDir.ts'
import { createKeys, openPeerSeed } from './nodeKeys.ts'
import { nodePaths } from './nodePaths.ts'

export interface InitOptions {
  readonly dataDir: string
  /** Checked with its proofs of possession. */
  readonly genesis: Genesis
  readonly config: NodeConfig
  readonly password: string
  /** Whether it shall have a consensus key of its own. */
  readonly isValidator: boolean
  readonly cost?: 'standard' | 'light'
}

/**
 * Writes key files, then the genesis document, and `config.json` last: without it nothing starts, so a directory is whole or
 * not a node's yet, and the same call completes it. Keys that are there are kept; they must open with this password. Throws
 * OperatorError and changes nothing when the directory is complete, has run, or is of another chain.
 */
export function initNode(options: InitOptions): void {
  const { dataDir, genesis, password, isValidator, cost = 'standard' } = options
  makeFolder(dataDir, 0o700)
  checkIncomplete(dataDir)
  checkSameChain(dataDir, genesis)
  createKeys({ dataDir, password, isValidator, cost })
  // Keys from an earlier run may have another password.
  openPeerSeed(dataDir, password)
  if (hasConsensusKey(dataDir)) openConsensusKey(dataDir, password)
  writeGenesis(dataDir, genesis)
  noteProofsChecked(dataDir, genesis)
  saveConfig(dataDir, { ...options.config, validator: hasConsensusKey(dataDir) })
}

function checkIncomplete(dataDir: string): void {
  if (!existsSync(join(dataDir, CONFIG_FILE))) return
  const hasRun = Object.values(nodePaths(dataDir)).some((path) => existsSync(path))
  if (existsSync(keyFile(dataDir, 'peer'))) {
    throw new OperatorError(`${dataDir} already has a ${CONFIG_FILE}: edit that file`)
  }
  // Earlier builds wrote the keys last: what has no keys and never ran was interrupted.
  if (hasRun) {
    throw new OperatorError(
      `${dataDir} already has a ${CONFIG_FILE}, and its keys are missing: restore keys/ from your offline copy`,
    )
  }
}

function checkSameChain(dataDir: string, genesis: Genesis): void {
  const file = join(dataDir, GENESIS_FILE)
  if (!existsSync(file)) return
  if (equalBytes(genesisHash(parseGenesis(file)), genesisHash(genesis))) return
  throw new OperatorError(
    `${dataDir} already has a ${GENESIS_FILE}, of another chain: choose another directory`,
  )
}
