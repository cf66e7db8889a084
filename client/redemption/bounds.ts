// What a request can use at most, by the bytes that went and came: a provider that counts more than that lies (GATEWAY §4).
// Owns: those bounds, generous enough for every tokenizer. Not: prices (tariff.ts), the sums (ownMeter.ts).
import { utf8 } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { isWholeNumber } from '../../base/integers.ts'
import { RedeemError } from './redeemError.ts'
import { NO_USAGE, type Usage, type UsageKind, usageOf } from './usage.ts'

/** A token stands for a byte at least; templates add some around the prompt and around each message. */
const PROMPT_TOKENS_EXTRA = 512
/** Marks of a template that are counted and not shown, and the end. */
const CHOICE_TOKENS_EXTRA = 64
/** A prompt that refers to something that the provider holds: no model reads more. */
const REFERENCED_TOKENS_MAX = 4_194_304
/** What a provider may have made of an answer that was broken off, and not sent. */
const BROKEN_TOKENS_EXTRA = 256
const CHOICES_MAX = 128
const DEPTH_MAX = 32

/** Paths of OpenAI's API that are charged by tokens, and how their usage is counted. */
const KINDS: ReadonlyMap<string, UsageKind> = new Map([
  ['/v1/chat/completions', 'completion'],
  ['/v1/completions', 'completion'],
  ['/v1/responses', 'completion'],
  ['/v1/embeddings', 'embedding'],
])
/** Members of answers whose text is made of completion tokens. */
const TEXT_MEMBERS: ReadonlySet<string> = new Set([
  'content',
  'text',
  'reasoning_content',
  'reasoning',
  'thinking',
  'refusal',
  'arguments',
  'name',
  'output_text',
  'delta',
])
/** Members of requests by which a prompt holds more than its own bytes. */
const REFERENCES =
  /"(previous_response_id|conversation|file_id|file_url|prompt_cache_id)"\s*:\s*"|"(image_url|url)"\s*:\s*"https?:/

type Members = { readonly [name: string]: Json }

/** A charged request. */
export interface RequestBounds {
  readonly kind: UsageKind
  readonly model: string
  readonly isStream: boolean
  readonly promptTokensMax: number
  /** Answers that it asks for. */
  readonly choices: number
  /** The limit that the request sets itself, over all answers. */
  readonly completionTokensMax: number | undefined
  /** Bytes of the strings that end an answer, which are counted and not shown. */
  readonly stopBytes: number
}

function countOf(members: Members, ...names: readonly string[]): number | undefined {
  const values = names.map((name) => members[name]).filter((value) => value !== undefined && value !== null)
  return values.find((value): value is number => isWholeNumber(value, 0, REFERENCED_TOKENS_MAX))
}

/** Undefined for a path that is not charged by tokens. Throws RedeemError `input` when the body is no JSON object with a model. */
export function requestBounds(path: string, body: string): RequestBounds | undefined {
  const kind = KINDS.get(path.split('?')[0]!)
  if (kind === undefined) return undefined
  let json: Json
  try {
    json = JSON.parse(body) as Json
  } catch (cause) {
    throw new RedeemError('input', 'the body is no JSON', { cause })
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new RedeemError('input', 'the body is no JSON object')
  const members = json as Members
  const { model, messages, input, stop } = members
  if (typeof model !== 'string' || model === '')
    throw new RedeemError('input', 'the body names no model', { path: 'model' })
  const choices = Math.min(
    CHOICES_MAX,
    Math.max(countOf(members, 'n') ?? 1, countOf(members, 'best_of') ?? 1, 1),
  )
  // A text completion answers each prompt of a list.
  const prompts = Array.isArray(members.prompt) ? members.prompt.length : 1
  const parts = Array.isArray(messages) ? messages.length : Array.isArray(input) ? input.length : prompts
  const limit = countOf(members, 'max_completion_tokens', 'max_tokens', 'max_output_tokens')
  const answers = choices * Math.max(1, prompts)
  return {
    kind,
    model,
    isStream: members.stream === true,
    promptTokensMax: REFERENCES.test(body)
      ? REFERENCED_TOKENS_MAX
      : utf8(body).length + PROMPT_TOKENS_EXTRA + parts * CHOICE_TOKENS_EXTRA,
    choices: answers,
    completionTokensMax: limit === undefined ? undefined : limit * answers,
    stopBytes: stop === undefined || stop === null ? 0 : utf8(JSON.stringify(stop)).length,
  }
}

/** Bytes of text that an answer, or a piece of a stream, shows of what the model made. */
export function textBytes(json: Json, depth = 0): number {
  if (typeof json !== 'object' || json === null || depth > DEPTH_MAX) return 0
  if (Array.isArray(json)) return json.reduce((sum: number, one) => sum + textBytes(one, depth + 1), 0)
  const members = json as Members
  // The pieces of OpenAI's responses come once as deltas, and again whole.
  const isPiece = typeof members.type === 'string' && /^response\./.test(members.type)
  if (isPiece) return typeof members.delta === 'string' ? utf8(members.delta).length : 0
  return Object.entries(members).reduce((sum, [name, value]) => {
    if (typeof value === 'string') return TEXT_MEMBERS.has(name) ? sum + utf8(value).length : sum
    return sum + textBytes(value, depth + 1)
  }, 0)
}

/** Most completion tokens of an answer of so many bytes of text. */
function completionMax(bounds: RequestBounds, shownBytes: number): number {
  const shown = shownBytes + bounds.choices * (CHOICE_TOKENS_EXTRA + bounds.stopBytes)
  return bounds.completionTokensMax === undefined ? shown : Math.min(shown, bounds.completionTokensMax)
}

/** Most that a request can have used whose answer was broken off after so many bytes of text. */
export function brokenUsage(bounds: RequestBounds, shownBytes: number): Usage {
  if (bounds.kind === 'embedding') return { ...NO_USAGE, embeddingTokens: bounds.promptTokensMax }
  const extra = BROKEN_TOKENS_EXTRA * bounds.choices
  const completionTokens = completionMax(bounds, shownBytes + extra)
  return { ...NO_USAGE, promptTokens: bounds.promptTokensMax, completionTokens }
}

/** Tokens of reasoning that a usage says were made and not shown. */
export function hiddenTokens(usage: Json | undefined): number {
  if (typeof usage !== 'object' || usage === null || Array.isArray(usage)) return 0
  const members = usage as Members
  const details = members.completion_tokens_details ?? members.output_tokens_details
  if (typeof details !== 'object' || details === null || Array.isArray(details)) return 0
  return countOf(details as Members, 'reasoning_tokens') ?? 0
}

/**
 * Throws RedeemError `usage` when a usage cannot be. Reasoning that is not shown is believed up to the request's own limit, and not
 * at all without one.
 */
export function checkUsageBounds(
  bounds: RequestBounds,
  usage: Usage,
  seen: { readonly shownBytes: number; readonly hiddenTokens: number },
): void {
  const refuse = (what: string, count: number, most: number): RedeemError =>
    new RedeemError('usage', `the provider counts ${count} ${what}; there can be ${most} at most`, {
      path: what,
    })
  const promptTokens = bounds.kind === 'embedding' ? usage.embeddingTokens : usage.promptTokens
  if (promptTokens > bounds.promptTokensMax)
    throw refuse(
      bounds.kind === 'embedding' ? 'embeddingTokens' : 'promptTokens',
      promptTokens,
      bounds.promptTokensMax,
    )
  const hidden = bounds.completionTokensMax === undefined ? 0 : seen.hiddenTokens
  const shown = completionMax({ ...bounds, completionTokensMax: undefined }, seen.shownBytes) + hidden
  const most = Math.min(shown, bounds.completionTokensMax ?? shown)
  if (usage.completionTokens > most) throw refuse('completionTokens', usage.completionTokens, most)
  for (const name of ['images', 'audios', 'deviceMs'] as const) {
    if (usage[name] > 0) throw refuse(name, usage[name], 0)
  }
}

/** The usage of a whole answer, checked. Throws RedeemError `usage`. */
export function answerUsage(bounds: RequestBounds, answer: Json): Usage {
  const usageJson = (answer as Members | null)?.usage
  const usage = usageOf(bounds.kind, usageJson)
  checkUsageBounds(bounds, usage, { shownBytes: textBytes(answer), hiddenTokens: hiddenTokens(usageJson) })
  return usage
}
