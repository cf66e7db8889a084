// Signed envelopes for the tests of rpc/.
import { toHex } from '../../base/bytes.ts'
import { signTransaction, type TransactionFields } from '../../state/transaction.ts'
import { CHAIN_ID } from './chainHarness.ts'
import { type Account, accountOf } from './fakeBackend.ts'

/** A signed envelope, 0x hex; default: a transfer to bob. */
export function signed(from: Account, over: Partial<TransactionFields> = {}): `0x${string}` {
  const price = { maxPriorityFeePerGas: 1_000_000_000n, maxFeePerGas: 10_000_000_000n }
  const legacyPrice = { maxPriorityFeePerGas: 10_000_000_000n, maxFeePerGas: 10_000_000_000n }
  const fields: TransactionFields = {
    type: 2,
    chainId: CHAIN_ID,
    nonce: 0,
    ...((over.type ?? 2) === 2 ? price : legacyPrice),
    gasLimit: 21_000,
    to: accountOf('bob').address,
    valueBase: 1_000n,
    data: new Uint8Array(0),
    accessList: [],
    ...over,
  }
  return toHex(signTransaction(fields, from.secretKey))
}
