// Transactions of accounts whose key nobody here has, as anvil's impersonation makes them: in place of the signature they name their
// sender. Only the validators of a devnet in one process take them. Owns: their form. Not: for whom they are made (devAccounts.ts).
import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts'
import { type Address, ZERO_ADDRESS } from '../base/ids.ts'
import { isSystemAddress } from '../base/moduleDefinition.ts'
import type { RecoverOne } from '../node/pool/recoverer.ts'
import { encodeTransaction, recoverSender, type TransactionFields } from '../state/transaction.ts'

/** With the address after it, it is a valid r: no real signature begins with it but by a chance of 2^-96. */
const TAG = utf8('impersonates')
/** s = 1 and parity 0 after r. */
const REST = Uint8Array.from({ length: 33 }, (_, i) => (i === 31 ? 1 : 0))

/** The raw envelope of a transaction from this account. */
export function impersonatedTransaction(fields: TransactionFields, sender: Address): Uint8Array {
  return encodeTransaction(fields, concatBytes(TAG, sender, REST))
}

/** The sender that the envelope names, or whose signature it has. */
export const recoverAnySender: RecoverOne = (transaction) => {
  const { signature } = transaction
  const isNamed =
    equalBytes(signature.subarray(0, TAG.length), TAG) && equalBytes(signature.subarray(32), REST)
  if (!isNamed) return recoverSender(transaction)
  const sender = signature.slice(TAG.length, 32) as Address
  return canBeImpersonated(sender) ? sender : undefined
}

/** Escrows and modules never send: what they hold is others', and the invariants count on it. */
export function canBeImpersonated(account: Address): boolean {
  return !isSystemAddress(account) && !equalBytes(account, ZERO_ADDRESS)
}
