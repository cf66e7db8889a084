// Rules that a recovery file alone can satisfy or break (docs/decisions/recovery-file.md). Not: whether its floor is on
// this node's chain and its set matches the floor's state (node/, state/).
import { recoverAddress } from '../address.ts'
import { bytesKey, equalBytes, toHex } from '../bytes.ts'
import { bls as fastestBls } from '../crypto/bls.ts'
import type { Bls } from '../crypto/types.ts'
import type { Hash32 } from '../ids.ts'
import { type TrustedSet, trustedSet } from './finalityProof.ts'
import {
  type Attestation,
  compareRounds,
  personalMessageHash,
  type Recovery,
  type RecoveryFile,
  type RecoveryMember,
  type RecoveryVote,
  recoveryHash,
  recoverySigningBytes,
  replacementText,
} from './recovery.ts'
import { faultyMax, quorum, type Validator, type ValidatorSet } from './validators.ts'

/** Rules that a recovery can break; stable, for programs. */
export const RECOVERY_RULES = [
  'genesis',
  'epoch',
  'previousSet',
  'members',
  'replacement',
  'certificate',
  'abandoned',
  'signature',
  'missingSignature',
  'floor',
  'votes',
  'pin',
] as const
export type RecoveryRule = (typeof RECOVERY_RULES)[number]

export interface RecoveryFault {
  readonly rule: RecoveryRule
  /** A full sentence with the values. */
  readonly reason: string
}

type RecoveryBls = Pick<Bls, 'verify' | 'verifyProof' | 'isKey'>

const fault = (rule: RecoveryRule, reason: string): RecoveryFault => ({ rule, reason })

/** Most epochs from the floor's to the recovery's: light clients search no further for the next proof. */
export const RECOVERY_EPOCHS_MAX = 2 ** 15

/**
 * Fewest members of a set that must remain: their quorum must exceed f of the old set. f + 1 members suffice for the
 * signatures, but a quorum of f + 1 members may be only f.
 */
export function recoveryMembersMin(previousCount: number): number {
  const least = faultyMax(previousCount) + 1
  let members = least
  while (quorum(members) < least) members++
  return members
}

/** The set of the new epoch. */
export function recoverySet(recovery: Recovery): ValidatorSet {
  return { validators: recovery.members.map((member) => member.validator) }
}

/** Whether the key or peer id differs from the chain's. */
export function isReplaced(old: Validator, next: Validator): boolean {
  return !equalBytes(old.consensusKey, next.consensusKey) || !equalBytes(old.peerId, next.peerId)
}

/** Checks the body: floor, epoch, sets, replacements, abandoned votes. Returns the first broken rule, or undefined. */
export function checkRecovery(
  recovery: Recovery,
  genesisHash: Hash32,
  bls: RecoveryBls = fastestBls,
): RecoveryFault | undefined {
  if (!equalBytes(recovery.genesisHash, genesisHash)) {
    return fault('genesis', `the file is for chain ${toHex(recovery.genesisHash)}, not ${toHex(genesisHash)}`)
  }
  const { floor, epoch } = recovery
  // If the floor is a boundary, other members may have begun the next epoch already.
  if (epoch < floor.epoch + 2) {
    return fault('epoch', `epoch ${epoch} may have begun before: the floor is of epoch ${floor.epoch}`)
  }
  if (epoch > floor.epoch + RECOVERY_EPOCHS_MAX) {
    return fault(
      'epoch',
      `epoch ${epoch} is more than ${RECOVERY_EPOCHS_MAX} above the floor's ${floor.epoch}`,
    )
  }
  return checkFloor(recovery) ?? checkMembers(recovery, bls) ?? checkAbandoned(recovery)
}

function checkFloor({ floor, certificate }: Recovery): RecoveryFault | undefined {
  if (certificate === undefined) {
    const isGenesis = floor.height === 0 && floor.epoch === 0 && floor.view === 0
    return isGenesis
      ? undefined
      : fault('certificate', `the floor at height ${floor.height} has no certificate`)
  }
  const { kind, epoch, view, digest } = certificate.subject
  const isOfFloor =
    kind !== 'nullify' &&
    epoch === floor.epoch &&
    view === floor.view &&
    digest !== undefined &&
    equalBytes(digest, floor.hash)
  return isOfFloor ? undefined : fault('certificate', 'the certificate is not of the floor')
}

function checkMembers(recovery: Recovery, bls: RecoveryBls): RecoveryFault | undefined {
  const { members } = recovery
  const previous = recovery.previous.validators
  const unordered = (list: readonly Validator[]): boolean =>
    list.some((validator, i) => i > 0 && list[i - 1]!.id >= validator.id)
  if (previous.length === 0 || unordered(previous)) {
    return fault('previousSet', 'the previous set is empty or not ascending by id')
  }
  const next = recoverySet(recovery).validators
  if (unordered(next)) return fault('members', 'the members are not ascending by id')
  const least = recoveryMembersMin(previous.length)
  if (next.length < least) {
    return fault('members', `${next.length} members: of ${previous.length} at least ${least} must go on`)
  }
  for (const field of ['consensusKey', 'peerId'] as const) {
    if (new Set(next.map((validator) => bytesKey(validator[field]))).size < next.length) {
      return fault('members', `two members have the same ${field}`)
    }
  }
  for (const member of members) {
    const old = previous.find((validator) => validator.id === member.validator.id)
    if (old === undefined)
      return fault('members', `provider ${member.validator.id} is not in the previous set`)
    const wrong = checkMember(recovery, member, old, bls)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function checkMember(
  recovery: Recovery,
  { validator, replacement }: RecoveryMember,
  old: Validator,
  bls: RecoveryBls,
): RecoveryFault | undefined {
  const { id, operator, consensusKey, peerId } = validator
  if (!equalBytes(operator, old.operator))
    return fault('members', `provider ${id} has another operator account`)
  if (!isReplaced(old, validator)) {
    return replacement === undefined
      ? undefined
      : fault('replacement', `provider ${id} replaces nothing, yet a replacement is given`)
  }
  if (replacement === undefined) {
    return fault('replacement', `provider ${id} has another key or peer id, without a replacement`)
  }
  if (!bls.isKey(consensusKey) || !bls.verifyProof(consensusKey, replacement.possessionProof)) {
    return fault('replacement', `provider ${id}: the proof of possession does not fit the new key`)
  }
  const { genesisHash } = recovery
  const text = replacementText({
    genesisHash,
    provider: id,
    oldKey: old.consensusKey,
    newKey: consensusKey,
    peerId,
  })
  const signer = recoverAddress(personalMessageHash(text), replacement.operatorSignature)
  if (signer !== undefined && equalBytes(signer, operator)) return undefined
  return fault('replacement', `provider ${id}: the operator account did not sign the new key`)
}

function checkAbandoned({ floor, abandoned }: Recovery): RecoveryFault | undefined {
  for (const [i, vote] of abandoned.entries()) {
    if (compareRounds(vote, floor) <= 0) {
      return fault('abandoned', `view ${vote.view} of epoch ${vote.epoch} is not above the floor`)
    }
    if (i > 0 && compareVotes(abandoned[i - 1]!, vote) >= 0) {
      return fault('abandoned', 'the abandoned votes are not ascending')
    }
  }
  return undefined
}

/** Order of votes in a recovery: by round, then digest. */
export function compareVotes(a: RecoveryVote, b: RecoveryVote): number {
  return (
    compareRounds(a, b) ||
    (bytesKey(a.digest) < bytesKey(b.digest) ? -1 : Number(!equalBytes(a.digest, b.digest)))
  )
}

const isSameVote = (a: RecoveryVote, b: RecoveryVote): boolean => compareVotes(a, b) === 0

/** Checks that every block and vote this member attests is at or below the floor, or abandoned. */
export function checkAttestation(recovery: Recovery, attestation: Attestation): RecoveryFault | undefined {
  const { floor, epoch, abandoned } = recovery
  const { provider, finalized, finalizeVotes } = attestation
  if (attestation.epoch >= epoch) {
    return fault(
      'epoch',
      `provider ${provider} has begun epoch ${attestation.epoch}; the new one must be above`,
    )
  }
  const isBeyond = finalized.height > floor.height || compareRounds(finalized, floor) > 0
  const isOther = finalized.height === floor.height && !equalBytes(finalized.hash, floor.hash)
  if (isBeyond || isOther) {
    const { height, hash } = finalized
    return fault(
      'floor',
      `provider ${provider} holds block ${height} (${toHex(hash)}) as final: it must be the floor`,
    )
  }
  for (const vote of finalizeVotes) {
    const order = compareRounds(vote, floor)
    if (order < 0) continue
    if (order === 0 && equalBytes(vote.digest, floor.hash)) continue
    if (abandoned.some((known) => isSameVote(known, vote))) continue
    const what = `view ${vote.view} of epoch ${vote.epoch} (${toHex(vote.digest)})`
    return fault(
      'votes',
      `provider ${provider} voted to finalize ${what}: make that block the floor, or give it up by name`,
    )
  }
  return undefined
}

/** Members that have not signed yet. */
export function missingSigners(file: RecoveryFile): readonly number[] {
  const present = new Set(file.signatures.map(({ attestation }) => attestation.provider))
  return file.recovery.members.map(({ validator }) => validator.id).filter((id) => !present.has(id))
}

/** Checks the signatures present: each by a member, once, valid, and attesting nothing beyond the floor. */
export function checkSignatures(
  file: RecoveryFile,
  bls: RecoveryBls = fastestBls,
): RecoveryFault | undefined {
  const { recovery, signatures } = file
  for (const [i, { attestation, signature }] of signatures.entries()) {
    const { provider } = attestation
    if (i > 0 && signatures[i - 1]!.attestation.provider >= provider) {
      return fault('signature', 'the signatures are not ascending by provider')
    }
    const member = recovery.members.find(({ validator }) => validator.id === provider)
    if (member === undefined) return fault('signature', `provider ${provider} is no member`)
    const bytes = recoverySigningBytes(recovery, attestation)
    if (!bls.verify(member.validator.consensusKey, bytes, signature)) {
      return fault('signature', `the signature of provider ${provider} does not verify`)
    }
    const beyond = checkAttestation(recovery, attestation)
    if (beyond !== undefined) return beyond
  }
  return undefined
}

/** Checks the whole file: body, every member's signature, and a member that backs a floor without F. */
export function checkRecoveryFile(
  file: RecoveryFile,
  genesisHash: Hash32,
  bls: RecoveryBls = fastestBls,
): RecoveryFault | undefined {
  const wrong = checkRecovery(file.recovery, genesisHash, bls) ?? checkSignatures(file, bls)
  if (wrong !== undefined) return wrong
  const missing = missingSigners(file)
  if (missing.length > 0) {
    return fault('missingSignature', `not signed by provider ${missing.join(', ')}: every member must sign`)
  }
  const { certificate, floor } = file.recovery
  if (certificate?.subject.kind !== 'notarize') return undefined
  // A member can hold the floor as final without F: through an earlier recovery that failed.
  const isBacked = file.signatures.some(
    ({ attestation: { finalized, finalizeVotes } }) =>
      equalBytes(finalized.hash, floor.hash) ||
      finalizeVotes.some((vote) => compareRounds(vote, floor) === 0 && equalBytes(vote.digest, floor.hash)),
  )
  return isBacked ? undefined : fault('floor', 'the floor is not final, and no member voted to finalize it')
}

/**
 * The step a light client or syncing node takes where no boundary leads further: trusts the new epoch's set only
 * because its user named the recovery's hash (`pinned`).
 */
export function followRecovery(
  trusted: TrustedSet,
  file: RecoveryFile,
  options: { readonly pinned: readonly Hash32[]; readonly bls?: RecoveryBls },
): { readonly ok: true; readonly value: TrustedSet } | { readonly ok: false; readonly fault: RecoveryFault } {
  const { genesisHash } = trusted
  const hash = recoveryHash(file.recovery)
  const fails = (wrong: RecoveryFault) => ({ ok: false, fault: wrong }) as const
  if (!options.pinned.some((pin) => equalBytes(pin, hash))) {
    return fails(fault('pin', `the chain continues by recovery ${toHex(hash)}, which is not trusted here`))
  }
  const wrong = checkRecoveryFile(file, genesisHash, options.bls)
  if (wrong !== undefined) return fails(wrong)
  const { epoch, floor } = file.recovery
  if (epoch <= trusted.epoch || floor.height < trusted.height) {
    return fails(fault('epoch', `recovery to epoch ${epoch} lies behind epoch ${trusted.epoch}`))
  }
  return {
    ok: true,
    value: trustedSet({ genesisHash, epoch, height: floor.height, set: recoverySet(file.recovery) }),
  }
}
