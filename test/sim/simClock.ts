// The two clocks of a simulated host. They start an age apart, so that nothing confuses them unnoticed.
import type { Now } from '../../consensus/types.ts'
import type { Scheduler } from '../support/random.ts'
import { START_MS } from './config.ts'

export class SimClock {
  readonly #scheduler: Scheduler
  readonly #skewMs: number
  readonly #startMs: number
  #steppedMs = 0

  /** `skewMs`: the wall clock minus true time. */
  constructor(scheduler: Scheduler, options: { readonly host: number; readonly skewMs: number }) {
    this.#scheduler = scheduler
    this.#skewMs = options.skewMs
    this.#startMs = START_MS - 1_000 * options.host
  }

  get wallMs(): number {
    return this.#scheduler.nowMs + this.#skewMs + this.#steppedMs
  }

  get monotonicMs(): number {
    return this.#scheduler.nowMs - this.#startMs
  }

  now(): Now {
    return { monotonicMs: this.monotonicMs, wallMs: this.wallMs }
  }

  /** Sets the wall clock to what it showed without any step, plus `byMs`. */
  step(byMs: number): void {
    this.#steppedMs = byMs
  }
}
