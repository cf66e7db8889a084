// The doctor's checks of the chain: the database's files, its tip, certificate, tree, state and invariants.
// Owns: what is checked and the advice. Not: finding wrong heights (node/halt/stateCheck.ts), repair (storage/).
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import type { Hash32 } from '../../base/ids.ts'
import { type Certificate, certificateSigners, voteBytes } from '../../base/protocol/vote.ts'
import type { GenesisBlock } from '../../genesis/build.ts'
import { recountInvariants } from '../../node/chain/recount.ts'
import type { NodeConfig } from '../../node/config.ts'
import { checkState, type StateReport } from '../../node/halt/stateCheck.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { storeOptionsOf } from '../../node/watch/upkeep.ts'
import type { ChainConfig } from '../../state/chain.ts'
import { blockContextOf } from '../../state/engine.ts'
import { decidingSet } from '../../state/recovery.ts'
import { recoverSender } from '../../state/transaction.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { databaseDir } from '../../storage/database.ts'
import { findLevelDamage } from '../../storage/levelCheck.ts'
import { readTreeCache } from '../../storage/treeCache.ts'
import { type ChainStore, StoreError } from '../../storage/types.ts'
import { type Findings, moveAway } from './findings.ts'

export interface ChainCheck {
  readonly dataDir: string
  readonly chain: ChainConfig
  readonly genesis: Pick<GenesisBlock, 'block'>
  readonly findings: Findings
}

export function resyncAdvice(dataDir: string): string {
  const then = 'the node syncs from its peers. Keep journal/, signer/ and keys/'
  return moveAway(nodePaths(dataDir).chain, then)
}

function rollbackAdvice(dataDir: string, height: number): string {
  return `suanli rollback -d ${dataDir} --to ${height}   then start: the node fetches the rest from its peers`
}

function cutAdvice(dataDir: string): string {
  return `suanli rollback -d ${dataDir} --before-damage   then start: the node fetches the rest from its peers`
}

/** Every byte of the database's files; true when they are whole. Opening damaged ones would destroy what can be saved. */
export async function checkDatabase(dataDir: string, findings: Findings): Promise<boolean> {
  const path = databaseDir(nodePaths(dataDir).chain)
  const damage = await findLevelDamage(path, { tables: true })
  if (damage === undefined) return true
  const advice = damage.cutAt === undefined ? resyncAdvice(dataDir) : cutAdvice(dataDir)
  findings.bad('database', `${join(path, damage.file)} ${damage.reason}`, advice)
  return false
}

/** Undefined when there is no chain to check; `isRunning` when a node has it open. */
export async function openStore(
  dataDir: string,
  config: NodeConfig,
  findings: Findings,
): Promise<{ readonly store?: ChainStore; readonly isRunning: boolean }> {
  const { chain } = nodePaths(dataDir)
  if (!existsSync(chain)) {
    findings.note('chain', 'there is no chain/ yet: the next start begins at genesis and syncs from peers')
    return { isRunning: false }
  }
  try {
    const store = await openChainStore(chain, storeOptionsOf(config))
    return { store, isRunning: false }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    const advice: { readonly [code: string]: string } = {
      Disk: 'free space, make it writable, or become its owner; then run this again. Nothing here is known to be damaged',
      Locked: 'the node is running: stop it, then run this again',
      WrongVersion: `start this directory with the build that wrote it, or: ${resyncAdvice(dataDir)}`,
    }
    findings.bad('chain', error.message, advice[error.code] ?? resyncAdvice(dataDir))
    return { isRunning: error.code === 'Locked' }
  }
}

/** Undefined for an empty chain. */
export async function checkChain(
  opened: ChainCheck,
  store: ChainStore,
  blocks: number,
): Promise<StateReport | undefined> {
  const { dataDir, chain, findings } = opened
  const loss = store.lossAtOpen()
  if (loss !== undefined) {
    const advice = `check the disk of ${dataDir}, then start: the node compares its state before it signs, and fetches the rest`
    findings.bad('chain', `${loss}: files were lost or replaced since the last stop`, advice)
  }
  const tip = store.tip()
  if (tip === undefined) {
    findings.note('chain', 'the chain is empty: the next start begins at genesis')
    return undefined
  }
  findings.ok('chain', `block ${tip.height} (${toHex(tip.hash)}) of epoch ${tip.header.epoch} is the tip`)
  if (loss === undefined && !store.isStateTrusted()) {
    findings.note('chain', 'the last stop was not orderly: the next start compares the state before it signs')
  }
  checkTipCertificate(opened, store)
  await checkTreeCache(opened, store)
  const state = await checkState(store, {
    execution: { chain, senderOf: recoverSender },
    treeCachePath: treeCacheOf(dataDir),
    count: blocks,
  })
  judgeState(opened, state)
  if (state.goodHeight === state.toHeight) await checkInvariants(opened, store)
  return state
}

const treeCacheOf = (dataDir: string): string => join(nodePaths(dataDir).chain, 'tree.cache')

async function checkTreeCache({ dataDir, findings }: ChainCheck, store: ChainStore): Promise<void> {
  const path = treeCacheOf(dataDir)
  if (!existsSync(path)) {
    findings.note('tree.cache', 'there is none: the next start rebuilds it, which takes a while')
    return
  }
  const cached = await readTreeCache(path)
  if (cached !== undefined && cached.height < store.stateHeightMin()) {
    const detail = `of block ${cached.height}, whose state is no longer kept: the next start rebuilds it`
    findings.note('tree.cache', detail)
    cached.tree.release()
    return
  }
  const header = cached === undefined ? undefined : store.headerAt(cached.height)?.header
  const isOfChain = header === undefined || equalBytes(header.stateRoot, cached!.tree.rootHash)
  if (cached !== undefined && isOfChain) findings.ok('tree.cache', `of block ${cached.height}`)
  else {
    const what = cached === undefined ? 'it is damaged' : 'it is of another chain'
    findings.bad(
      'tree.cache',
      `${what}; nothing is lost by that`,
      `rm ${path}   then start: the node rebuilds it`,
    )
  }
  cached?.tree.release()
}

function checkTipCertificate({ dataDir, chain, findings }: ChainCheck, store: ChainStore): void {
  const { height, hash } = store.tip()!
  const certificate = store.certificateAt(height)
  const below = height === 0 ? undefined : store.headerAt(height - 1)
  const state = height === 0 ? undefined : store.stateAt(height - 1)
  if (height === 0 || chain.recoveryOn?.(hash) !== undefined) {
    findings.ok('certificate', 'the tip does not need one')
  } else if (certificate === undefined) {
    findings.bad(
      'certificate',
      `block ${height} does not have its own F`,
      rollbackAdvice(dataDir, height - 1),
    )
  } else if (below === undefined || state === undefined) {
    findings.note('certificate', 'not checked: the set that signed it is not available')
  } else if (isValid(certificate, { chain, hash, below: { hash: below.hash, state } })) {
    findings.ok('certificate', `F of block ${height} verifies`)
  } else {
    findings.bad('certificate', `F of block ${height} does not verify`, rollbackAdvice(dataDir, height - 1))
  }
}

function isValid(
  certificate: Certificate,
  at: {
    readonly chain: ChainConfig
    readonly hash: Hash32
    readonly below: Parameters<typeof decidingSet>[1]
  },
): boolean {
  const { subject, signature } = certificate
  if (subject.kind !== 'finalize' || !equalBytes(subject.digest ?? new Uint8Array(0), at.hash)) return false
  const { validators } = decidingSet(at.chain, at.below)
  const signers = certificateSigners(certificate, validators.length)
  if (signers === undefined) return false
  const keys = signers.map((i) => validators[i]!.consensusKey)
  return bls.verifyAggregate(keys, voteBytes(at.chain.genesisHash, subject), signature)
}

function judgeState({ dataDir, findings }: ChainCheck, state: StateReport): void {
  const { fromHeight, toHeight, goodHeight, badHeight, execution, keys } = state
  const range = `blocks ${fromHeight} to ${toHeight}`
  if (goodHeight === toHeight)
    findings.ok('state', `the stored state has the right root at the tip; ${range} compared`)
  else {
    const named = keys.map(
      (key) => `${key.record} ${key.key}${key.height === undefined ? '' : ` (block ${key.height})`}`,
    )
    const which = named.length === 0 ? 'the keys cannot be identified' : named.join(', ')
    const advice = goodHeight === undefined ? resyncAdvice(dataDir) : rollbackAdvice(dataDir, goodHeight)
    findings.bad('state', `the stored state is wrong from block ${badHeight} on: ${which}`, advice)
  }
  if (execution === undefined) {
    findings.ok('execution', `${range} give the same results again`)
    return
  }
  const { height, reason } = execution
  findings.bad(
    'execution',
    `block ${height} gives a different result here: ${reason}`,
    'the data is right and this build computes differently: compare versions with another member, do not roll back',
  )
}

async function checkInvariants({ chain, findings }: ChainCheck, store: ChainStore): Promise<void> {
  const tip = store.tip()!
  const pinned = await store.pinState()
  try {
    const { epoch, view, timestampMs, proposer, randaoReveal } = tip.header
    const block = blockContextOf(
      chain,
      { header: tip.header, state: pinned },
      { epoch, view, timestampMs, proposer, randaoReveal },
    )
    const broken = await recountInvariants(chain.modules, pinned, { block, pause: setImmediate })
    if (broken.length === 0) findings.ok('invariants', 'every invariant holds on a full recount')
    for (const { invariant, severity, reason } of broken) {
      const advice =
        "an invariant is violated although the state is the chain's: report it, keep the data directory"
      findings.bad('invariants', `${invariant} (${severity}): ${reason}`, advice)
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    findings.note('invariants', `not recounted: ${error.message}`)
  } finally {
    await pinned.close()
  }
}
