// Reads what a validator has signed from its files alone and finds double votes. Runs offline, on a stopped node or a copy.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hash32 } from '../base/ids.ts'
import type { Subject, VoteKind } from '../base/protocol/vote.ts'
import { decodeRecord } from '../consensus/records.ts'
import { sameSubject } from '../consensus/subject.ts'
import { listSegments, readSegment } from '../storage/segments.ts'
import { SIGNER_PREFIX, signedSubject } from './signerRecords.ts'

export interface SignedVote {
  readonly source: 'signer' | 'journal'
  readonly subject: Subject
}

/** Two votes of one validator that must not both exist (CONSENSUS §6). */
export interface DoubleVote {
  readonly fault: 'twoNotarizes' | 'twoFinalizes' | 'nullifyAndFinalize' | 'notarizeAndFinalizeDiffer'
  readonly first: Subject
  readonly second: Subject
}

/** Every vote recorded in the signer's files and every intent still in the journal, oldest first. */
export async function readSignedVotes(options: {
  readonly signerDir: string
  readonly journalDir: string
  readonly genesisHash: Hash32
}): Promise<readonly SignedVote[]> {
  const { signerDir, journalDir, genesisHash } = options
  const votes: SignedVote[] = []
  for (const path of await files(signerDir, SIGNER_PREFIX)) {
    const { frames } = await readSegment(path, genesisHash)
    for (const frame of frames) {
      const subject = signedSubject(frame)
      if (subject !== undefined) votes.push({ source: 'signer', subject })
    }
  }
  for (const path of await files(journalDir, 'journal')) {
    const { frames } = await readSegment(path, genesisHash)
    for (const frame of frames) {
      const record = decodeRecord(frame.payload)
      if (record.kind === 'intent') votes.push({ source: 'journal', subject: record.body.subject })
    }
  }
  return votes
}

/** Live segments, then the ones that were set aside as damaged. */
async function files(dir: string, prefix: string): Promise<readonly string[]> {
  const live = (await listSegments(dir, prefix)).map((segment) => segment.path)
  const names = await readdir(dir).catch(() => [])
  const damaged = names.filter((name) => name.startsWith(`${prefix}-`) && name.endsWith('.damaged')).sort()
  return [...live, ...damaged.map((name) => join(dir, name))]
}

/** Contradictions among votes of one validator; intents that were never signed count as signed. */
export function findDoubleVotes(votes: readonly SignedVote[]): readonly DoubleVote[] {
  const rounds = new Map<string, Map<VoteKind, Subject[]>>()
  for (const { subject } of votes) {
    const key = `${subject.epoch}:${subject.view}`
    const round = rounds.get(key) ?? new Map<VoteKind, Subject[]>()
    rounds.set(key, round)
    const list = round.get(subject.kind) ?? []
    round.set(subject.kind, list)
    if (!list.some((known) => sameSubject(known, subject))) list.push(subject)
  }
  const faults: DoubleVote[] = []
  for (const round of rounds.values()) faults.push(...roundFaults(round))
  return faults
}

function roundFaults(round: ReadonlyMap<VoteKind, readonly Subject[]>): readonly DoubleVote[] {
  const of = (kind: VoteKind): readonly Subject[] => round.get(kind) ?? []
  const faults: DoubleVote[] = []
  const [n, u, f] = [of('notarize'), of('nullify'), of('finalize')]
  if (n.length > 1) faults.push({ fault: 'twoNotarizes', first: n[0]!, second: n[1]! })
  if (f.length > 1) faults.push({ fault: 'twoFinalizes', first: f[0]!, second: f[1]! })
  if (u.length > 0 && f.length > 0) faults.push({ fault: 'nullifyAndFinalize', first: u[0]!, second: f[0]! })
  for (const first of n) {
    const second = f.find((s) => !sameSubject({ ...s, kind: 'notarize' }, first))
    if (second !== undefined) faults.push({ fault: 'notarizeAndFinalizeDiffer', first, second })
  }
  return faults
}
