// Proof that a transaction is in a final block, with its result (CONSENSUS §7): receipt → receiptsRoot → header → F.
// Not: finding transactions (node/), the meaning of logs (state/).
import type { Bls } from '../crypto/types.ts'
import type { TxId } from '../ids.ts'
import { message, t } from '../schema.ts'
import {
  type EpochRule,
  type FinalHeader,
  finalityProofSchema,
  proofFails,
  type TrustedSet,
  type Verified,
  verifyFinality,
} from './finalityProof.ts'
import { BLOCK_TXS_MAX } from './limits.ts'
import { merkleVerify } from './merkle.ts'
import { type Receipt, receiptSchema } from './receipt.ts'

/** Siblings above one of 8,192 transactions, or one of as many receipts plus the system logs. */
const PATH_MAX = Math.ceil(Math.log2(BLOCK_TXS_MAX)) + 1

export const receiptProofSchema = message('ReceiptProof', {
  finality: finalityProofSchema,
  /** Index of the transaction in its block, and the number of transactions. */
  index: t.u32,
  count: t.u32,
  /** Leads from the transaction's hash to `transactionsRoot`. */
  transactionPath: t.list(t.hash, PATH_MAX),
  receipt: receiptSchema,
  /** Leads from the receipt to `receiptsRoot`, whose last leaf is the block's system logs. */
  receiptPath: t.list(t.hash, PATH_MAX),
})
export type ReceiptProof = ReturnType<typeof receiptProofSchema.decode>

export interface ProvenReceipt {
  readonly block: FinalHeader
  readonly index: number
  readonly receipt: Receipt
}

/** Verifies that the transaction of this hash is final and that this is its receipt. Never throws on foreign bytes. */
export function verifyReceiptProof(
  trusted: TrustedSet,
  id: TxId,
  proof: ReceiptProof,
  options: { readonly epochs?: EpochRule; readonly bls?: Pick<Bls, 'verifyAggregate'> } = {},
): Verified<ProvenReceipt> {
  const { finality, index, count, transactionPath, receipt, receiptPath } = proof
  const block = verifyFinality(trusted, finality, options)
  if (!block.ok) return block
  const { height, transactionsRoot, receiptsRoot } = finality.header
  if (!merkleVerify({ root: transactionsRoot, leaf: id, index, count, path: transactionPath })) {
    return proofFails('transaction', `the transaction is not number ${index} of ${count} in block ${height}`)
  }
  const leaf = receiptSchema.encode(receipt)
  if (!merkleVerify({ root: receiptsRoot, leaf, index, count: count + 1, path: receiptPath })) {
    return proofFails('receipt', `the receipt is not number ${index} of ${count} in block ${height}`)
  }
  return { ok: true, value: { block: block.value, index, receipt } }
}
