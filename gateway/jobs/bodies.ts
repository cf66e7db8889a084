// Reads the members of bodies and queries that clients send. Owns: the refusals that name them, pages of lists.
import type { Json } from '../../base/field.ts'
import { isWholeNumber, parseWholeNumber } from '../../base/integers.ts'
import { isRecord } from '../demo/input.ts'
import { Refusal } from '../http/answers.ts'

export type Members = { readonly [name: string]: Json | undefined }

const ARGS_MAX = 256
const ARG_CHARS_MAX = 8_192

export function invalid(param: string, expected: string): Refusal {
  return new Refusal(400, 'invalid_value', `${param}: expected ${expected}`, { param })
}

/** Unknown members are mistakes, as they would be ignored silently. */
export function checkMembers(body: Members, known: readonly string[]): void {
  const unknown = Object.keys(body).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown).slice(1, 80)
    throw new Refusal(400, 'unknown_parameter', `unknown: ${shown}; known: ${known.join(', ')}`, {
      param: unknown.slice(0, 80),
    })
  }
}

const isAbsent = (value: Json | undefined): value is null | undefined => value === undefined || value === null

export function textOf(body: Members, name: string, charsMax = 256): string | undefined {
  const value = body[name]
  if (isAbsent(value)) return undefined
  if (typeof value !== 'string' || value.length > charsMax || value.includes('\0'))
    throw invalid(name, `text of at most ${charsMax} characters`)
  return value
}

export function mustText(body: Members, name: string, charsMax = 256): string {
  const value = textOf(body, name, charsMax)
  if (value === undefined || value === '') throw invalid(name, 'text')
  return value
}

export function countOf(
  body: Members,
  name: string,
  path: string,
  max = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = body[name]
  if (isAbsent(value)) return undefined
  if (!isWholeNumber(value, 0, max)) throw invalid(path, `a whole number, 0 to ${max}`)
  return value
}

export function objectOf(body: Members, name: string): Members | undefined {
  const value = body[name]
  if (isAbsent(value)) return undefined
  if (!isRecord(value)) throw invalid(name, 'an object')
  return value as Members
}

/** Arguments of a program. */
export function argsOf(body: Members): readonly string[] {
  const value = body.args
  if (isAbsent(value)) return []
  const isList =
    Array.isArray(value) &&
    value.length <= ARGS_MAX &&
    value.every((one) => typeof one === 'string' && one.length <= ARG_CHARS_MAX && !one.includes('\0'))
  if (!isList) throw invalid('args', `a list of at most ${ARGS_MAX} texts`)
  return value as unknown as readonly string[]
}

/** OpenAI's `metadata`. */
export function metadataOf(body: Members): { readonly [name: string]: string } | undefined {
  const value = objectOf(body, 'metadata')
  if (value === undefined) return undefined
  const entries = Object.entries(value)
  const isFine =
    entries.length <= 16 &&
    entries.every(([name, text]) => name.length <= 64 && typeof text === 'string' && text.length <= 512)
  if (!isFine) throw invalid('metadata', 'at most 16 texts')
  return value as { readonly [name: string]: string }
}

/** One page of a list, as OpenAI's clients ask for it: after an id, so many. */
export function page<T extends { readonly id: string }>(
  all: readonly T[],
  query: URLSearchParams,
  { limit: most = 100, standard = 20 }: { readonly limit?: number; readonly standard?: number } = {},
): {
  readonly object: 'list'
  readonly data: readonly T[]
  readonly has_more: boolean
  readonly first_id: string | null
  readonly last_id: string | null
} {
  const limit = parseWholeNumber(query.get('limit') ?? `${standard}`, 1, most)
  if (limit === undefined) throw invalid('limit', `1 to ${most}`)
  const after = query.get('after')
  const at = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1
  if (after !== null && at === 0) throw invalid('after', 'the id of an element')
  const data = all.slice(at, at + limit)
  return {
    object: 'list',
    data,
    has_more: at + limit < all.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  }
}
