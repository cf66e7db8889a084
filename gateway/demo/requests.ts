// Bodies of OpenAI's API as work for the engine. Owns: which fields are understood, their limits, the length of prompts.
// A field that would change the answer, and that the model cannot obey, is refused; others are ignored, as llama.cpp does.
import { randomInt } from 'node:crypto'
import { ApiError, noModel } from './apiError.ts'
import { InputError, isRecord, readFlag, readNumber, readWhole } from './input.ts'
import type { Models } from './models.ts'
import { chatPrompt, readMessages } from './prompts.ts'
import type { GenerateCommand } from './work.ts'

export interface GenerateRequest {
  readonly model: string
  /** One per choice. */
  readonly commands: readonly Omit<GenerateCommand, 'kind' | 'id'>[]
  readonly isStreamed: boolean
  readonly includesUsage: boolean
  /** Usage in every chunk, as vLLM gives it. */
  readonly continuousUsage: boolean
}

export interface EmbedRequest {
  readonly model: string
  readonly inputs: readonly (readonly number[])[]
  readonly isBase64: boolean
}

type Body = Readonly<Record<string, unknown>>

const PROMPTS_MAX = 16
const INPUTS_MAX = 256
const STOPS_MAX = 4
const STOP_LENGTH_MAX = 256
const TEMPERATURE_DEFAULT = 1

const isTokens = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'number')

/** OpenAI's refusal of what is too long; llama.cpp's server refuses it too, and cuts nothing off. */
function tooLong(param: string, count: string, context: number): ApiError {
  const message = `This model's maximum context length is ${context} tokens. However, your ${param} resulted in ${count} tokens. Please reduce the length of the ${param}.`
  return new ApiError({ status: 400, code: 'context_length_exceeded', param, message })
}

export class Requests {
  readonly #models: Models
  constructor(models: Models) {
    this.#models = models
  }

  chat(body: unknown): GenerateRequest {
    const fields = this.#fields(body)
    const prompt = this.#tokens(chatPrompt(readMessages(fields.messages)), 'messages', 1)
    const limit = fields.max_completion_tokens ?? fields.max_tokens
    const { tool_choice: choice, response_format: format } = fields
    const forced = isRecord(choice) || choice === 'required'
    if (forced) throw new InputError('tool_choice', 'this model calls no tools')
    if (isRecord(format) && format.type !== 'text')
      throw new InputError('response_format', 'this model answers in text only')
    return this.#generate(fields, [prompt], limit)
  }

  completion(body: unknown): GenerateRequest {
    const fields = this.#fields(body)
    if (fields.echo === true) throw new InputError('echo', 'not supported')
    if (typeof fields.suffix === 'string') throw new InputError('suffix', 'not supported')
    if (fields.best_of !== undefined && fields.best_of !== null && fields.best_of !== 1)
      throw new InputError('best_of', 'only 1 is supported')
    const prompts = this.#texts(fields.prompt, 'prompt', PROMPTS_MAX, 1)
    return this.#generate(fields, prompts, fields.max_tokens)
  }

  embedding(body: unknown): EmbedRequest {
    const fields = this.#fields(body)
    const { width } = this.#models.base.model.sizes
    const { encoding_format: format = 'float', dimensions = width } = fields
    if (format !== 'float' && format !== 'base64')
      throw new InputError('encoding_format', 'expected float or base64')
    if (dimensions !== width) throw new InputError('dimensions', `only ${width} are supported`)
    const inputs = this.#texts(fields.input, 'input', INPUTS_MAX, 0)
    return { model: this.#model(fields), inputs, isBase64: format === 'base64' }
  }

  #fields(body: unknown): Body {
    if (!isRecord(body)) throw new InputError('body', 'expected a JSON object')
    return body
  }

  #model({ model }: Body): string {
    if (typeof model !== 'string') throw new InputError('model', 'expected the name of a model')
    if (!this.#models.has(model)) throw noModel(model.slice(0, 100))
    return model
  }

  #generate(fields: Body, prompts: readonly (readonly number[])[], limit: unknown): GenerateRequest {
    const model = this.#model(fields)
    if (fields.n !== undefined && fields.n !== null && fields.n !== 1)
      throw new InputError('n', 'only 1 is supported')
    if (typeof fields.logprobs === 'number' || fields.logprobs === true)
      throw new InputError('logprobs', 'not supported')
    if (isRecord(fields.logit_bias) && Object.keys(fields.logit_bias).length > 0)
      throw new InputError('logit_bias', 'not supported')
    const tokensMax = readWhole(limit, 'max_tokens', { min: 1, max: Number.MAX_SAFE_INTEGER })
    const seed = readWhole(fields.seed, 'seed', {
      min: Number.MIN_SAFE_INTEGER,
      max: Number.MAX_SAFE_INTEGER,
    })
    const shared = {
      model,
      tokensMax: tokensMax ?? Number.MAX_SAFE_INTEGER,
      stops: readStops(fields.stop),
      sampling: { ...readSampling(fields), seed: Math.abs(seed ?? randomInt(2 ** 47)) },
    }
    const options = fields.stream_options ?? {}
    if (!isRecord(options)) throw new InputError('stream_options', 'expected an object')
    return {
      model,
      commands: prompts.map((prompt) => ({ ...shared, prompt })),
      isStreamed: readFlag(fields.stream, 'stream'),
      includesUsage: readFlag(options.include_usage, 'stream_options.include_usage'),
      continuousUsage: readFlag(options.continuous_usage_stats, 'stream_options.continuous_usage_stats'),
    }
  }

  /** A text, its tokens, or a list of either. `spare` tokens of the context stay free. */
  #texts(value: unknown, param: string, countMax: number, spare: number): readonly (readonly number[])[] {
    const items: readonly unknown[] = typeof value === 'string' || isTokens(value) ? [value] : list(value)
    if (items.length === 0 || items.length > countMax)
      throw new InputError(param, `expected a text, its tokens, or 1 to ${countMax} of either`)
    return items.map((item) => {
      if (typeof item === 'string') return this.#tokens(item, param, spare)
      if (!isTokens(item)) throw new InputError(param, 'expected texts or lists of tokens')
      const { context, vocabulary } = this.#models.base.model.sizes
      if (item.some((token) => !Number.isInteger(token) || token < 0 || token >= vocabulary))
        throw new InputError(param, `expected tokens from 0 to ${vocabulary - 1}`)
      if (item.length > context - spare) throw tooLong(param, String(item.length), context)
      return item
    })
  }

  #tokens(text: string, param: string, spare: number): readonly number[] {
    const { tokenizer, model } = this.#models.base
    const { context } = model.sizes
    // What cannot fit is not worth cutting into tokens.
    const atLeast = tokenizer.leastTokens(text)
    if (atLeast > context) throw tooLong(param, `at least ${atLeast}`, context)
    const tokens = tokenizer.encode(text)
    if (tokens.length === 0) throw new InputError(param, 'empty')
    if (tokens.length > context - spare) throw tooLong(param, String(tokens.length), context)
    return tokens
  }
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

function readStops(value: unknown): readonly string[] {
  if (value === undefined || value === null) return []
  const stops: readonly unknown[] = Array.isArray(value) ? value : [value]
  const isGood = (stop: unknown): stop is string =>
    typeof stop === 'string' && stop !== '' && stop.length <= STOP_LENGTH_MAX
  if (stops.length > STOPS_MAX || !stops.every(isGood))
    throw new InputError('stop', `expected at most ${STOPS_MAX} texts of 1 to ${STOP_LENGTH_MAX} characters`)
  return stops
}

function readSampling(fields: Body): Omit<GenerateCommand['sampling'], 'seed'> {
  const penalty = { min: -2, max: 2 }
  return {
    temperature: readNumber(fields.temperature, 'temperature', { min: 0, max: 2 }) ?? TEMPERATURE_DEFAULT,
    topP: readNumber(fields.top_p, 'top_p', { min: 0, max: 1 }) ?? 1,
    presencePenalty: readNumber(fields.presence_penalty, 'presence_penalty', penalty) ?? 0,
    frequencyPenalty: readNumber(fields.frequency_penalty, 'frequency_penalty', penalty) ?? 0,
  }
}
