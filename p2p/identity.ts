// Node identities: ed25519 seed → libp2p peer id. Owns: the bytes and text of peer ids. Needs no running libp2p.
import { ed25519 } from '@noble/curves/ed25519.js'
import { assert } from '../base/assert.ts'
import { concatBytes, equalBytes } from '../base/bytes.ts'
import type { PeerKey } from './protocol.ts'

/** Identity multihash of a protobuf public key {type: Ed25519, 32 bytes of data}. */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const PUBLIC_KEY_BYTES = 32
export const PEER_ID_BYTES = PEER_ID_PREFIX.length + PUBLIC_KEY_BYTES

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** The 38 multihash bytes that stand in `Validator.peerId`, from a 32-byte ed25519 seed. */
export function peerIdBytesFromSeed(seed: Uint8Array): Uint8Array {
  assert(seed.length === 32, 'a peer identity seed has 32 bytes')
  return concatBytes(PEER_ID_PREFIX, ed25519.getPublicKey(seed))
}

/** Whether the bytes are an ed25519 peer id; other key types have no place in a validator set. */
export function isPeerIdBytes(bytes: Uint8Array): boolean {
  return (
    bytes.length === PEER_ID_BYTES && equalBytes(bytes.subarray(0, PEER_ID_PREFIX.length), PEER_ID_PREFIX)
  )
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
