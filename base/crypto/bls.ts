// The BLS signatures of consensus. Owns: the choice of backend. Not: what is signed (base/protocol/vote.ts).
import { nativeBls } from './blsNative.ts'
import { nobleBls } from './blsNoble.ts'
import type { Bls } from './types.ts'

/** The fastest implementation that is present; all give the same answers to the same bytes. */
export const bls: Bls = nativeBls ?? nobleBls

/** Which implementation runs, for logs and benchmarks. */
export const blsBackend = nativeBls === undefined ? 'noble' : 'native'
