// The validator set as every room sees it. Owns: its bytes, hash and quorum arithmetic. Not: how a set is decided (state).
import { equalBytes } from '../bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Hash32 } from '../ids.ts'
import { message, t } from '../schema.ts'
import { VALIDATORS_MAX } from './limits.ts'

/** Identity multihash of a protobuf public key {type: Ed25519, 32 bytes of data}. */
export const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const PEER_ID_BYTES = PEER_ID_PREFIX.length + 32

/** Whether the bytes are an ed25519 peer id; a validator set allows no other key type. */
export function isPeerIdBytes(bytes: Uint8Array): boolean {
  return bytes.length === PEER_ID_BYTES && PEER_ID_PREFIX.every((byte, i) => byte === bytes[i])
}

export const validatorSchema = message('Validator', {
  /** Provider id, never reused. */
  id: t.u64,
  /** The operator account; the `proposer` in headers. */
  operator: t.address,
  /** BLS12-381 G1, 48 bytes; its proof of possession was verified before it entered state. */
  consensusKey: t.fixed(48),
  /** libp2p peer id, as its multihash bytes. */
  peerId: t.bytes(64),
})
export type Validator = ReturnType<typeof validatorSchema.decode>

/** Sorted by id; the index in this list is the bit in a certificate's bitmap. */
export const validatorSetSchema = message('ValidatorSet', {
  validators: t.list(validatorSchema, VALIDATORS_MAX),
})
export type ValidatorSet = ReturnType<typeof validatorSetSchema.decode>

/** SHA-256 of the set's canonical bytes. */
export function validatorSetHash(set: ValidatorSet): Hash32 {
  return sha256(validatorSetSchema.encode(set))
}

/** The index of the validator with this consensus key; undefined when none has it or there is no key. */
export function indexOfKey(
  validators: readonly Pick<Validator, 'consensusKey'>[],
  key: Uint8Array | undefined,
): number | undefined {
  if (key === undefined) return undefined
  const index = validators.findIndex(({ consensusKey }) => equalBytes(consensusKey, key))
  return index < 0 ? undefined : index
}

/** f = ⌊(n − 1)/3⌋. */
export function faultyMax(validatorCount: number): number {
  return Math.floor((validatorCount - 1) / 3)
}

/** q = n − f (not 2f + 1). */
export function quorum(validatorCount: number): number {
  return validatorCount - faultyMax(validatorCount)
}
