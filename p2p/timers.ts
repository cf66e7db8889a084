// Time for rate limits, time-outs and rests: monotonic, so that a corrected wall clock leaves none of them in the future.
import type { Clock } from '../consensus/ports.ts'

/** A clock without the wall's time. */
export type Timers = Pick<Clock, 'monotonicMs' | 'after'>

/** Milliseconds since the process started; not Unix time. */
export const monotonicMs = (): number => performance.now()

export const MONOTONIC: Timers = {
  monotonicMs,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

/** The same, but a timer that waits does not keep the process alive. */
export const BACKGROUND: Timers = {
  monotonicMs,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref()
    return () => clearTimeout(timer)
  },
}

/** Resolves after `delayMs`. */
export function pause(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => void timers.after(delayMs, resolve))
}
