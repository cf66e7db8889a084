// Checks a stopped node's data directory without changing it, and advises what to do. READ FIRST in cli/doctor/.
// Owns: the order of the checks, and to which chain the parts belong. Not: the checks, printing (commands/doctor.ts),
// repair (storage/rollback.ts, storage/levelRepair.ts).
import { accessSync, constants, existsSync } from 'node:fs'
import { join } from 'node:path'

import { equalBytes, toHex } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Hash32 } from '../../base/ids.ts'
import { parseBlockCheckpoint } from '../../base/protocol/checkpoint.ts'
import type { Validator } from '../../base/protocol/validators.ts'
import { buildGenesis, type GenesisBlock } from '../../genesis/build.ts'
import { CONFIG_FILE, GENESIS_FILE, loadConfig, type NodeConfig } from '../../node/config.ts'
import type { StateReport } from '../../node/halt/stateCheck.ts'
import { genesisFile, parseGenesis } from '../../node/nodeDir.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { RecoveryBook } from '../../node/recovery/recoveries.ts'
import { VERSION } from '../../node/version.ts'
import { checkpointFault } from '../../node/watch/upkeep.ts'
import { SIGNER_PREFIX } from '../../signer/signerFile.ts'
import type { ChainConfig } from '../../state/chain.ts'
import { decidingSet } from '../../state/recovery.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { isForeignSegment, listSegments } from '../../storage/segments.ts'
import type { ChainStore } from '../../storage/types.ts'
import { refusingRunning } from '../offlineNode.ts'
import { checkChain, checkDatabase, openStore, resyncAdvice } from './chainCheck.ts'
import { type Comparison, compareDiagnosis } from './compare.ts'
import { type Check, Findings, moveAway } from './findings.ts'
import { checkConfig, checkGenesis, checkKeys, checkMachine, genesisAdvice } from './nodeFiles.ts'
import { checkRecords } from './recordCheck.ts'
import { checkSnapshots } from './snapshotCheck.ts'

export interface Diagnosis {
  readonly dataDir: string
  readonly checks: readonly Check[]
  /** What to do, in order, with the commands to type; empty when nothing is wrong. */
  readonly advice: readonly string[]
  readonly state: StateReport | undefined
}

export interface DiagnoseOptions {
  /** Recent blocks to execute again. */
  readonly blocks: number
  /** Opens the key files too. */
  readonly password?: string | undefined
}

/** Compares a halted node's result for a block with this stopped node's data. Throws OperatorError. */
export async function compareOffline(dataDir: string, file: string): Promise<Comparison> {
  const built = buildGenesis(parseGenesis(genesisFile(dataDir)))
  built.tree.release()
  const { historyHeights: historyHeightsMax } = loadConfig(dataDir)
  const { chain } = nodePaths(dataDir)
  const store = await refusingRunning(dataDir, () => openChainStore(chain, { historyHeightsMax }))
  try {
    return compareDiagnosis(store, built.chain.modules, file)
  } finally {
    await store.close()
  }
}

/** Checks a stopped node. Changes no records; LevelDB may compact its files on opening. Throws if `dataDir` is not a node's. */
export async function diagnose(dataDir: string, options: DiagnoseOptions): Promise<Diagnosis> {
  if (existsSync(dataDir)) accessSync(dataDir, constants.R_OK | constants.X_OK)
  if (![GENESIS_FILE, CONFIG_FILE, 'keys'].some((name) => existsSync(join(dataDir, name)))) {
    throw new OperatorError(`${dataDir} is not the data directory of a node`)
  }
  const findings = new Findings()
  checkMachine(dataDir, findings)
  const config = await checkConfig(dataDir, findings)
  const genesis = await checkGenesis(dataDir, findings)
  const isWhole = await checkDatabase(dataDir, findings)
  let state: StateReport | undefined
  if (genesis === undefined) {
    await checkKeys(dataDir, { members: [], password: options.password }, findings)
  } else {
    const { genesisHash } = genesis.built.chain
    findings.ok('version', `suanli ${VERSION}, genesis ${toHex(genesisHash)}`)
    const members = genesis.genesis.providers
    state = await checkParts(
      dataDir,
      { ...options, config, isWhole, members, built: genesis.built },
      findings,
    )
  }
  return { dataDir, checks: findings.checks, advice: findings.advice, state }
}

interface Parts extends DiagnoseOptions {
  readonly config: NodeConfig
  /** Whether the database may be opened. */
  readonly isWhole: boolean
  readonly members: readonly Pick<Validator, 'consensusKey' | 'peerId'>[]
  readonly built: GenesisBlock
}

/** Everything that belongs to the chain of genesis.json. */
async function checkParts(
  dataDir: string,
  parts: Parts,
  findings: Findings,
): Promise<StateReport | undefined> {
  const { config, isWhole, built, blocks, password } = parts
  const chain = checkRecoveries(dataDir, built.chain, findings)
  const opened = isWhole ? await openStore(dataDir, config, findings) : { isRunning: false }
  const { store, isRunning } = opened
  let state: StateReport | undefined
  try {
    const own = await checkBelonging(dataDir, { built, store }, findings)
    const members = store === undefined || !own.chain ? parts.members : membersOf(chain, store)
    await checkKeys(dataDir, { members, password }, findings)
    if (store !== undefined && own.chain) {
      const check = { dataDir, chain, genesis: built, findings }
      checkTrusted(dataDir, config, store, findings)
      state = await findings.guard('state', resyncAdvice(dataDir), () => checkChain(check, store, blocks))
      await checkSnapshots(nodePaths(dataDir).snapshots, store, findings)
    }
    // A running node's records would change during the read.
    if (!isRunning && own.records) {
      const tip = own.chain ? store?.tip()?.header : undefined
      const isClosed = store?.isStateTrusted() === true
      await checkRecords({ dataDir, genesisHash: chain.genesisHash, findings }, { tip, isClosed })
    }
  } finally {
    await store?.close()
  }
  return state
}

/** A start refuses a chain that contradicts the checkpoint. */
function checkTrusted(dataDir: string, config: NodeConfig, store: ChainStore, findings: Findings): void {
  const fault = checkpointFault(store, parseBlockCheckpoint(config.checkpoint))
  if (fault === undefined) return
  const advice =
    'ask other members for the hash of that block. If the checkpoint is wrong, mend it in config.json; if the chain is: '
  findings.bad('checkpoint', fault, advice + resyncAdvice(dataDir))
}

function membersOf(chain: ChainConfig, store: ChainStore): readonly Validator[] {
  const tip = store.tip()
  return tip === undefined ? [] : decidingSet(chain, { hash: tip.hash, state: store.state }).validators
}

/** Which parts are of the chain of genesis.json. If none is, that document is the foreign one. */
async function checkBelonging(
  dataDir: string,
  { built, store }: { readonly built: GenesisBlock; readonly store: ChainStore | undefined },
  findings: Findings,
): Promise<{ readonly chain: boolean; readonly records: boolean }> {
  const { chain, journal, signer } = nodePaths(dataDir)
  const { genesisHash } = built.chain
  const found: { path: string; isOwn: boolean; next: string }[] = []
  const first = store?.tip() === undefined ? undefined : store.headerAt(0)
  const isOwnChain = first === undefined || equalBytes(first.hash, built.block.hash)
  if (first !== undefined) {
    found.push({ path: chain, isOwn: isOwnChain, next: 'the node syncs from its peers' })
  }
  const records = [
    [journal, 'journal', "the node takes its signer's record instead"],
    [signer, SIGNER_PREFIX, 'it observes until a later epoch is proven'],
  ] as const
  for (const [path, prefix, next] of records) {
    const isOwn = await areOfChain(path, prefix, genesisHash)
    if (isOwn !== undefined) found.push({ path, isOwn, next })
  }
  const foreign = found.filter(({ isOwn }) => !isOwn)
  if (foreign.length > 1 && foreign.length === found.length) {
    const detail = `chain, journal and signer are of another chain than this document (${toHex(genesisHash)})`
    findings.bad('genesis', detail, genesisAdvice(dataDir))
    return { chain: false, records: false }
  }
  for (const { path, next } of foreign) {
    findings.bad('genesis', `${path} belongs to another chain than genesis.json`, moveAway(path, next))
  }
  return { chain: isOwnChain, records: true }
}

/** False when every file names another chain; undefined when there is none. One damaged head is not another chain. */
async function areOfChain(dir: string, prefix: string, genesisHash: Hash32): Promise<boolean | undefined> {
  const files = await listSegments(dir, prefix)
  if (files.length === 0) return undefined
  for (const { path } of files) if (!(await isForeignSegment(path, genesisHash))) return true
  return false
}

function checkRecoveries(dataDir: string, chain: ChainConfig, findings: Findings): ChainConfig {
  try {
    const book = RecoveryBook.open({ dir: nodePaths(dataDir).recovery, genesisHash: chain.genesisHash })
    for (const { hash, recovery } of book.all()) {
      findings.note(
        'recovery',
        `epoch ${recovery.epoch} above block ${recovery.floor.height} by ${toHex(hash)}`,
      )
    }
    return { ...chain, recoveryOn: (floor) => book.on(floor) }
  } catch (error) {
    findings.bad(
      'recovery',
      error instanceof Error ? error.message : String(error),
      'remove the damaged file in recovery/ and apply the recovery again',
    )
    return chain
  }
}
