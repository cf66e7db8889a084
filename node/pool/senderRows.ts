// The flat layout in which senderPool.ts and senderWorker.ts exchange work.
import { recoverAddress } from '../../base/address.ts'
import { ADDRESS_BYTES, type Address } from '../../base/ids.ts'
import type { Transaction } from '../../state/transaction.ts'

/** What recovery needs; `key` names the transaction. */
export type SignedHash = Pick<Transaction, 'key' | 'signingHash' | 'signature'>

const HASH_SIZE = 32
/** Signing hash ‖ signature. */
const ROW_SIZE = HASH_SIZE + 65
/** A byte 1 ‖ address, or 21 zero bytes. */
const ANSWER_SIZE = 1 + ADDRESS_BYTES

export function packRows(items: readonly SignedHash[]): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array(items.length * ROW_SIZE)
  items.forEach((item, i) => {
    rows.set(item.signingHash, i * ROW_SIZE)
    rows.set(item.signature, i * ROW_SIZE + HASH_SIZE)
  })
  return rows
}

export function recoverRows(rows: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = rows.length / ROW_SIZE
  const answers = new Uint8Array(count * ANSWER_SIZE)
  for (let i = 0; i < count; i++) {
    const at = i * ROW_SIZE
    const hash = rows.subarray(at, at + HASH_SIZE)
    const address = recoverAddress(hash, rows.subarray(at + HASH_SIZE, at + ROW_SIZE))
    if (address === undefined) continue
    answers[i * ANSWER_SIZE] = 1
    answers.set(address, i * ANSWER_SIZE + 1)
  }
  return answers
}

export function unpackAnswers(answers: Uint8Array): (Address | undefined)[] {
  const out: (Address | undefined)[] = []
  for (let at = 0; at < answers.length; at += ANSWER_SIZE) {
    out.push(answers[at] === 1 ? answers.slice(at + 1, at + ANSWER_SIZE) : undefined)
  }
  return out
}
