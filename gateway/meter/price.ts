// What a request can cost at most, before it is served. Owns: the bounds on its tokens. Not: what it did cost (costOf).
import type { Json } from '../../base/field.ts'
import { isWholeNumber } from '../../base/integers.ts'
import { maxBigint, minBigint } from '../../base/units.ts'
import { costOf, type ModelPrices, type Tariff } from '../../client/redemption/tariff.ts'
import { NO_USAGE, type Usage } from '../../client/redemption/usage.ts'

export const CALLS = ['chat/completions', 'completions', 'embeddings', 'responses'] as const
/** Below `/v1/`. */
export type Call = (typeof CALLS)[number]

export type Body = { readonly [name: string]: Json }

/** Answers to one request, over all its prompts. */
const CHOICES_MAX = 128
/** Tokens that a chat template adds to what is in the body: a system prompt of its own, instructions for tools. */
const TEMPLATE_TOKENS = 512
const TOKENS = 1_000n

/** The members that bound an answer, the one to set first. */
const LENGTHS: Readonly<Record<Call, readonly string[]>> = {
  'chat/completions': ['max_completion_tokens', 'max_tokens'],
  completions: ['max_tokens'],
  embeddings: [],
  responses: ['max_output_tokens'],
}

export class BadRequest extends Error {
  readonly param: string
  constructor(param: string, message: string) {
    super(message)
    this.name = 'BadRequest'
    this.param = param
  }
}

function counted(body: Body, name: string, max: number): number | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (isWholeNumber(value, 1, max)) return value
  throw new BadRequest(name, `${name}: expected a whole number, 1 to ${max}`)
}

/** How many prompts a body holds: a list of texts, or of lists of tokens. */
function promptsOf(value: Json | undefined): number {
  if (!Array.isArray(value)) return 1
  const first = value[0] as Json | undefined
  return typeof first === 'string' || Array.isArray(first) ? Math.max(1, value.length) : 1
}

export interface Bound {
  readonly prompts: number
  /** Answers in all. */
  readonly choices: number
  readonly promptTokens: number
  /** Of one answer. */
  readonly answerTokens: number
}

/** Bounds of a request. A token stands for at least one byte of the body. Throws BadRequest. */
export function boundOf(call: Call, body: Body, bodyBytes: number, contextTokens: number): Bound {
  const prompts =
    call === 'embeddings' ? promptsOf(body.input) : call === 'completions' ? promptsOf(body.prompt) : 1
  const each = Math.max(counted(body, 'n', CHOICES_MAX) ?? 1, counted(body, 'best_of', CHOICES_MAX) ?? 1)
  const choices = prompts * each
  if (call !== 'embeddings' && choices > CHOICES_MAX) {
    throw new BadRequest('n', `n: at most ${CHOICES_MAX} answers to one request`)
  }
  // Pictures and files are more than their bytes here tell.
  const whole = prompts * contextTokens
  const promptTokens = hasParts(body) ? whole : Math.min(whole, bodyBytes + TEMPLATE_TOKENS * prompts)
  const lengths = LENGTHS[call].map((name) => counted(body, name, Number.MAX_SAFE_INTEGER))
  const asked = lengths.find((length) => length !== undefined) ?? contextTokens
  return {
    prompts,
    choices,
    promptTokens,
    answerTokens: call === 'embeddings' ? 0 : Math.min(asked, contextTokens),
  }
}

/** Whether a message has parts other than text. */
function hasParts(body: Body): boolean {
  const messages = Array.isArray(body.messages) ? body.messages : Array.isArray(body.input) ? body.input : []
  return (messages as readonly Json[]).some((message) => {
    const { content } = (message ?? {}) as Body
    return Array.isArray(content) && (content as readonly Json[]).some((part) => !isTextPart(part))
  })
}

function isTextPart(part: Json): boolean {
  const { type } = (part ?? {}) as Body
  return type === 'text' || type === 'input_text' || type === 'output_text'
}

/** What a usage within a bound costs at most: cached prompts may be the dearer ones. */
export function costMaxOf(tariff: Tariff, model: string, call: Call, bound: Bound): bigint {
  if (call === 'embeddings')
    return costOf(tariff, { model }, { ...NO_USAGE, embeddingTokens: bound.promptTokens })
  const { promptTokens, choices, answerTokens } = bound
  const usage: Usage = { ...NO_USAGE, promptTokens, completionTokens: choices * answerTokens }
  const cached = { ...usage, cachedPromptTokens: promptTokens }
  return maxBigint(costOf(tariff, { model }, usage), costOf(tariff, { model }, cached))
}

/** Tokens of each answer that an amount pays for besides the prompt; 0 when it does not pay for one. */
export function answerTokensFor(
  prices: ModelPrices,
  leftBase: bigint,
  promptCostBase: bigint,
  bound: Bound,
): number {
  const { completionBase = 0n } = prices
  if (leftBase <= promptCostBase) return 0
  // One base unit less, for the rounding.
  const tokens =
    completionBase === 0n
      ? BigInt(bound.answerTokens)
      : ((leftBase - promptCostBase - 1n) * TOKENS) / completionBase
  return Number(minBigint(tokens / BigInt(bound.choices), BigInt(bound.answerTokens)))
}

/** The body with answers of at most so many tokens. */
export function withAnswerTokens(call: Call, body: Body, tokens: number): Body {
  const names = LENGTHS[call]
  const given = names.find((name) => body[name] !== undefined && body[name] !== null) ?? names.at(-1)
  return given === undefined ? body : { ...body, [given]: tokens }
}

/** The dearest request that a model takes: a full context of whichever tokens cost most. */
export function dearestRequest(tariff: Tariff, model: string, contextTokens: number): bigint {
  const prices = tariff.models.get(model)
  if (prices === undefined) return 0n
  const { promptBase = 0n, cachedPromptBase = 0n, completionBase = 0n, embeddingBase = 0n } = prices
  const promptMaxBase = maxBigint(maxBigint(promptBase, cachedPromptBase), embeddingBase)
  const costBase = (BigInt(contextTokens) * (promptMaxBase + completionBase) + TOKENS - 1n) / TOKENS
  return maxBigint(tariff.minimumBase, costBase)
}
