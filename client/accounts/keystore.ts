// Encrypted key files of wallets (Web3 Secret Storage, version 3): scrypt or PBKDF2, AES-128-CTR, keccak-256 code.
// For Node and browsers. Not: validators' key files (signer/keystore.ts, EIP-2335).
import { scryptAsync } from '@noble/hashes/scrypt.js'
import { secretKeyAddress } from '../../base/address.ts'
import { concatBytes, equalBytes, parseHex, toHex, utf8 } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { isWholeNumber } from '../../base/integers.ts'
import { ClientError } from '../clientError.ts'

/** The file's JSON; byte strings are hex without a prefix. */
export interface KeystoreV3 {
  readonly version: 3
  readonly id: string
  readonly address: string
  readonly crypto: {
    readonly cipher: 'aes-128-ctr'
    readonly cipherparams: { readonly iv: string }
    readonly ciphertext: string
    readonly kdf: 'scrypt'
    readonly kdfparams: {
      readonly dklen: 32
      readonly n: number
      readonly r: 8
      readonly p: 1
      readonly salt: string
    }
    readonly mac: string
  }
}

/** Cost of a guess, as geth's standard: 256 MiB and about a second. */
const SCRYPT_N = 262_144
const SCRYPT_N_LIGHT = 4_096
/** Largest costs a file may demand: a GiB of memory, some seconds. */
const SCRYPT_MEMORY_MAX = 2 ** 23
const SCRYPT_P_MAX = 16
const PBKDF2_ROUNDS_MAX = 10_000_000
const SALT_BYTES_MAX = 1_024

type JsonObject = { readonly [name: string]: unknown }

function malformed(what: string): ClientError {
  return new ClientError('input', `not a version 3 keystore: ${what}`)
}

function objectOf(value: unknown, name: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw malformed(`no ${name}`)
}

function bytesOf(value: unknown, name: string, min: number, max = min): Uint8Array {
  const bytes = typeof value === 'string' ? parseHex(value.replace(/^0x/, '')) : undefined
  if (bytes !== undefined && bytes.length >= min && bytes.length <= max) return bytes
  throw malformed(`${name} is not ${min === max ? min : `${min} to ${max}`} bytes of hex`)
}

function countOf(value: unknown, name: string, max: number): number {
  if (isWholeNumber(value, 1, max)) return value
  throw malformed(`${name} is not a whole number from 1 to ${max}`)
}

/** WebCrypto takes buffers of its own. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes)

async function pbkdf2(secret: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  const { subtle } = globalThis.crypto
  const imported = await subtle.importKey('raw', own(secret), 'PBKDF2', false, ['deriveBits'])
  const algorithm = { name: 'PBKDF2', hash: 'SHA-256', salt: own(salt), iterations }
  return new Uint8Array(await subtle.deriveBits(algorithm, imported, 256))
}

/** scrypt of a secret to 32 bytes, RFC 7914. */
export type Scrypt = (
  secret: Uint8Array,
  salt: Uint8Array,
  cost: { readonly n: number; readonly r: number; readonly p: number },
) => Promise<Uint8Array>

export interface KeystoreOptions {
  /** Default: one in JavaScript, which runs everywhere and takes some seconds; Node's own is ten times faster. */
  readonly scrypt?: Scrypt
}

const scryptAnywhere: Scrypt = (secret, salt, { n, r, p }) =>
  scryptAsync(secret, salt, { N: n, r, p, dkLen: 32, maxmem: scryptMemory(n, r, p) })

/** Bytes that implementations may use, with a margin. */
export function scryptMemory(n: number, r: number, p: number): number {
  return 130 * n * r + 1_024 * r * p + 65_536
}

async function deriveKey(
  password: string,
  kdf: unknown,
  params: JsonObject,
  { scrypt = scryptAnywhere }: KeystoreOptions,
): Promise<Uint8Array> {
  const secret = utf8(password)
  const salt = bytesOf(params.salt, 'salt', 1, SALT_BYTES_MAX)
  if (params.dklen !== 32) throw malformed('dklen is not 32')
  if (kdf === 'pbkdf2') {
    if (params.prf !== 'hmac-sha256') throw malformed('prf is not hmac-sha256')
    const c = countOf(params.c, 'c', PBKDF2_ROUNDS_MAX)
    return pbkdf2(secret, salt, c)
  }
  if (kdf !== 'scrypt') throw malformed('kdf is neither scrypt nor pbkdf2')
  const n = countOf(params.n, 'n', SCRYPT_MEMORY_MAX)
  const r = countOf(params.r, 'r', SCRYPT_MEMORY_MAX)
  const p = countOf(params.p, 'p', SCRYPT_P_MAX)
  if (n < 2 || (n & (n - 1)) !== 0) throw malformed('n is not a power of two')
  if (n * r > SCRYPT_MEMORY_MAX) throw malformed('scrypt needs more than a GiB of memory')
  return scrypt(secret, salt, { n, r, p })
}

/** AES-128-CTR is its own inverse. */
async function cipher(key: Uint8Array, iv: Uint8Array, text: Uint8Array): Promise<Uint8Array> {
  const { subtle } = globalThis.crypto
  const imported = await subtle.importKey('raw', own(key.subarray(0, 16)), 'AES-CTR', false, ['encrypt'])
  // The specification's counter is the whole block.
  const algorithm = { name: 'AES-CTR', counter: own(iv), length: 128 }
  return new Uint8Array(await subtle.encrypt(algorithm, imported, own(text)))
}

const bare = (bytes: Uint8Array): string => toHex(bytes).slice(2)
const codeOf = (key: Uint8Array, text: Uint8Array): Uint8Array =>
  keccak256(concatBytes(key.subarray(16, 32), text))

/**
 * The secret key in a file, 32 bytes. Throws ClientError `input` for a wrong password or a malformed file.
 *
 * @example
 * const file = await encryptKeystore(mnemonicKey(newMnemonic()), 'correct horse', { cost: 'light' })
 * const account = privateKeyAccount(await decryptKeystore(file, 'correct horse'))
 */
export async function decryptKeystore(
  json: unknown,
  password: string,
  options: KeystoreOptions = {},
): Promise<Uint8Array> {
  const file = objectOf(json, 'object')
  if (file.version !== 3) throw malformed('version is not 3')
  // Early writers capitalised it.
  const parts = objectOf(file.crypto ?? file.Crypto, 'crypto')
  if (parts.cipher !== 'aes-128-ctr') throw malformed('cipher is not aes-128-ctr')
  const iv = bytesOf(objectOf(parts.cipherparams, 'cipherparams').iv, 'iv', 16)
  const text = bytesOf(parts.ciphertext, 'ciphertext', 32)
  const code = bytesOf(parts.mac, 'mac', 32)
  const key = await deriveKey(password, parts.kdf, objectOf(parts.kdfparams, 'kdfparams'), options)
  if (!equalBytes(codeOf(key, text), code)) throw new ClientError('input', 'the password is wrong')
  return cipher(key, iv, text)
}

/**
 * Encrypts a secret key. `light` takes a 64th of the time, and of an attacker's too: for tests.
 *
 * @example
 * const file = await encryptKeystore(mnemonicKey(newMnemonic()), 'correct horse', { cost: 'light' })
 * file.version // 3
 */
export async function encryptKeystore(
  secretKey: Uint8Array,
  password: string,
  options: KeystoreOptions & { readonly cost?: 'standard' | 'light' } = {},
): Promise<KeystoreV3> {
  const address = secretKeyAddress(secretKey)
  const random = (size: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(size))
  const [salt, iv] = [random(32), random(16)]
  const n = options.cost === 'light' ? SCRYPT_N_LIGHT : SCRYPT_N
  const kdfparams = { dklen: 32, n, r: 8, p: 1, salt: bare(salt) } as const
  const key = await deriveKey(password, 'scrypt', kdfparams, options)
  const text = await cipher(key, iv, secretKey)
  return {
    version: 3,
    id: globalThis.crypto.randomUUID(),
    address: bare(address),
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: bare(iv) },
      ciphertext: bare(text),
      kdf: 'scrypt',
      kdfparams,
      mac: bare(codeOf(key, text)),
    },
  }
}
