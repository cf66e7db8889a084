// Finds double votes in a validator's own files. Runs offline, on a stopped node or a copy.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hash32 } from '../base/ids.ts'
import { EQUIVOCATION_KINDS, type EquivocationKind, equivocationOf } from '../base/protocol/evidence.ts'
import { type Subject, sameSubject } from '../base/protocol/vote.ts'
import { decodeRecord } from '../consensus/records.ts'
import { listSegments, readSegment } from '../storage/segments.ts'
import { SIGNER_PREFIX } from './signerFile.ts'
import { signedSubject } from './signerRecords.ts'

export interface SignedVote {
  readonly source: 'signer' | 'journal'
  readonly subject: Subject
}

/** Two votes of one validator that must not both exist (CONSENSUS §6). */
export interface DoubleVote {
  readonly fault: EquivocationKind
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

/** Live segments, then those set aside as damaged. */
async function files(dir: string, prefix: string): Promise<readonly string[]> {
  const live = (await listSegments(dir, prefix)).map((segment) => segment.path)
  const names = await readdir(dir).catch(() => [])
  const damaged = names.filter((name) => name.startsWith(`${prefix}-`) && name.endsWith('.damaged')).sort()
  return [...live, ...damaged.map((name) => join(dir, name))]
}

/**
 * Contradictions among one validator's votes, at most one of each kind per view; intents count as signed.
 */
export function findDoubleVotes(votes: readonly SignedVote[]): readonly DoubleVote[] {
  const rounds = new Map<string, Subject[]>()
  for (const { subject } of votes) {
    const key = `${subject.epoch}:${subject.view}`
    const round = rounds.get(key) ?? []
    rounds.set(key, round)
    if (!round.some((known) => sameSubject(known, subject))) round.push(subject)
  }
  return [...rounds.values()].flatMap(roundFaults)
}

function roundFaults(round: readonly Subject[]): readonly DoubleVote[] {
  const found = new Map<EquivocationKind, DoubleVote>()
  for (const [i, second] of round.entries()) {
    for (const first of round.slice(0, i)) {
      const fault = equivocationOf(first, second)
      if (fault !== undefined && !found.has(fault)) found.set(fault, { fault, first, second })
    }
  }
  return EQUIVOCATION_KINDS.flatMap((kind) => found.get(kind) ?? [])
}
