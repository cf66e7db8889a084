// Rate-limited warnings about peers: one line per subject and period, so that an attacker cannot fill the log.
import type { P2pLogger } from './protocol.ts'

const PERIOD_MS = 10_000
const SUBJECTS_MAX = 512

interface Subject {
  readonly loggedAtMs: number
  suppressed: number
}

export class Warnings {
  readonly #logger: P2pLogger
  readonly #subjects = new Map<string, Subject>()

  constructor(logger: P2pLogger) {
    this.#logger = logger
  }

  /** Logs unless `subject` was logged within the last ten seconds; the next line counts suppressed ones. */
  warn(subject: string, fields: object, text: string): void {
    const nowMs = performance.now()
    const known = this.#subjects.get(subject)
    if (known !== undefined && nowMs - known.loggedAtMs < PERIOD_MS) {
      known.suppressed++
      return
    }
    const suppressed = known?.suppressed ?? 0
    this.#subjects.delete(subject)
    if (this.#subjects.size >= SUBJECTS_MAX) this.#subjects.delete(this.#subjects.keys().next().value!)
    this.#subjects.set(subject, { loggedAtMs: nowMs, suppressed: 0 })
    this.#logger.warn(suppressed === 0 ? fields : { ...fields, suppressed }, text)
  }
}
