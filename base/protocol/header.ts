// The block header and the block's bytes. Owns: shapes and hash. Not: validity rules (state/execute.ts, consensus/).
import { sha256 } from '../crypto/hash.ts'
import type { Hash32 } from '../ids.ts'
import { message, t } from '../schema.ts'
import { BLOCK_TXS_MAX, TX_BYTES_MAX } from './limits.ts'

/** ECONOMY §11: what backs the coin, in every header. Base units; the anchor is a rating in ppm. */
export const reserveSchema = message('Reserve', {
  supplyBase: t.amount,
  liabilitiesBase: t.amount,
  capacityBase: t.amount,
  lockedInRedemptionBase: t.amount,
  anchor: t.ppm,
  shortfallBase: t.amount,
})
export type Reserve = ReturnType<typeof reserveSchema.decode>

export const headerSchema = message('Header', {
  /** Protocol version of the rules that executed this block. */
  version: t.u32,
  /** Epoch and view of the first proposal; never of a certificate. */
  epoch: t.u64,
  view: t.u64,
  height: t.u64,
  parentHash: t.hash,
  timestampMs: t.u64,
  /** Operator account of leader(epoch, view). */
  proposer: t.address,
  /** BLS signature of the proposer over (domain, genesis, epoch, height); empty in genesis. */
  randaoReveal: t.bytes(96),
  /** SHA256("caudit1.mix" ‖ mix of the parent ‖ height ‖ reveal), AUDIT §4. */
  mix: t.hash,
  /** This block's own post-state. */
  stateRoot: t.hash,
  receiptsRoot: t.hash,
  transactionsRoot: t.hash,
  gasUsed: t.u64,
  gasLimit: t.u64,
  baseFeePerGas: t.amount,
  reserve: reserveSchema,
  /** Hash of the validator set of this epoch. */
  setHash: t.hash,
  /** Whether this block is a boundary (CONSENSUS §4). */
  endsEpoch: t.bool,
  /** Present exactly in boundaries: the set in this block's post-state. */
  nextSetHash: t.optional(t.hash),
})
export type Header = ReturnType<typeof headerSchema.decode>

export const blockSchema = message('Block', {
  header: headerSchema,
  /** Original envelope bytes, never re-encoded; in a decoded block, views of its bytes. */
  transactions: t.list(t.view(TX_BYTES_MAX), BLOCK_TXS_MAX),
})
export type Block = ReturnType<typeof blockSchema.decode>

/** A block with its hash and canonical bytes, computed once. */
export interface SealedBlock {
  readonly header: Header
  readonly transactions: readonly Uint8Array[]
  readonly hash: Hash32
  readonly bytes: Uint8Array
}

/**
 * Epoch of a child of this block: the next one above a boundary, the recovery's own above the floor of a recovery
 * (CONSENSUS §4, §5).
 */
export function epochAbove(
  header: Pick<Header, 'epoch' | 'endsEpoch'>,
  recovery?: { readonly epoch: number },
): number {
  return recovery?.epoch ?? header.epoch + (header.endsEpoch ? 1 : 0)
}

/** SHA-256 of the header's canonical bytes. */
export function headerHash(header: Header): Hash32 {
  return sha256(headerSchema.encode(header))
}

export function sealBlock(block: Block): SealedBlock {
  return { ...block, hash: headerHash(block.header), bytes: blockSchema.encode(block) }
}

/** Decodes received bytes; throws SchemaError. Execution checks transactionsRoot. */
export function openBlock(bytes: Uint8Array): SealedBlock {
  const block = blockSchema.decode(bytes)
  return { ...block, hash: headerHash(block.header), bytes }
}
