// The clock of a devnet in one process, which can be set forward and stopped. Timers run on real time all the while.
import type { Clock } from '../consensus/ports.ts'
import { systemClock } from '../node/clock.ts'

export class DevClock implements Clock {
  readonly #real = systemClock()
  #aheadMs = 0
  #stoppedAtMs: number | undefined
  readonly #listeners = new Set<() => void>()

  nowMs(): number {
    return this.#stoppedAtMs ?? this.#real.nowMs() + this.#aheadMs
  }

  monotonicMs(): number {
    return this.#real.monotonicMs()
  }

  after(delayMs: number, callback: () => void): () => void {
    return this.#real.after(delayMs, callback)
  }

  /** How far it is ahead of this machine's, milliseconds. */
  get aheadMs(): number {
    return this.nowMs() - this.#real.nowMs()
  }

  /** Goes on from this moment. The caller sees to it that it is not in the past. */
  setTo(ms: number): void {
    this.#stoppedAtMs = undefined
    this.#aheadMs = ms - this.#real.nowMs()
    this.#changed()
  }

  /** Shows this moment until `run`. */
  stopAt(ms: number): void {
    this.#stoppedAtMs = ms
    this.#changed()
  }

  /** Goes on from where it stands. */
  run(): void {
    if (this.#stoppedAtMs !== undefined) this.setTo(this.#stoppedAtMs)
  }

  /** Called whenever it was set. Returns the unsubscriber. */
  onSet(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
