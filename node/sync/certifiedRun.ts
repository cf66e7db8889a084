// Chooses which linked blocks are imported next as one commit, and under which certificate.
// Owns: the choice, checking an F. Not: execution and commits (blockSync.ts).
import { equalBytes } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import { type Certificate, certificateSigners, voteBytes } from '../../base/protocol/vote.ts'
import type { PeerKey } from '../../p2p/protocol.ts'

/** Blocks per commit; also the spacing of the certificates that a synced node keeps. */
const RUN_BLOCKS_MAX = 64
const RUN_TRANSACTIONS_MAX = 4_096
const RUN_BYTES_MAX = 8 * 1024 * 1024

/** A block that follows the one before it, as served by a peer. */
export interface LinkedBlock {
  readonly block: SealedBlock
  /** As served; not verified. */
  readonly certificate: Certificate | undefined
  /** The recovery file that began the block's epoch, as served. */
  readonly recovery?: Uint8Array | undefined
  readonly peer: PeerKey
  /** Who served the certificate, if another peer than the block's. */
  readonly certificatePeer?: PeerKey
}

/** The first `count` blocks, covered by the last one's `certificate`; or a `problem` with the last one. */
export type Run =
  | { readonly count: number; readonly certificate: Certificate; readonly problem?: undefined }
  | { readonly count: number; readonly problem: string }

/** Whether a certificate is an F (or an N if `orNotarized`) of exactly this block by a quorum of this set. */
export function certifies(options: {
  readonly certificate: Certificate
  readonly hash: Hash32
  readonly set: ValidatorSet
  readonly epoch: number
  readonly genesisHash: Hash32
  readonly orNotarized?: boolean
}): boolean {
  const { certificate, hash, set, epoch, genesisHash, orNotarized = false } = options
  const { subject } = certificate
  const isKind = subject.kind === 'finalize' || (orNotarized && subject.kind === 'notarize')
  if (!isKind || subject.epoch !== epoch) return false
  if (subject.digest === undefined || !equalBytes(subject.digest, hash)) return false
  const signers = certificateSigners(certificate, set.validators.length)
  if (signers === undefined) return false
  const keys = signers.map((i) => set.validators[i]!.consensusKey)
  return bls.verifyAggregate(keys, voteBytes(genesisHash, subject), certificate.signature)
}

/**
 * The longest run within the limits that ends at a certificate, or the shortest one beyond them. It never passes a
 * boundary, which needs its own F because that is kept permanently. Undefined while no certificate covers anything.
 */
export function nextRun(
  tail: readonly LinkedBlock[],
  options: {
    /** Of the first block. */
    readonly epoch: number
    readonly isSnapshotHeight?: ((height: number) => boolean) | undefined
    readonly target?: { readonly block: SealedBlock; readonly certificate: Certificate } | undefined
  },
): Run | undefined {
  const { epoch, isSnapshotHeight, target } = options
  let best: Run | undefined
  let transactions = 0
  let bytes = 0
  for (const [i, { block, certificate: served }] of tail.entries()) {
    const count = i + 1
    const { header, hash } = block
    if (header.epoch !== epoch) {
      return best ?? { count, problem: `block ${header.height} is of epoch ${header.epoch}` }
    }
    transactions += block.transactions.length
    bytes += block.bytes.length
    const isFull = count > RUN_BLOCKS_MAX || transactions > RUN_TRANSACTIONS_MAX || bytes > RUN_BYTES_MAX
    if (isFull && best !== undefined) return best
    const isTarget = target !== undefined && equalBytes(target.block.hash, hash)
    const certificate = isTarget ? target.certificate : served
    if (certificate !== undefined) best = { count, certificate }
    if (header.endsEpoch) {
      if (certificate !== undefined) return best
      const hasMore = tail.length > count
      if (best === undefined && hasMore) {
        return { count, problem: `boundary ${header.height} is missing its certificate` }
      }
      return best
    }
    if (certificate !== undefined && (isTarget || isSnapshotHeight?.(header.height) === true)) return best
  }
  return best
}
