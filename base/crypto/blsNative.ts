// BLS on blst. Proofs of possession use the portable backend: the binding hard-codes the signature tag.
import { assert } from '../assert.ts'
import { nobleBls } from './blsNoble.ts'
import {
  BLS_KEY_BYTES,
  BLS_SIGNATURE_BYTES,
  cacheKeys,
  checkSecretKey,
  isCanonicalPoint,
} from './blsRules.ts'
import { loadNative } from './native.ts'
import type { Bls } from './types.ts'

type Blst = typeof import('@chainsafe/blst')

function createNative(): Bls | undefined {
  const blst = loadNative<Blst>('@chainsafe/blst')
  if (blst === undefined) return undefined

  /** The binding throws on anything that is not a finite point of the right subgroup. */
  function attempt<T>(make: () => T): T | undefined {
    try {
      return make()
    } catch {
      return undefined
    }
  }

  const decodeKey = cacheKeys((bytes) =>
    isCanonicalPoint(bytes, BLS_KEY_BYTES) ? attempt(() => blst.PublicKey.fromBytes(bytes, true)) : undefined,
  )

  const decodeSignature = (bytes: Uint8Array) =>
    isCanonicalPoint(bytes, BLS_SIGNATURE_BYTES)
      ? attempt(() => blst.Signature.fromBytes(bytes, true, true))
      : undefined

  return {
    keygen: (ikm) => {
      assert(ikm.length >= 32, 'key generation needs at least 32 bytes of entropy')
      return plain(blst.SecretKey.fromKeygen(ikm).toBytes())
    },
    publicKey: (secretKey) =>
      plain(blst.SecretKey.fromBytes(checkSecretKey(secretKey)).toPublicKey().toBytes()),
    sign: (secretKey, message) =>
      plain(blst.SecretKey.fromBytes(checkSecretKey(secretKey)).sign(message).toBytes()),
    verify: (publicKey, message, signature) => {
      const key = decodeKey(publicKey)
      const point = key === undefined ? undefined : decodeSignature(signature)
      if (key === undefined || point === undefined) return false
      return attempt(() => blst.verify(message, key, point, false, false)) === true
    },
    prove: (secretKey) => nobleBls.prove(secretKey),
    verifyProof: (publicKey, proof) => nobleBls.verifyProof(publicKey, proof),
    isKey: (publicKey) => decodeKey(publicKey) !== undefined,
    aggregate: (signatures) => {
      if (signatures.length === 0) return undefined
      const points: InstanceType<Blst['Signature']>[] = []
      for (const signature of signatures) {
        const point = decodeSignature(signature)
        if (point === undefined) return undefined
        points.push(point)
      }
      const sum = plain(blst.aggregateSignatures(points, false).toBytes())
      // Shares that cancel sum to infinity.
      return isCanonicalPoint(sum, BLS_SIGNATURE_BYTES) ? sum : undefined
    },
    verifyAggregate: (publicKeys, message, signature) => {
      if (publicKeys.length === 0) return false
      const keys: InstanceType<Blst['PublicKey']>[] = []
      for (const publicKey of publicKeys) {
        const key = decodeKey(publicKey)
        if (key === undefined) return false
        keys.push(key)
      }
      const point = decodeSignature(signature)
      if (point === undefined) return false
      return attempt(() => blst.fastAggregateVerify(message, keys, point, false)) === true
    },
  }
}

/** The binding returns Buffers, whose `slice` shares memory. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

/** Undefined when the package has no binary for the platform. */
export const nativeBls: Bls | undefined = createNative()
