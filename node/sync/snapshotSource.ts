// What this node serves to nodes that sync their state: snapshots and the proofs that lead to them. Not: the wire.
import { epochProofSchema } from '../../base/protocol/epochProof.ts'
import { validatorSetSchema } from '../../base/protocol/validators.ts'
import type { SnapshotSource } from '../../p2p/snapshotProtocol.ts'
import { setOfEpoch } from '../../storage/epochProofs.ts'
import { storedReceiptsSchema } from '../../storage/layout.ts'
import type { ChainStore } from '../../storage/types.ts'
import type { SnapshotFiles } from './snapshotFiles.ts'

/** Answers from the store and the snapshot folder. */
export function snapshotSourceOf(options: {
  readonly store: ChainStore
  readonly files: SnapshotFiles
  /** Bytes of the set of genesis. */
  readonly genesisSet: Uint8Array
}): SnapshotSource {
  const { store, files, genesisSet } = options
  const held = (height: number) => files.list().find((snapshot) => snapshot.height === height)
  return {
    offers: () =>
      files.list().map(({ height, manifest, manifestBytes, manifestHash, sizeBytes }) => ({
        height,
        blockHash: manifest.blockHash,
        manifestHash,
        manifestBytes: manifestBytes.length,
        sizeBytes,
      })),
    manifest: (height) => held(height)?.manifestBytes,
    chunk: (height, index) => files.chunk(height, index),
    receipts(height) {
      // Only of blocks that a snapshot leads to: nobody else needs them from here.
      const stored = held(height) === undefined ? undefined : store.receiptsAt(height)
      return stored === undefined ? undefined : storedReceiptsSchema.encode(stored)
    },
    epochProof(epoch) {
      const proof = store.epochProof(epoch)
      return proof === undefined ? undefined : epochProofSchema.encode(proof)
    },
    validatorSet(epoch) {
      // Whoever asks knows the hash: a wrong guess does no harm.
      const set = setOfEpoch(store, epoch)
      return set === undefined ? genesisSet : validatorSetSchema.encode(set)
    },
  }
}
