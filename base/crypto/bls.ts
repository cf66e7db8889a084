// The BLS signatures of consensus. Owns: the choice of backend. Not: what is signed (base/protocol/vote.ts).
import { bytesKey } from '../bytes.ts'
import { RecentMap } from '../recentMap.ts'
import { nativeBls } from './blsNative.ts'
import { nobleBls } from './blsNoble.ts'
import type { Bls } from './types.ts'

/** Valid proofs of possession remembered: more than a set has members. */
const PROOFS_MAX = 1_024

/** A proof costs 50 ms and is checked where it is proposed, where it is executed and on every fork. */
function rememberingProofs(backend: Bls): Bls {
  const valid = new RecentMap<true>(PROOFS_MAX)
  return {
    ...backend,
    verifyProof: (publicKey, proof) => {
      // The length keeps the same bytes, split elsewhere into key and proof, apart.
      const key = `${bytesKey(publicKey)}/${bytesKey(proof)}/${publicKey.length}`
      if (valid.has(key)) return true
      const isValid = backend.verifyProof(publicKey, proof)
      if (isValid) valid.set(key, true)
      return isValid
    },
  }
}

/** The fastest implementation that is present; all give the same answers to the same bytes. */
export const bls: Bls = rememberingProofs(nativeBls ?? nobleBls)

/** Which implementation runs, for logs and benchmarks. */
export const blsBackend = nativeBls === undefined ? 'noble' : 'native'
