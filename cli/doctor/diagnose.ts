// Checks a stopped node's data directory without changing it, and advises what to do.
// Owns: the list of checks and the advice. Not: printing (commands/doctor.ts), repair (storage/rollback.ts).
import { existsSync, readdirSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import type { Hash32 } from '../../base/ids.ts'
import { epochAbove, type Header } from '../../base/protocol/header.ts'
import { type Certificate, certificateSigners, voteBytes } from '../../base/protocol/vote.ts'
import { buildGenesis } from '../../genesis/build.ts'
import { recountInvariants } from '../../node/chain/recount.ts'
import { loadConfig } from '../../node/config.ts'
import { checkState, type StateReport } from '../../node/halt/stateCheck.ts'
import { genesisFile, parseGenesis } from '../../node/nodeDir.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { RecoveryBook } from '../../node/recovery/recoveries.ts'
import { VERSION } from '../../node/version.ts'
import { consensusPublicKey, hasConsensusKey, isFreshKey } from '../../signer/keyFiles.ts'
import { exportedTo } from '../../signer/signerDir.ts'
import { readFolder } from '../../signer/signerFile.ts'
import { findDoubleVotes, readSignedVotes } from '../../signer/voteAudit.ts'
import type { ChainConfig } from '../../state/chain.ts'
import { blockContextOf } from '../../state/engine.ts'
import { decidingSet } from '../../state/recovery.ts'
import { recoverSender } from '../../state/transaction.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { listSegments, readSegment } from '../../storage/segments.ts'
import { readTreeCacheHead } from '../../storage/treeCache.ts'
import { type ChainStore, StoreError } from '../../storage/types.ts'
import { readJournal, refusingRunning } from '../offlineNode.ts'
import { type Comparison, compareDiagnosis } from './compare.ts'

/** `bad` needs the operator; `note` is worth knowing. */
export type CheckStatus = 'ok' | 'note' | 'bad'

export interface Check {
  readonly name: string
  readonly status: CheckStatus
  readonly detail: string
}

export interface Diagnosis {
  readonly dataDir: string
  readonly checks: readonly Check[]
  /** What to do, in order, with the commands to type; empty when nothing is wrong. */
  readonly advice: readonly string[]
  readonly state: StateReport | undefined
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

/** Free space below which commits may soon fail. */
const FREE_BYTES_MIN = 1024 * 1024 * 1024

/** Collects checks; every part reports separately, so that one fault does not hide another. */
class Findings {
  readonly checks: Check[] = []
  readonly advice: string[] = []

  ok(name: string, detail: string): void {
    this.checks.push({ name, status: 'ok', detail })
  }

  note(name: string, detail: string): void {
    this.checks.push({ name, status: 'note', detail })
  }

  bad(name: string, detail: string, advice: string): void {
    this.checks.push({ name, status: 'bad', detail })
    if (!this.advice.includes(advice)) this.advice.push(advice)
  }
}

interface Opened {
  readonly dataDir: string
  readonly chain: ChainConfig
  readonly genesisHash: Hash32
  readonly findings: Findings
}

/** Checks a stopped node. Changes no records; LevelDB may compact its files on opening. Throws if `dataDir` is not a node's. */
export async function diagnose(dataDir: string, options: { readonly blocks: number }): Promise<Diagnosis> {
  const findings = new Findings()
  const built = buildGenesis(parseGenesis(genesisFile(dataDir)))
  built.tree.release()
  const { genesisHash } = built.chain
  findings.ok('version', `suanli ${VERSION}, genesis ${toHex(genesisHash)}`)
  checkDisk(dataDir, findings)
  checkHalts(dataDir, findings)
  const chain = checkRecoveries(dataDir, built.chain, findings)
  const opened: Opened = { dataDir, chain, genesisHash, findings }
  const { store, isRunning } = await openStore(opened)
  let state: StateReport | undefined
  try {
    if (store !== undefined) state = await checkChain(opened, store, options.blocks)
    // A running node's records would change during the read.
    if (!isRunning) await checkRecords(opened, store?.tip()?.header)
  } finally {
    await store?.close()
  }
  return { dataDir, checks: findings.checks, advice: findings.advice, state }
}

function checkDisk(dataDir: string, findings: Findings): void {
  const { bavail, bsize } = statfsSync(dataDir)
  const free = bavail * bsize
  const detail = `${Math.floor(free / 2 ** 20)} MiB free`
  if (free >= FREE_BYTES_MIN) findings.ok('disk', detail)
  else
    findings.bad('disk', detail, `free disk space for ${dataDir}: at least ${FREE_BYTES_MIN / 2 ** 30} GiB`)
}

function checkHalts(dataDir: string, findings: Findings): void {
  const files = readdirSync(dataDir).filter((name) => /^diagnosis-\d+\.json$/.test(name))
  if (files.length > 0) findings.note('halts', `this node has halted before: ${files.sort().join(', ')}`)
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
    const reason = errorText(error)
    findings.bad('recovery', reason, 'remove the damaged file in recovery/ and apply the recovery again')
    return chain
  }
}

async function openStore({
  dataDir,
  findings,
}: Opened): Promise<{ readonly store?: ChainStore; readonly isRunning: boolean }> {
  const { chain } = nodePaths(dataDir)
  if (!existsSync(chain)) {
    findings.note('chain', 'there is no chain/ yet: the next start begins at genesis and syncs from peers')
    return { isRunning: false }
  }
  try {
    const { historyHeights: historyHeightsMax } = loadConfig(dataDir)
    return { store: await openChainStore(chain, { historyHeightsMax }), isRunning: false }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    const advice: { readonly [code: string]: string } = {
      Locked: 'the node is running: stop it, then run this again',
      WrongVersion:
        'start this directory with the build that wrote it, or move chain/ away and start: it syncs again',
    }
    findings.bad('chain', error.message, advice[error.code] ?? resyncAdvice(dataDir))
    return { isRunning: error.code === 'Locked' }
  }
}

function resyncAdvice(dataDir: string): string {
  return `move ${join(dataDir, 'chain')} away and start: the node syncs from its peers. Keep journal/, signer/ and keys/`
}

async function checkChain(
  opened: Opened,
  store: ChainStore,
  blocks: number,
): Promise<StateReport | undefined> {
  const { dataDir, chain, findings } = opened
  const tip = store.tip()
  if (tip === undefined) {
    findings.note('chain', 'the chain is empty: the next start begins at genesis')
    return undefined
  }
  findings.ok('chain', `block ${tip.height} (${toHex(tip.hash)}) of epoch ${tip.header.epoch} is the tip`)
  checkTipCertificate(opened, store)
  const treeCachePath = join(nodePaths(dataDir).chain, 'tree.cache')
  const cached = await readTreeCacheHead(treeCachePath)
  findings.ok('tree.cache', cached === undefined ? 'none: it will be rebuilt' : `of block ${cached.height}`)
  const state = await checkState(store, {
    execution: { chain, senderOf: recoverSender },
    treeCachePath,
    count: blocks,
  })
  judgeState(opened, state)
  if (state.goodHeight === state.toHeight) await checkInvariants(opened, store)
  return state
}

function checkTipCertificate({ dataDir, chain, findings }: Opened, store: ChainStore): void {
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

function rollbackAdvice(dataDir: string, height: number): string {
  return `suanli rollback -d ${dataDir} --to ${height}   then start: the node fetches the rest from its peers`
}

function judgeState({ dataDir, findings }: Opened, state: StateReport): void {
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

async function checkInvariants({ chain, findings }: Opened, store: ChainStore): Promise<void> {
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

/** Checks journal and signer, and whether they are consistent with the chain. */
async function checkRecords(opened: Opened, header: Header | undefined): Promise<void> {
  const { dataDir, genesisHash, findings } = opened
  const { journal, signer } = nodePaths(dataDir)
  await checkJournal(opened, journal)
  const epoch = header === undefined ? 0 : epochAbove(header)
  if (hasConsensusKey(dataDir)) await checkSigner(opened, signer, epoch)
  else findings.ok('signer', 'no consensus key here: a follower, or a node whose signer is another process')
  const votes = await readSignedVotes({ signerDir: signer, journalDir: journal, genesisHash })
  // An intent that the signer refused is not a vote, so check only the signer's own record.
  const faults = findDoubleVotes(votes.filter(({ source }) => source === 'signer'))
  if (faults.length === 0) findings.ok('votes', `${votes.length} recorded, none contradicts another`)
  for (const { fault, first } of faults) {
    const advice = 'never start this key again: two machines have used it. Replace it'
    findings.bad('votes', `${fault} in view ${first.view} of epoch ${first.epoch}`, advice)
  }
}

async function checkJournal({ dataDir, genesisHash, findings }: Opened, dir: string): Promise<void> {
  const files = await listSegments(dir, 'journal')
  let damage: 'none' | 'torn' | 'corrupt' = 'none'
  for (const [i, { path }] of files.entries()) {
    const scan = await readSegment(path, genesisHash)
    const isLoss = scan.damage === 'corrupt' || (scan.damage === 'torn' && i < files.length - 1)
    if (isLoss) damage = 'corrupt'
    else if (scan.damage === 'torn' && damage === 'none') damage = 'torn'
  }
  const records = await readJournal(dir, genesisHash)
  const detail = `${records.length} records in ${files.length} files`
  if (files.length === 0) findings.note('journal', 'there is none: the signer’s record is taken instead')
  else if (damage === 'none') findings.ok('journal', detail)
  else if (damage === 'torn')
    findings.note('journal', `${detail}; the last one was truncated by the stop, which is harmless`)
  else {
    const advice = `check the disk of ${dataDir}; the node continues with the readable records and its signer`
    findings.bad('journal', `${detail}; records in the middle are lost`, advice)
  }
  const refused = records.filter((r) => r.kind === 'verdict' && r.body.verdict === 'mismatch')
  for (const record of refused) {
    if (record.kind !== 'verdict') continue
    findings.note(
      'journal',
      `block ${toHex(record.body.digest)} had a different result here than in its header`,
    )
  }
}

function checkMoved(dataDir: string, findings: Findings): void {
  try {
    const moved = exportedTo(dataDir)
    if (moved !== undefined) {
      findings.note(
        'signer',
        `its record was exported at ${moved.movedAt} (${moved.out}): it signs elsewhere now`,
      )
    }
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    findings.bad('signer', 'the mark of an exported record is damaged', error.message)
  }
}

async function checkSigner(
  { dataDir, genesisHash, findings }: Opened,
  dir: string,
  epoch: number,
): Promise<void> {
  checkMoved(dataDir, findings)
  const publicKey = consensusPublicKey(dataDir)
  const found = await readFolder(dir, { genesisHash, publicKey })
  const key = toHex(publicKey).slice(0, 18)
  if (found.kind !== 'found') {
    if (found.kind === 'none' && isFreshKey(dataDir)) {
      findings.ok('signer', `key ${key}… has never signed`)
      return
    }
    const how = found.kind === 'none' ? 'missing' : `damaged (${found.reason})`
    findings.bad(
      'signer',
      `the record of what key ${key}… signed is ${how}: the node signs nothing until a later epoch is proven`,
      'start the node and let it observe until the next epoch is proven (docs/operations/keys.md); never restore an older copy',
    )
    return
  }
  const { state } = found
  const { floor } = state.votes
  const detail = `key ${key}…: epoch ${state.epoch}, floor view ${floor}, ${state.votes.subjects().length} votes above`
  if (state.loss !== undefined) {
    const { nonce, resumeAfter } = state.loss
    const until =
      resumeAfter === undefined
        ? `until a final transaction shows ${toHex(nonce)}, and then until the next epoch`
        : `until epoch ${resumeAfter + 1}`
    findings.note('signer', `${detail}; earlier records were lost, so it observes ${until}`)
  } else if (state.epoch > epoch) {
    findings.note(
      'signer',
      `${detail}; ahead of the chain (epoch ${epoch}): it signs once the chain has caught up`,
    )
  } else findings.ok('signer', detail)
}
