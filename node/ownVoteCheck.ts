// Asks the other validators for this one's own votes before it signs after a start: a machine that was set back with its
// record and journal together cannot notice it from inside (CONSENSUS §5). Owns: asking, waiting, the time limit.
// Not: whether a vote is in the record, which the signer decides.
import { faultyMax, indexOfKey, quorum } from '../base/protocol/validators.ts'
import type { Certificate } from '../base/protocol/vote.ts'
import { heldVotesOf } from '../consensus/heldVotes.ts'
import type { ConsensusMessage, HeldVotes } from '../consensus/messages.ts'
import type { Clock, Signer } from '../consensus/ports.ts'
import type { EpochState } from '../consensus/state.ts'
import type { EpochStart, Sender, Target } from '../consensus/types.ts'

/** Connections come up one by one after a start: ask again at this interval. */
const ASK_MS = 250
/** With the answers of a quorum, wait no longer than this for the others. */
const QUORUM_WAIT_MS = 300
/** Sign then, whoever has answered: a node that is alone, or one of the first to start, must be able to. */
export const OWN_VOTES_WAIT_MS = 1_500

export interface OwnVoteCheckOptions {
  readonly epoch: number
  readonly validatorCount: number
  readonly self: number
  readonly signer: Pick<Signer, 'noteHeld'>
  /** Sends the request to every validator. */
  readonly ask: () => void
  readonly clock: Clock
}

export class OwnVoteCheck {
  /** Resolves when this node may sign. */
  readonly done: Promise<void>
  readonly #options: OwnVoteCheckOptions
  /** The epoch in which each validator that answered says it is. */
  readonly #answers = new Map<number, number>()
  readonly #cancels = new Set<() => void>()
  #finish: () => void = () => {}
  #isDone = false
  #isQuorumEnough = false

  constructor(options: OwnVoteCheckOptions) {
    this.#options = options
    this.done = new Promise((resolve) => {
      this.#finish = resolve
    })
    if (options.validatorCount === 1) {
      this.close()
      return
    }
    this.#after(OWN_VOTES_WAIT_MS, () => this.close())
    this.#after(QUORUM_WAIT_MS, () => {
      this.#isQuorumEnough = true
      this.#judge()
    })
    this.#askAgain()
  }

  /** The highest epoch that more validators claim to be in than can lie: until then this node may have voted already. */
  get claimedEpoch(): number {
    const claims = [...this.#answers.values()].sort((a, b) => b - a)
    return claims[faultyMax(this.#options.validatorCount)] ?? 0
  }

  /** Takes the first answer of each validator; true when it is one. */
  async onHeld({ validator }: Sender, { epoch, votes }: HeldVotes): Promise<boolean> {
    const { self, signer } = this.#options
    if (this.#isDone || validator === undefined || validator === self || this.#answers.has(validator))
      return false
    this.#answers.set(validator, epoch)
    await signer.noteHeld(votes)
    this.#judge()
    return true
  }

  #judge(): void {
    const { validatorCount } = this.#options
    const needed = this.#isQuorumEnough ? quorum(validatorCount) - 1 : validatorCount - 1
    if (this.#answers.size >= needed) this.close()
  }

  #askAgain(): void {
    this.#options.ask()
    this.#after(ASK_MS, () => this.#askAgain())
  }

  #after(delayMs: number, callback: () => void): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#cancels.delete(cancel)
      if (!this.#isDone) callback()
    })
    this.#cancels.add(cancel)
  }

  /** Ends the wait. */
  close(): void {
    this.#isDone = true
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
    this.#finish()
  }
}

/** Answers with a validator's own votes to one peer in one period. */
const SERVED_MAX = 8
const SERVED_MS = 1_000

export interface OwnVoteExchangeOptions {
  /** Absent for a node that only follows: it answers and asks nothing. */
  readonly signer: Pick<Signer, 'noteHeld' | 'publicKey'> | undefined
  readonly clock: Clock
  readonly send: (to: Target, message: ConsensusMessage) => void
  /** A certificate that came with an answer. */
  readonly onFinal: (from: Sender, certificate: Certificate) => void
}

/** A node's side of these questions: its own check, and answers to others. */
export class OwnVoteExchange {
  readonly #options: OwnVoteExchangeOptions
  #check: OwnVoteCheck | undefined
  /** Others were in this epoch already. */
  #claimedEpoch = 0
  /** Answers to each peer in the present period. */
  readonly #served = new Map<string, number>()

  constructor(options: OwnVoteExchangeOptions) {
    this.#options = options
  }

  /** Resolves when this node may sign. */
  get ready(): Promise<void> {
    return this.#check?.done ?? Promise.resolve()
  }

  /**
   * Asks at the start, and in every epoch that others had reached before: this key may have voted there, too. Call before
   * the epoch's first vote.
   */
  enter({ epoch, validators: { validators } }: EpochStart): void {
    const { signer, clock, send } = this.#options
    this.#claimedEpoch = Math.max(this.#claimedEpoch, this.#check?.claimedEpoch ?? 0)
    if (this.#check !== undefined && epoch > this.#claimedEpoch) return
    this.#check?.close()
    const self = indexOfKey(validators, signer?.publicKey)
    if (signer === undefined || self === undefined) return
    const ask = () => send({ kind: 'all' }, { kind: 'ownVotesRequest', body: { epoch } })
    this.#check = new OwnVoteCheck({ epoch, self, validatorCount: validators.length, signer, ask, clock })
  }

  async onHeld(from: Sender, held: HeldVotes): Promise<void> {
    const isFirst = (await this.#check?.onHeld(from, held)) === true
    if (isFirst && held.final !== undefined) this.#options.onFinal(from, held.final)
  }

  onRequest({ validator, peer }: Sender, state: EpochState): void {
    const answered = this.#served.get(peer) ?? 0
    if (validator === undefined || answered >= SERVED_MAX) return
    if (this.#served.size === 0) this.#options.clock.after(SERVED_MS, () => this.#served.clear())
    this.#served.set(peer, answered + 1)
    this.#options.send({ kind: 'peer', peer }, { kind: 'heldVotes', body: heldVotesOf(state, validator) })
  }

  close(): void {
    this.#check?.close()
  }
}
