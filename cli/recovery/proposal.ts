// Makes a recovery file: propose on one node, sign on every member's, merge, check, apply. A step that refuses changes
// nothing. Owns: the steps. Not: the rules (base/protocol/recoveryRules.ts), the command line (commands/recovery.ts).
import { mkdir } from 'node:fs/promises'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { OperatorError } from '../../base/errors.ts'
import {
  compareRounds,
  type Recovery,
  type RecoveryFile,
  type RecoveryMember,
  type RecoveryVote,
  recoveryHash,
  recoverySigningBytes,
} from '../../base/protocol/recovery.ts'
import {
  checkAttestation,
  checkRecovery,
  checkRecoveryFile,
  checkSignatures,
  compareVotes,
  type RecoveryFault,
  recoverySet,
} from '../../base/protocol/recoveryRules.ts'
import { indexOfKey, type Validator, type ValidatorSet } from '../../base/protocol/validators.ts'
import { type Certificate, certificateSigners, voteBytes } from '../../base/protocol/vote.ts'
import { OwnVotes } from '../../consensus/ownVotes.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { RecoveryError } from '../../node/recovery/recoveries.ts'
import { journaledBlocks, pathToFloor } from '../../node/recovery/recoveryStart.ts'
import { consensusPublicKey, hasConsensusKey } from '../../signer/keyFiles.ts'
import { readFolder, writeRecord } from '../../signer/signerFile.ts'
import { lockSigner } from '../../signer/signerLock.ts'
import type { FlagState } from '../../signer/signerRecords.ts'
import type { ParentView } from '../../state/execute.ts'
import { providerByConsensusKey, providerByPeerId } from '../../state/modules/providers/members.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { decidingSet, recoveryMismatch } from '../../state/recovery.ts'
import type { StateReader } from '../../state/view.ts'
import type { OfflineNode } from '../offlineNode.ts'
import { attest, bestFloor, type FloorCandidate, finalizeVotes } from './evidence.ts'

/**
 * Default distance of the new epoch above every epoch known here: nodes that were ahead of this one when the quorum was
 * lost may have begun a few more.
 */
export const EPOCH_STEP = 1000

/** An operator's new key or peer id for its validator. */
export interface OfferedReplacement extends NonNullable<RecoveryMember['replacement']> {
  readonly provider: number
  readonly consensusKey: Uint8Array
  readonly peerId: Uint8Array
}

export interface ProposalOptions {
  readonly reason: string
  /** Providers to leave out. */
  readonly leaveOut: readonly number[]
  readonly replacements: readonly OfferedReplacement[]
  readonly abandoned: readonly RecoveryVote[]
  /** The new epoch; default: EPOCH_STEP above every known one. */
  readonly epoch?: number
}

function refuseFault(wrong: RecoveryFault | undefined): void {
  if (wrong !== undefined) throw new RecoveryError(wrong.rule, wrong.reason)
}

/** Executes the path above the tip; returns the state after it. Throws RecoveryError when a block is not valid here. */
async function viewOf(
  node: OfflineNode,
  candidate: Pick<FloorCandidate, 'path' | 'point'>,
): Promise<ParentView> {
  for (const block of candidate.path) {
    const verdict = await node.importer.execute(block)
    if (verdict.kind === 'valid') continue
    const detail = 'detail' in verdict ? `: ${verdict.detail}` : ''
    throw new RecoveryError('floor', `block ${block.header.height} is ${verdict.kind} here${detail}`)
  }
  const view = node.importer.parentView(candidate.point.hash)
  if (view === undefined) throw new RecoveryError('floor', `block ${candidate.point.height} is missing here`)
  return view
}

function memberOf(validator: Validator, replacement: OfferedReplacement | undefined): RecoveryMember {
  if (replacement === undefined) return { validator }
  const { consensusKey, peerId, possessionProof, operatorSignature } = replacement
  return {
    validator: { ...validator, consensusKey, peerId },
    replacement: { possessionProof, operatorSignature },
  }
}

function membersOf(previous: ValidatorSet, options: ProposalOptions): readonly RecoveryMember[] {
  const { leaveOut, replacements } = options
  const known = previous.validators.map(({ id }) => id)
  const stranger = [...leaveOut, ...replacements.map(({ provider }) => provider)].find(
    (id) => !known.includes(id),
  )
  if (stranger !== undefined) {
    throw new OperatorError(`provider ${stranger} is not in the validator set: it has ${known.join(', ')}`)
  }
  return previous.validators
    .filter(({ id }) => !leaveOut.includes(id))
    .map((validator) =>
      memberOf(
        validator,
        replacements.find(({ provider }) => provider === validator.id),
      ),
    )
}

/** This node's provider id in a set, by consensus key; 0 if it is not in the set. */
export function providerOf(set: ValidatorSet, consensusKey: Uint8Array | undefined): number {
  const index = indexOfKey(set.validators, consensusKey)
  return index === undefined ? 0 : set.validators[index]!.id
}

/**
 * An unsigned recovery from this node's best floor. Throws RecoveryError naming the obstacle, for example a finalize vote
 * above the floor whose block is missing.
 */
export async function propose(
  node: OfflineNode,
  consensusKey: Uint8Array | undefined,
  options: ProposalOptions,
): Promise<RecoveryFile> {
  const floor = bestFloor(node)
  const view = await viewOf(node, floor)
  // This may replace an accepted but unused recovery of the same floor: the state has only the set before it.
  const previous = validatorSet(view.state)
  const own = attest(node, providerOf(previous, consensusKey), true)
  const epoch = options.epoch ?? Math.max(own.epoch, floor.point.epoch) + EPOCH_STEP
  const recovery: Recovery = {
    genesisHash: node.chain.genesisHash,
    floor: floor.point,
    ...(floor.certificate === undefined ? {} : { certificate: floor.certificate }),
    epoch,
    previous,
    members: [...membersOf(previous, options)],
    abandoned: [...options.abandoned].sort(compareVotes),
    reason: options.reason,
    madeBy: own.provider,
  }
  refuseFault(checkRecovery(recovery, node.chain.genesisHash) ?? checkAttestation(recovery, own))
  checkKeysAreNew(recovery, view.state)
  return { recovery, signatures: [] }
}

/** Checks the recovery against this node's chain; `unknown` lists what this node is too far behind to check. */
export async function checkAgainstChain(
  node: OfflineNode,
  recovery: Recovery,
): Promise<{ readonly unknown: readonly string[] }> {
  const { floor, certificate } = recovery
  const { store, importer } = node
  const head = importer.head()
  const stored = store.blockAt(floor.height)
  if (stored !== undefined && !equalBytes(stored.hash, floor.hash)) {
    throw new RecoveryError(
      'floor',
      `this node has ${toHex(stored.hash)} as block ${floor.height}, not the floor`,
    )
  }
  if (floor.height < head.header.height) {
    throw new RecoveryError(
      'floor',
      `block ${head.header.height} is final on this node: the floor at ${floor.height} is below it`,
    )
  }
  const unknown: string[] = []
  const blocks = journaledBlocks(node.journal)
  const path = pathToFloor({ floor, head: { height: head.header.height, hash: head.hash }, blocks })
  if (path === undefined) {
    unknown.push(
      `blocks ${head.header.height + 1} to ${floor.height} are missing here: peers must serve them`,
    )
    return { unknown }
  }
  const view = await viewOf(node, { path, point: floor })
  const mismatch = recoveryMismatch(view.state, recovery)
  if (mismatch !== undefined) throw new RecoveryError('previousSet', mismatch)
  checkKeysAreNew(recovery, view.state)
  if (certificate !== undefined && path.length > 0) checkCertificate(node, certificate)
  return { unknown }
}

/** A new key must never have been a member's before, since others may know it. A peer id stays with its member. */
function checkKeysAreNew({ members, previous }: Recovery, state: StateReader): void {
  for (const { validator } of members) {
    const { id, consensusKey, peerId } = validator
    const neighbour = providerByPeerId(state, peerId)
    if (neighbour !== undefined && neighbour !== id) {
      throw new RecoveryError(
        'replacement',
        `provider ${id}: the peer id is or was that of provider ${neighbour}`,
      )
    }
    const old = previous.validators.find((known) => known.id === id)
    if (old !== undefined && equalBytes(old.consensusKey, consensusKey)) continue
    const owner = providerByConsensusKey(state, consensusKey)
    if (owner === undefined) continue
    throw new RecoveryError('replacement', `provider ${id}: the new key is or was that of provider ${owner}`)
  }
}

/** A floor above the tip must be certified by the set that decides the tip's epoch; a stored one was checked on import. */
function checkCertificate(node: OfflineNode, certificate: Certificate): void {
  const { validators } = decidingSet(node.chain, node.importer.head())
  const signers = certificateSigners(certificate, validators.length)
  const keys = (signers ?? []).map((i) => validators[i]!.consensusKey)
  const bytes = voteBytes(node.chain.genesisHash, certificate.subject)
  if (signers !== undefined && bls.verifyAggregate(keys, bytes, certificate.signature)) return
  throw new RecoveryError('certificate', 'the certificate of the floor does not verify')
}

/** Adds this node's signature and attestation. Signing again replaces the earlier signature. */
export async function signRecovery(
  node: OfflineNode,
  file: RecoveryFile,
  consensusSecret: Uint8Array,
): Promise<{ readonly file: RecoveryFile; readonly provider: number; readonly unknown: readonly string[] }> {
  const { recovery } = file
  const key = bls.publicKey(consensusSecret)
  const member = recovery.members.find(({ validator }) => equalBytes(validator.consensusKey, key))
  if (member === undefined) {
    throw new RecoveryError('members', `the recovery does not name this node's consensus key ${toHex(key)}`)
  }
  refuseFault(checkRecovery(recovery, node.chain.genesisHash) ?? checkSignatures(file))
  const { unknown } = await checkAgainstChain(node, recovery)
  const provider = member.validator.id
  const attestation = attest(node, provider, member.replacement === undefined)
  refuseFault(checkAttestation(recovery, attestation))
  const signature = bls.sign(consensusSecret, recoverySigningBytes(recovery, attestation))
  const others = file.signatures.filter((known) => known.attestation.provider !== provider)
  return { file: withSignatures(recovery, [...others, { attestation, signature }]), provider, unknown }
}

function withSignatures(recovery: Recovery, signatures: RecoveryFile['signatures']): RecoveryFile {
  const sorted = [...signatures].sort((a, b) => a.attestation.provider - b.attestation.provider)
  return { recovery, signatures: sorted }
}

/** Merges all signatures into one file. Throws RecoveryError on different recoveries or a signature that does not verify. */
export function mergeRecoveries(files: readonly RecoveryFile[]): RecoveryFile {
  const [first, ...rest] = files
  if (first === undefined) throw new OperatorError('nothing to merge')
  const hash = recoveryHash(first.recovery)
  const byProvider = new Map(first.signatures.map((known) => [known.attestation.provider, known]))
  for (const file of rest) {
    const other = recoveryHash(file.recovery)
    if (!equalBytes(other, hash)) {
      throw new RecoveryError('signature', `different recoveries: ${toHex(hash)} and ${toHex(other)}`)
    }
    for (const known of file.signatures) byProvider.set(known.attestation.provider, known)
  }
  const merged = withSignatures(first.recovery, [...byProvider.values()])
  refuseFault(checkSignatures(merged))
  return merged
}

/** Checks the file itself, then this node's chain, journal and signer. Throws RecoveryError. */
export async function checkHere(
  node: OfflineNode,
  file: RecoveryFile,
): Promise<{ readonly unknown: readonly string[] }> {
  const { recovery } = file
  refuseFault(checkRecoveryFile(file, node.chain.genesisHash))
  if (node.book.has(recoveryHash(recovery))) return { unknown: [] }
  const result = await checkAgainstChain(node, recovery)
  refuseFault(checkAttestation(recovery, attest(node, 0, true)))
  return result
}

/**
 * Accepts a complete file: the signer enters the new epoch with empty flags, so that nothing of an older epoch is ever
 * signed again, then the file is stored. Repeating it is safe; repeat it after an interruption.
 */
export async function applyRecoveryFile(
  node: OfflineNode,
  file: RecoveryFile,
  /** Where `signer/` is, if not in the node's own directory. */
  signerDataDir: string = node.dataDir,
): Promise<{ readonly isNew: boolean; readonly unknown: readonly string[] }> {
  if (node.book.has(recoveryHash(file.recovery))) return { isNew: false, unknown: [] }
  const { unknown } = await checkHere(node, file)
  await beginSignerEpoch(signerDataDir, file.recovery)
  await node.book.accept(file)
  return { isNew: true, unknown }
}

/**
 * A lost record of votes does not matter in an epoch that nobody has begun. Done only before the file is accepted: a
 * record lost later stays lost.
 */
async function beginSignerEpoch(dataDir: string, recovery: Recovery): Promise<void> {
  // A signer in another process gets the file from the node.
  if (!hasConsensusKey(dataDir)) return
  const { epoch, genesisHash, floor } = recovery
  const owner = { genesisHash, publicKey: consensusPublicKey(dataDir) }
  const dir = nodePaths(dataDir).signer
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const release = await lockSigner(dir)
  try {
    const found = await readFolder(dir, owner)
    if (found.kind === 'found' && found.state.epoch >= epoch) return
    const trusted = { epoch, height: floor.height, set: recoverySet(recovery) }
    const state: FlagState = { epoch, loss: undefined, trusted, votes: new OwnVotes() }
    await writeRecord(dir, owner, { sequence: found.sequence, state })
  } finally {
    await release()
  }
}

/** A vote as written on the command line: `epoch:view:0xdigest`. */
export function voteText({ epoch, view, digest }: RecoveryVote): string {
  return `${epoch}:${view}:${toHex(digest)}`
}

/** This node's finalize votes above a round, for `status`. */
export function votesAbove(node: OfflineNode, round: { readonly epoch: number; readonly view: number }) {
  return finalizeVotes(node).filter((vote) => compareRounds(vote, round) > 0)
}
