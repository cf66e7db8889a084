// Bytes of the records in state: key = module id ‖ record id ‖ key fields; value = version byte ‖ protobuf.
// Owns: what execution writes and provers prove. Not: reading and writing (state/table.ts).
import { assert } from './assert.ts'
import { bytesKey, u32be, u64be } from './bytes.ts'
import { type AnyField, type Fields, type InferFields, SchemaError } from './field.ts'
import { type ModuleDef, type Params, paramsMessage, type RecordDef } from './moduleDefinition.ts'
import { message } from './schema.ts'

/** Version byte of records written by this build; earlier ones stay readable. */
const RECORD_VERSION = 1
/** Record id of a module's parameters. */
const PARAMS_RECORD = 0

/** Fixed-size, order-preserving bytes of one key field. */
function keyPart(field: AnyField, value: unknown): string {
  switch (field.kind) {
    case 'u8':
    case 'oneOf':
      return String.fromCharCode(Number(field.toAbi(value)))
    case 'u16':
    case 'u32':
      return bytesKey(u32be(value as number))
    case 'u64':
      return bytesKey(u64be(value as number))
    case 'address':
    case 'hash':
    case 'fixed':
      return bytesKey(value as Uint8Array)
    default:
      assert(false, `${field.kind} cannot be part of a record key`)
  }
}

/** Keys are `bytesKey` strings: one UTF-16 unit per byte. */
export interface RecordCodec<K, V> {
  /** `accounts.account`. */
  readonly name: string
  /** Prefix of every key of this kind. */
  readonly prefix: string
  key(key: K): string
  /** Parses stored bytes, e.g. of a proven value. Throws SchemaError. */
  decode(stored: Uint8Array): V
  encode(value: V): Uint8Array
  /** What decoding the bytes of a value gives, without reading them. To be called with what `encode` took. */
  asDecoded(value: V): V
}

/** Copies what encoding writes of a value, and nothing else that an object has; no part of the copy is the caller's. */
type Copy = (value: unknown) => unknown

function copyOf(field: AnyField): Copy {
  const { list, struct, inner } = field
  if (inner !== undefined) return copyOf(inner)
  if (list !== undefined) {
    const copy = copyOf(list.of)
    return (values) => (values as readonly unknown[]).map(copy)
  }
  if (struct !== undefined) return copyOfFields(struct.fields)
  return (value) => (value instanceof Uint8Array ? new Uint8Array(value) : value)
}

function copyOfFields(fields: Fields): Copy {
  const entries = Object.entries(fields).map(([name, field]) => ({ name, field, copy: copyOf(field) }))
  return (value) => {
    const out: Record<string, unknown> = {}
    for (const { name, field, copy } of entries) {
      const known = (value as Record<string, unknown>)[name]
      const read = field.list === undefined && field.isDefault(known) ? field.absent() : copy(known)
      if (read !== undefined) out[name] = read
    }
    return out
  }
}

function versioned(body: Uint8Array): Uint8Array {
  const out = new Uint8Array(body.length + 1)
  out[0] = RECORD_VERSION
  out.set(body, 1)
  return out
}

function bodyOf(name: string, stored: Uint8Array): Uint8Array {
  if (stored[0] !== RECORD_VERSION) throw new SchemaError(`${name}: record version ${stored[0]}`)
  return stored.subarray(1)
}

function makeRecord<K, V>(name: string, moduleId: number, record: RecordDef): RecordCodec<K, V> {
  const prefix = String.fromCharCode(moduleId, record.id)
  const keyFields = Object.entries(record.key)
  const codec = message(name, record.value)
  const copy = copyOfFields(record.value)
  return {
    name,
    prefix,
    key(parts) {
      let out = prefix
      for (const [fieldName, field] of keyFields)
        out += keyPart(field, (parts as Record<string, unknown>)[fieldName])
      return out
    },
    decode: (stored) => codec.decode(bodyOf(name, stored)) as V,
    encode: (value) => versioned(codec.encode(value as Parameters<typeof codec.encode>[0])),
    asDecoded: (value) => copy(value) as V,
  }
}

export type Records<D extends ModuleDef> = {
  readonly [R in keyof D['records']]: RecordCodec<
    InferFields<D['records'][R]['key']>,
    InferFields<D['records'][R]['value']>
  >
}

/**
 * The records of a module by name: `recordsOf(accountsSchema).account.key({ address })`.
 *
 * @example
 * const { account } = recordsOf(schemas.accounts)
 * const key = account.key({ address: new Uint8Array(20) })
 */
export function recordsOf<D extends ModuleDef>(definition: D): Records<D> {
  const out: Record<string, RecordCodec<unknown, unknown>> = {}
  for (const [name, record] of Object.entries(definition.records)) {
    out[name] = makeRecord(`${definition.name}.${name}`, definition.id, record)
  }
  return out as Records<D>
}

/** The one record that holds a module's parameters. */
export function paramsRecordOf<D extends ModuleDef>(definition: D): RecordCodec<object, Params<D>> {
  const codec = paramsMessage(definition)
  const at = String.fromCharCode(definition.id, PARAMS_RECORD)
  const name = `${definition.name} parameters`
  return {
    name,
    prefix: at,
    key: () => at,
    decode: (stored) => codec.decode(bodyOf(name, stored)),
    encode: (value) => versioned(codec.encode(value)),
    asDecoded: (value) => copyOfFields(codec.fields)(value) as Params<D>,
  }
}
