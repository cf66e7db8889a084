// What a signer knows about the chain from proofs alone: the set of the latest proven epoch, and where its record was
// lost (CONSENSUS §5). Owns: these rules. Not: flags (consensus/ownVotes.ts), records (signerRecords.ts). No clock.
import { mustExist } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import type { Bls } from '../base/crypto/types.ts'
import type { TxId } from '../base/ids.ts'
import { type TrustedSet, trustedSet } from '../base/protocol/finalityProof.ts'
import { type ReceiptProof, verifyReceiptProof } from '../base/protocol/receiptProof.ts'
import { validatorSetSchema } from '../base/protocol/validators.ts'
import { message, t } from '../base/schema.ts'

/** Bytes of the random number that a signer draws when it finds its record lost. */
export const LOSS_NONCE_BYTES = 32

export const lossSchema = message('SignerLoss', {
  /** Drawn when the loss was found: a block that contains it is younger than every vote signed before. */
  nonce: t.fixed(LOSS_NONCE_BYTES),
  /** The epoch of such a block, or the operator's word: signing resumes in the first epoch after it. */
  resumeAfter: t.optional(t.u64),
})
export type Loss = ReturnType<typeof lossSchema.decode>

export const trustSchema = message('SignerTrust', {
  epoch: t.u64,
  /** Height of the block that named the set. */
  height: t.u64,
  set: validatorSetSchema,
})
export type TrustRecord = ReturnType<typeof trustSchema.decode>

export function trustOf(genesisHash: Uint8Array, record: TrustRecord): TrustedSet {
  return trustedSet({ genesisHash, ...record })
}

/** Whether nothing may be signed in `epoch`: the key may have voted there before the loss. */
export function observesIn(loss: Loss | undefined, epoch: number): boolean {
  return loss !== undefined && (loss.resumeAfter === undefined || epoch <= loss.resumeAfter)
}

/** A loss is over once the signer is in an epoch in which it can sign. */
export function lossIn(loss: Loss | undefined, epoch: number): Loss | undefined {
  return observesIn(loss, epoch) ? loss : undefined
}

/**
 * The loss of a merged record: what either side forbids stays forbidden. `fresh` replaces two different numbers, since
 * neither is known to be the younger.
 */
export function mergeLoss(a: Loss | undefined, b: Loss | undefined, fresh: Uint8Array): Loss | undefined {
  if (a === undefined || b === undefined) return a ?? b
  if (!equalBytes(a.nonce, b.nonce)) return { nonce: fresh, resumeAfter: undefined }
  if (a.resumeAfter === undefined || b.resumeAfter === undefined) {
    return { nonce: a.nonce, resumeAfter: undefined }
  }
  return a.resumeAfter >= b.resumeAfter ? a : b
}

export type LossProven =
  | { readonly ok: true; readonly loss: Loss }
  /** A full sentence. */
  | { readonly ok: false; readonly reason: string }

/**
 * Verifies that a final transaction contains the nonce: receipt → receiptsRoot → header → F, against the trusted set.
 * Its block was made after the loss, and on the final chain, so this key has signed in no later epoch.
 */
export function proveLoss(
  trusted: TrustedSet,
  loss: Loss,
  shown: { readonly transaction: Uint8Array; readonly proof: ReceiptProof },
  bls: Pick<Bls, 'verifyAggregate'>,
): LossProven {
  const { transaction, proof } = shown
  if (!contains(transaction, loss.nonce)) {
    return { ok: false, reason: `the transaction does not contain ${toHex(loss.nonce)}` }
  }
  const id: TxId = new Uint8Array(keccak256(transaction))
  const proven = verifyReceiptProof(trusted, id, proof, { epochs: 'sameSet', bls })
  if (!proven.ok) return { ok: false, reason: proven.failure.reason }
  const { epoch } = proven.value.block.header
  return { ok: true, loss: { ...loss, resumeAfter: epoch } }
}

/** Whether `part` occurs in `bytes`. */
export function contains(bytes: Uint8Array, part: Uint8Array): boolean {
  const first = mustExist(part[0], 'a nonce is not empty')
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + part.length > bytes.length) return false
    if (equalBytes(bytes.subarray(at, at + part.length), part)) return true
  }
  return false
}
