// A recovery: the members' signed agreement to continue in a new epoch after losing the quorum (CONSENSUS §5). Owns: its
// bytes, its hash, what is signed. Not: the rules (recoveryRules.ts), its effect on state (state/recovery.ts).
import { concatBytes, toHex, utf8 } from '../bytes.ts'
import { keccak256, sha256 } from '../crypto/hash.ts'
import type { Hash32 } from '../ids.ts'
import { message, t } from '../schema.ts'
import { VALIDATORS_MAX } from './limits.ts'
import { validatorSchema, validatorSetSchema } from './validators.ts'
import { certificateSchema } from './vote.ts'

/** Finalize votes in one attestation, the highest; blocks of lower ones are ancestors or lost (CONSENSUS §4). */
export const RECOVERY_VOTES_MAX = 64
/** Encoded recovery file, bytes: the largest set, every key replaced, every vote list full. */
export const RECOVERY_FILE_BYTES_MAX = 1024 * 1024

/** A block and the round that certified it; round (0, 0) is genesis. */
export const recoveryPointSchema = message('RecoveryPoint', {
  height: t.u64,
  hash: t.hash,
  epoch: t.u64,
  /** View of the certificate; 0 when the block is genesis. */
  view: t.u64,
})
export type RecoveryPoint = ReturnType<typeof recoveryPointSchema.decode>

/** A finalize vote: its block may be final on some node. */
export const recoveryVoteSchema = message('RecoveryVote', { epoch: t.u64, view: t.u64, digest: t.hash })
export type RecoveryVote = ReturnType<typeof recoveryVoteSchema.decode>

/** Authorizes a consensus key or peer id that differs from the chain's. */
export const keyReplacementSchema = message('KeyReplacement', {
  /** BLS proof of possession of the new consensus key. */
  possessionProof: t.fixed(96),
  /** The operator account's EIP-191 signature of `replacementText`, r ‖ s ‖ yParity. */
  operatorSignature: t.fixed(65),
})

export const recoveryMemberSchema = message('RecoveryMember', {
  validator: validatorSchema,
  /** Present exactly when the consensus key or peer id differs from that in `previous`. */
  replacement: t.optional(keyReplacementSchema),
})
export type RecoveryMember = ReturnType<typeof recoveryMemberSchema.decode>

export const recoverySchema = message('Recovery', {
  genesisHash: t.hash,
  /** The last block of the old epochs; the new epoch's first block is its child. */
  floor: recoveryPointSchema,
  /** F of the floor, or N when some member voted to finalize it; absent for genesis. */
  certificate: t.optional(certificateSchema),
  /** The new epoch: above every epoch that anyone has begun. */
  epoch: t.u64,
  /** The set that would have decided the floor's child. */
  previous: validatorSetSchema,
  /** The new set: members of `previous`, ascending by id. */
  members: t.list(recoveryMemberSchema, VALIDATORS_MAX),
  /** Abandoned finalize votes above the floor, ascending by round; their blocks are lost. */
  abandoned: t.list(recoveryVoteSchema, RECOVERY_VOTES_MAX),
  /** For people and the archive. */
  reason: t.text(512),
  /** Provider whose data the file was made from. */
  madeBy: t.u64,
})
export type Recovery = ReturnType<typeof recoverySchema.decode>

/** What a member's disk holds, under its signature. */
export const attestationSchema = message('RecoveryAttestation', {
  provider: t.u64,
  /** The highest block that it holds as final. */
  finalized: recoveryPointSchema,
  /** The highest epoch that its chain, journal or signer has begun. */
  epoch: t.u64,
  /** False when its record of signed votes is lost or its key is new. */
  votesKnown: t.bool,
  /** Its finalize votes above `finalized`, ascending by round. */
  finalizeVotes: t.list(recoveryVoteSchema, RECOVERY_VOTES_MAX),
})
export type Attestation = ReturnType<typeof attestationSchema.decode>

export const recoverySignatureSchema = message('RecoverySignature', {
  attestation: attestationSchema,
  /** BLS of `recoverySigningBytes` by the member's key in the recovery. */
  signature: t.fixed(96),
})
export type RecoverySignature = ReturnType<typeof recoverySignatureSchema.decode>

/** The file that is sent and stored: the recovery and one signature of each member, ascending by provider. */
export const recoveryFileSchema = message('RecoveryFile', {
  recovery: recoverySchema,
  signatures: t.list(recoverySignatureSchema, VALIDATORS_MAX),
})
export type RecoveryFile = ReturnType<typeof recoveryFileSchema.decode>

// 16 bytes, like every tag of a BLS-signed string (vote.ts).
const RECOVERY_TAG = utf8('suanli.recovery\0')

/** The recovery's identity: what operators compare and pin. Signatures are not part of it. */
export function recoveryHash(recovery: Recovery): Hash32 {
  return sha256(concatBytes(RECOVERY_TAG, recoverySchema.encode(recovery)))
}

/** tag ‖ genesisHash ‖ recovery hash ‖ SHA-256 of the attestation. */
export function recoverySigningBytes(recovery: Recovery, attestation: Attestation): Uint8Array {
  const attested = sha256(attestationSchema.encode(attestation))
  return concatBytes(RECOVERY_TAG, recovery.genesisHash, recoveryHash(recovery), attested)
}

/** Text that an operator account signs to replace its validator's key; any wallet can show and sign it. */
export function replacementText(options: {
  readonly genesisHash: Hash32
  readonly provider: number
  /** The key in the chain's state; ties the signature to this replacement, so that it works only once. */
  readonly oldKey: Uint8Array
  readonly newKey: Uint8Array
  readonly peerId: Uint8Array
}): string {
  const { genesisHash, provider, oldKey, newKey, peerId } = options
  return [
    'Suanli recovery: replace the key of a validator',
    `chain ${toHex(genesisHash)}`,
    `provider ${provider}`,
    `old key ${toHex(oldKey)}`,
    `new key ${toHex(newKey)}`,
    `peer ${toHex(peerId)}`,
  ].join('\n')
}

/** The digest that `personal_sign` signs (EIP-191, version 0x45). */
export function personalMessageHash(text: string): Hash32 {
  const bytes = utf8(text)
  return keccak256(concatBytes(utf8(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes))
}

/** Order of rounds: epoch, then view. */
export function compareRounds(
  a: { readonly epoch: number; readonly view: number },
  b: { readonly epoch: number; readonly view: number },
): number {
  return a.epoch - b.epoch || a.view - b.view
}
