// Fields: the interface every kind implements, its error, and the types inferred from it.
// Owns: types. Not: the kinds (fields.ts), messages (schema.ts).
import type protobuf from 'protobufjs/minimal.js'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
export type JsonSchema = { readonly [name: string]: Json }
type Writer = protobuf.Writer
type Reader = protobuf.Reader

/** Malformed wire bytes or JSON; `path` names the field, e.g. `header.reserve.supply`. */
export class SchemaError extends Error {
  readonly code = 'SchemaError'
  readonly path: string
  readonly reason: string
  constructor(reason: string, path = '') {
    super(path === '' ? reason : `${path}: ${reason}`)
    this.name = 'SchemaError'
    this.path = path
    this.reason = reason
  }
}

/** The same error one level up, with `name` prepended to its path. */
export function under(name: string, error: unknown): SchemaError {
  if (!(error instanceof SchemaError)) {
    return new SchemaError(error instanceof Error ? error.message : 'malformed', name)
  }
  const separator = error.path === '' || error.path.startsWith('[') ? '' : '.'
  return new SchemaError(error.reason, `${name}${separator}${error.path}`)
}

/** The Solidity type a field has in calldata, events and errors. */
export type AbiType =
  | { readonly kind: 'uint'; readonly bits: number }
  | { readonly kind: 'address' }
  | { readonly kind: 'bool' }
  | { readonly kind: 'fixedBytes'; readonly size: number }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'string' }
  | { readonly kind: 'array'; readonly of: AbiType }
  | {
      readonly kind: 'tuple'
      readonly components: readonly { readonly name: string; readonly type: AbiType }[]
    }

/** Values of the ABI coder: uint → bigint, bytes → Uint8Array, tuples and arrays → arrays. */
export type AbiValue = bigint | boolean | string | Uint8Array | readonly AbiValue[]

export interface Field<T> {
  /** Short kind for documents and generators. */
  readonly kind: string
  /** Protobuf wire type: 0 varint, 2 length-delimited. */
  readonly wire: 0 | 2
  /** Type name in the exported `.proto` text. */
  readonly proto: string
  /** Proto3 default values are not written. */
  isDefault(value: T): boolean
  /** The value an absent field has; throws SchemaError when the field cannot be absent. */
  absent(): T
  write(writer: Writer, value: T): void
  /** Reads one value; bounds are checked, and that the bytes are those that `write` writes. Throws SchemaError. */
  read(reader: Reader): T
  /** Reason why `value` is out of bounds, or undefined. */
  check(value: T): string | undefined
  toJson(value: T): Json
  /** Throws SchemaError naming what was expected. */
  fromJson(json: Json): T
  readonly jsonSchema: JsonSchema
  /** Absent for fields that calldata cannot hold (optionals). */
  readonly abi?: AbiType
  toAbi(value: T): AbiValue
  /** Throws SchemaError when the ABI value is outside the field's bounds. */
  fromAbi(value: AbiValue): T
  /** Set on lists: element field and maximum length. */
  readonly list?: { readonly of: Field<unknown>; readonly countMax: number }
  /** Set on optionals: presence is explicit. */
  readonly optional?: true
  /** Set on optionals: the field of a present value. */
  readonly inner?: Field<unknown>
  /** Set on structs. */
  readonly struct?: { readonly name: string; readonly fields: Fields }
  /** Set on event fields that become log topics. */
  readonly indexed?: true
}

// biome-ignore lint/suspicious/noExplicitAny: a heterogeneous map of fields needs the variance hole of any
export type AnyField = Field<any>
export type Fields = { readonly [name: string]: AnyField }
export type Infer<F> = F extends Field<infer T> ? T : never
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends Infer<F[K]> ? K : never }[keyof F]
/** The object type that a map of fields describes; optional fields may be left out. */
export type InferFields<F extends Fields> = {
  [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]>
} & { [K in OptionalKeys<F>]?: Infer<F[K]> }
