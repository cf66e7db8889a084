// Fine-tuning of the demo model, on a thread of this process. Not: the training (demo/), device-seconds (pacer.ts).
import type { DemoBackend } from '../demo/demoBackend.ts'
import { FineTuneError, type TimedProgress, TrainingGate } from '../demo/fineTuner.ts'
import { InputError } from '../demo/input.ts'
import type { Tuning } from './records.ts'
import { type Run, RunClock, type RunEnd } from './run.ts'

export interface DemoStart {
  readonly demo: DemoBackend
  readonly lines: readonly string[]
  readonly tuning: Tuning
  readonly onProgress: (progress: TimedProgress) => void
}

export class DemoRun implements Run {
  readonly #clock = new RunClock()
  readonly #gate = new TrainingGate()
  readonly #stopping = new AbortController()
  readonly ended: Promise<RunEnd>

  constructor(start: DemoStart) {
    this.#clock.start()
    this.ended = this.#run(start)
  }

  get runningMs(): number {
    return this.#clock.ms
  }

  async #run({ demo, lines, tuning, onProgress }: DemoStart): Promise<RunEnd> {
    const { suffix, seed, hyperparameters } = tuning
    const { signal } = this.#stopping
    try {
      const made = await demo.startFineTune({
        lines,
        suffix,
        seed,
        hyperparameters,
        signal,
        onProgress,
        gate: this.#gate,
      })
      return { kind: 'succeeded', tunedModel: made.model, trainedTokens: made.trainedTokens }
    } catch (error) {
      if (signal.aborted) return { kind: 'stopped' }
      if (error instanceof InputError) {
        const { param, message } = error
        const of =
          param.startsWith('hyperparameters') || param === 'suffix' || param === 'seed'
            ? param
            : 'training_file'
        return { kind: 'failed', error: { code: 'invalid_training_file', message, param: of }, isFree: true }
      }
      if (error instanceof FineTuneError)
        return { kind: 'failed', error: { code: 'training_failed', message: error.message } }
      throw error
    } finally {
      this.#clock.stop()
    }
  }

  pause(): Promise<void> {
    this.#gate.shut()
    this.#clock.stop()
    return Promise.resolve()
  }

  resume(): Promise<void> {
    this.#clock.start()
    this.#gate.open()
    return Promise.resolve()
  }

  stop(): void {
    this.#clock.stop()
    this.#stopping.abort()
    this.#gate.open()
  }
}
