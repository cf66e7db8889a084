// Checks and counts signatures for consensus. Owns: aggregate first, single only on failure (CONSENSUS §2).
// Not: which thread does it (verifierPool.ts).
import type { Bls } from '../base/crypto/types.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import type { Vote } from '../base/protocol/vote.ts'
import type { Input, Output, SignatureCheck } from '../consensus/types.ts'

/** Work done since the start; one pairing check each for `aggregates` and `singles`. */
export interface VerifierCounters {
  aggregates: number
  singles: number
}

/** One pairing check under keys that come with it. */
export interface KeysCheck {
  readonly keys: readonly Uint8Array[]
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** What the core asks, and what it is answered. */
export type CheckOrder = Extract<Output, { kind: 'checkVotes' | 'checkSignatures' }>
export type CheckAnswer = Extract<Input, { kind: 'votesChecked' | 'signaturesChecked' }>

/** Where the driver has its signatures checked. */
export interface SignatureChecks {
  readonly counters: Readonly<VerifierCounters>
  useValidators(epoch: number, set: ValidatorSet): void
  /** Calls `done` once, now or in a later turn; never after `close`. */
  check(order: CheckOrder, done: (answer: CheckAnswer) => void): void
  /** For what is in no hurry, such as evidence: votes go first. Stays pending when `close` comes before the answer. */
  verifyAll(checks: readonly KeysCheck[]): Promise<boolean>
  close(): Promise<void>
}

/** Checks everything at once on the calling thread: deterministic. */
export class Verifier implements SignatureChecks {
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

  check(order: CheckOrder, done: (answer: CheckAnswer) => void): void {
    done(this.answer(order))
  }

  async verifyAll(checks: readonly KeysCheck[]): Promise<boolean> {
    return checks.every((check) => this.verifyOne(check))
  }

  verifyOne({ keys, message, signature }: KeysCheck): boolean {
    this.counters.aggregates++
    return this.#bls.verifyAggregate(keys, message, signature)
  }

  async close(): Promise<void> {}

  answer(order: CheckOrder): CheckAnswer {
    const { id, epoch } = order
    if (order.kind === 'checkVotes') {
      return { kind: 'votesChecked', id, ...this.checkVotes(epoch, order.message, order.votes) }
    }
    return { kind: 'signaturesChecked', id, valid: this.checkSignatures(epoch, order.checks) }
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
