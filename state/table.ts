// Typed records over the flat store. Key = module id ‖ record id ‖ key fields; value = version byte ‖ protobuf.
import { assert, mustExist } from '../base/assert.ts'
import { bytesKey, u32be, u64be } from '../base/bytes.ts'
import { type AnyField, type InferFields, SchemaError } from '../base/field.ts'
import type { ModuleDef, Params, RecordDef } from '../base/module.ts'
import { paramsMessage } from '../base/module.ts'
import { message } from '../base/schema.ts'
import type { FullState, StateKey, StateReader, StateWriter } from './view.ts'

/** Version byte of records written by this build; earlier ones stay readable. */
const RECORD_VERSION = 1
/** Record id under which a module's parameters stand. */
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
      assert(false, `${field.kind} cannot stand in a record key`)
  }
}

export interface Table<K, V> {
  readonly name: string
  /** Bytes that every key of this table begins with. */
  readonly prefix: StateKey
  key(key: K): StateKey
  get(state: StateReader, key: K): V | undefined
  /** Asserts that the record exists. */
  mustGet(state: StateReader, key: K): V
  has(state: StateReader, key: K): boolean
  set(state: StateWriter, key: K, value: V): void
  delete(state: StateWriter, key: K): void
  /** Values in byte order of their keys; recounts, exports and tests only. */
  values(full: FullState): Iterable<V>
  entries(full: FullState): Iterable<readonly [StateKey, V]>
  /** Parses stored bytes, e.g. of a proven value. Throws SchemaError. */
  decode(stored: Uint8Array): V
  encode(value: V): Uint8Array
}

function makeTable<K, V>(name: string, moduleId: number, record: RecordDef): Table<K, V> {
  const prefix = String.fromCharCode(moduleId, record.id)
  const keyFields = Object.entries(record.key)
  const codec = message(name, record.value)
  const key = (parts: K): StateKey => {
    let out = prefix
    for (const [fieldName, field] of keyFields)
      out += keyPart(field, (parts as Record<string, unknown>)[fieldName])
    return out
  }
  const decode = (stored: Uint8Array): V => {
    if (stored[0] !== RECORD_VERSION) throw new SchemaError(`${name}: record version ${stored[0]}`)
    return codec.decode(stored.subarray(1)) as V
  }
  const encode = (value: V): Uint8Array => {
    const body = codec.encode(value as Parameters<typeof codec.encode>[0])
    const out = new Uint8Array(body.length + 1)
    out[0] = RECORD_VERSION
    out.set(body, 1)
    return out
  }
  const get = (state: StateReader, parts: K): V | undefined => {
    const stored = state.get(key(parts))
    return stored === undefined ? undefined : decode(stored)
  }
  return {
    name,
    prefix,
    key,
    get,
    mustGet: (state, parts) => mustExist(get(state, parts), `${name} record is missing`),
    has: (state, parts) => state.get(key(parts)) !== undefined,
    set: (state, parts, value) => state.set(key(parts), encode(value)),
    delete: (state, parts) => state.delete(key(parts)),
    *values(full) {
      for (const [, stored] of full.entries(prefix)) yield decode(stored)
    },
    *entries(full) {
      for (const [at, stored] of full.entries(prefix)) yield [at, decode(stored)] as const
    },
    decode,
    encode,
  }
}

export type Tables<D extends ModuleDef> = {
  readonly [R in keyof D['records']]: Table<
    InferFields<D['records'][R]['key']>,
    InferFields<D['records'][R]['value']>
  >
}

/** The typed tables of a module: `tables.request.get(state, { id })`. */
export function tablesOf<D extends ModuleDef>(definition: D): Tables<D> {
  const out: Record<string, Table<unknown, unknown>> = {}
  for (const [name, record] of Object.entries(definition.records)) {
    out[name] = makeTable(`${definition.name}.${name}`, definition.id, record)
  }
  return out as Tables<D>
}

/** The module's parameters in state; genesis sets them, only governance changes them. */
export function paramsOf<D extends ModuleDef>(
  definition: D,
): { get(state: StateReader): Params<D>; set(state: StateWriter, value: Params<D>): void } {
  const codec = paramsMessage(definition)
  const at = String.fromCharCode(definition.id, PARAMS_RECORD)
  return {
    get: (state) =>
      codec.decode(mustExist(state.get(at), `${definition.name} parameters are missing`).subarray(1)),
    set: (state, value) => {
      const body = codec.encode(value)
      const out = new Uint8Array(body.length + 1)
      out[0] = RECORD_VERSION
      out.set(body, 1)
      state.set(at, out)
    },
  }
}
