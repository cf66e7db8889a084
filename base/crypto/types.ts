// Interfaces of the crypto backends. Two implementations (native and @noble) are tested against each other.

export interface Secp256k1 {
  /** 65 bytes r ‖ s ‖ yParity, RFC 6979, low s. `hash` 32 bytes, `secretKey` 32 bytes. */
  sign(hash: Uint8Array, secretKey: Uint8Array): Uint8Array
  /**
   * Uncompressed public key (65 bytes) or undefined; rejects high s, r or s out of range, yParity > 1. The key is valid
   * only until the next call.
   */
  recover(hash: Uint8Array, signature: Uint8Array): Uint8Array | undefined
  /** Uncompressed public key, 65 bytes. Throws on an invalid key. */
  publicKey(secretKey: Uint8Array): Uint8Array
}

/** BLS12-381, keys in G1 (48 bytes), signatures in G2 (96 bytes), ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_. */
export interface Bls {
  /** EIP-2333-style key from at least 32 bytes of entropy (IETF KeyGen). */
  keygen(ikm: Uint8Array): Uint8Array
  publicKey(secretKey: Uint8Array): Uint8Array
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array
  /** False on infinity, non-canonical or out-of-subgroup input; never throws on Byzantine bytes. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** Signature over the public key with the POP ciphersuite's own tag. */
  prove(secretKey: Uint8Array): Uint8Array
  verifyProof(publicKey: Uint8Array, proof: Uint8Array): boolean
  /** Whether these are the canonical bytes of a finite point in the right subgroup, as a validator set requires. */
  isKey(publicKey: Uint8Array): boolean
  /** Undefined when any input is not a valid signature point. */
  aggregate(signatures: readonly Uint8Array[]): Uint8Array | undefined
  /** One pairing check: all keys signed the same message. False for an empty list. */
  verifyAggregate(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean
}
