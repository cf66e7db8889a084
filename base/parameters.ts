// Parameters of a native module: field, values per preset and bounds, declared in the module's definition.
// Owns: the declaration and common checks. Not: rules between several parameters (state/rules.ts `checkParameters`).
import { assert } from './assert.ts'
import type { AnyField, Field, Infer } from './field.ts'

/** The parameter sets of ECONOMY §13. `main`: windows of a day. `dev`: of a minute. `test`: of two seconds. */
export const PRESETS = ['main', 'dev', 'test'] as const
export type Preset = (typeof PRESETS)[number]

/** Why a value is out of bounds, or undefined. */
export type ParamCheck<T> = (value: T) => string | undefined

export interface ParamDef<T> {
  readonly field: Field<T>
  readonly doc: string
  readonly main: T
  readonly dev: T
  readonly test: T
  /** Bounds of the value alone; genesis and governance apply it. */
  readonly check?: ParamCheck<T>
  /** Protocol version that introduced it; before it the value is the field's default. Only at the end of the list. */
  readonly since?: number
  /** Last protocol version that reads it; its place in the record stays. */
  readonly until?: number
}

// biome-ignore lint/suspicious/noExplicitAny: a heterogeneous map of parameters needs the variance hole of any
export type AnyParam = ParamDef<any>
export type ParamDefs = { readonly [name: string]: AnyParam }

/**
 * Declares a parameter; `dev` and `test` default to `main`. Asserts that every preset is within the field and the check.
 *
 * @example
 * param({ field: t.u32, doc: 'Largest groups that may fall silent at once.', main: 1, check: between(1, 16, 'groups') })
 */
export function param<F extends AnyField>(declared: {
  readonly field: F
  readonly doc: string
  readonly main: Infer<F>
  readonly dev?: Infer<F>
  readonly test?: Infer<F>
  readonly check?: ParamCheck<Infer<F>>
  readonly since?: number
  readonly until?: number
}): ParamDef<Infer<F>> {
  const { main, dev = main, test = main } = declared
  for (const value of [main, dev, test]) {
    const reason = declared.field.check(value) ?? declared.check?.(value)
    assert(reason === undefined, `preset ${String(value)}: ${reason}`)
  }
  return { ...declared, dev, test }
}

/** `number` for a literal number. */
type Wide<T> = T extends number ? number : bigint

/** `expected 1 to 16 groups`; both bounds are inclusive. */
export function between<T extends number | bigint>(least: T, most: T, unit?: string): ParamCheck<Wide<T>> {
  const reason = `expected ${least} to ${most}${unit === undefined ? '' : ` ${unit}`}`
  return (value) => (value < least || value > most ? reason : undefined)
}

/** `expected at least 1000 ms`. */
export function atLeast<T extends number | bigint>(least: T, unit?: string): ParamCheck<Wide<T>> {
  const reason = `expected at least ${least}${unit === undefined ? '' : ` ${unit}`}`
  return (value) => (value < least ? reason : undefined)
}

/** `expected at most 1000000 ppm`. */
export function atMost<T extends number | bigint>(most: T, unit?: string): ParamCheck<Wide<T>> {
  const reason = `expected at most ${most}${unit === undefined ? '' : ` ${unit}`}`
  return (value) => (value > most ? reason : undefined)
}
