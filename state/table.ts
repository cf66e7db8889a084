// Typed records over the flat store. Not: their bytes (base/record.ts).
import { mustExist } from '../base/assert.ts'
import type { InferFields } from '../base/field.ts'
import type { ModuleDef, Params } from '../base/moduleDefinition.ts'
import { paramsRecordOf, type RecordCodec, recordsOf } from '../base/record.ts'
import { DecodedRecords } from './decodedRecords.ts'
import { eachEntry, type Recount } from './recount.ts'
import type { FullState, StateKey, StateReader, StateWriter } from './view.ts'

export interface Table<K, V> extends RecordCodec<K, V> {
  get(state: StateReader, key: K): V | undefined
  /** Asserts that the record exists. */
  mustGet(state: StateReader, key: K): V
  has(state: StateReader, key: K): boolean
  set(state: StateWriter, key: K, value: V): void
  delete(state: StateWriter, key: K): void
  /** Visits every record in byte order of the keys, in steps; stops at the first reason. Recounts only. */
  each(visit: (value: V, key: StateKey) => string | undefined): Recount
  /** Values in byte order of their keys; exports and tests only. */
  values(full: FullState): Iterable<V>
  entries(full: FullState): Iterable<readonly [StateKey, V]>
}

function makeTable<K, V>(record: RecordCodec<K, V>): Table<K, V> {
  const { name, prefix, key, encode, decode, asDecoded } = record
  const decoded = new DecodedRecords(decode)
  const get = (state: StateReader, parts: K): V | undefined => {
    const at = key(parts)
    const stored = state.get(at)
    return stored === undefined ? undefined : decoded.read(at, stored)
  }
  return {
    ...record,
    get,
    mustGet: (state, parts) => mustExist(get(state, parts), `${name} record is missing`),
    has: (state, parts) => state.get(key(parts)) !== undefined,
    set: (state, parts, value) => {
      const at = key(parts)
      const stored = encode(value)
      state.set(at, stored)
      decoded.note(at, stored, asDecoded(value))
    },
    delete: (state, parts) => state.delete(key(parts)),
    each: (visit) => eachEntry(prefix, ([at, stored]) => visit(decode(stored), at)),
    *values(full) {
      for (const [, stored] of full.entries(prefix)) yield decode(stored)
    },
    *entries(full) {
      for (const [at, stored] of full.entries(prefix)) yield [at, decode(stored)] as const
    },
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
  for (const [name, record] of Object.entries(recordsOf(definition))) {
    out[name] = makeTable(record as RecordCodec<unknown, unknown>)
  }
  return out as Tables<D>
}

/** The module's parameters in state; genesis sets them, only governance changes them. */
export function paramsOf<D extends ModuleDef>(
  definition: D,
): { get(state: StateReader): Params<D>; set(state: StateWriter, value: Params<D>): void } {
  const record = paramsRecordOf(definition)
  const at = record.key({})
  const decoded = new DecodedRecords(record.decode)
  return {
    get: (state) => decoded.read(at, mustExist(state.get(at), `${record.name} are missing`)),
    set: (state, value) => state.set(at, record.encode(value)),
  }
}
