// Checks and counts signatures for consensus. Owns: aggregate first, single only on failure (CONSENSUS §2).
import type { Bls } from '../base/crypto/types.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import type { Vote } from '../base/protocol/vote.ts'
import type { SignatureCheck } from '../consensus/types.ts'

/** Work done since the start; one pairing check each for `aggregates` and `singles`. */
export interface VerifierCounters {
  aggregates: number
  singles: number
}

export class Verifier {
  readonly counters: VerifierCounters = { aggregates: 0, singles: 0 }
  readonly #bls: Bls
  /** Keys of the current and the previous epoch, for answers in flight at the switch. */
  readonly #keys = new Map<number, readonly Uint8Array[]>()

  constructor(bls: Bls) {
    this.#bls = bls
  }

  useValidators(epoch: number, set: ValidatorSet): void {
    this.#keys.set(
      epoch,
      set.validators.map((v) => v.consensusKey),
    )
    for (const known of this.#keys.keys()) if (known < epoch - 1) this.#keys.delete(known)
  }

  /** Checks votes over one message: once as an aggregate, singly only when that fails. */
  checkVotes(
    epoch: number,
    message: Uint8Array,
    votes: readonly Vote[],
  ): { valid: readonly number[]; signature: Uint8Array | undefined } {
    const aggregate = this.#bls.aggregate(votes.map((vote) => vote.signature))
    const keys = votes.map((vote) => this.#key(epoch, vote.signer))
    if (aggregate !== undefined && keys.every((key) => key !== undefined)) {
      this.counters.aggregates++
      if (this.#bls.verifyAggregate(keys as Uint8Array[], message, aggregate)) {
        return { valid: votes.map((vote) => vote.signer), signature: aggregate }
      }
    }
    if (votes.length === 1) return { valid: [], signature: undefined }
    const good = votes.filter((vote, i) => this.#verify(keys[i], message, vote.signature))
    const signature = good.length === 0 ? undefined : this.#bls.aggregate(good.map((vote) => vote.signature))
    return { valid: good.map((vote) => vote.signer), signature }
  }

  checkSignatures(epoch: number, checks: readonly SignatureCheck[]): readonly boolean[] {
    return checks.map(({ signers, message, signature }) => {
      const keys = signers.map((signer) => this.#key(epoch, signer))
      if (keys.some((key) => key === undefined)) return false
      if (keys.length === 1) return this.#verify(keys[0], message, signature)
      this.counters.aggregates++
      return this.#bls.verifyAggregate(keys as Uint8Array[], message, signature)
    })
  }

  #verify(key: Uint8Array | undefined, message: Uint8Array, signature: Uint8Array): boolean {
    if (key === undefined) return false
    this.counters.singles++
    return this.#bls.verify(key, message, signature)
  }

  #key(epoch: number, signer: number): Uint8Array | undefined {
    return this.#keys.get(epoch)?.[signer]
  }
}
