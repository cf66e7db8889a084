// Hashes. Owns: the choice of the fastest available backend. Not: batch hashing of tree layers.
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Hash32 } from '../ids.ts'
import { loadNative } from './native.ts'

type HashFunction = (bytes: Uint8Array) => Hash32
type NodeCrypto = { hash?(algorithm: string, data: Uint8Array, outputEncoding: 'binary'): string }
type WasmHasher = {
  init(): WasmHasher
  update(data: Uint8Array): WasmHasher
  digest(outputType: 'binary'): Uint8Array
}
type HashWasm = { createKeccak(bits: 256): Promise<WasmHasher> }

/** Plain JavaScript: the fallback, and the reference in tests. */
export const portableSha256: HashFunction = (bytes) => nobleSha256(bytes)
export const portableKeccak256: HashFunction = (bytes) => keccak_256(bytes)

/** Node's SHA-256 as a Latin-1 string, which is cheaper to return than a Buffer with its own backing store. */
function nodeSha256(): ((bytes: Uint8Array) => string) | undefined {
  const hash = loadNative<NodeCrypto>('node:crypto')?.hash
  return hash === undefined ? undefined : (bytes) => hash('sha256', bytes, 'binary')
}

async function wasmKeccak256(): Promise<HashFunction | undefined> {
  const wasm = loadNative<HashWasm>('hash-wasm')
  if (wasm === undefined) return undefined
  try {
    const hasher = await wasm.createKeccak(256)
    return (bytes) => hasher.init().update(bytes).digest('binary')
  } catch {
    // WebAssembly may be disabled.
    return undefined
  }
}

const sha256Text = nodeSha256()
const fastKeccak256 = await wasmKeccak256()

/** Which implementation runs, for logs and benchmarks. */
export const hashBackends = {
  sha256: sha256Text === undefined ? 'noble' : 'node',
  keccak256: fastKeccak256 === undefined ? 'noble' : 'wasm',
} as const

const keccak256Backend = fastKeccak256 ?? portableKeccak256

export function sha256(bytes: Uint8Array): Hash32 {
  const out = new Uint8Array(32)
  sha256Into(bytes, out, 0)
  return out
}

/** Writes the hash of `bytes` to `out` at `at`, so that thousands of hashes can share one buffer. */
export function sha256Into(bytes: Uint8Array, out: Uint8Array, at: number): void {
  if (sha256Text === undefined) {
    out.set(portableSha256(bytes), at)
    return
  }
  const text = sha256Text(bytes)
  for (let i = 0; i < 32; i++) out[at + i] = text.charCodeAt(i)
}

/** Ethereum's keccak-256, with the original padding rather than SHA-3's. */
export function keccak256(bytes: Uint8Array): Hash32 {
  return keccak256Backend(bytes)
}
