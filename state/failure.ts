// Decodes custom errors of reverts and receipts into a name, arguments and a line of text. Not: raising them.
import { decodeAbi } from '../base/abi.ts'
import { toHex, utf8 } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import { type Fields, type Json, SchemaError } from '../base/field.ts'
import type { ModuleDef } from '../base/moduleDefinition.ts'
import { t } from '../base/schema.ts'
import { type ErrorEntry, errorTableOf } from './abiTable.ts'

/** A decoded failure. `args` is absent when the bytes are truncated. */
export interface DecodedFailure {
  readonly name: string
  readonly fields: Fields
  readonly args?: { readonly [name: string]: unknown }
}

/** Solidity's own `Error(string)`, which Multicall3 uses. */
const ERROR_STRING: ErrorEntry = { name: 'Error', fields: { message: t.text(1024) } }
const ERROR_STRING_SELECTOR = toHex(keccak256(utf8('Error(string)')).slice(0, 4))
/** Nesting of failures, e.g. of a call in a batch. */
const DEPTH_MAX = 3

/** Decodes the errors of a set of definitions. */
export interface FailureReader {
  /** Undefined when the selector is unknown. */
  decode(reason: Uint8Array): DecodedFailure | undefined
  /** `BelowMinimum(amountBase=1, minimumBase=5)`; the hex when unknown. */
  describe(reason: Uint8Array): string
}

export function failureReaderOf(definitions: readonly ModuleDef[]): FailureReader {
  const table = errorTableOf(definitions)
  const decode = (reason: Uint8Array): DecodedFailure | undefined => {
    const selector = toHex(reason.subarray(0, 4))
    const entry = selector === ERROR_STRING_SELECTOR ? ERROR_STRING : table.get(selector)
    return entry === undefined ? undefined : { ...entry, ...argsOf(entry, reason.subarray(4)) }
  }
  const describe = (reason: Uint8Array, depth = 0): string => {
    const failure = decode(reason)
    if (failure === undefined) return toHex(reason)
    if (failure.args === undefined) return `${failure.name}(…)`
    const parts = Object.entries(failure.fields).map(([name, field]) => {
      const value = failure.args![name]
      const inner = name === 'reason' && value instanceof Uint8Array && depth < DEPTH_MAX
      return `${name}=${inner ? describe(value, depth + 1) : plain(field.toJson(value))}`
    })
    return `${failure.name}(${parts.join(', ')})`
  }
  return { decode, describe: (reason) => describe(reason) }
}

function plain(json: Json): string {
  return typeof json === 'string' ? json : JSON.stringify(json)
}

function argsOf(entry: ErrorEntry, bytes: Uint8Array): { readonly args?: Record<string, unknown> } {
  const fields = Object.entries(entry.fields)
  try {
    const values = decodeAbi(
      fields.map(([, field]) => field.abi!),
      bytes,
    )
    return { args: Object.fromEntries(fields.map(([name, field], i) => [name, field.fromAbi(values[i]!)])) }
  } catch (error) {
    if (error instanceof SchemaError) return {}
    throw error
  }
}
