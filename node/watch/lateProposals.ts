// Tells the operator of late proposals: with a quorum of wrong clocks nothing is finalized, so they are the only symptom.
import type { Log } from '../../consensus/ports.ts'
import type { JournalRecord } from '../../consensus/records.ts'

/** Log late proposals at most this often. */
const LATE_TOLD_MS = 10_000

export class LateProposals {
  readonly #log: Log
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(log: Log) {
    this.#log = log
  }

  note(record: JournalRecord): void {
    const nowMs = performance.now()
    if (record.kind !== 'proposal' || record.body.timely === 'timely') return
    if (nowMs - this.#toldMs < LATE_TOLD_MS) return
    this.#toldMs = nowMs
    const { signer: validator, subject } = record.body.vote
    this.#log(
      'warn',
      'a proposal is dated too long ago: its clock is behind, ours is ahead, or the network is slow',
      { validator, view: subject.view },
    )
  }
}
