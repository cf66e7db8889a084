// Signatures of the validators in one process: what one of them signed or verified, the others need not pair again. All answers are
// those of the real thing; it is the greater part of a devnet's work that is saved. Not for a node on its own.
import { bytesKey } from '../base/bytes.ts'
import type { Bls } from '../base/crypto/types.ts'
import { RecentMap } from '../base/recentMap.ts'

/** A block of sixteen validators brings some hundred signatures. */
const KNOWN_MAX = 16_384
const keyOf = (parts: readonly Uint8Array[]): string =>
  parts.map((part) => `${part.length}:${bytesKey(part)}`).join('/')

/** One for all validators of a process. Bounded: what it has forgotten is verified again. */
export function sharedBls(bls: Bls): Bls {
  const results = new RecentMap<boolean>(KNOWN_MAX)
  /** Sums by the signatures that they are of, which several validators add up alike. */
  const sums = new RecentMap<Uint8Array>(KNOWN_MAX)
  /** The single signatures that a sum is of, for sums of sums. */
  const partsOf = new RecentMap<readonly Uint8Array[]>(KNOWN_MAX)

  const remembered = (parts: readonly Uint8Array[], verify: () => boolean): boolean => {
    const key = keyOf(parts)
    const known = results.get(key)
    if (known !== undefined) return known
    const result = verify()
    results.set(key, result)
    return result
  }
  const verify: Bls['verify'] = (publicKey, message, signature) =>
    remembered([publicKey, message, signature], () => bls.verify(publicKey, message, signature))

  /** A sum of one valid signature of each of these keys over this message is valid. */
  const isSumOfKnown = (
    publicKeys: readonly Uint8Array[],
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean => {
    const left = new Set(partsOf.get(bytesKey(signature)) ?? [])
    if (left.size !== publicKeys.length) return false
    return publicKeys.every((key) => {
      for (const part of left) {
        if (results.get(keyOf([key, message, part])) !== true) continue
        return left.delete(part)
      }
      return false
    })
  }

  return {
    ...bls,
    sign: (secretKey, message) => {
      const signature = bls.sign(secretKey, message)
      results.set(keyOf([publicKeyOf(bls, secretKey), message, signature]), true)
      return signature
    },
    verify,
    aggregate: (signatures) => {
      const key = keyOf(signatures)
      const known = sums.get(key)
      if (known !== undefined) return known
      const sum = bls.aggregate(signatures)
      if (sum === undefined) return undefined
      sums.set(key, sum)
      partsOf.set(
        bytesKey(sum),
        signatures.flatMap((signature) => partsOf.get(bytesKey(signature)) ?? [signature]),
      )
      return sum
    },
    verifyAggregate: (publicKeys, message, signature) => {
      if (publicKeys.length === 1) return verify(publicKeys[0]!, message, signature)
      return remembered(
        [message, signature, ...publicKeys],
        () =>
          isSumOfKnown(publicKeys, message, signature) || bls.verifyAggregate(publicKeys, message, signature),
      )
    },
  }
}

/** Of the process's own validators. */
const PUBLIC_KEYS_MAX = 64
const publicKeys = new RecentMap<Uint8Array>(PUBLIC_KEYS_MAX)

function publicKeyOf(bls: Bls, secretKey: Uint8Array): Uint8Array {
  const at = bytesKey(secretKey)
  const known = publicKeys.get(at) ?? bls.publicKey(secretKey)
  publicKeys.set(at, known)
  return known
}
