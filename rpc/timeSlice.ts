// Computes long answers in slices. Owns: yielding to consensus and other requests, and a total time limit.

/** Work between two yields to the event loop. */
const SLICE_MS = 8
/** Work for one answer; the client requests the rest. */
const TOTAL_MS_MAX = 5_000

export class TimeSlice {
  readonly #totalMsMax: number
  #sliceBeganMs = performance.now()
  #workedMs = 0

  constructor(totalMsMax = TOTAL_MS_MAX) {
    this.#totalMsMax = totalMsMax
  }

  /** Call between steps: yields when the slice is used up; false when the total is. */
  async next(): Promise<boolean> {
    const spentMs = performance.now() - this.#sliceBeganMs
    if (spentMs < SLICE_MS) return true
    this.#workedMs += spentMs
    await new Promise(setImmediate)
    this.#sliceBeganMs = performance.now()
    return this.#workedMs < this.#totalMsMax
  }
}
