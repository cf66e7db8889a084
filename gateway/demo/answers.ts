// Answers in the shapes of OpenAI's API. Not: how they are sent (http.ts), what is in them (routes.ts).
import { randomUUID } from 'node:crypto'
import type { Finish } from './work.ts'

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details: { readonly cached_tokens: number }
}

export function usageOf(promptTokens: number, completionTokens: number): Usage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    // No prompt is remembered from one request to the next.
    prompt_tokens_details: { cached_tokens: 0 },
  }
}

export interface Choice {
  readonly index: number
  readonly text: string
  readonly finish: Finish
}

/** What differs between the two endpoints that generate. */
export interface Shape {
  readonly idPrefix: string
  readonly object: string
  readonly chunkObject: string
  /** Sent before any text. */
  readonly opening: ((index: number) => unknown) | undefined
  choice(choice: Choice): unknown
  chunk(index: number, text: string): unknown
  closing(index: number, finish: Finish): unknown
}

export const CHAT: Shape = {
  idPrefix: 'chatcmpl-',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  opening: (index) => ({
    index,
    delta: { role: 'assistant', content: '' },
    logprobs: null,
    finish_reason: null,
  }),
  choice: ({ index, text, finish }) => ({
    index,
    message: { role: 'assistant', content: text, refusal: null },
    logprobs: null,
    finish_reason: finish,
  }),
  chunk: (index, text) => ({ index, delta: { content: text }, logprobs: null, finish_reason: null }),
  closing: (index, finish) => ({ index, delta: {}, logprobs: null, finish_reason: finish }),
}

export const COMPLETION: Shape = {
  idPrefix: 'cmpl-',
  object: 'text_completion',
  chunkObject: 'text_completion',
  opening: undefined,
  choice: ({ index, text, finish }) => ({ index, text, logprobs: null, finish_reason: finish }),
  chunk: (index, text) => ({ index, text, logprobs: null, finish_reason: null }),
  closing: (index, finish) => ({ index, text: '', logprobs: null, finish_reason: finish }),
}

/** The fields that all parts of one answer share. */
export class Envelope {
  readonly #shape: Shape
  readonly #head: Readonly<Record<string, unknown>>

  constructor(shape: Shape, fields: { model: string; fingerprint: string; createdAtSeconds: number }) {
    this.#shape = shape
    this.#head = {
      id: `${shape.idPrefix}${randomUUID().replaceAll('-', '')}`,
      created: fields.createdAtSeconds,
      model: fields.model,
      system_fingerprint: fields.fingerprint,
    }
  }

  whole(choices: readonly Choice[], usage: Usage): unknown {
    const { object, choice } = this.#shape
    return { ...this.#head, object, choices: choices.map(choice), usage }
  }

  /** `usage` is null in chunks that count nothing, and absent when it was not asked for. */
  chunk(choices: readonly unknown[], usage?: Usage | null): unknown {
    const { chunkObject: object } = this.#shape
    return { ...this.#head, object, choices, ...(usage === undefined ? {} : { usage }) }
  }
}

/** A vector as OpenAI's clients take it: numbers, or base64 of little-endian 32-bit floats. */
export function embeddingOf(vector: Float32Array, isBase64: boolean): unknown {
  if (!isBase64) return [...vector]
  const view = new DataView(new ArrayBuffer(4 * vector.length))
  vector.forEach((value, i) => {
    view.setFloat32(4 * i, value, true)
  })
  return Buffer.from(view.buffer).toString('base64')
}
