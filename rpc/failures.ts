// Describes a failed receipt: name, arguments and a sentence. Not: decoding the bytes (state/failure.ts).
import { toHex } from '../base/bytes.ts'
import type { Json } from '../base/field.ts'
import { failureReader } from '../state/call.ts'
import type { Module } from '../state/rules.ts'

export interface FailureWords {
  /** `BelowMinimum`; null for an unknown error. */
  readonly name: string | null
  /** In their schema's JSON form; null when the receipt holds only the first bytes. */
  readonly arguments: { readonly [name: string]: Json } | null
  /** `below minimum: BelowMinimum(amountBase=1, minimumBase=5)`. */
  readonly sentence: string
}

function spaced(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
}

export function failureWords(modules: readonly Module[], reason: Uint8Array): FailureWords {
  const reader = failureReader(modules)
  const failure = reader.decode(reason)
  if (failure === undefined)
    return { name: null, arguments: null, sentence: `unknown error ${toHex(reason)}` }
  const { args } = failure
  const entries = Object.entries(failure.fields)
  return {
    name: failure.name,
    arguments:
      args === undefined
        ? null
        : Object.fromEntries(entries.map(([name, field]) => [name, field.toJson(args[name])])),
    sentence:
      entries.length === 0 ? spaced(failure.name) : `${spaced(failure.name)}: ${reader.describe(reason)}`,
  }
}
