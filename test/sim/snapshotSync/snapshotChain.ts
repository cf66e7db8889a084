// A chain with snapshots, made once per process by the real importer, held as bytes. Owns: blocks, proofs, cuts of the state.
// Not: who serves what (snapshotLies.ts).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concatBytes, keyBytes } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { epochProofSchema } from '../../../base/protocol/epochProof.ts'
import type { SealedBlock } from '../../../base/protocol/header.ts'
import {
  joinSnapshotEntries,
  type SnapshotPart,
  snapshotEntryBytes,
  snapshotManifestHash,
  snapshotManifestSchema,
} from '../../../base/protocol/snapshot.ts'
import { type ValidatorSet, validatorSetSchema } from '../../../base/protocol/validators.ts'
import { ChainMaker } from '../../../bench/chainMaker.ts'
import { developmentGenesis } from '../../../devnet/genesisOptions.ts'
import { buildGenesis, type GenesisBlock } from '../../../genesis/build.ts'
import { validatorSetOf } from '../../../node/sync/stateSyncStart.ts'
import { syncSourceOf } from '../../../node/sync/syncSource.ts'
import type { SyncSource } from '../../../p2p/rangeProtocol.ts'
import type { SnapshotOffer, SnapshotSource } from '../../../p2p/snapshotProtocol.ts'
import { compareHashes, firstDifference } from '../../../state/tree/bits.ts'
import { leavesRoot } from '../../../state/tree/cut.ts'
import { storedReceiptsSchema } from '../../../storage/layout.ts'
import type { ChainStore } from '../../../storage/types.ts'

const VALIDATORS = 4
const BLOCK_TIME_MS = 250
const EPOCH_BLOCKS = 6
const BLOCKS = 17
/** Heights of the snapshots, and how much of the state an honest chunk holds, so that there are several. */
export const OLDER = 14
export const NEWEST = 16
const CHUNK_BYTES = 2_048

export interface Leaf {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** A state cut into chunks. */
export interface Cut {
  readonly manifest: Uint8Array
  readonly chunks: readonly Uint8Array[]
}

export interface SnapshotChain {
  readonly genesis: GenesisBlock
  readonly genesisSet: ValidatorSet
  readonly newest: SealedBlock
  /** The whole state of the newest snapshot's block, in the order of key hashes. */
  readonly leaves: readonly Leaf[]
  readonly blocks: SyncSource
  readonly honest: SnapshotSource
  offerOf(block: SealedBlock, cut: Cut): SnapshotOffer
}

let made: Promise<SnapshotChain> | undefined

export function snapshotChain(): Promise<SnapshotChain> {
  made ??= makeChain()
  return made
}

async function makeChain(): Promise<SnapshotChain> {
  const dir = mkdtempSync(join(tmpdir(), 'suanli-snapshot-chain-'))
  const plain = developmentGenesis({ validators: VALIDATORS, blockTimeMs: BLOCK_TIME_MS, windowMs: 60_000 })
  const providers = { ...plain.params.providers, epochBlocksMax: EPOCH_BLOCKS }
  const genesis = { ...plain, params: { ...plain.params, providers } }
  const maker = await ChainMaker.open({ dir, genesis, validators: VALIDATORS, blockTimeMs: BLOCK_TIME_MS })
  try {
    await maker.grow({ blocks: BLOCKS, transactionsPerBlock: 2 })
    return await held(maker.store, buildGenesis(genesis))
  } finally {
    await maker.close()
    rmSync(dir, { recursive: true })
  }
}

async function held(store: ChainStore, genesis: GenesisBlock): Promise<SnapshotChain> {
  const genesisSet = validatorSetOf(genesis.changes)
  const cuts = new Map<number, { readonly cut: Cut; readonly block: SealedBlock }>()
  let leaves: readonly Leaf[] = []
  for (const height of [OLDER, NEWEST]) {
    const block = store.blockAt(height)!
    leaves = await leavesOf(store, height)
    cuts.set(height, { cut: cutOf(block, leaves, { bytesMax: CHUNK_BYTES }), block })
  }
  const heights = Array.from({ length: BLOCKS + 1 }, (_, height) => height)
  const bytes = heights.map((height) => store.blockBytesAt(height))
  const certificates = heights.map((height) => store.certificateAt(height))
  const receipts = new Map([...cuts.keys()].map((height) => [height, store.receiptsAt(height)!]))
  const proofs = [0, 1, 2].map((epoch) => store.epochProof(epoch))
  const tip = store.tip()!
  return {
    genesis,
    genesisSet,
    newest: cuts.get(NEWEST)!.block,
    leaves,
    blocks: syncSourceOf({
      tip: () => tip,
      blockHeightMin: () => 1,
      blockBytesAt: (height) => bytes[height],
      certificateAt: (height) => certificates[height],
    }),
    honest: {
      offers: () => [...cuts.values()].map(({ block, cut }) => offerOf(block, cut)),
      manifest: (height) => cuts.get(height)?.cut.manifest,
      chunk: async (height, index) => cuts.get(height)?.cut.chunks[index],
      receipts: (height) => {
        const stored = receipts.get(height)
        return stored === undefined ? undefined : storedReceiptsSchema.encode(stored)
      },
      epochProof: (epoch) => {
        const proof = proofs[epoch]
        return proof === undefined ? undefined : epochProofSchema.encode(proof)
      },
      validatorSet: () => validatorSetSchema.encode(genesisSet),
    },
    offerOf,
  }
}

async function leavesOf(store: ChainStore, height: number): Promise<readonly Leaf[]> {
  const leaves: (Leaf & { readonly keyHash: Uint8Array })[] = []
  for await (const piece of store.pastStatePieces(height)) {
    for (const [name, value] of piece) {
      const key = keyBytes(name)
      leaves.push({ key, value, keyHash: sha256(key) })
    }
  }
  return leaves.sort((a, b) => compareHashes(a.keyHash, 0, b.keyHash, 0))
}

function offerOf({ header, hash }: SealedBlock, { manifest, chunks }: Cut): SnapshotOffer {
  return {
    height: header.height,
    blockHash: hash,
    manifestHash: snapshotManifestHash(manifest),
    manifestBytes: manifest.length,
    sizeBytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
  }
}

/**
 * Cuts the state into subtrees of at most `bytesMax`, and around the leaf `single` until it stands alone. A node makes larger
 * ones; the state root is the same whatever the cut.
 */
export function cutOf(
  { header, hash }: SealedBlock,
  leaves: readonly Leaf[],
  { bytesMax, single }: { readonly bytesMax: number; readonly single?: number },
): Cut {
  const rows = leaves.map(({ key, value }, i) => ({
    isSingle: i === single,
    keyHash: sha256(key),
    valueHash: sha256(value),
    entry: snapshotEntryBytes(key, value),
  }))
  const parts: SnapshotPart[] = []
  const chunks: Uint8Array[] = []
  const visit = (some: typeof rows): void => {
    const chunk = joinSnapshotEntries(some.map(({ entry }) => entry))
    const [first, last] = [some[0]!.keyHash, some.at(-1)!.keyHash]
    if (some.length > 1 && (chunk.length > bytesMax || some.some(({ isSingle }) => isSingle))) {
      const bit = firstDifference(first, 0, last, 0)
      const middle = some.findIndex(({ keyHash }) => ((keyHash[bit >> 3]! >> (7 - (bit & 7))) & 1) === 1)
      visit(some.slice(0, middle))
      parts.push({ ...parts.pop()!, split: bit })
      visit(some.slice(middle))
      return
    }
    const root = leavesRoot({
      keyHashes: concatBytes(...some.map(({ keyHash }) => keyHash)),
      valueHashes: concatBytes(...some.map(({ valueHash }) => valueHash)),
    })
    parts.push({ root, leaves: some.length, bytes: chunk.length, split: 0 })
    chunks.push(chunk)
  }
  visit(rows)
  const { height, stateRoot } = header
  return { manifest: snapshotManifestSchema.encode({ height, blockHash: hash, stateRoot, parts }), chunks }
}
