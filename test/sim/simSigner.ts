// The signer of a simulated validator: the real flag rules over a durable list, with a crash point between flag and vote.
import type { Subject } from '../../base/protocol/vote.ts'
import { OwnVotes } from '../../consensus/ownVotes.ts'

export class SimSigner {
  #epoch = 0
  #durable = new OwnVotes()
  #memory = new OwnVotes()

  /** After a start: what is durable is what counts. */
  restart(): void {
    const votes = new OwnVotes()
    votes.raiseFloor(this.#durable.floor)
    for (const subject of this.#durable.subjects()) votes.adopt(subject)
    this.#memory = votes
  }

  beginEpoch(epoch: number): void {
    if (epoch === this.#epoch) return
    if (epoch < this.#epoch) throw new Error('a signer never goes back an epoch')
    this.#epoch = epoch
    this.#durable = new OwnVotes()
    this.#memory = new OwnVotes()
  }

  signed(): readonly Subject[] {
    return this.#memory.subjects()
  }

  raiseFloor(epoch: number, view: number): void {
    if (epoch !== this.#epoch) return
    this.#memory.raiseFloor(view)
  }

  /** Whether the flags allow it; recorded in memory only. */
  accept(subject: Subject): boolean {
    if (subject.epoch !== this.#epoch || this.#memory.refuses(subject) !== undefined) return false
    if (!this.#memory.has(subject)) this.#memory.record(subject)
    return true
  }

  /** The flags reach the disk; only now may a signature exist. False when the epoch moved on. */
  makeDurable(subject: Subject): boolean {
    if (subject.epoch !== this.#epoch) return false
    this.#durable.adopt(subject)
    this.#durable.raiseFloor(this.#memory.floor)
    return true
  }
}
