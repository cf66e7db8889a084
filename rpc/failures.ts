// Custom errors in words: `BelowMinimum(amountBase=1, minimumBase=5)`. Owns: names, arguments, sentences. Not: the errors.
import { decodeAbi } from '../base/abi.ts'
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { ModuleDef } from '../base/module.ts'
import type { AnyField, Json } from '../base/schema.ts'
import { type ErrorEntry, errorTableOf } from '../state/abiTable.ts'

/** Errors inside errors (a batch's reason) that are opened. */
const NESTED_MAX = 3

export interface FailureWords {
  /** `BelowMinimum`; undefined for bytes of no known error. */
  readonly name: string | undefined
  /** In their schema's JSON form; empty when the reason was cut short. */
  readonly arguments: { readonly [name: string]: Json }
  /** `BelowMinimum(amountBase=1, minimumBase=5)`. */
  readonly signature: string
  /** `below minimum: amount base 1, minimum base 5`. */
  readonly sentence: string
}

function spaced(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
}

export class FailureNames {
  readonly #errors: ReadonlyMap<string, ErrorEntry>

  constructor(definitions: readonly ModuleDef[]) {
    this.#errors = errorTableOf(definitions)
  }

  describe(reason: Uint8Array): FailureWords {
    return this.#describe(reason, 0)
  }

  #describe(reason: Uint8Array, depth: number): FailureWords {
    const entry = reason.length < 4 ? undefined : this.#errors.get(toHex(reason.subarray(0, 4)))
    if (entry === undefined) {
      const shown = toHex(reason)
      return { name: undefined, arguments: {}, signature: shown, sentence: `unknown error ${shown}` }
    }
    const fields = Object.entries(entry.fields)
    const values = decodeArguments(fields, reason.subarray(4))
    if (values === undefined) {
      return { name: entry.name, arguments: {}, signature: entry.name, sentence: spaced(entry.name) }
    }
    const args: Record<string, Json> = {}
    const shown: string[] = []
    const said: string[] = []
    fields.forEach(([name, field], i) => {
      const value = values[i]
      args[name] = field.toJson(value)
      const isNested =
        field.kind === 'bytes' && value instanceof Uint8Array && value.length >= 4 && depth < NESTED_MAX
      const inner = isNested ? this.#describe(value, depth + 1) : undefined
      const text = typeof args[name] === 'string' ? args[name] : JSON.stringify(args[name])
      shown.push(`${name}=${inner?.signature ?? text}`)
      said.push(inner?.name === undefined ? `${spaced(name)} ${text}` : inner.sentence)
    })
    const tail = said.length === 0 ? '' : `: ${said.join(', ')}`
    return {
      name: entry.name,
      arguments: args,
      signature: `${entry.name}(${shown.join(', ')})`,
      sentence: `${spaced(entry.name)}${tail}`,
    }
  }
}

/** Undefined when the bytes were cut or are not canonical. */
function decodeArguments(
  fields: readonly (readonly [string, AnyField])[],
  bytes: Uint8Array,
): readonly unknown[] | undefined {
  const types = fields.map(([name, field]) => {
    assert(field.abi !== undefined, `error field ${name} has an ABI type`)
    return field.abi
  })
  try {
    const values = decodeAbi(types, bytes)
    return fields.map(([, field], i) => field.fromAbi(values[i]!))
  } catch {
    return undefined
  }
}
