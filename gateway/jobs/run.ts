// What the runner asks of a job under way, whatever runs it. Owns: the interface. Implementations: commandRun.ts, demoRun.ts.
import type { JobError } from './records.ts'

export type RunEnd =
  | { readonly kind: 'succeeded'; readonly tunedModel?: string; readonly trainedTokens?: number }
  | {
      readonly kind: 'failed'
      readonly error: JobError
      readonly exitCode?: number
      /** A mistake in the input that was found before any work. */
      readonly isFree?: boolean
    }
  /** Ended by `stop`. */
  | { readonly kind: 'stopped' }

export interface Run {
  /** Milliseconds that it has run, pauses left out. */
  readonly runningMs: number
  /** Resolves when it has ended, and nothing of it runs any more. */
  readonly ended: Promise<RunEnd>
  /** Nothing of it runs after this, until `resume`. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Asks it to end, and ends it if it does not. What it uses from now on is not metered. */
  stop(): void
}

/** A watch that can be stopped: device time leaves pauses out. */
export class RunClock {
  #sinceMs: number | undefined
  #sumMs = 0

  get ms(): number {
    return this.#sumMs + (this.#sinceMs === undefined ? 0 : performance.now() - this.#sinceMs)
  }

  start(): void {
    this.#sinceMs ??= performance.now()
  }

  stop(): void {
    this.#sumMs = this.ms
    this.#sinceMs = undefined
  }
}
