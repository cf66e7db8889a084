// An answer as server-sent events while it is generated. Owns: which chunks there are, and their usage.
import type { ServerResponse } from 'node:http'
import { type Envelope, type Shape, type Usage, usageOf } from './answers.ts'
import { asApiError } from './apiError.ts'
import type { Engine } from './engine.ts'
import { EventStream } from './http.ts'
import type { GenerateRequest } from './requests.ts'

interface Streamed {
  readonly engine: Engine
  readonly response: ServerResponse
  readonly signal: AbortSignal
  readonly asked: GenerateRequest
  readonly shape: Shape
  readonly envelope: Envelope
}

/** The chunks of one answer. Opened with the first of them: until then a refusal has its status. */
class Chunks {
  readonly #streamed: Streamed
  readonly #promptTokens: number
  readonly #completionTokens: number[]
  #stream: EventStream | undefined

  constructor(streamed: Streamed) {
    const { commands } = streamed.asked
    this.#streamed = streamed
    this.#promptTokens = commands.reduce((sum, { prompt }) => sum + prompt.length, 0)
    this.#completionTokens = commands.map(() => 0)
  }

  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  /** A choice's next part; `completionTokens` of this choice so far. */
  send(index: number, part: unknown, completionTokens: number): void {
    this.#completionTokens[index] = completionTokens
    this.#write([part])
  }

  /** The last chunk has the usage and no choice. */
  end(): void {
    const { asked, envelope } = this.#streamed
    const stream = this.#open()
    if (asked.includesUsage) stream.send(envelope.chunk([], this.#usage()))
    stream.end()
  }

  fail(error: unknown): void {
    this.#open().fail(error)
  }

  #usage(): Usage {
    const completionTokens = this.#completionTokens.reduce((sum, count) => sum + count, 0)
    return usageOf(this.#promptTokens, completionTokens)
  }

  #open(): EventStream {
    if (this.#stream !== undefined) return this.#stream
    const { response, asked, shape } = this.#streamed
    this.#stream = new EventStream(response)
    const { opening } = shape
    if (opening !== undefined) for (const index of asked.commands.keys()) this.#write([opening(index)])
    return this.#stream
  }

  #write(choices: readonly unknown[]): void {
    const { asked, envelope } = this.#streamed
    const usage = asked.continuousUsage ? this.#usage() : asked.includesUsage ? null : undefined
    this.#open().send(envelope.chunk(choices, usage))
  }
}

/** Rejects only before anything was sent; later failures are the stream's last event. */
export async function streamAnswer(streamed: Streamed): Promise<void> {
  const { engine, signal, asked, shape } = streamed
  const chunks = new Chunks(streamed)
  try {
    await engine.generateAll(asked.commands, {
      signal,
      onText: (index, text, completionTokens) => {
        chunks.send(index, shape.chunk(index, text), completionTokens)
      },
      onDone: (index, { finish, completionTokens }) => {
        chunks.send(index, shape.closing(index, finish), completionTokens)
      },
    })
  } catch (error) {
    const known = asApiError(error)
    if (known === undefined || !chunks.isOpen) throw error
    chunks.fail(known.body)
    return
  }
  chunks.end()
}
