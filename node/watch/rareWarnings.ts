// Warnings that a member can cause with every message, each logged at most once in a while. Not: what is wrong (trouble.ts).
import type { Log } from '../../consensus/ports.ts'
import type { JournalRecord } from '../../consensus/records.ts'

/** Log the same warning at most this often. */
const TOLD_EVERY_MS = 10_000

export class RareWarnings {
  readonly #log: Log
  /** When each was last logged, by its text: these are few and fixed. */
  readonly #toldMs = new Map<string, number>()

  constructor(log: Log) {
    this.#log = log
  }

  tell(text: string, fields: Readonly<Record<string, unknown>>): void {
    const nowMs = performance.now()
    if (nowMs - (this.#toldMs.get(text) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return
    this.#toldMs.set(text, nowMs)
    this.#log('warn', text, fields)
  }

  /** With a quorum of wrong clocks nothing is finalized, so late proposals are the only symptom to log. */
  noteLate(record: JournalRecord): void {
    if (record.kind !== 'proposal' || record.body.timely === 'timely') return
    const { signer: validator, subject } = record.body.vote
    this.tell(
      'a proposal is dated too long ago: its clock is behind, ours is ahead, or the network is slow',
      {
        validator,
        view: subject.view,
      },
    )
  }
}
