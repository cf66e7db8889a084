// Encrypted key files: EIP-2335 version 4 (scrypt or PBKDF2, SHA-256 checksum, AES-128-CTR). Owns: encryption, files.
// Not: what the keys sign (localSigner.ts, p2p/), their paths (keyFiles.ts).
import {
  createCipheriv,
  createDecipheriv,
  pbkdf2Sync,
  randomBytes,
  randomUUID,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto'
import { chmodSync, readFileSync } from 'node:fs'
import { concatBytes, fromHex, parseHex, toHex } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { ExpectedError } from '../base/errors.ts'
import { isWholeNumber } from '../base/integers.ts'
import { writeNewDurablySync } from '../storage/durableFile.ts'

/** What a key file of this node is for; stored in `description` so that a key is not used in the wrong place. */
export type KeyPurpose = 'consensus' | 'peer' | 'operator'

export interface ScryptParams {
  readonly dklen: 32
  readonly n: number
  readonly r: number
  readonly p: number
  readonly salt: string
}

export interface Pbkdf2Params {
  readonly dklen: 32
  readonly c: number
  readonly prf: 'hmac-sha256'
  readonly salt: string
}

export type Kdf =
  | { readonly function: 'scrypt'; readonly params: ScryptParams; readonly message: '' }
  | { readonly function: 'pbkdf2'; readonly params: Pbkdf2Params; readonly message: '' }

/** The document of EIP-2335; byte strings are hex without a prefix. */
export interface Keystore {
  readonly version: 4
  readonly uuid: string
  /** Derivation path (EIP-2334); empty for a key that was not derived. */
  readonly path: string
  /** The purpose in this node's files; free text in files from elsewhere. */
  readonly description?: string
  readonly pubkey?: string
  readonly crypto: {
    readonly kdf: Kdf
    readonly checksum: { readonly function: 'sha256'; readonly params: object; readonly message: string }
    readonly cipher: {
      readonly function: 'aes-128-ctr'
      readonly params: { readonly iv: string }
      readonly message: string
    }
  }
}

/** A key file that cannot be used; the message says why. */
export class KeystoreError extends ExpectedError {
  readonly code: 'WrongPassword' | 'MalformedKeystore' | 'WrongPurpose' | 'WrongKey'
  constructor(code: KeystoreError['code'], message: string) {
    super(message)
    this.name = 'KeystoreError'
    this.code = code
  }
}

/** Cost of guessing one password. `light` is for development keys only, which are public anyway. */
const COSTS = {
  scrypt: { standard: 262_144, light: 1_024 },
  pbkdf2: { standard: 262_144, light: 1_024 },
} as const
/** Largest costs a file may demand: a GiB of memory, a few seconds. */
const SCRYPT_MEMORY_MAX = 2 ** 23
const SCRYPT_P_MAX = 16
const PBKDF2_C_MAX = 10_000_000
const SALT_BYTES_MAX = 1024
const FILE_BYTES_MAX = 64 * 1024
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const bare = (bytes: Uint8Array): string => toHex(bytes).slice(2)

/** EIP-2335: NFKD, then the C0, C1 and Delete control codes removed, then UTF-8. */
export function passwordBytes(password: string): Uint8Array {
  const kept = [...password.normalize('NFKD')].filter((c) => {
    const point = c.codePointAt(0)!
    return point > 0x1f && (point < 0x7f || point > 0x9f)
  })
  return new Uint8Array(Buffer.from(kept.join(''), 'utf8'))
}

function malformed(what: string): KeystoreError {
  return new KeystoreError('MalformedKeystore', `not an EIP-2335 keystore: ${what}`)
}

type JsonObject = { readonly [name: string]: unknown }

function objectAt(parent: JsonObject, name: string): JsonObject {
  const value = parent[name]
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw malformed(`no ${name}`)
  return value as JsonObject
}

function hexAt(parent: JsonObject, name: string, sizes: { min: number; max: number }): string {
  const value = parent[name]
  const bytes = typeof value === 'string' && !/^0x/i.test(value) ? parseHex(value) : undefined
  if (bytes === undefined || bytes.length < sizes.min || bytes.length > sizes.max) {
    const wanted = sizes.min === sizes.max ? `${sizes.min}` : `${sizes.min} to ${sizes.max}`
    throw malformed(`${name} is not ${wanted} bytes of hex`)
  }
  return bare(bytes)
}

function countAt(parent: JsonObject, name: string, max: number): number {
  const value = parent[name]
  if (isWholeNumber(value, 1, max)) return value
  throw malformed(`${name} is not a whole number from 1 to ${max}`)
}

const exactly = (size: number) => ({ min: size, max: size })

function parseKdf(kdf: JsonObject): Kdf {
  const params = objectAt(kdf, 'params')
  if (params.dklen !== 32) throw malformed('dklen is not 32')
  const salt = hexAt(params, 'salt', { min: 1, max: SALT_BYTES_MAX })
  if (kdf.function === 'pbkdf2') {
    if (params.prf !== 'hmac-sha256') throw malformed('prf is not hmac-sha256')
    const c = countAt(params, 'c', PBKDF2_C_MAX)
    return { function: 'pbkdf2', params: { dklen: 32, c, prf: 'hmac-sha256', salt }, message: '' }
  }
  if (kdf.function !== 'scrypt') throw malformed('kdf is neither scrypt nor pbkdf2')
  const n = countAt(params, 'n', SCRYPT_MEMORY_MAX)
  const r = countAt(params, 'r', SCRYPT_MEMORY_MAX)
  const p = countAt(params, 'p', SCRYPT_P_MAX)
  if (n < 2 || (n & (n - 1)) !== 0) throw malformed('scrypt n is not a power of two')
  if (n * r > SCRYPT_MEMORY_MAX) throw malformed('scrypt needs more than a GiB of memory')
  return { function: 'scrypt', params: { dklen: 32, n, r, p, salt }, message: '' }
}

/** Checks every field that decryption relies on; throws KeystoreError naming the first invalid one. */
export function parseKeystore(json: unknown): Keystore {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) throw malformed('not a JSON object')
  const file = json as JsonObject
  if (file.version !== 4) throw malformed('version is not 4')
  if (typeof file.uuid !== 'string' || !UUID.test(file.uuid)) throw malformed('no uuid')
  if (typeof file.path !== 'string') throw malformed('no path')
  if (file.description !== undefined && typeof file.description !== 'string') {
    throw malformed('description is not a string')
  }
  const parts = objectAt(file, 'crypto')
  const [kdf, checksum, cipher] = ['kdf', 'checksum', 'cipher'].map((name) => objectAt(parts, name))
  if (checksum!.function !== 'sha256') throw malformed('checksum is not sha256')
  if (cipher!.function !== 'aes-128-ctr') throw malformed('cipher is not aes-128-ctr')
  return {
    version: 4,
    uuid: file.uuid,
    path: file.path,
    ...(file.description === undefined ? {} : { description: file.description }),
    ...(file.pubkey === undefined ? {} : { pubkey: hexAt(file, 'pubkey', { min: 1, max: 64 }) }),
    crypto: {
      kdf: parseKdf(kdf!),
      checksum: { function: 'sha256', params: {}, message: hexAt(checksum!, 'message', exactly(32)) },
      cipher: {
        function: 'aes-128-ctr',
        params: { iv: hexAt(objectAt(cipher!, 'params'), 'iv', exactly(16)) },
        message: hexAt(cipher!, 'message', exactly(32)),
      },
    },
  }
}

function deriveKey(password: string, kdf: Kdf): Uint8Array {
  const secret = passwordBytes(password)
  const salt = fromHex(kdf.params.salt)
  if (kdf.function === 'pbkdf2') return pbkdf2Sync(secret, salt, kdf.params.c, 32, 'sha256')
  const { n, r, p } = kdf.params
  return scryptSync(secret, salt, 32, { N: n, r, p, maxmem: 129 * n * r + 1024 * r * p + 65_536 })
}

function newKdf(kind: Kdf['function'], cost: 'standard' | 'light'): Kdf {
  const salt = bare(randomBytes(32))
  if (kind === 'pbkdf2') {
    const params = { dklen: 32, c: COSTS.pbkdf2[cost], prf: 'hmac-sha256', salt } as const
    return { function: 'pbkdf2', params, message: '' }
  }
  return { function: 'scrypt', params: { dklen: 32, n: COSTS.scrypt[cost], r: 8, p: 1, salt }, message: '' }
}

/** Encrypts a 32-byte secret; scrypt unless `kdf` says otherwise. */
export function encryptKeystore(options: {
  secret: Uint8Array
  publicKey: Uint8Array
  purpose: KeyPurpose
  password: string
  cost: 'standard' | 'light'
  kdf?: Kdf['function']
  /** Derivation path, when the key has one. */
  path?: string
}): Keystore {
  const kdf = newKdf(options.kdf ?? 'scrypt', options.cost)
  const key = deriveKey(options.password, kdf)
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv)
  const sealed = new Uint8Array(Buffer.concat([cipher.update(options.secret), cipher.final()]))
  const checksum = bare(sha256(concatBytes(key.subarray(16), sealed)))
  return {
    version: 4,
    uuid: randomUUID(),
    description: options.purpose,
    pubkey: bare(options.publicKey),
    path: options.path ?? '',
    crypto: {
      kdf,
      checksum: { function: 'sha256', params: {}, message: checksum },
      cipher: { function: 'aes-128-ctr', params: { iv: bare(iv) }, message: bare(sealed) },
    },
  }
}

/** Decrypts a key of any purpose; throws KeystoreError when the file is malformed or the password is wrong. */
export function openKeystore(keystore: Keystore, password: string): Uint8Array {
  const { kdf, checksum, cipher } = parseKeystore(keystore).crypto
  const sealed = fromHex(cipher.message)
  const key = deriveKey(password, kdf)
  const found = sha256(concatBytes(key.subarray(16), sealed))
  if (!timingSafeEqual(found, fromHex(checksum.message))) {
    throw new KeystoreError('WrongPassword', 'the password does not open this keystore')
  }
  const decipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), fromHex(cipher.params.iv))
  return new Uint8Array(Buffer.concat([decipher.update(sealed), decipher.final()]))
}

/** Decrypts a key of this node; throws KeystoreError also when the file has another purpose. */
export function decryptKeystore(keystore: Keystore, purpose: KeyPurpose, password: string): Uint8Array {
  const { description } = parseKeystore(keystore)
  if (description !== purpose) {
    throw new KeystoreError('WrongPurpose', `this is a ${description} key, a ${purpose} key is needed`)
  }
  return openKeystore(keystore, password)
}

/** Writes a file that only its owner can read. Throws when it exists: a key is never overwritten. */
export function writeKeystore(file: string, keystore: Keystore): void {
  writeNewDurablySync(file, `${JSON.stringify(keystore, null, 2)}\n`)
  chmodSync(file, 0o600)
}

/** Reads and checks a key file; throws KeystoreError naming the file. */
export function readKeystore(file: string): Keystore {
  const text = readFileSync(file, 'utf8')
  try {
    if (text.length > FILE_BYTES_MAX) throw malformed('longer than any keystore')
    return parseKeystore(JSON.parse(text))
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new KeystoreError('MalformedKeystore', `${file} is not JSON`)
    if (cause instanceof KeystoreError) throw new KeystoreError(cause.code, `${file}: ${cause.message}`)
    throw cause
  }
}

/** Decrypts a key file of this purpose, or of any; throws KeystoreError naming the file. */
export function openKeyFile(file: string, purpose: KeyPurpose | undefined, password: string): Uint8Array {
  const keystore = readKeystore(file)
  try {
    return purpose === undefined
      ? openKeystore(keystore, password)
      : decryptKeystore(keystore, purpose, password)
  } catch (cause) {
    if (cause instanceof KeystoreError) throw new KeystoreError(cause.code, `${file}: ${cause.message}`)
    throw cause
  }
}

/** The public key a file claims, without its password; throws KeystoreError when it claims none. */
export function keystorePublicKey(keystore: Keystore): Uint8Array {
  if (keystore.pubkey === undefined) throw malformed('no pubkey')
  return fromHex(keystore.pubkey)
}
