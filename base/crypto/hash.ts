// Hashes. Owns: the choice of the fastest backend that is present. Not: batch hashing of tree layers.
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

/** The twins in plain JavaScript: the fallback, and the reference in tests. */
export const portableSha256: HashFunction = (bytes) => nobleSha256(bytes)
export const portableKeccak256: HashFunction = (bytes) => keccak_256(bytes)

function nodeSha256(): HashFunction | undefined {
  const hash = loadNative<NodeCrypto>('node:crypto')?.hash
  if (hash === undefined) return undefined
  return (bytes) => {
    // A Latin-1 string is cheaper to hand over than a Buffer, which needs its own backing store.
    const text = hash('sha256', bytes, 'binary')
    const out = new Uint8Array(32)
    for (let i = 0; i < 32; i++) out[i] = text.charCodeAt(i)
    return out
  }
}

async function wasmKeccak256(): Promise<HashFunction | undefined> {
  const wasm = loadNative<HashWasm>('hash-wasm')
  if (wasm === undefined) return undefined
  try {
    const hasher = await wasm.createKeccak(256)
    return (bytes) => hasher.init().update(bytes).digest('binary')
  } catch {
    // WebAssembly can be switched off.
    return undefined
  }
}

const fastSha256 = nodeSha256()
const fastKeccak256 = await wasmKeccak256()

/** Which implementation runs, for logs and benchmarks. */
export const hashBackends = {
  sha256: fastSha256 === undefined ? 'noble' : 'node',
  keccak256: fastKeccak256 === undefined ? 'noble' : 'wasm',
} as const

const sha256Backend = fastSha256 ?? portableSha256
const keccak256Backend = fastKeccak256 ?? portableKeccak256

export function sha256(bytes: Uint8Array): Hash32 {
  return sha256Backend(bytes)
}

/** Ethereum's keccak-256, with the original padding rather than SHA-3's. */
export function keccak256(bytes: Uint8Array): Hash32 {
  return keccak256Backend(bytes)
}
