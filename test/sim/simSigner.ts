// The signer of a simulated validator: the real flag rules over a durable list, with crash points around each write.
import type { Subject } from '../../base/protocol/vote.ts'
import { OwnVotes } from '../../consensus/ownVotes.ts'

export class SimSigner {
  #epoch = 0
  #durable = new OwnVotes()
  #memory = new OwnVotes()
  /** The epoch whose flags are lost; nothing is signed in it. */
  #observesEpoch: number | undefined
  #lost = false

  /** Restores the durable flags. */
  restart(): void {
    const votes = new OwnVotes()
    votes.raiseFloor(this.#durable.floor)
    for (const subject of this.#durable.subjects()) votes.adopt(subject)
    this.#memory = votes
  }

  beginEpoch(epoch: number): void {
    if (epoch === this.#epoch && !this.#lost) return
    if (epoch < this.#epoch && !this.#lost) throw new Error('a signer never goes back an epoch')
    if (this.#lost) this.#observesEpoch = epoch
    this.#lost = false
    this.#epoch = epoch
    this.#durable = new OwnVotes()
    this.#memory = new OwnVotes()
  }

  /** Loses the file: observes until the next epoch (CONSENSUS §5). */
  lose(): void {
    this.#lost = true
    this.#durable = new OwnVotes()
    this.#memory = new OwnVotes()
  }

  get observing(): boolean {
    return this.#lost || this.#observesEpoch === this.#epoch
  }

  signed(): readonly Subject[] {
    return this.#memory.subjects()
  }

  raiseFloor(epoch: number, view: number): void {
    if (epoch !== this.#epoch) return
    this.#memory.raiseFloor(view)
  }

  /** Whether the flags allow the vote; recorded in memory only. */
  accept(subject: Subject): boolean {
    if (this.observing) return false
    if (subject.epoch !== this.#epoch || this.#memory.refuses(subject) !== undefined) return false
    if (!this.#memory.has(subject)) this.#memory.record(subject)
    return true
  }

  /** Makes the flags durable; only then may a signature exist. False when the epoch has changed. */
  makeDurable(subject: Subject): boolean {
    if (subject.epoch !== this.#epoch) return false
    this.#durable.adopt(subject)
    this.#durable.raiseFloor(this.#memory.floor)
    return true
  }

  /** Whether this exact vote is durable, or below the lowest view that still matters. */
  holdsDurably(subject: Subject): boolean {
    if (subject.epoch !== this.#epoch) return subject.epoch < this.#epoch
    return subject.view <= this.#durable.floor || this.#durable.has(subject)
  }

  get floor(): number {
    return this.#memory.floor
  }
}
