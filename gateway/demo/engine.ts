// Generates and embeds on a thread of its own. Owns: that thread, the limits on what is asked of it, promises for its answers.
// Not: text to tokens and HTTP (routes.ts), the order of work (scheduler.ts).
import { Worker } from 'node:worker_threads'
import type { Adapter } from './adapter.ts'
import type { EngineWorkerData } from './engineWorker.ts'
import type { Command } from './scheduler.ts'
import type { EmbedCommand, Finish, GenerateCommand, WorkEvent } from './work.ts'

export type EngineErrorCode = 'Overloaded' | 'Aborted' | 'Closed' | 'Lost'

export class EngineError extends Error {
  readonly code: EngineErrorCode
  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EngineError'
    this.code = code
  }
}

export interface EngineOptions {
  /** The name and GGUF file of the base model. */
  readonly name: string
  readonly file: Uint8Array
  /** Requests at work at once. Default 256. */
  readonly activeMax?: number
  /** Requests that may wait. Default 1,024. */
  readonly queuedMax?: number
  /** Each request's speed at most; prompts count too. Default: as fast as the core. */
  readonly tokensPerSecond?: number
}

export interface Generated {
  readonly finish: Finish
  readonly completionTokens: number
}

type Asked = Omit<GenerateCommand, 'kind' | 'id'>

interface GenerateOptions {
  readonly signal?: AbortSignal | undefined
  /** `completionTokens` counts all so far. */
  readonly onText: (text: string, completionTokens: number) => void
}

interface GenerateAllOptions {
  readonly signal: AbortSignal
  readonly onText: (index: number, text: string, completionTokens: number) => void
  readonly onDone?: (index: number, generated: Generated) => void
}

interface Pending {
  readonly onEvent: (event: WorkEvent) => void
  readonly reject: (error: EngineError) => void
}

const ACTIVE_MAX = 256
const QUEUED_MAX = 1_024

export class Engine {
  readonly #worker: Worker
  readonly #pendingMax: number
  readonly #pending = new Map<number, Pending>()
  #nextId = 1
  #ended: EngineError | undefined

  constructor(options: EngineOptions) {
    const { name, file, activeMax = ACTIVE_MAX, queuedMax = QUEUED_MAX, tokensPerSecond } = options
    const workerData: EngineWorkerData = { name, file, activeMax, tokensPerSecond }
    this.#pendingMax = activeMax + queuedMax
    this.#worker = new Worker(new URL('./engineWorker.js', import.meta.url), { workerData })
    this.#worker.on('message', (events: readonly WorkEvent[]) => {
      for (const event of events) this.#pending.get(event.id)?.onEvent(event)
    })
    this.#worker.on('error', (cause) => this.#end(new EngineError('Lost', 'the engine failed', { cause })))
    this.#worker.on('exit', (code) => this.#end(new EngineError('Lost', `the engine exited with ${code}`)))
  }

  /** Requests at work or waiting. */
  get pendingCount(): number {
    return this.#pending.size
  }

  /** Why nothing is computed any more. */
  get failure(): EngineError | undefined {
    return this.#ended
  }

  /** Rejects with EngineError. No text comes after an abort. */
  async generate(asked: Asked, { signal, onText }: GenerateOptions): Promise<Generated> {
    return await this.#ask({ kind: 'generate', id: this.#nextId++, ...asked }, signal, (event, resolve) => {
      if (event.kind === 'text') onText(event.text, event.completionTokens)
      else if (event.kind === 'generated')
        resolve({ finish: event.finish, completionTokens: event.completionTokens })
    })
  }

  /** All or none: when one fails the others end too. `onText` and `onDone` name them by their place. */
  async generateAll(
    all: readonly Asked[],
    { signal, onText, onDone }: GenerateAllOptions,
  ): Promise<readonly Generated[]> {
    const group = new AbortController()
    const either = AbortSignal.any([signal, group.signal])
    try {
      return await Promise.all(
        all.map(async (asked, index) => {
          const generated = await this.generate(asked, {
            signal: either,
            onText: (text, completionTokens) => onText(index, text, completionTokens),
          })
          onDone?.(index, generated)
          return generated
        }),
      )
    } finally {
      group.abort()
    }
  }

  /** A vector per input. Rejects with EngineError. */
  async embed(
    asked: Omit<EmbedCommand, 'kind' | 'id'>,
    signal?: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    return await this.#ask({ kind: 'embed', id: this.#nextId++, ...asked }, signal, (event, resolve) => {
      if (event.kind === 'embedded') resolve(event.vectors)
    })
  }

  /** The base model with an update, for requests from now on. */
  addModel(model: string, adapter: Adapter): void {
    this.#send({ kind: 'addModel', model, adapter })
  }

  /** Requests at work keep it to their end; nobody may ask for it from now on. */
  removeModel(model: string): void {
    this.#send({ kind: 'removeModel', model })
  }

  /** Ends the thread; pending requests are rejected. */
  async close(): Promise<void> {
    this.#end(new EngineError('Closed', 'the engine is closed'))
    await this.#worker.terminate()
  }

  #send(command: Command): void {
    if (this.#ended === undefined) this.#worker.postMessage(command)
  }

  #ask<T>(
    command: GenerateCommand | EmbedCommand,
    signal: AbortSignal | undefined,
    onEvent: (event: WorkEvent, resolve: (value: T) => void) => void,
  ): Promise<T> {
    const { id } = command
    return new Promise<T>((resolve, reject) => {
      const refusal = this.#refusal(signal)
      if (refusal !== undefined) return reject(refusal)
      const onAbort = (): void => {
        this.#send({ kind: 'abort', id })
        this.#pending.get(id)?.reject(aborted())
      }
      const forget = (): void => {
        this.#pending.delete(id)
        signal?.removeEventListener('abort', onAbort)
      }
      this.#pending.set(id, {
        onEvent: (event) =>
          onEvent(event, (value) => {
            forget()
            resolve(value)
          }),
        reject: (error) => {
          forget()
          reject(error)
        },
      })
      signal?.addEventListener('abort', onAbort)
      this.#send(command)
    })
  }

  #refusal(signal: AbortSignal | undefined): EngineError | undefined {
    if (this.#ended !== undefined) return this.#ended
    if (signal?.aborted === true) return aborted()
    if (this.#pending.size < this.#pendingMax) return undefined
    return new EngineError('Overloaded', 'too many requests are waiting')
  }

  #end(error: EngineError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    for (const pending of [...this.#pending.values()]) pending.reject(error)
  }
}

const aborted = (): EngineError => new EngineError('Aborted', 'the request was aborted')
