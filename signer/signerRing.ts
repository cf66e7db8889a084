// Several consensus keys of one validator behind one `Signer`: in each epoch the key in the set signs.
// Owns: the choice. Not: flags and signatures (localSigner.ts, remoteSigner.ts), which keys a node has (node/nodeKeys.ts).
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import type { Subject, Vote } from '../base/protocol/vote.ts'
import type { EpochEvidence, Signer, SignerLoss } from '../consensus/ports.ts'

/** Keys that one node may hold: the current one, its successor, and a few waiting to be deleted. */
export const SIGNERS_MAX = 8

/**
 * A member that rotates its key holds the old and the new one for a while: the epoch's set decides which one signs
 * (docs/operations/membership.md). Every key has its own flags, and at an epoch switch none can sign older epochs.
 */
export class SignerRing implements Signer {
  readonly #signers: readonly Signer[]
  #current: Signer

  /** The first key is current while none of them is in the set. */
  constructor(signers: readonly Signer[]) {
    assert(signers.length > 0 && signers.length <= SIGNERS_MAX, `a ring holds 1 to ${SIGNERS_MAX} signers`)
    this.#signers = signers
    this.#current = signers[0]!
  }

  get publicKey(): Uint8Array {
    return this.#current.publicKey
  }

  get observing(): boolean {
    return this.#current.observing
  }

  get isReady(): boolean {
    return this.#current.isReady ?? true
  }

  /** Index in the set of the first key found there; undefined if none is. */
  indexIn(set: ValidatorSet): number | undefined {
    const index = set.validators.findIndex(({ consensusKey }) => this.#holderOf(consensusKey) !== undefined)
    return index < 0 ? undefined : index
  }

  #holderOf(consensusKey: Uint8Array): Signer | undefined {
    return this.#signers.find((signer) => equalBytes(signer.publicKey, consensusKey))
  }

  /** Of all keys: a successor must be able to sign once it is in the set. */
  losses(): readonly SignerLoss[] {
    return this.#signers.flatMap((signer) => signer.losses())
  }

  noteHeld(votes: readonly Vote[]): Promise<void> {
    return this.#current.noteHeld(votes)
  }

  async beginEpoch(epoch: number, evidence: EpochEvidence, validators?: ValidatorSet): Promise<void> {
    for (const signer of this.#signers) await signer.beginEpoch(epoch, evidence)
    if (validators === undefined) return
    const index = this.indexIn(validators)
    if (index !== undefined) this.#current = this.#holderOf(validators.validators[index]!.consensusKey)!
  }

  signed(): readonly Subject[] {
    return this.#current.signed()
  }

  sign(signer: number, subjects: readonly Subject[]): Promise<readonly (Vote | undefined)[]> {
    return this.#current.sign(signer, subjects)
  }

  signRandao(epoch: number, height: number): Promise<Uint8Array> {
    return this.#current.signRandao(epoch, height)
  }

  raiseFloor(epoch: number, view: number): void {
    this.#current.raiseFloor(epoch, view)
  }

  async close(): Promise<void> {
    for (const signer of this.#signers) await signer.close()
  }
}
