// The suite of RFC 9180 that grants are sealed with: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
// Owns: its primitives, so that the same code runs where Web Crypto has no X25519 or no ChaCha20. Not: what is sealed (grant.ts).
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import {
  type AEAD,
  CipherSuite,
  concat,
  DecapError,
  DeserializeError,
  EncapError,
  encode,
  I2OSP,
  type KDF,
  type KEM,
  type Key,
  LabeledExpand,
  LabeledExtract,
} from 'hpke'

export const X25519_BYTES = 32
export const TAG_BYTES = 16
const KEM_ID = 0x0020

/** A key of X25519, public or secret. */
class X25519Key implements Key {
  readonly algorithm = { name: 'X25519' }
  readonly extractable: boolean
  readonly type: 'private' | 'public'
  readonly #bytes: Uint8Array

  constructor(type: 'private' | 'public', bytes: Uint8Array, extractable: boolean) {
    this.type = type
    this.extractable = extractable
    this.#bytes = bytes
  }

  static bytesOf(key: Key): Uint8Array {
    if (!(key instanceof X25519Key)) throw new DeserializeError('a key of another implementation')
    return key.#bytes
  }
}

const kdf = (): KDF => ({
  id: 0x0001,
  type: 'KDF',
  name: 'HKDF-SHA256',
  Nh: 32,
  stages: 2,
  Extract: async (salt, ikm) => extract(sha256, ikm, salt),
  Expand: async (prk, info, length) => expand(sha256, prk, info, length),
  Derive: async () => {
    throw new Error('HKDF has two stages')
  },
})

const SUITE_ID = concat(encode('KEM'), I2OSP(KEM_ID, 2))

/** ExtractAndExpand of RFC 9180, §4.1. */
async function sharedSecret(shared: Uint8Array, context: Uint8Array): Promise<Uint8Array> {
  const prk = await LabeledExtract(kdf(), SUITE_ID, new Uint8Array(0), encode('eae_prk'), shared)
  return LabeledExpand(kdf(), SUITE_ID, prk, encode('shared_secret'), context, X25519_BYTES)
}

const keyPair = (secret: Uint8Array, extractable: boolean) => ({
  privateKey: new X25519Key('private', secret, extractable),
  publicKey: new X25519Key('public', x25519.getPublicKey(secret), true),
})

const kem = (): KEM => ({
  id: KEM_ID,
  type: 'KEM',
  name: 'DHKEM(X25519, HKDF-SHA256)',
  Nsecret: X25519_BYTES,
  Nenc: X25519_BYTES,
  Npk: X25519_BYTES,
  Nsk: X25519_BYTES,
  DeriveKeyPair: async (ikm, extractable) => {
    const prk = await LabeledExtract(kdf(), SUITE_ID, new Uint8Array(0), encode('dkp_prk'), ikm)
    return keyPair(
      await LabeledExpand(kdf(), SUITE_ID, prk, encode('sk'), new Uint8Array(0), X25519_BYTES),
      extractable,
    )
  },
  GenerateKeyPair: async (extractable) => keyPair(x25519.utils.randomSecretKey(), extractable),
  SerializePublicKey: async (key) => X25519Key.bytesOf(key).slice(),
  DeserializePublicKey: async (bytes) => new X25519Key('public', bytes.slice(), true),
  SerializePrivateKey: async (key) => X25519Key.bytesOf(key).slice(),
  DeserializePrivateKey: async (bytes, extractable) => new X25519Key('private', bytes.slice(), extractable),
  Encap: async (recipient) => {
    const publicKey = X25519Key.bytesOf(recipient)
    const secret = x25519.utils.randomSecretKey()
    const enc = x25519.getPublicKey(secret)
    let shared: Uint8Array
    try {
      // It refuses points of small order, whose secret everybody knows.
      shared = x25519.getSharedSecret(secret, publicKey)
    } catch (cause) {
      throw new EncapError('no usable public key', { cause })
    }
    return { shared_secret: await sharedSecret(shared, concat(enc, publicKey)), enc }
  },
  Decap: async (enc, recipient, publicKey) => {
    const secret = X25519Key.bytesOf(recipient)
    const own = publicKey === undefined ? x25519.getPublicKey(secret) : X25519Key.bytesOf(publicKey)
    let shared: Uint8Array
    try {
      shared = x25519.getSharedSecret(secret, enc)
    } catch (cause) {
      throw new DecapError('no usable encapsulated key', { cause })
    }
    return sharedSecret(shared, concat(enc, own))
  },
})

const aead = (): AEAD => ({
  id: 0x0003,
  type: 'AEAD',
  name: 'ChaCha20Poly1305',
  Nk: 32,
  Nn: 12,
  Nt: TAG_BYTES,
  Seal: async (key, nonce, aad, plaintext) => chacha20poly1305(key, nonce, aad).encrypt(plaintext),
  Open: async (key, nonce, aad, ciphertext) => chacha20poly1305(key, nonce, aad).decrypt(ciphertext),
})

export const grantSuite: CipherSuite = /* @__PURE__ */ new CipherSuite(kem, kdf, aead)

/** The public key of an X25519 secret. */
export function x25519PublicKey(secret: Uint8Array): Uint8Array {
  return x25519.getPublicKey(secret)
}
