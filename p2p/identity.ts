// Node identities: ed25519 seed → libp2p peer id, without libp2p, and signatures with it.
// Owns: the bytes and text of peer ids.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { assert, mustExist } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { isPeerIdBytes, PEER_ID_PREFIX } from '../base/protocol/validators.ts'
import type { PeerKey } from './protocol.ts'

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** DER of an ed25519 private key up to its 32-byte seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** DER of an ed25519 public key up to its 32 bytes (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

// Node's own: the library takes 30 ms for the first key, and every command that names a node needs one.
const privateKeyOf = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })

/** The 32 bytes of the public key, from a 32-byte ed25519 seed. */
export function publicKeyOfSeed(seed: Uint8Array): Uint8Array {
  assert(seed.length === 32, 'a peer identity seed has 32 bytes')
  const { x } = createPublicKey(privateKeyOf(seed)).export({ format: 'jwk' })
  return new Uint8Array(Buffer.from(mustExist(x, 'an ed25519 key'), 'base64url'))
}

/** The 38 multihash bytes of `Validator.peerId`, from a 32-byte ed25519 seed. */
export function peerIdBytesFromSeed(seed: Uint8Array): Uint8Array {
  return concatBytes(PEER_ID_PREFIX, publicKeyOfSeed(seed))
}

/** Base58btc text of multihash bytes, as in `/p2p/<text>` addresses. */
export function peerIdText(bytes: Uint8Array): PeerKey {
  let value = 0n
  let zeros = 0
  for (const byte of bytes) {
    if (value === 0n && byte === 0) zeros++
    value = value * 256n + BigInt(byte)
  }
  let text = ''
  while (value > 0n) {
    text = BASE58[Number(value % 58n)]! + text
    value /= 58n
  }
  return '1'.repeat(zeros) + text
}

/** ed25519 signature of 64 bytes by the identity with this seed. */
export function signAsPeer(seed: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, bytes, privateKeyOf(seed)))
}

/** Whether the identity with these multihash bytes made the signature. */
export function verifyPeerSignature(
  peerId: Uint8Array,
  { bytes, signature }: { readonly bytes: Uint8Array; readonly signature: Uint8Array },
): boolean {
  if (!isPeerIdBytes(peerId) || signature.length !== 64) return false
  const key = Buffer.concat([SPKI_PREFIX, peerId.subarray(PEER_ID_PREFIX.length)])
  return verify(null, bytes, createPublicKey({ key, format: 'der', type: 'spki' }), signature)
}
