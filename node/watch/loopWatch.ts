// Measures how late the event loop is: the time in which neither votes nor requests are handled.
// Owns: the figures of the last minute, the warning. Not: who delayed it.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Logger } from 'pino'

/** The native timer whose delay is measured. */
const RESOLUTION_MS = 10
const SAMPLE_MS = 1_000
/** Samples of the reported time, a minute. */
const SAMPLES_MAX = 60
/** Half of a leader's time-out. */
const LATE_MS = 500
/** Warn at most once in this many samples. */
const REPEAT_SAMPLES = 60

export interface LoopLag {
  /** Longest turn of the event loop in the last minute, milliseconds. */
  readonly loopLagMaxMs: number
  /** Mean delay of a timer in the last minute, milliseconds. */
  readonly loopLagMeanMs: number
}

interface Sample {
  readonly maxMs: number
  readonly meanMs: number
}

/** Keeps the samples of the last minute and decides when to warn. */
export class LoopLagWindow {
  readonly #samples: Sample[] = []
  #samplesSinceTold = REPEAT_SAMPLES

  /** The lag to warn of, if it is large and was not told lately. */
  add(sample: Sample): number | undefined {
    this.#samples.push(sample)
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift()
    this.#samplesSinceTold++
    if (sample.maxMs < LATE_MS || this.#samplesSinceTold < REPEAT_SAMPLES) return undefined
    this.#samplesSinceTold = 0
    return sample.maxMs
  }

  figures(): LoopLag {
    const count = Math.max(1, this.#samples.length)
    const sumMs = this.#samples.reduce((sum, { meanMs }) => sum + meanMs, 0)
    return {
      loopLagMaxMs: Math.round(Math.max(0, ...this.#samples.map(({ maxMs }) => maxMs))),
      loopLagMeanMs: Math.round((sumMs / count) * 10) / 10,
    }
  }
}

export interface LoopWatch {
  figures(): LoopLag
  close(): void
}

/** Measures until it is closed. */
export function startLoopWatch(logger: Pick<Logger, 'warn'>): LoopWatch {
  const window = new LoopLagWindow()
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  const timer = setInterval(() => {
    // The measured interval contains the timer's own period. Without a sample, mean is not a number and max is 0.
    const delayMs = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS) || 0
    const lagMs = window.add({ maxMs: delayMs(histogram.max), meanMs: delayMs(histogram.mean) })
    histogram.reset()
    if (lagMs !== undefined) {
      logger.warn(
        { lagMs: Math.round(lagMs) },
        'this process did nothing for too long: the machine is overloaded, was paused, or one computation took long',
      )
    }
  }, SAMPLE_MS)
  timer.unref()
  return {
    figures: () => window.figures(),
    close() {
      clearInterval(timer)
      histogram.disable()
    },
  }
}
