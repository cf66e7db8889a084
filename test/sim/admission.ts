// Rogue-key attack: a candidate's consensus key is derived from all others; admitted without a proof of possession, it
// signs for all of them. Runs the state's admission and certificate checks with real keys; one attempt of each kind per seed.
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { concatBytes, u64be, utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { ZERO_ADDRESS } from '../../base/ids.ts'
import type { Validator } from '../../base/protocol/validators.ts'
import { certificateSigners, type Subject, signersBitmap, voteBytes } from '../../base/protocol/vote.ts'
import { Verifier } from '../../node/verifier.ts'
import { checkConsensusKey } from '../../state/modules/providers/members.ts'
import { MemoryState } from '../../state/overlay.ts'
import { Random } from '../support/random.ts'
import { Violation } from '../support/violation.ts'

const KeyPoint = bls12_381.G1.Point

/** own − Σ others: aggregated with all of them, it gives the attacker's own key. */
function rogueKey(own: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let sum = KeyPoint.fromBytes(own)
  for (const other of others) sum = sum.subtract(KeyPoint.fromBytes(other))
  return sum.toBytes()
}

/** Throws a Violation when the candidate is admitted or its certificate verifies. */
export function playAdmission(seed: number): void {
  const random = new Random(seed)
  const secrets = Array.from({ length: random.between(3, 6) }, (_, i) =>
    bls.keygen(sha256(concatBytes(u64be(seed), u64be(i)))),
  )
  const honest = secrets.map((secret) => bls.publicKey(secret))
  const attacker = bls.keygen(sha256(concatBytes(u64be(seed), utf8('attacker'))))
  const consensusKey = rogueKey(bls.publicKey(attacker), honest)
  const state = new MemoryState()
  const candidates = [
    { consensusKey, possessionProof: bls.sign(attacker, consensusKey) },
    { consensusKey, possessionProof: bls.prove(attacker) },
    { consensusKey, possessionProof: bls.prove(random.pick(secrets)) },
    { consensusKey, possessionProof: new Uint8Array(96) },
    { consensusKey: random.pick(honest), possessionProof: bls.prove(attacker) },
  ]
  const admitted = candidates.filter((candidate) => checkConsensusKey(state, candidate) === undefined)
  if (admitted.some((candidate) => forges(attacker, honest, candidate.consensusKey))) {
    throw new Violation('C', 'one admitted candidate certified a block for all validators')
  }
  if (admitted.length > 0) throw new Violation('C', 'a key was admitted whose owner cannot sign with it')
}

function forges(attacker: Uint8Array, honest: readonly Uint8Array[], consensusKey: Uint8Array): boolean {
  const validators: Validator[] = [...honest, consensusKey].map((key, i) => ({
    id: i + 1,
    operator: ZERO_ADDRESS,
    consensusKey: key,
    peerId: new Uint8Array(0),
  }))
  const digest = sha256(utf8('a block that no other node has seen'))
  const subject: Subject = { kind: 'finalize', epoch: 1, view: 1, parentView: 0, digest }
  const message = voteBytes(digest, subject)
  const signers = validators.map((_, i) => i)
  const bitmap = signersBitmap(signers, validators.length)
  const certificate = { subject, bitmap, signature: bls.sign(attacker, message) }
  const verifier = new Verifier(bls)
  verifier.useValidators(1, { validators })
  const named = certificateSigners(certificate, validators.length)
  if (named === undefined) return false
  const check = { signers: named, message, signature: certificate.signature }
  return verifier.checkSignatures(1, [check])[0] === true
}
