// What a lying peer tells a node that joins. Owns: the lies. Not: time, links (joinWorld.ts).
import { sealBlock } from '../../../base/protocol/header.ts'
import {
  SNAPSHOT_CHUNK_BYTES_MAX,
  SNAPSHOT_CHUNKS_MAX,
  SNAPSHOT_MANIFEST_BYTES_MAX,
  snapshotManifestSchema,
} from '../../../base/protocol/snapshot.ts'
import type { SyncSource } from '../../../p2p/rangeProtocol.ts'
import type { SnapshotSource } from '../../../p2p/snapshotProtocol.ts'
import { type Cut, cutOf, NEWEST, type SnapshotChain } from './snapshotChain.ts'

/** A little before a request for a chunk times out. */
const LATE_MS = 14_500
const FAR = 1_000_000_000
const LEAVES_APART = 9
/** By salt: there is one chain in a process. */
const OWN_CUTS = new Map<number, Cut>()

export interface LieContext {
  readonly chain: SnapshotChain
  /** Different for each liar, so that no two offer the same. */
  readonly salt: number
  pause(delayMs: number): Promise<void>
}

export interface Lie {
  /** Its snapshot is true, so it may be installed with the proofs of others. */
  readonly isSnapshotTrue?: boolean
  /** Whether an answer proves it, so that it costs points. */
  readonly isProvable: boolean
  readonly serves: (context: LieContext) => Partial<SnapshotSource>
  /** Takes requests and answers none. */
  readonly isMute?: boolean
  readonly blocks?: (context: LieContext) => Partial<SyncSource>
}

const never = <T>(): Promise<T> => new Promise(() => {})

const flipped = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte))

/** The true state in another cut, so that nobody honest offers the same; then `bend` decides what is served. */
function ownCut({ chain, salt }: LieContext, bend: (cut: Cut) => Partial<SnapshotSource>) {
  const single = salt * LEAVES_APART
  const cut = OWN_CUTS.get(salt) ?? cutOf(chain.newest, chain.leaves, { bytesMax: 1_024, single })
  OWN_CUTS.set(salt, cut)
  return {
    offers: () => [chain.offerOf(chain.newest, cut)],
    manifest: () => cut.manifest,
    chunk: async (_height: number, index: number) => cut.chunks[index],
    ...bend(cut),
  }
}

/** A manifest of its own, truly offered. */
function ownManifest({ chain }: LieContext, manifest: Uint8Array): Partial<SnapshotSource> {
  return {
    offers: () => [chain.offerOf(chain.newest, { manifest, chunks: [] })],
    manifest: () => manifest,
  }
}

export const SNAPSHOT_LIES: Readonly<Record<string, Lie>> = {
  foreignStateRoot: {
    isProvable: true,
    serves: (context) => {
      const { newest, leaves } = context.chain
      const others = leaves.map(({ key, value }, i) => ({ key, value: i === 0 ? flipped(value) : value }))
      const cut = cutOf(newest, others, { bytesMax: 8_192 })
      return { ...ownManifest(context, cut.manifest), chunk: async (_, index) => cut.chunks[index] }
    },
  },
  foreignBlock: {
    isProvable: true,
    serves: ({ chain, salt }) => ({
      offers: () => {
        const [offer] = chain.honest.offers().slice(-1)
        return [{ ...offer!, blockHash: new Uint8Array(32).fill(salt) }]
      },
    }),
  },
  unsignedBlock: {
    isProvable: true,
    serves: ({ chain }) => ({
      offers: () => {
        const [offer] = chain.honest.offers().slice(-1)
        return [{ ...offer!, height: FAR, blockHash: forged(chain).hash }]
      },
    }),
    blocks: ({ chain }) => ({
      range: async (wanted) => {
        const items = await chain.blocks.range({ ...wanted, fromHeight: NEWEST })
        return wanted.fromHeight === FAR
          ? items.map((item) => ({ ...item, block: forged(chain).bytes }))
          : items
      },
    }),
  },
  noSuchHeight: {
    isProvable: false,
    serves: ({ chain, salt }) => {
      let count = 0
      return {
        offers: () => [{ ...chain.honest.offers().at(-1)!, height: FAR + salt * 1_000 + count++ }],
      }
    },
  },
  wrongChunks: {
    isProvable: true,
    serves: (context) =>
      ownCut(context, ({ chunks }) => ({ chunk: async (_, index) => flipped(chunks[index]!) })),
  },
  longChunks: {
    isProvable: true,
    serves: (context) =>
      ownCut(context, () => ({ chunk: async () => new Uint8Array(SNAPSHOT_CHUNK_BYTES_MAX + 1) })),
  },
  endlessChunks: {
    isProvable: false,
    serves: (context) =>
      ownCut(context, ({ chunks }) => ({
        chunk: async (_, index) => {
          await context.pause(LATE_MS)
          return chunks[index]
        },
      })),
  },
  stopsInTheMiddle: {
    isProvable: false,
    serves: (context) =>
      ownCut(context, ({ chunks }) => ({
        chunk: (_, index) => (index < chunks.length / 2 ? Promise.resolve(chunks[index]) : never()),
      })),
  },
  refusesInTheMiddle: {
    isProvable: false,
    serves: (context) =>
      ownCut(context, ({ chunks }) => ({
        chunk: async (_, index) => (index < chunks.length / 2 ? chunks[index] : undefined),
      })),
  },
  hugeManifest: {
    isProvable: true,
    serves: (context) => ownManifest(context, new Uint8Array(SNAPSHOT_MANIFEST_BYTES_MAX + 1)),
  },
  fullManifest: {
    isProvable: true,
    serves: (context) => {
      const { header, hash } = context.chain.newest
      const part = { root: new Uint8Array(32).fill(context.salt), leaves: 1, bytes: 100, split: 255 }
      const parts = Array<typeof part>(SNAPSHOT_CHUNKS_MAX).fill(part)
      const { height, stateRoot } = header
      return ownManifest(
        context,
        snapshotManifestSchema.encode({ height, blockHash: hash, stateRoot, parts }),
      )
    },
  },
  wrongReceipts: {
    isProvable: true,
    serves: (context) =>
      ownCut(context, () => ({ receipts: (height) => flipped(context.chain.honest.receipts(height)!) })),
  },
  wrongEpochProofs: {
    isProvable: true,
    isSnapshotTrue: true,
    serves: (context) =>
      ownCut(context, () => ({
        epochProof: (epoch) => flipped(context.chain.honest.epochProof(epoch) ?? Uint8Array.of(1)),
      })),
  },
  otherEpochProofs: {
    isProvable: true,
    isSnapshotTrue: true,
    serves: (context) =>
      ownCut(context, () => ({ epochProof: (epoch) => context.chain.honest.epochProof(epoch + 1) })),
  },
  silentAfterOffer: {
    isProvable: false,
    serves: (context) => ownCut(context, () => ({ receipts: () => undefined, chunk: never })),
    blocks: () => ({ range: never }),
  },
  mute: { isProvable: false, isMute: true, serves: () => ({}) },
  silent: { isProvable: false, serves: () => ({ offers: () => [] }), blocks: () => ({ range: never }) },
}

function forged(chain: SnapshotChain) {
  const { header, transactions } = chain.newest
  return sealBlock({ header: { ...header, height: FAR }, transactions })
}
