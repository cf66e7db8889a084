// The block header and the block's bytes. Owns: shapes and hash. Not: validity rules (state/execute.ts, consensus/).
import { equalBytes } from '../bytes.ts'
import { keccak256, sha256 } from '../crypto/hash.ts'
import { SchemaError } from '../field.ts'
import type { Hash32 } from '../ids.ts'
import { type PerLane, perLane } from '../lanes.ts'
import { message, t } from '../schema.ts'
import { BLOCK_TXS_MAX, TX_BYTES_MAX } from './limits.ts'
import { merkleRoot } from './merkle.ts'

/** Why nobody may mint: the answer of the mint rule itself (ECONOMY §3). */
export const MINT_STOPS = ['invariant', 'governance', 'recount', 'shortfall'] as const
export const mintStopSchema = message('MintStop', {
  reason: t.oneOf(MINT_STOPS),
  /** Height of the block that stopped it. */
  since: t.u64,
})
export type MintStop = ReturnType<typeof mintStopSchema.decode>

/** ECONOMY §11: what backs the coin, in every header. Base units; the anchor is a rating in ppm. */
export const reserveSchema = message('Reserve', {
  supplyBase: t.amount,
  liabilitiesBase: t.amount,
  capacityBase: t.amount,
  lockedInRedemptionBase: t.amount,
  anchor: t.ppm,
  shortfallBase: t.amount,
  /** Absent while minting is open. */
  mintStop: t.optional(mintStopSchema),
})
export type Reserve = ReturnType<typeof reserveSchema.decode>

/** Base fees of the lanes beside the general one, wei per gas (ECONOMY §7). */
export const laneFeesSchema = message('LaneFees', {
  redemption: t.amount,
  service: t.amount,
  proof: t.amount,
})

/** Gas used in the lanes beside the general one, which used the rest of the block's gas. */
export const laneGasSchema = message('LaneGas', { redemption: t.u64, service: t.u64, proof: t.u64 })

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
  /** Base fee of the general lane. */
  baseFeePerGas: t.amount,
  reserve: reserveSchema,
  /** Hash of the validator set of this epoch. */
  setHash: t.hash,
  /** Whether this block is a boundary (CONSENSUS §4). */
  endsEpoch: t.bool,
  /** Present exactly in boundaries: the set in this block's post-state. */
  nextSetHash: t.optional(t.hash),
  laneFees: laneFeesSchema,
  laneGas: laneGasSchema,
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

type HeaderFees = Pick<Header, 'baseFeePerGas' | 'laneFees'>

/** Base fee of each lane, wei per gas. */
export function baseFeesOf(header: HeaderFees): PerLane<bigint> {
  return { general: header.baseFeePerGas, ...header.laneFees }
}

/** Inverse of `baseFeesOf`. */
export function headerFees({ general, ...laneFees }: PerLane<bigint>): HeaderFees {
  return { baseFeePerGas: general, laneFees }
}

/** The same base fee in every lane: genesis. */
export function evenFees(feePerGas: bigint): HeaderFees {
  return headerFees(perLane(() => feePerGas))
}

/** Gas of the other lanes in a block without transactions. */
export const NO_LANE_GAS: Header['laneGas'] = { redemption: 0, service: 0, proof: 0 }

/** Gas that each lane used. */
export function gasByLane({ gasUsed, laneGas }: Pick<Header, 'gasUsed' | 'laneGas'>): PerLane<number> {
  return { general: gasUsed - laneGas.redemption - laneGas.service - laneGas.proof, ...laneGas }
}

/** SHA-256 of the header's canonical bytes. */
export function headerHash(header: Header): Hash32 {
  return sha256(headerSchema.encode(header))
}

export function sealBlock(block: Block): SealedBlock {
  return { ...block, hash: headerHash(block.header), bytes: blockSchema.encode(block) }
}

/** Root of a body: over the Keccak-256 hashes of its transactions, their ids. */
export function transactionsRootOf(transactions: readonly Uint8Array[]): Hash32 {
  return merkleRoot(transactions.map((raw) => keccak256(raw)))
}

/** What `openInSteps` has found out, so that the same bytes and the same block are not opened again. */
const decodedBefore = new WeakMap<Uint8Array, SealedBlock>()
const bodiesBefore = new WeakMap<Pick<SealedBlock, 'header' | 'transactions'>, boolean>()

/** Whether the transactions are those of the header. The block hash covers the header alone. */
export function hasOwnBody(block: Pick<SealedBlock, 'header' | 'transactions'>): boolean {
  const known = bodiesBefore.get(block)
  return known ?? equalBytes(transactionsRootOf(block.transactions), block.header.transactionsRoot)
}

/**
 * Does ahead, with a pause at every yield, what `decodeBlock` and `hasOwnBody` do with these very bytes: afterwards they answer
 * at once. `stepBytes`: hashed between two pauses. Throws SchemaError as `decodeBlock` does.
 */
export function* openInSteps(bytes: Uint8Array, stepBytes: number): Generator<undefined, void> {
  const block = decodeBlock(bytes)
  const ids: Hash32[] = []
  let sinceBytes = 0
  yield
  for (const raw of block.transactions) {
    ids.push(keccak256(raw))
    sinceBytes += raw.length
    if (sinceBytes < stepBytes) continue
    sinceBytes = 0
    yield
  }
  bodiesBefore.set(block, equalBytes(merkleRoot(ids), block.header.transactionsRoot))
  decodedBefore.set(bytes, block)
}

/**
 * Decodes bytes without comparing header and body: for blocks that this node stored itself, or for a look at the header
 * before the body is paid for. Throws SchemaError.
 */
export function decodeBlock(bytes: Uint8Array): SealedBlock {
  const known = decodedBefore.get(bytes)
  if (known !== undefined) return known
  const block = blockSchema.decode(bytes)
  return { ...block, hash: headerHash(block.header), bytes }
}

/**
 * Decodes received bytes; throws SchemaError. Anyone can put another body under a true header, so a block is only what
 * passes here: canonical bytes whose transactions hash to the header's root. One hash thus stands for one string of bytes.
 */
export function openBlock(bytes: Uint8Array): SealedBlock {
  const block = decodeBlock(bytes)
  if (!hasOwnBody(block)) throw new SchemaError('not the transactions of the header', 'transactions')
  return block
}
