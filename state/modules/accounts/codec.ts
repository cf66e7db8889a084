// Hand-written codec of one account, because every transfer runs it seven times. Its bytes equal the table's (a test
// compares them), which exports, proofs and tests use. Not: the ledger (ledger.ts).
import { assert } from '../../../base/assert.ts'
import { bigintToBytes, bytesToBigint } from '../../../base/bytes.ts'
import type { Account } from './schema.ts'

const RECORD_VERSION = 1
const NONCE_TAG = 0x08
const BALANCE_TAG = 0x12
const BALANCE_BYTES_MAX = 16

// Version, tag and varint of the nonce, tag, length and bytes of the balance: at most 1 + 1 + 8 + 2 + 16.
const scratch = new Uint8Array(32)

/** Record bytes: version, then nonce and balance as protobuf fields 1 and 2, defaults left out. */
export function encodeAccount(account: Account): Uint8Array {
  const { nonce, balanceBase } = account
  assert(Number.isSafeInteger(nonce) && nonce >= 0, 'account nonce in range')
  assert(balanceBase >= 0n && balanceBase >> 128n === 0n, 'account balance in range')
  scratch[0] = RECORD_VERSION
  let at = 1
  if (nonce > 0) {
    scratch[at++] = NONCE_TAG
    let rest = nonce
    while (rest > 127) {
      scratch[at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    scratch[at++] = rest
  }
  if (balanceBase > 0n) {
    const balance = bigintToBytes(balanceBase)
    scratch[at++] = BALANCE_TAG
    scratch[at++] = balance.length
    scratch.set(balance, at)
    at += balance.length
  }
  return scratch.slice(0, at)
}

/** Inverse of `encodeAccount` for bytes that this node wrote or verified; asserts their shape. */
export function decodeAccount(stored: Uint8Array): Account {
  assert(stored[0] === RECORD_VERSION, 'account record version')
  let at = 1
  let nonce = 0
  if (stored[at] === NONCE_TAG) {
    at++
    for (let scale = 1; ; scale *= 128) {
      assert(at < stored.length, 'account nonce ends within its record')
      const byte = stored[at++]!
      nonce += (byte & 127) * scale
      if (byte < 128) break
    }
    assert(Number.isSafeInteger(nonce), 'account nonce in range')
  }
  let balanceBase = 0n
  if (stored[at] === BALANCE_TAG) {
    const length = stored[at + 1]!
    at += 2
    assert(length <= BALANCE_BYTES_MAX && at + length === stored.length, 'account balance fits its record')
    balanceBase = bytesToBigint(stored.subarray(at))
    at += length
  }
  assert(at === stored.length, 'account record ends with its balance')
  return { nonce, balanceBase }
}
