// Node identities: ed25519 seed → libp2p peer id, without libp2p. Owns: the bytes and text of peer ids.
import { ed25519 } from '@noble/curves/ed25519.js'
import { assert } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { PEER_ID_PREFIX } from '../base/protocol/validators.ts'
import type { PeerKey } from './protocol.ts'

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** The 38 multihash bytes of `Validator.peerId`, from a 32-byte ed25519 seed. */
export function peerIdBytesFromSeed(seed: Uint8Array): Uint8Array {
  assert(seed.length === 32, 'a peer identity seed has 32 bytes')
  return concatBytes(PEER_ID_PREFIX, ed25519.getPublicKey(seed))
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
