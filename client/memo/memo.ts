// Memos of transfers: what the chain carries of them is a salted hash, or a ciphertext that only the recipient opens (WALLETS §1).
// Owns: both forms. Not: what a memo says, travel-rule data (ivms101.ts), the primitives (redemption/hpke.ts).
import { bigintToFixed, concatBytes, u64be, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import { ClientError } from '../clientError.ts'
import { grantSuite, TAG_BYTES, X25519_BYTES } from '../redemption/hpke.ts'

/** As much as the chain takes. */
const SEALED_BYTES_MAX = 1024
/**
 * Bytes of a memo that still fit when they are sealed.
 *
 * @example
 * MEMO_BYTES_MAX // 976
 */
export const MEMO_BYTES_MAX: number = SEALED_BYTES_MAX - X25519_BYTES - TAG_BYTES
/** Without it, whoever guesses a memo or a name could check the guess against the hash. */
const SALT_BYTES = 16
const HASH_TAG = utf8('suanli/memo/v1')
const SEAL_TAG = utf8('suanli/sealed-memo/v1')

/** Which transfer of which chain a memo is for: it opens for no other. */
export interface MemoFor {
  readonly genesis: Hash32
  readonly from: Address
  readonly to: Address
  /** 0 is the coin. */
  readonly asset: number
  readonly amountBase: bigint
}

const input = (message: string, cause?: unknown): ClientError =>
  new ClientError('input', message, cause === undefined ? {} : { cause })

/**
 * The hash of a memo, or of travel-rule data, that a transfer carries: `memoHash` or `travelRuleHash`. Whoever gets the bytes and
 * the random salt of 16 bytes another way can check them. Throws ClientError `input`.
 *
 * @example
 * memoHashOf(new TextEncoder().encode('invoice 7'), new Uint8Array(16)).length // 32
 */
export function memoHashOf(bytes: Uint8Array, salt: Uint8Array): Hash32 {
  if (salt.length !== SALT_BYTES) throw input(`a salt is ${SALT_BYTES} random bytes, not ${salt.length}`)
  return sha256(concatBytes(HASH_TAG, salt, bytes))
}

function infoOf({ genesis, from, to, asset, amountBase }: MemoFor): Uint8Array {
  return concatBytes(SEAL_TAG, genesis, from, to, u64be(asset), bigintToFixed(amountBase, 32))
}

/**
 * Seals a memo to the recipient's X25519 key, which it publishes or tells the sender: the `ciphertext` of `transferWithMemo`.
 * Throws ClientError `input`.
 *
 * @example
 * const terms = { genesis: new Uint8Array(32), from: new Uint8Array(20), to: new Uint8Array(20), asset: 0, amountBase: 5n }
 * const sealed = await sealMemo(terms, new Uint8Array(32).fill(9), new TextEncoder().encode('invoice 7'))
 * sealed.length // 57
 */
export async function sealMemo(
  terms: MemoFor,
  recipientKey: Uint8Array,
  memo: Uint8Array,
): Promise<Uint8Array> {
  if (memo.length === 0 || memo.length > MEMO_BYTES_MAX)
    throw input(`a memo of ${memo.length} bytes: 1 to ${MEMO_BYTES_MAX} fit`)
  try {
    const key = await grantSuite.DeserializePublicKey(recipientKey)
    const { encapsulatedSecret, ciphertext } = await grantSuite.Seal(key, memo, { info: infoOf(terms) })
    return concatBytes(encapsulatedSecret, ciphertext)
  } catch (cause) {
    throw input('nothing can be sealed for the recipient’s key', cause)
  }
}

/**
 * Opens what `sealMemo` made. Throws ClientError `input` for another transfer, another key, or bytes that are none.
 *
 * @example
 * const terms = { genesis: new Uint8Array(32), from: new Uint8Array(20), to: new Uint8Array(20), asset: 0, amountBase: 5n }
 * const secret = new Uint8Array(32).fill(7)
 * await openMemo(terms, secret, new Uint8Array(60)).catch(() => 'not for me') // 'not for me'
 */
export async function openMemo(terms: MemoFor, secret: Uint8Array, sealed: Uint8Array): Promise<Uint8Array> {
  if (sealed.length <= X25519_BYTES + TAG_BYTES || sealed.length > SEALED_BYTES_MAX)
    throw input(`a sealed memo of ${sealed.length} bytes is none`)
  try {
    const key = await grantSuite.DeserializePrivateKey(secret)
    const enc = sealed.subarray(0, X25519_BYTES)
    return await grantSuite.Open(key, enc, sealed.subarray(X25519_BYTES), { info: infoOf(terms) })
  } catch (cause) {
    throw input('the memo does not open: it is for another key or another transfer', cause)
  }
}
