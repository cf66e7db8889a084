// Wire form of a state snapshot: subtrees of the state tree as chunks, and a manifest that proves all of them
// against one state root. Owns: their bytes and bounds. Not: making them (node/sync), the proof (state/tree/cut.ts).
import { concatBytes } from '../bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Hash32 } from '../ids.ts'
import { message, t } from '../schema.ts'
import { PROOF_KEY_BYTES_MAX, PROOF_VALUE_BYTES_MAX } from './stateProof.ts'

/** Subtrees of at most this many encoded bytes become one chunk; only a single larger record exceeds it. */
export const SNAPSHOT_CHUNK_BYTES = 256 * 1024
/** The largest chunk: one record with the largest key and value. */
export const SNAPSHOT_CHUNK_BYTES_MAX = PROOF_VALUE_BYTES_MAX + PROOF_KEY_BYTES_MAX + 64
/** Most chunks of one snapshot: enough for 16 GiB. */
export const SNAPSHOT_CHUNKS_MAX = 65_536
/** Records of one chunk: none is shorter than six bytes. */
const CHUNK_ENTRIES_MAX = SNAPSHOT_CHUNK_BYTES / 6

const snapshotEntrySchema = message('SnapshotEntry', {
  key: t.bytes(PROOF_KEY_BYTES_MAX),
  value: t.bytes(PROOF_VALUE_BYTES_MAX),
})

/** Records of one subtree in the order of their key hashes. */
export const snapshotChunkSchema = message('SnapshotChunk', {
  entries: t.list(snapshotEntrySchema, Math.floor(CHUNK_ENTRIES_MAX)),
})
export type SnapshotChunk = ReturnType<typeof snapshotChunkSchema.decode>

const snapshotPartSchema = message('SnapshotPart', {
  /** Hash of the chunk's subtree. */
  root: t.hash,
  leaves: t.u32,
  /** Size of the encoded chunk. */
  bytes: t.u32,
  /** First bit in which its key hashes differ from those of the next chunk; 0 in the last. */
  split: t.u8,
})
export type SnapshotPart = ReturnType<typeof snapshotPartSchema.decode>

/** Identical on every node that makes a snapshot at this height. */
export const snapshotManifestSchema = message('SnapshotManifest', {
  height: t.u64,
  blockHash: t.hash,
  stateRoot: t.hash,
  /** In the order of key hashes. */
  parts: t.list(snapshotPartSchema, SNAPSHOT_CHUNKS_MAX),
})
export type SnapshotManifest = ReturnType<typeof snapshotManifestSchema.decode>

/** Upper bound of an encoded manifest, bytes: at most 56 per part, and the fields around them. */
export const SNAPSHOT_MANIFEST_BYTES_MAX = SNAPSHOT_CHUNKS_MAX * 56 + 256

export function snapshotManifestHash(bytes: Uint8Array): Hash32 {
  return sha256(bytes)
}

/** Bytes of one record in a chunk; a chunk is their concatenation. */
export function snapshotEntryBytes(key: Uint8Array, value: Uint8Array): Uint8Array {
  return snapshotChunkSchema.encode({ entries: [{ key, value }] })
}

export function joinSnapshotEntries(entries: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...entries)
}
