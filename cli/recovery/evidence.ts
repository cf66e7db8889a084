// Reads the end of the chain from a stopped node's disk: what is final, what it voted for, what could be a floor.
// Owns: reading. Not: proposing from it (proposal.ts).
import { bytesKey, equalBytes } from '../../base/bytes.ts'
import { epochAbove, type SealedBlock } from '../../base/protocol/header.ts'
import {
  type Attestation,
  compareRounds,
  RECOVERY_VOTES_MAX,
  type RecoveryPoint,
  type RecoveryVote,
} from '../../base/protocol/recovery.ts'
import type { Certificate } from '../../base/protocol/vote.ts'
import { journaledBlocks, pathToFloor } from '../../node/recovery/recoveryStart.ts'
import type { OfflineNode } from '../offlineNode.ts'

/** A block that a new epoch could begin on, with the bodies from above the stored tip that lead to it. */
export interface FloorCandidate {
  readonly point: RecoveryPoint
  readonly certificate: Certificate | undefined
  /** Above the stored tip, oldest first, the candidate last; empty when it is the tip. */
  readonly path: readonly SealedBlock[]
}

/** The tip on disk as a floor candidate. Its round is its certificate's. */
export function tipPoint({ store, importer, book }: OfflineNode): FloorCandidate {
  const { header, hash } = importer.head()
  const stored = header.height === 0 ? undefined : store.certificateAt(header.height)
  const recovery = book.on(hash)
  // A floor without its own F became final by the recovery that names it.
  const certificate = stored ?? recovery?.certificate
  const view = certificate?.subject.view ?? header.view
  return { point: { height: header.height, hash, epoch: header.epoch, view }, certificate, path: [] }
}

/** The journal's certificates of one kind that name a block. */
function certificatesOf(node: OfflineNode, kind: 'notarize' | 'finalize'): readonly Certificate[] {
  const found: Certificate[] = []
  for (const record of node.journal) {
    if (record.kind === 'certificate' && record.body.certificate.subject.kind === kind) {
      found.push(record.body.certificate)
    }
  }
  return found
}

/** This node's finalize votes, from the signer's record and the journal's intents, ascending by round. */
export function finalizeVotes({ journal, signer }: OfflineNode): readonly RecoveryVote[] {
  const votes = new Map<string, RecoveryVote>()
  const subjects = [
    ...(signer?.votes.subjects() ?? []),
    ...journal.flatMap((record) => (record.kind === 'intent' ? [record.body.subject] : [])),
  ]
  for (const { kind, epoch, view, digest } of subjects) {
    if (kind !== 'finalize' || digest === undefined) continue
    votes.set(`${epoch}:${view}:${bytesKey(digest)}`, { epoch, view, digest })
  }
  return [...votes.values()].sort(compareRounds)
}

function candidateOf(
  node: OfflineNode,
  certificate: Certificate,
  blocks: ReadonlyMap<string, SealedBlock>,
): FloorCandidate | undefined {
  const { epoch, view, digest } = certificate.subject
  const block = digest === undefined ? undefined : blocks.get(bytesKey(digest))
  if (block === undefined) return undefined
  const { header, hash } = node.importer.head()
  const point = { height: block.header.height, hash: block.hash, epoch, view }
  const path = pathToFloor({ floor: point, head: { height: header.height, hash }, blocks })
  return path === undefined || path.length === 0 ? undefined : { point, certificate, path }
}

const highest = (candidates: readonly (FloorCandidate | undefined)[]): FloorCandidate | undefined => {
  let best: FloorCandidate | undefined
  for (const candidate of candidates) {
    if (candidate === undefined) continue
    if (best === undefined || compareRounds(candidate.point, best.point) > 0) best = candidate
  }
  return best
}

/** The highest block that is final here: the tip, or one above it whose F and bodies are in the journal. */
export function highestFinal(node: OfflineNode): FloorCandidate {
  const tip = tipPoint(node)
  const blocks = journaledBlocks(node.journal)
  const found = highest(certificatesOf(node, 'finalize').map((f) => candidateOf(node, f, blocks)))
  return found !== undefined && compareRounds(found.point, tip.point) > 0 ? found : tip
}

/**
 * The best floor this node can offer: the block of the highest round that it voted to finalize and for which it holds N
 * (or F) and every body; at least its highest final block.
 */
export function bestFloor(node: OfflineNode): FloorCandidate {
  const final = highestFinal(node)
  const blocks = journaledBlocks(node.journal)
  const voted = finalizeVotes(node)
  const candidates = certificatesOf(node, 'notarize')
    .filter(({ subject }) =>
      voted.some((vote) => compareRounds(vote, subject) === 0 && equalBytes(vote.digest, subject.digest!)),
    )
    .map((n) => candidateOf(node, n, blocks))
  const found = highest(candidates)
  return found !== undefined && compareRounds(found.point, final.point) > 0 ? found : final
}

/** What this node can attest as `provider`. `hasOldKey`: its key is the one that has voted so far. */
export function attest(node: OfflineNode, provider: number, hasOldKey: boolean): Attestation {
  const { point } = highestFinal(node)
  const { header } = node.importer.head()
  const begun = [
    epochAbove(header),
    node.signer?.epoch ?? 0,
    // An accepted recovery counts as begun, even if nothing of its epoch is final or in the journal.
    ...node.book.all().map(({ recovery }) => recovery.epoch),
    ...node.journal.map((record) => record.body.epoch),
  ]
  const votes = [...finalizeVotes(node), ...unreachableFinals(node, point)]
    .filter((vote) => compareRounds(vote, point) > 0)
    .sort(compareRounds)
  return {
    provider,
    finalized: point,
    epoch: begun.reduce((a, b) => Math.max(a, b), 0),
    votesKnown: hasOldKey && node.signer !== undefined && node.signer.loss === undefined,
    finalizeVotes: votes.slice(-RECOVERY_VOTES_MAX),
  }
}

/** F of blocks whose bodies are missing here count as votes: such a block is final somewhere. */
function unreachableFinals(node: OfflineNode, above: RecoveryPoint): readonly RecoveryVote[] {
  const voted = finalizeVotes(node)
  return certificatesOf(node, 'finalize')
    .map(({ subject: { epoch, view, digest } }) => ({ epoch, view, digest: digest! }))
    .filter((vote) => compareRounds(vote, above) > 0)
    .filter((vote) => !voted.some((v) => compareRounds(v, vote) === 0 && equalBytes(v.digest, vote.digest)))
}
