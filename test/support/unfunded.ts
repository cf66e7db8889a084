// Transactions that cost their receiver a signature check and can be in no block. Owns: their making, without a signature of one's own.
import { randomBytes } from 'node:crypto'
import { concatBytes } from '../../base/bytes.ts'
import { encodeTransaction, type TransactionFields } from '../../state/transaction.ts'

/** The x coordinate of the curve's generator: with it any `s` is a valid signature of somebody. */
const GENERATOR_X = Buffer.from('79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798', 'hex')

/** Transfers with valid signatures of senders that nobody knows. `entropy`: 31 bytes or more, others each time. */
export function unfundedTransfers(
  fields: TransactionFields,
  count: number,
  entropy: () => Uint8Array = () => randomBytes(31),
): Uint8Array[] {
  return Array.from({ length: count }, () => {
    const signature = concatBytes(GENERATOR_X, Uint8Array.of(1), entropy().subarray(0, 31), Uint8Array.of(0))
    return encodeTransaction(fields, signature)
  })
}
