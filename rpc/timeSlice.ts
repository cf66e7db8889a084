// Computes long answers in slices. Owns: yielding to consensus and other requests, and a total time limit.
import { turns } from './turns.ts'

/** Work for one answer; the client requests the rest. */
const TOTAL_MS_MAX = 5_000
/** Waiters of methods share one place in the queue of long work; the heavy gate is fair between clients. */
const CLIENT = ''

export class TimeSlice {
  readonly #totalMsMax: number
  #sliceBeganMs = performance.now()
  #workedMs = 0

  constructor(totalMsMax = TOTAL_MS_MAX) {
    this.#totalMsMax = totalMsMax
  }

  /** Call between steps: yields when this turn has no room for more; false when the total is used up. */
  async next(): Promise<boolean> {
    if (turns.hasRoom()) return true
    this.#workedMs += performance.now() - this.#sliceBeganMs
    await turns.long(CLIENT)
    this.#sliceBeganMs = performance.now()
    return this.#workedMs < this.#totalMsMax
  }
}
