// From a client's request to what a backend gets: model, bounds, what the gateway adds. Owns: what is taken and what is not.
// Not: whether it may be served now (admit.ts).
import type { Json } from '../../base/field.ts'
import { RedeemError } from '../../client/redemption/redeemError.ts'
import { costOf, pricesOf, type Tariff } from '../../client/redemption/tariff.ts'
import { NO_USAGE } from '../../client/redemption/usage.ts'
import { harmless } from '../gatewayLog.ts'
import {
  answerTokensFor,
  BadRequest,
  type Body,
  type Bound,
  boundOf,
  type Call,
  costMaxOf,
  withAnswerTokens,
} from '../meter/price.ts'
import { Refusal } from './answers.ts'
import type { Backend } from './backend.ts'

export interface Prepared {
  readonly call: Call
  readonly model: string
  readonly backend: Backend
  readonly body: Body
  /** As the client sent it. */
  readonly bytes: Uint8Array
  readonly bound: Bound
  readonly costMaxBase: bigint
  readonly isStream: boolean
  /** Whether the client asked for usage in its stream. */
  readonly wantsUsage: boolean
}

/** Members of `/v1/responses` that reach into what a backend keeps of others. */
const STATEFUL = ['previous_response_id', 'conversation', 'background', 'prompt_cache_key'] as const

const membersOf = (json: Json | undefined): Body =>
  typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Body) : {}

/** Throws Refusal for what is not served. */
export function prepare(options: {
  readonly call: Call
  readonly body: Body
  readonly bytes: Uint8Array
  readonly backendOf: (model: string) => Backend | undefined
  readonly tariff: Tariff
}): Prepared {
  const { call, body, bytes, backendOf, tariff } = options
  const { model, stream } = body
  if (typeof model !== 'string')
    throw new Refusal(400, 'missing_model', 'model: expected a name', { param: 'model' })
  const backend = backendOf(model)
  if (backend === undefined) {
    throw new Refusal(404, 'model_not_found', `there is no model ${harmless(model)}: see /v1/models`, {
      param: 'model',
    })
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
    throw new Refusal(400, 'invalid_value', 'stream: expected true or false', { param: 'stream' })
  const stateful = call === 'responses' ? STATEFUL.find((name) => (body[name] ?? false) !== false) : undefined
  if (stateful !== undefined)
    throw new Refusal(400, 'unsupported', `${stateful}: answers are not kept here`, { param: stateful })
  try {
    const bound = boundOf(call, body, bytes.length, backend.config.contextTokens)
    const costMaxBase = costMaxOf(tariff, model, call, bound)
    const wantsUsage = membersOf(body.stream_options).include_usage === true
    const isStream = stream === true && call !== 'embeddings'
    return { call, model, backend, body, bytes, bound, costMaxBase, isStream, wantsUsage }
  } catch (error) {
    if (error instanceof BadRequest)
      throw new Refusal(400, 'invalid_value', error.message, { param: error.param })
    if (error instanceof RedeemError)
      throw new Refusal(400, 'unpriced', `${harmless(model)} has no price for ${call}`, { param: 'model' })
    throw error
  }
}

/** The same request with shorter answers, for what is left of an assignment; undefined when not a token of one is. */
export function shortened(prepared: Prepared, tariff: Tariff, leftBase: bigint): Prepared | undefined {
  const { call, model, body, bound } = prepared
  const prices = pricesOf(tariff, model)
  if (call === 'embeddings' || prices === undefined) return undefined
  const promptBase = costMaxOf(tariff, model, call, { ...bound, answerTokens: 0 })
  const answerTokens = answerTokensFor(prices, leftBase, promptBase, bound)
  if (answerTokens === 0) return undefined
  const shorter = { ...bound, answerTokens }
  const costMaxBase = costMaxOf(tariff, model, call, shorter)
  if (costMaxBase > leftBase) return undefined
  return { ...prepared, body: withAnswerTokens(call, body, answerTokens), bound: shorter, costMaxBase }
}

/** What the backend gets: with usage asked for, and nothing kept. The client's own bytes where nothing is to be changed. */
export function forwarded(
  { call, body, bytes, isStream, wantsUsage }: Prepared,
  original: Body,
): Uint8Array | string {
  const asksUsage = isStream && !wantsUsage && call !== 'responses'
  if (!asksUsage && call !== 'responses' && body === original) return bytes
  return JSON.stringify({
    ...body,
    ...(asksUsage ? { stream_options: { ...membersOf(body.stream_options), include_usage: true } } : {}),
    ...(call === 'responses' ? { store: false } : {}),
  })
}

/** Cost of the least that a request can use: whether a model has a price for it at all. */
export function isPriced(tariff: Tariff, model: string): boolean {
  const tokens = { ...NO_USAGE, promptTokens: 1, completionTokens: 1 }
  const embedded = { ...NO_USAGE, embeddingTokens: 1 }
  return [tokens, embedded].some((usage) => {
    try {
      costOf(tariff, { model }, usage)
      return true
    } catch {
      return false
    }
  })
}
