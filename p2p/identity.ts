// Node identities: ed25519 seed → libp2p peer id, without libp2p. Owns: the bytes and text of peer ids.
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { assert, mustExist } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { PEER_ID_PREFIX } from '../base/protocol/validators.ts'
import type { PeerKey } from './protocol.ts'

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** DER of an ed25519 private key up to its 32-byte seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The 38 multihash bytes of `Validator.peerId`, from a 32-byte ed25519 seed. */
export function peerIdBytesFromSeed(seed: Uint8Array): Uint8Array {
  assert(seed.length === 32, 'a peer identity seed has 32 bytes')
  // Node's own: the library takes 30 ms for the first key, and every command that names a node needs one.
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  return concatBytes(PEER_ID_PREFIX, new Uint8Array(Buffer.from(mustExist(x, 'an ed25519 key'), 'base64url')))
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
