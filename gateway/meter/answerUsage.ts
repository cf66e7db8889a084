// What an answer used, from what the backend says and from what was passed on. Owns: counting a stream as it goes, and what an
// answer without usage counts as. Not: what it costs (tariff), cutting a stream (http/sse.ts).
import type { Json } from '../../base/field.ts'
import { RedeemError } from '../../client/redemption/redeemError.ts'
import { NO_USAGE, type Usage, usageOf } from '../../client/redemption/usage.ts'
import type { Body, Call } from './price.ts'

/** Bytes of a prompt for each token that it counts as when nobody counted: more than any tokenizer needs, so never too many. */
const PROMPT_BYTES_PER_TOKEN = 8

const membersOf = (json: Json | undefined): Body =>
  typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Body) : {}
const listOf = (json: Json | undefined): readonly Json[] =>
  Array.isArray(json) ? (json as readonly Json[]) : []
const isText = (json: Json | undefined): boolean => typeof json === 'string' && json !== ''

/** The `usage` of an answer or of a part of it; undefined without one. */
function usageIn(json: Body): Json | undefined {
  const usage = json.usage ?? membersOf(json.response).usage
  return usage === null ? undefined : usage
}

/** Whether a choice of a part of a stream holds something that was generated. */
function hasText(choice: Json): boolean {
  const { delta, text } = membersOf(choice)
  if (isText(text)) return true
  const { content, reasoning_content, reasoning, tool_calls, function_call, refusal } = membersOf(delta)
  const texts = [content, reasoning_content, reasoning, refusal]
  return texts.some(isText) || listOf(tool_calls).length > 0 || (function_call ?? null) !== null
}

/** Reads a usage; undefined when it is none that can be. */
export function readUsage(call: Call, json: Json | undefined): Usage | undefined {
  try {
    return usageOf(call === 'embeddings' ? 'embedding' : 'completion', json)
  } catch (error) {
    if (error instanceof RedeemError) return undefined
    throw error
  }
}

/** The usage of a whole answer; undefined when the backend gave none that can be. */
export function usageOfAnswer(call: Call, answer: Json): Usage | undefined {
  return readUsage(call, usageIn(membersOf(answer)))
}

export class StreamUsage {
  readonly #call: Call
  readonly #promptBytes: number
  /** The newest usage that the backend gave. */
  #reported: Usage | undefined
  /** Parts with something generated: at least one token each. */
  #parts = 0
  isMalformed = false

  constructor(call: Call, promptBytes: number) {
    this.#call = call
    this.#promptBytes = promptBytes
  }

  /** Takes a part of the stream. Returns whether it holds nothing but usage. */
  take(part: Body): boolean {
    const usage = usageIn(part)
    if (usage !== undefined) {
      const read = readUsage(this.#call, usage)
      if (read === undefined) this.isMalformed = true
      else this.#reported = read
    }
    const choices = listOf(part.choices)
    for (const choice of choices) if (hasText(choice)) this.#parts++
    const { type } = part
    if (typeof type === 'string' && type.endsWith('.delta')) this.#parts++
    return usage !== undefined && Array.isArray(part.choices) && choices.length === 0
  }

  /** Parts with something generated, at least one token each. */
  get parts(): number {
    return this.#parts
  }

  /** Whether the backend has counted. */
  get isReported(): boolean {
    return this.#reported !== undefined
  }

  /** Of a stream that came to its end, or that was broken off: then what was passed on counts, and no more. */
  usage(): Usage {
    if (this.#reported !== undefined) return this.#reported
    if (this.#parts === 0) return NO_USAGE
    return {
      ...NO_USAGE,
      promptTokens: Math.floor(this.#promptBytes / PROMPT_BYTES_PER_TOKEN),
      completionTokens: this.#parts,
    }
  }
}
