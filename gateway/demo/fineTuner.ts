// Trainings, one after another, each on a thread of its own. Owns: their queue, their end. Not: the arithmetic (training.ts).
import { Worker } from 'node:worker_threads'
import type { Example } from './examples.ts'
import type { Hyperparameters, Progress, Trained } from './training.ts'
import type { TrainingEvent, TrainingWorkerData } from './trainingWorker.ts'

export type FineTuneErrorCode = 'Overloaded' | 'Aborted' | 'Closed' | 'Lost' | 'TooManyModels'

export class FineTuneError extends Error {
  readonly code: FineTuneErrorCode
  constructor(code: FineTuneErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FineTuneError'
    this.code = code
  }
}

/** A step's progress, with the seconds that the training has held its thread. */
export type TimedProgress = Progress & { readonly deviceSeconds: number }
export type TimedTrained = Trained & { readonly deviceSeconds: number }

export interface Training {
  readonly examples: readonly Example[]
  readonly hyperparameters: Hyperparameters
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: TimedProgress) => void) | undefined
  readonly gate?: TrainingGate | undefined
}

/** Holds a training before its next step, and lets it go on. */
export class TrainingGate {
  readonly shared = new Int32Array(new SharedArrayBuffer(4))

  shut(): void {
    Atomics.store(this.shared, 0, 1)
  }

  open(): void {
    Atomics.store(this.shared, 0, 0)
    Atomics.notify(this.shared, 0)
  }
}

/** Trainings that may wait for the one that runs. */
const QUEUED_MAX = 8

interface Waiting {
  readonly begin: () => void
  readonly reject: (error: FineTuneError) => void
}

export class FineTuner {
  readonly #file: Uint8Array
  #waiting: Waiting[] = []
  /** One runs, or is about to. */
  #isBusy = false
  /** Ends the training that runs. */
  #stop: ((error: FineTuneError) => Promise<unknown>) | undefined
  #isClosed = false

  constructor(file: Uint8Array) {
    this.#file = file
  }

  /** Rejects with FineTuneError; after an abort the thread has ended. */
  async train(training: Training): Promise<TimedTrained> {
    const { signal } = training
    this.#check(signal)
    if (this.#isBusy) await this.#wait(signal)
    this.#isBusy = true
    try {
      this.#check(signal)
      return await this.#run(training)
    } finally {
      this.#stop = undefined
      // It stays busy for the one that waits: nobody comes in between.
      const next = this.#waiting.shift()
      if (next === undefined) this.#isBusy = false
      else next.begin()
    }
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.#isClosed) throw new FineTuneError('Closed', 'the backend is closed')
    if (signal?.aborted === true) throw aborted()
  }

  /** Ends the training that runs and those that wait. */
  async close(): Promise<void> {
    this.#isClosed = true
    const closed = new FineTuneError('Closed', 'the backend is closed')
    for (const { reject } of this.#waiting.splice(0)) reject(closed)
    await this.#stop?.(closed)
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= QUEUED_MAX)
      throw new FineTuneError('Overloaded', `${QUEUED_MAX} trainings are waiting already`)
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting)
        waiting.reject(aborted())
      }
      const waiting: Waiting = {
        begin: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort)
          reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort)
      this.#waiting.push(waiting)
    })
  }

  #run({ examples, hyperparameters, signal, onProgress, gate }: Training): Promise<TimedTrained> {
    const workerData: TrainingWorkerData = {
      file: this.#file,
      examples,
      hyperparameters,
      gate: gate?.shared,
    }
    const worker = new Worker(new URL('./trainingWorker.js', import.meta.url), { workerData })
    return new Promise<TimedTrained>((resolve, reject) => {
      let result: TimedTrained | undefined
      let failure: FineTuneError | undefined
      this.#stop = (error) => {
        failure ??= error
        return worker.terminate()
      }
      const onAbort = (): void => void this.#stop?.(aborted())
      signal?.addEventListener('abort', onAbort)
      worker.on('message', (event: TrainingEvent) => {
        const { deviceSeconds } = event
        if ('trained' in event) result = { ...event.trained, deviceSeconds }
        else if (failure === undefined) onProgress?.({ ...event.progress, deviceSeconds })
      })
      worker.on('error', (cause) => {
        failure ??= new FineTuneError('Lost', 'the training failed', { cause })
      })
      worker.on('exit', (code) => {
        signal?.removeEventListener('abort', onAbort)
        if (failure !== undefined) reject(failure)
        else if (result !== undefined) resolve(result)
        else reject(new FineTuneError('Lost', `the training exited with ${code}`))
      })
    })
  }
}

const aborted = (): FineTuneError => new FineTuneError('Aborted', 'the training was aborted')
