// The doctor's checks of journal and signer: their files, and whether they fit each other and the chain.
// Owns: what is checked and the advice. Not: reading the records (storage/, signer/).
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Hash32 } from '../../base/ids.ts'
import { epochAbove, type Header } from '../../base/protocol/header.ts'
import { type Subject, sameSubject } from '../../base/protocol/vote.ts'
import type { JournalRecord } from '../../consensus/records.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { consensusPublicKey, hasConsensusKey, isFreshKey } from '../../signer/keyFiles.ts'
import { exportedTo } from '../../signer/signerDir.ts'
import { readFolder } from '../../signer/signerFile.ts'
import type { FlagState } from '../../signer/signerRecords.ts'
import { findDoubleVotes, readSignedVotes } from '../../signer/voteAudit.ts'
import { ClosedMark } from '../../storage/closedMark.ts'
import { listSegments, readSegment, segmentSizes } from '../../storage/segments.ts'
import { readJournal } from '../offlineNode.ts'
import { type Findings, moveAway } from './findings.ts'

export interface RecordCheck {
  readonly dataDir: string
  readonly genesisHash: Hash32
  readonly findings: Findings
}

/** `tip`: of the chain, if there is one; `isClosed`: the chain was closed in order. */
export async function checkRecords(
  check: RecordCheck,
  chain: { readonly tip: Header | undefined; readonly isClosed: boolean },
): Promise<void> {
  const { dataDir, findings } = check
  const { journal: journalDir, signer: signerDir } = nodePaths(dataDir)
  const takeSigner = moveAway(journalDir, "the node takes its signer's record instead")
  const journal = await findings.guard('journal', takeSigner, () => checkJournal(check, journalDir))
  let signer: FlagState | undefined
  if (hasConsensusKey(dataDir)) {
    const advice = moveAway(
      signerDir,
      'it observes until a later epoch is proven. Never restore an older copy',
    )
    signer = await findings.guard('signer', advice, () => checkSigner(check, signerDir, chain.tip))
  } else findings.ok('signer', 'no consensus key here: a follower, or a node whose signer is another process')
  if (journal !== undefined && signer !== undefined) {
    checkAges(check, { ...chain, signer, journal: journal.records, isJournalClosed: journal.isClosed })
  }
  await checkVotes(check, { journalDir, signerDir })
}

async function checkJournal(
  { dataDir, genesisHash, findings }: RecordCheck,
  dir: string,
): Promise<{ readonly records: readonly JournalRecord[]; readonly isClosed: boolean }> {
  const files = await listSegments(dir, 'journal')
  const { said } = await ClosedMark.read(dir)
  let damage: 'none' | 'torn' | 'corrupt' = 'none'
  for (const [i, { path }] of files.entries()) {
    const scan = await readSegment(path, genesisHash)
    const isLoss = scan.damage === 'corrupt' || (scan.damage === 'torn' && i < files.length - 1)
    if (isLoss) damage = 'corrupt'
    else if (scan.damage === 'torn' && damage === 'none') damage = 'torn'
  }
  const isChanged = said !== undefined && said !== (await segmentSizes(files))
  const records = await readJournal(dir, genesisHash)
  const detail = `${records.length} records in ${files.length} files`
  const advice = `check the disk of ${dataDir}, then start: the node continues with the readable records and its signer's`
  if (damage === 'corrupt') findings.bad('journal', `${detail}; records in the middle are lost`, advice)
  else if (isChanged) {
    findings.bad('journal', `${detail}; files were cut or removed since the last orderly stop`, advice)
  } else if (files.length === 0)
    findings.note('journal', 'there is none: the signer’s record is taken instead')
  else if (damage === 'none') findings.ok('journal', detail)
  else findings.note('journal', `${detail}; the last one was truncated by the stop, which is harmless`)
  for (const record of records) {
    if (record.kind !== 'verdict' || record.body.verdict !== 'mismatch') continue
    findings.note(
      'journal',
      `block ${toHex(record.body.digest)} had a different result here than in its header`,
    )
  }
  return { records, isClosed: said !== undefined && !isChanged }
}

/** Undefined when the record is lost or the key has never signed. */
async function checkSigner(
  { dataDir, genesisHash, findings }: RecordCheck,
  dir: string,
  tip: Header | undefined,
): Promise<FlagState | undefined> {
  checkMoved(dataDir, findings)
  const publicKey = consensusPublicKey(dataDir)
  const found = await readFolder(dir, { genesisHash, publicKey })
  const key = toHex(publicKey).slice(0, 18)
  if (found.kind !== 'found') {
    if (found.kind === 'none' && isFreshKey(dataDir)) {
      findings.ok('signer', `key ${key}… has never signed`)
      return undefined
    }
    const how = found.kind === 'none' ? 'missing' : `damaged (${found.reason})`
    findings.bad(
      'signer',
      `the record of what key ${key}… signed is ${how}: the node signs nothing until a later epoch is proven`,
      'start the node and let it observe until the next epoch is proven (docs/operations/keys.md); never restore an older copy',
    )
    return undefined
  }
  const { state } = found
  const { floor } = state.votes
  const epoch = tip === undefined ? 0 : epochAbove(tip)
  const detail = `key ${key}…: epoch ${state.epoch}, floor view ${floor}, ${state.votes.subjects().length} votes above`
  if (state.loss !== undefined) {
    const { nonce, resumeAfter } = state.loss
    const until =
      resumeAfter === undefined
        ? `until a final transaction shows ${toHex(nonce)}, and then until the next epoch`
        : `until epoch ${resumeAfter + 1}`
    findings.note('signer', `${detail}; earlier records were lost, so it observes ${until}`)
    return undefined
  }
  if (state.epoch > epoch) {
    findings.note(
      'signer',
      `${detail}; ahead of the chain (epoch ${epoch}): it signs once the chain has caught up`,
    )
  } else findings.ok('signer', detail)
  return state
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

interface Ages {
  readonly tip: Header | undefined
  readonly isClosed: boolean
  readonly signer: FlagState
  readonly journal: readonly JournalRecord[]
  readonly isJournalClosed: boolean
}

/** Whether one of the three is of another time than the others: an older copy, or files that were lost. */
function checkAges({ dataDir, findings }: RecordCheck, ages: Ages): void {
  const { tip, signer, journal, isClosed, isJournalClosed } = ages
  const { epoch, votes } = signer
  const { floor } = votes
  const intents = journal.flatMap((r) => (r.kind === 'intent' ? [r.body.subject] : []))
  const isAbove = (vote: Subject): boolean =>
    vote.epoch > epoch || (vote.epoch === epoch && vote.view > floor)
  // A crash between journal and signer leaves the votes of one moment in the journal alone.
  const signed = votes.subjects()
  const unsigned = intents.filter((vote) => isAbove(vote) && !signed.some((own) => sameSubject(own, vote)))
  const views = new Set(unsigned.map(({ view }) => view))
  const isSignerOld = views.size > (isJournalClosed ? 0 : 2) || unsigned.some((vote) => vote.epoch > epoch)
  if (isSignerOld) {
    const signerDir = nodePaths(dataDir).signer
    findings.bad(
      'signer',
      `the record lacks votes of ${views.size} views that the journal holds: it is an older copy`,
      moveAway(signerDir, 'it observes until a later epoch is proven. Never sign with an older copy'),
    )
  }
  const forgotten = signed.filter((vote) => !intents.some((intent) => sameSubject(intent, vote)))
  if (isJournalClosed && forgotten.length > 0) {
    findings.bad(
      'journal',
      `it lacks ${forgotten.length} votes that the signer holds: it is an older copy`,
      moveAway(nodePaths(dataDir).journal, "the node takes its signer's record instead"),
    )
  }
  const isBehind = tip !== undefined && tip.epoch === epoch && tip.view < floor
  if (isClosed && isBehind) {
    findings.bad(
      'chain',
      `block ${tip.height} was final in view ${tip.view}, but the signer saw view ${floor} final: it is an older copy`,
      `start the node: it fetches the rest from its peers. Keep ${join(dataDir, 'signer')}`,
    )
  }
}

async function checkVotes(
  { genesisHash, findings }: RecordCheck,
  dirs: { readonly journalDir: string; readonly signerDir: string },
): Promise<void> {
  let votes: Awaited<ReturnType<typeof readSignedVotes>>
  try {
    votes = await readSignedVotes({ ...dirs, genesisHash })
  } catch {
    // The checks above said which file cannot be read.
    findings.note('votes', 'not compared: some records cannot be read')
    return
  }
  // An intent that the signer refused is not a vote, so check only the signer's own record.
  const faults = findDoubleVotes(votes.filter(({ source }) => source === 'signer'))
  if (faults.length === 0) findings.ok('votes', `${votes.length} recorded, none contradicts another`)
  for (const { fault, first } of faults) {
    const advice = 'never start this key again: two machines have used it. Replace it'
    findings.bad('votes', `${fault} in view ${first.view} of epoch ${first.epoch}`, advice)
  }
}
