// Arguments as programs write them: byte strings also as hex, typed and checked. Not: encoding (modules.ts).
import { parseChecksumAddress } from '../base/address.ts'
import { errorText } from '../base/errors.ts'
import type { AnyField, Fields, InferFields } from '../base/field.ts'
import { ClientError } from './clientError.ts'

/** A field's value, in which byte strings may also be 0x hex. */
export type Input<T> = T extends Uint8Array
  ? T | `0x${string}`
  : T extends readonly (infer E)[]
    ? readonly Input<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Input<T[K]> }
      : T

export type InputOf<F extends Fields> = { readonly [K in keyof InferFields<F>]: Input<InferFields<F>[K]> }

/** Kinds of ABI type whose values are bytes. */
const BYTES = ['address', 'bytes', 'fixedBytes']

function fieldValue(field: AnyField, given: unknown): unknown {
  if (field.optional === true) return given === undefined ? undefined : fieldValue(field.inner!, given)
  if (field.list !== undefined && Array.isArray(given))
    return given.map((one) => fieldValue(field.list!.of, one))
  if (field.struct !== undefined && typeof given === 'object' && given !== null) {
    return readInput(field.struct.fields, given as { readonly [name: string]: unknown })
  }
  if (typeof given !== 'string' || !BYTES.includes(field.abi?.kind ?? '')) return given
  if (field.abi?.kind !== 'address') return field.fromJson(given)
  // A wrong checksum is a typing mistake, and coins sent there are lost.
  const address = parseChecksumAddress(given)
  if (address === undefined)
    throw new Error('expected an address: 20 bytes of hex, in one case or with its checksum')
  return address
}

/** The values of `fields`, each within its bounds. Throws ClientError `input` naming the argument. */
export function readInput(
  fields: Fields,
  given: { readonly [name: string]: unknown },
): { readonly [name: string]: unknown } {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(fields, name)) throw new ClientError('input', `there is no argument ${name}`)
  }
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      try {
        const value = fieldValue(field, given[name])
        const reason = value === undefined && field.optional !== true ? 'is missing' : field.check(value)
        if (reason !== undefined) throw new Error(reason)
        return [name, value]
      } catch (cause) {
        throw new ClientError('input', `${name}: ${errorText(cause)}`, { cause })
      }
    }),
  )
}
