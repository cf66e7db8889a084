// Which implementation of each algorithm runs here: the native one, or the portable one that is 20 to 30 times slower.
import { blsBackend } from './bls.ts'
import { hashBackends } from './hash.ts'
import { hashPairsNative } from './hashLayers.ts'
import { secp256k1Backend } from './secp256k1.ts'

export interface CryptoBackend {
  readonly algorithm: 'bls12-381' | 'secp256k1' | 'sha256' | 'sha256-layers' | 'keccak256'
  /** As in logs and metrics: `native`, `wasm`, `node`, or `noble` for plain JavaScript. */
  readonly implementation: string
  /** The package whose binary is missing; undefined when the fast one runs. */
  readonly missing: string | undefined
}

const backend = (
  algorithm: CryptoBackend['algorithm'],
  implementation: string,
  source: string,
): CryptoBackend => ({
  algorithm,
  implementation,
  missing: implementation === 'noble' ? source : undefined,
})

/** Of this process. */
export const cryptoBackends: readonly CryptoBackend[] = [
  backend('bls12-381', blsBackend, '@chainsafe/blst'),
  backend('secp256k1', secp256k1Backend, 'secp256k1'),
  backend('sha256-layers', hashPairsNative === undefined ? 'noble' : 'native', '@chainsafe/hashtree'),
  backend('sha256', hashBackends.sha256, 'node:crypto'),
  backend('keccak256', hashBackends.keccak256, 'hash-wasm'),
]

/** `bls12-381 native, secp256k1 native, …` */
export function backendsText(backends: readonly CryptoBackend[]): string {
  return backends.map(({ algorithm, implementation }) => `${algorithm} ${implementation}`).join(', ')
}

/** What is slow here and why, or undefined. */
export function slowCryptoText(backends: readonly CryptoBackend[]): string | undefined {
  const slow = backends.filter(({ missing }) => missing !== undefined)
  if (slow.length === 0) return undefined
  const list = slow.map(({ algorithm, missing }) => `${algorithm} (${missing})`).join(', ')
  return `no native implementation of ${list}: 20 to 30 times slower`
}
