// Key files with passwords (EIP-2335 shape: scrypt, AES-128-CTR, SHA-256 checksum). Owns: encryption and files.
// Not: what the keys sign (signer.ts, p2p/).
import { createCipheriv, createDecipheriv, randomBytes, randomUUID, scryptSync } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { concatBytes, equalBytes, fromHex, parseHex, toHex } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'

/** What a key file is for; it stands in the file so that a key is not used in the wrong place. */
export type KeyPurpose = 'consensus' | 'peer' | 'operator'

export interface Keystore {
  readonly version: 4
  readonly uuid: string
  readonly description: KeyPurpose
  readonly pubkey: string
  readonly path: string
  readonly crypto: {
    readonly kdf: { readonly function: 'scrypt'; readonly params: ScryptParams; readonly message: '' }
    readonly checksum: { readonly function: 'sha256'; readonly params: object; readonly message: string }
    readonly cipher: {
      readonly function: 'aes-128-ctr'
      readonly params: { readonly iv: string }
      readonly message: string
    }
  }
}

interface ScryptParams {
  readonly dklen: 32
  readonly n: number
  readonly r: number
  readonly p: number
  readonly salt: string
}

/** A key file that cannot be used; `reason` says what an operator can do about it. */
export class KeystoreError extends Error {
  readonly code: 'WrongPassword' | 'MalformedKeystore' | 'WrongPurpose'
  constructor(code: KeystoreError['code'], message: string) {
    super(message)
    this.name = 'KeystoreError'
    this.code = code
  }
}

/** Cost of guessing one password. `light` is for development keys only, which are public anyway. */
const SCRYPT_N = { standard: 262_144, light: 4_096 } as const
/** Largest cost a file may demand of us. */
const SCRYPT_N_MAX = 1_048_576

const bare = (bytes: Uint8Array): string => toHex(bytes).slice(2)

// EIP-2335: NFKD, then control characters removed.
function normalisePassword(password: string): Buffer {
  const kept = [...password.normalize('NFKD')].filter((c) => {
    const point = c.codePointAt(0)!
    return point > 0x1f && (point < 0x7f || point > 0x9f)
  })
  return Buffer.from(kept.join(''), 'utf8')
}

function deriveKey(password: string, params: ScryptParams): Uint8Array {
  const salt = parseHex(params.salt)
  const sound =
    salt !== undefined &&
    params.dklen === 32 &&
    Number.isSafeInteger(params.n) &&
    params.n >= 2 &&
    params.n <= SCRYPT_N_MAX &&
    (params.n & (params.n - 1)) === 0 &&
    Number.isSafeInteger(params.r) &&
    params.r >= 1 &&
    params.r <= 16 &&
    Number.isSafeInteger(params.p) &&
    params.p >= 1 &&
    params.p <= 4
  if (!sound) throw new KeystoreError('MalformedKeystore', 'scrypt parameters are out of range')
  return scryptSync(normalisePassword(password), salt, 32, {
    N: params.n,
    r: params.r,
    p: params.p,
    maxmem: 256 * params.n * params.r,
  })
}

/** Encrypts a 32-byte secret. */
export function encryptKeystore(options: {
  secret: Uint8Array
  publicKey: Uint8Array
  purpose: KeyPurpose
  password: string
  cost: keyof typeof SCRYPT_N
}): Keystore {
  const params: ScryptParams = {
    dklen: 32,
    n: SCRYPT_N[options.cost],
    r: 8,
    p: 1,
    salt: bare(randomBytes(32)),
  }
  const key = deriveKey(options.password, params)
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv)
  const sealed = new Uint8Array(Buffer.concat([cipher.update(options.secret), cipher.final()]))
  return {
    version: 4,
    uuid: randomUUID(),
    description: options.purpose,
    pubkey: bare(options.publicKey),
    path: '',
    crypto: {
      kdf: { function: 'scrypt', params, message: '' },
      checksum: {
        function: 'sha256',
        params: {},
        message: bare(sha256(concatBytes(key.subarray(16), sealed))),
      },
      cipher: { function: 'aes-128-ctr', params: { iv: bare(iv) }, message: bare(sealed) },
    },
  }
}

/** Decrypts; throws KeystoreError when the password is wrong, the file is malformed or meant for something else. */
export function decryptKeystore(keystore: Keystore, purpose: KeyPurpose, password: string): Uint8Array {
  const { kdf, checksum, cipher } = keystore.crypto ?? {}
  if (
    keystore.version !== 4 ||
    kdf?.function !== 'scrypt' ||
    cipher?.function !== 'aes-128-ctr' ||
    checksum?.function !== 'sha256'
  ) {
    throw new KeystoreError('MalformedKeystore', 'not an EIP-2335 keystore with scrypt and aes-128-ctr')
  }
  if (keystore.description !== purpose) {
    throw new KeystoreError(
      'WrongPurpose',
      `this is a ${keystore.description} key, a ${purpose} key is needed`,
    )
  }
  const sealed = parseHex(cipher.message)
  const iv = parseHex(cipher.params.iv)
  const expected = parseHex(checksum.message)
  if (sealed?.length !== 32 || iv?.length !== 16 || expected?.length !== 32) {
    throw new KeystoreError('MalformedKeystore', 'keystore fields have the wrong length')
  }
  const key = deriveKey(password, kdf.params)
  if (!equalBytes(sha256(concatBytes(key.subarray(16), sealed)), expected)) {
    throw new KeystoreError('WrongPassword', 'the password does not open this keystore')
  }
  const decipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), iv)
  return new Uint8Array(Buffer.concat([decipher.update(sealed), decipher.final()]))
}

/** Writes the file readable by its owner only; never overwrites a key. Throws when the file exists. */
export function writeKeystore(file: string, keystore: Keystore): void {
  writeFileSync(file, `${JSON.stringify(keystore, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  chmodSync(file, 0o600)
}

/** Reads a key file; throws KeystoreError naming the file when it is not JSON. */
export function readKeystore(file: string): Keystore {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Keystore
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new KeystoreError('MalformedKeystore', `${file} is not JSON`)
    throw cause
  }
}

/** The public key a file claims, without its password. */
export function keystorePublicKey(keystore: Keystore): Uint8Array {
  return fromHex(keystore.pubkey)
}
