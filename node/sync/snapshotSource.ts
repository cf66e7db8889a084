// Serves state sync: snapshots and the proofs that lead to them. Not: the wire.
import { epochProofSchema } from '../../base/protocol/epochProof.ts'
import { type ValidatorSet, validatorSetSchema } from '../../base/protocol/validators.ts'
import type { SnapshotSource } from '../../p2p/snapshotProtocol.ts'
import { setOfEpoch } from '../../storage/epochProofs.ts'
import { storedReceiptsSchema } from '../../storage/layout.ts'
import type { ChainStore } from '../../storage/types.ts'
import type { SnapshotFiles } from './snapshotFiles.ts'

/** Answers from the store and the snapshot directory. */
export function snapshotSourceOf(options: {
  readonly store: ChainStore
  readonly files: Pick<SnapshotFiles, 'list' | 'chunk'>
  readonly genesisSet: ValidatorSet
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
      // Only for blocks with a snapshot: nothing else needs them from here.
      const stored = held(height) === undefined ? undefined : store.receiptsAt(height)
      return stored === undefined ? undefined : storedReceiptsSchema.encode(stored)
    },
    epochProof(epoch) {
      const proof = store.epochProof(epoch)
      return proof === undefined ? undefined : epochProofSchema.encode(proof)
    },
    validatorSet(epoch) {
      const set = setOfEpoch(store, epoch, genesisSet)
      return set === undefined ? undefined : validatorSetSchema.encode(set)
    },
  }
}
