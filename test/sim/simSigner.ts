// The signer of a simulated validator: the real flag rules and rules of losses over a durable list, with crash points
// around each write. Not: proofs of epochs and of losses, which are true here (lostSigner.ts has the false ones).
import type { Subject } from '../../base/protocol/vote.ts'
import { OwnVotes } from '../../consensus/ownVotes.ts'
import { contains, type Loss, lossIn, observesIn } from '../../signer/signerTrust.ts'

/** A signer whose file is lost has begun no epoch. */
const NO_EPOCH = -1

export class SimSigner {
  #epoch = 0
  #durable = new OwnVotes()
  #memory = new OwnVotes()
  #loss: Loss | undefined

  /** Restores the durable flags. */
  restart(): void {
    const votes = new OwnVotes()
    votes.raiseFloor(this.#durable.floor)
    for (const subject of this.#durable.subjects()) votes.adopt(subject)
    this.#memory = votes
  }

  beginEpoch(epoch: number): void {
    if (epoch === this.#epoch) return
    if (epoch < this.#epoch) throw new Error('a signer never goes back an epoch')
    this.#loss = lossIn(this.#loss, epoch)
    this.#epoch = epoch
    this.#durable = new OwnVotes()
    this.#memory = new OwnVotes()
  }

  /** Loses the file, also in the middle of an earlier loss: observes until a final block shows this number (CONSENSUS §5). */
  lose(nonce: Uint8Array): void {
    this.#loss = { nonce, resumeAfter: undefined }
    this.#epoch = NO_EPOCH
    this.#durable = new OwnVotes()
    this.#memory = new OwnVotes()
  }

  get observing(): boolean {
    return observesIn(this.#loss, this.#epoch)
  }

  /** The number that a final block must show; undefined when there is none or it is shown. */
  get unshown(): Uint8Array | undefined {
    return this.#loss?.resumeAfter === undefined ? this.#loss?.nonce : undefined
  }

  /** A final transaction, and its block's epoch: signing resumes in the first epoch after it. */
  proveLoss(transaction: Uint8Array, epoch: number): void {
    const nonce = this.unshown
    if (nonce === undefined || !contains(transaction, nonce)) return
    this.#loss = lossIn({ nonce, resumeAfter: epoch }, this.#epoch)
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
