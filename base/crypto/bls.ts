// The BLS signatures of consensus. Owns: the choice of backend. Not: what is signed (base/protocol/vote.ts).
import { bytesKey } from '../bytes.ts'
import { RecentMap } from '../recentMap.ts'
import { nativeBls } from './blsNative.ts'
import { nobleBls } from './blsNoble.ts'
import type { Bls } from './types.ts'

/** Valid proofs of possession cached: more than the largest set has members. */
const PROOFS_MAX = 1_024

/** Verifying a proof takes 50 ms and happens when proposing, when executing and on every fork. */
function rememberingProofs(backend: Bls): Bls {
  const valid = new RecentMap<true>(PROOFS_MAX)
  return {
    ...backend,
    verifyProof: (publicKey, proof) => {
      // The length distinguishes equal bytes that are split differently into key and proof.
      const key = `${bytesKey(publicKey)}/${bytesKey(proof)}/${publicKey.length}`
      if (valid.has(key)) return true
      const isValid = backend.verifyProof(publicKey, proof)
      if (isValid) valid.set(key, true)
      return isValid
    },
  }
}

/** The fastest implementation available; all return the same results. */
export const bls: Bls = rememberingProofs(nativeBls ?? nobleBls)

/** Which implementation runs, for logs and benchmarks. */
export const blsBackend = nativeBls === undefined ? 'noble' : 'native'
