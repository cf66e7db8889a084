// What the engine's thread is asked and answers, and one request's work in steps of one token each.
// Owns: a request from its first token to its end. Not: whose turn it is (scheduler.ts).
import { Cache, type Forward } from './forward.ts'
import { Sampler, type Sampling } from './sampler.ts'
import { TextStream } from './textStream.ts'
import type { Tokenizer } from './tokenizer.ts'

export interface GenerateCommand {
  readonly kind: 'generate'
  readonly id: number
  readonly model: string
  /** Shorter than the context. */
  readonly prompt: readonly number[]
  /** The context ends an answer too. */
  readonly tokensMax: number
  readonly stops: readonly string[]
  readonly sampling: Sampling
}

export interface EmbedCommand {
  readonly kind: 'embed'
  readonly id: number
  readonly model: string
  /** Each from one token to as many as the context holds. */
  readonly inputs: readonly (readonly number[])[]
}

/** `stop`: the model ended, or a stop string came; `length`: the limit or the context's end. */
export type Finish = 'stop' | 'length'

export type WorkEvent =
  | { readonly kind: 'text'; readonly id: number; readonly text: string; readonly completionTokens: number }
  | {
      readonly kind: 'generated'
      readonly id: number
      readonly finish: Finish
      readonly completionTokens: number
    }
  | { readonly kind: 'embedded'; readonly id: number; readonly vectors: readonly Float32Array[] }

export interface Work {
  readonly id: number
  /** Computes one token. True when it was the last. */
  step(emit: (event: WorkEvent) => void): boolean
}

export class Generation implements Work {
  readonly id: number
  readonly #command: GenerateCommand
  readonly #forward: Forward
  readonly #tokenizer: Tokenizer
  readonly #cache: Cache
  readonly #sampler: Sampler
  readonly #stream: TextStream
  #completionTokens = 0
  #next: number

  constructor(command: GenerateCommand, forward: Forward, tokenizer: Tokenizer) {
    this.id = command.id
    this.#command = command
    this.#forward = forward
    this.#tokenizer = tokenizer
    this.#cache = new Cache(forward.model.sizes)
    this.#sampler = new Sampler(command.sampling)
    this.#stream = new TextStream(command.stops)
    this.#next = command.prompt[0]!
  }

  step(emit: (event: WorkEvent) => void): boolean {
    const { prompt } = this.#command
    const hidden = this.#forward.step(this.#cache, this.#next)
    if (this.#cache.length < prompt.length) {
      this.#next = prompt[this.#cache.length]!
      return false
    }
    const token = this.#sampler.choose(this.#forward.logits(hidden))
    this.#next = token
    this.#completionTokens++
    const isEnd = token === this.#tokenizer.vocabulary.endId
    if (!isEnd) this.#say(this.#stream.push(this.#tokenizer.bytesOf(token)), emit)
    const isStopped = isEnd || this.#stream.isStopped
    if (!isStopped && !this.#isFull()) return false
    this.#say(this.#stream.end(), emit)
    // What was held back may have completed a stop string.
    const finish = isStopped || this.#stream.isStopped ? 'stop' : 'length'
    emit({ kind: 'generated', id: this.id, finish, completionTokens: this.#completionTokens })
    return true
  }

  #isFull(): boolean {
    const { prompt, tokensMax } = this.#command
    const room = this.#forward.model.sizes.context - prompt.length
    return this.#completionTokens >= Math.min(tokensMax, room)
  }

  #say(text: string, emit: (event: WorkEvent) => void): void {
    if (text !== '') emit({ kind: 'text', id: this.id, text, completionTokens: this.#completionTokens })
  }
}

/** The mean of a text's last hidden states, as long as 1. */
export class Embedding implements Work {
  readonly id: number
  readonly #inputs: EmbedCommand['inputs']
  readonly #forward: Forward
  readonly #vectors: Float32Array[] = []
  #cache: Cache
  #sum: Float32Array

  constructor({ id, inputs }: EmbedCommand, forward: Forward) {
    this.id = id
    this.#inputs = inputs
    this.#forward = forward
    this.#cache = new Cache(forward.model.sizes)
    this.#sum = new Float32Array(forward.model.sizes.width)
  }

  step(emit: (event: WorkEvent) => void): boolean {
    const input = this.#inputs[this.#vectors.length]!
    const hidden = this.#forward.step(this.#cache, input[this.#cache.length]!)
    for (let i = 0; i < hidden.length; i++) this.#sum[i] = this.#sum[i]! + hidden[i]!
    if (this.#cache.length < input.length) return false
    const length = Math.hypot(...this.#sum)
    this.#vectors.push(this.#sum.map((value) => value / length))
    this.#sum = new Float32Array(hidden.length)
    this.#cache = new Cache(this.#forward.model.sizes)
    if (this.#vectors.length < this.#inputs.length) return false
    emit({ kind: 'embedded', id: this.id, vectors: this.#vectors })
    return true
  }
}
