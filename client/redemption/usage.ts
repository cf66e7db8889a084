// What a request used: the counts that a tariff prices. Owns: reading OpenAI's `usage`, and what a usage can be at most.
// Not: prices (tariff.ts).
import type { Json } from '../../base/field.ts'
import { isWholeNumber } from '../../base/integers.ts'
import { RedeemError } from './redeemError.ts'

/** No count of a single request is larger. */
export const USAGE_COUNT_MAX = 2 ** 40

/** All counts of one request, 0 where it used none. */
export interface Usage {
  /** Cached ones included, as OpenAI counts them. */
  readonly promptTokens: number
  readonly cachedPromptTokens: number
  readonly completionTokens: number
  readonly embeddingTokens: number
  readonly images: number
  readonly audios: number
  /** Of one device; two devices for a second are 2,000. */
  readonly deviceMs: number
}

export const NO_USAGE: Usage = {
  promptTokens: 0,
  cachedPromptTokens: 0,
  completionTokens: 0,
  embeddingTokens: 0,
  images: 0,
  audios: 0,
  deviceMs: 0,
}

/** Names of the counts, in the order of the statement's lines. */
export const USAGE_COUNTS = [
  'promptTokens',
  'cachedPromptTokens',
  'completionTokens',
  'embeddingTokens',
  'images',
  'audios',
  'deviceMs',
] as const satisfies readonly (keyof Usage)[]

/** Throws RedeemError `usage` naming the count. */
export function checkUsage(usage: Usage): void {
  for (const name of USAGE_COUNTS) {
    if (!isWholeNumber(usage[name], 0, USAGE_COUNT_MAX))
      throw new RedeemError('usage', `usage: ${name} is no count`, { path: name })
  }
  if (usage.cachedPromptTokens > usage.promptTokens) {
    throw new RedeemError('usage', 'usage: more prompt tokens are cached than there are', {
      path: 'cachedPromptTokens',
    })
  }
}

type Members = { readonly [name: string]: Json }
const membersOf = (json: Json | undefined): Members =>
  typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Members) : {}

/** What a route answers with, for `usageOf`. */
export type UsageKind = 'completion' | 'embedding'

/**
 * The counts of an OpenAI `usage` object, of chat and text completions, of responses, or of embeddings. Throws RedeemError
 * `usage` when it is none.
 *
 * @example
 * usageOf('completion', { prompt_tokens: 7, completion_tokens: 3 }).promptTokens // 7
 */
export function usageOf(kind: UsageKind, json: Json | undefined): Usage {
  const usage = membersOf(json)
  const count = (members: Members, ...names: readonly string[]): number | undefined => {
    const name = names.find((one) => members[one] !== undefined && members[one] !== null)
    if (name === undefined) return undefined
    const value = members[name]
    if (!isWholeNumber(value, 0, USAGE_COUNT_MAX))
      throw new RedeemError('usage', `usage: ${name} is no count`, { path: name })
    return value
  }
  const promptTokens = count(usage, 'prompt_tokens', 'input_tokens')
  if (promptTokens === undefined)
    throw new RedeemError('usage', 'usage: no prompt_tokens', { path: 'prompt_tokens' })
  if (kind === 'embedding') return { ...NO_USAGE, embeddingTokens: promptTokens }
  const details = membersOf(usage.prompt_tokens_details ?? usage.input_tokens_details)
  const completionTokens = count(usage, 'completion_tokens', 'output_tokens')
  if (completionTokens === undefined)
    throw new RedeemError('usage', 'usage: no completion_tokens', { path: 'completion_tokens' })
  const out = {
    ...NO_USAGE,
    promptTokens,
    cachedPromptTokens: count(details, 'cached_tokens') ?? 0,
    completionTokens,
  }
  checkUsage(out)
  return out
}
