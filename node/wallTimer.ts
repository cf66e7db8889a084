// Calls back at a moment of the wall clock, which may be set meanwhile. Not: time-outs and limits (`Clock.monotonicMs`).
import type { Clock } from '../consensus/ports.ts'

/** Look at the clock at least this often. */
const LOOK_MS = 10_000
/** And at most this often. */
const LOOK_AGAIN_MS = 1_000

export class WallTimer {
  readonly #clock: Clock
  readonly #work: () => void
  #cancel: (() => void) | undefined

  /** `work` is called again from time to time until the next `set`: the clock may have been wrong the first time. */
  constructor(clock: Clock, work: () => void) {
    this.#clock = clock
    this.#work = work
  }

  /** Replaces the moment, Unix milliseconds. */
  set(atMs: number): void {
    this.#lookIn(Math.max(1, atMs - this.#clock.nowMs()), atMs)
  }

  close(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #lookIn(delayMs: number, atMs: number): void {
    this.#cancel?.()
    this.#cancel = this.#clock.after(Math.min(LOOK_MS, delayMs), () => {
      const leftMs = atMs - this.#clock.nowMs()
      if (leftMs <= 0) this.#work()
      this.#lookIn(leftMs <= 0 ? LOOK_MS : Math.max(LOOK_AGAIN_MS, leftMs), atMs)
    })
  }
}
