// Long answers in slices. Owns: giving consensus and other requests their turn, and a bound on the whole.

/** Work between two turns of the event loop. */
const SLICE_MS = 8
/** Work one answer may take; what is left out is asked for again. */
const TOTAL_MS_MAX = 5_000

export class TimeSlice {
  readonly #totalMsMax: number
  #sliceBeganMs = performance.now()
  #workedMs = 0

  constructor(totalMsMax = TOTAL_MS_MAX) {
    this.#totalMsMax = totalMsMax
  }

  /** Call between steps: waits for a turn when the slice is used up. False when the whole bound is. */
  async next(): Promise<boolean> {
    const spentMs = performance.now() - this.#sliceBeganMs
    if (spentMs < SLICE_MS) return true
    this.#workedMs += spentMs
    await new Promise(setImmediate)
    this.#sliceBeganMs = performance.now()
    return this.#workedMs < this.#totalMsMax
  }
}
