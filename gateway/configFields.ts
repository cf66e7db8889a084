// Reads JSON that people wrote, strictly: every unknown, missing or wrong member is a ConfigError that names it.
// Not: what a gateway's configuration holds (config.ts).
import { ConfigError } from '../base/errors.ts'
import { isWholeNumber } from '../base/integers.ts'

const TEXT_CHARS_MAX = 2_048
const LIST_MAX = 1_024

/** `at` is the member's path, for messages. Throws ConfigError. */
export type Reading<T> = (value: unknown, at: string) => T

/** Text from a file, as it may be shown: control characters would forge lines. */
const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80)

export function wrong(at: string, expected: string, value: unknown): never {
  throw new ConfigError(`${at}: expected ${expected}, not ${shown(value)}`)
}

export const text =
  (expected: string, form: RegExp = /^[^\0]+$/): Reading<string> =>
  (value, at) =>
    typeof value === 'string' && value.length <= TEXT_CHARS_MAX && form.test(value)
      ? value
      : wrong(at, expected, value)

/** A secret's text is never shown. */
export const secretText: Reading<string> = (value, at) => {
  if (typeof value === 'string' && /^[\x21-\x7e]{1,512}$/.test(value)) return value
  throw new ConfigError(`${at}: expected 1 to 512 printable characters without spaces`)
}

export const flag: Reading<boolean> = (value, at) =>
  typeof value === 'boolean' ? value : wrong(at, 'true or false', value)

export const count =
  (min: number, max: number, unit: string): Reading<number> =>
  (value, at) =>
    isWholeNumber(value, min, max) ? value : wrong(at, `${unit}, ${min} to ${max}`, value)

export const oneOf =
  <const T extends string>(choices: readonly T[]): Reading<T> =>
  (value, at) =>
    choices.find((choice) => choice === value) ?? wrong(at, `one of ${choices.join(', ')}`, value)

export const listOf =
  <T>(element: Reading<T>, { min = 0, max = LIST_MAX } = {}): Reading<readonly T[]> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length < min || value.length > max) {
      return wrong(at, `a list of ${min} to ${max} elements`, value)
    }
    return value.map((one: unknown, i) => element(one, `${at}[${i}]`))
  }

/** A member that may be missing. */
export interface Optional<T> {
  readonly read: Reading<T>
  readonly missing: T
}
export const optional = <T>(read: Reading<T>, missing: T): Optional<T> => ({ read, missing })

type Members = { readonly [name: string]: Reading<unknown> | Optional<unknown> }
type Read<M extends Members> = {
  readonly [N in keyof M]: M[N] extends Reading<infer T> ? T : M[N] extends Optional<infer T> ? T : never
}

/** An object with these members and no others. */
export const record =
  <M extends Members>(members: M): Reading<Read<M>> =>
  (value, at) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      return wrong(at === '' ? 'the file' : at, 'an object', value)
    }
    const given = value as { readonly [name: string]: unknown }
    const path = (name: string): string => (at === '' ? name : `${at}.${name}`)
    const unknown = Object.keys(given).find((name) => !Object.hasOwn(members, name))
    if (unknown !== undefined) {
      throw new ConfigError(
        `${path(shown(unknown).slice(1, -1))}: unknown, known: ${Object.keys(members).join(', ')}`,
      )
    }
    const entries = Object.entries(members).map(([name, member]) => {
      if (Object.hasOwn(given, name)) {
        const read = typeof member === 'function' ? member : member.read
        return [name, read(given[name], path(name))]
      }
      if (typeof member === 'function') throw new ConfigError(`${path(name)}: missing`)
      return [name, member.missing]
    })
    return Object.fromEntries(entries) as Read<M>
  }

/** Parses the text of a file. The parser's own message could quote a secret. */
export function parseJson(source: string, name: string): unknown {
  try {
    return JSON.parse(source) as unknown
  } catch {
    throw new ConfigError(`${name} is not JSON`)
  }
}
