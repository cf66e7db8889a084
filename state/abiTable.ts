// Selector tables generated from module definitions: calldata to arguments and back. Not: running calls (dispatch.ts).
import { decodeAbi, encodeAbi } from '../base/abi.ts'
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { type AbiType, type AnyField, type Fields, SchemaError } from '../base/field.ts'
import { type ActionDef, isLive, type ModuleDef, type QueryDef } from '../base/moduleDefinition.ts'
import { selectorOf } from '../base/selector.ts'

interface Entry {
  readonly definition: ModuleDef
  readonly name: string
  readonly fields: readonly (readonly [string, AnyField])[]
  readonly types: readonly AbiType[]
}
export interface ActionEntry extends Entry {
  readonly kind: 'action'
  readonly def: ActionDef
}
export interface QueryEntry extends Entry {
  readonly kind: 'query'
  readonly def: QueryDef
}

/** Errors by selector, for decoding failures. */
export interface ErrorEntry {
  readonly name: string
  readonly fields: Fields
}

/** Functions of one address at one protocol version. */
export interface AbiTable {
  readonly definition: ModuleDef
  readonly bySelector: ReadonlyMap<number, ActionEntry | QueryEntry>
}

/** The first four bytes of calldata as a number; undefined when there are fewer. */
export function selectorNumber(data: Uint8Array): number | undefined {
  if (data.length < 4) return undefined
  return ((data[0]! << 24) | (data[1]! << 16) | (data[2]! << 8) | data[3]!) >>> 0
}

function entryOf(definition: ModuleDef, name: string, args: Fields): Entry {
  const fields = Object.entries(args)
  return { definition, name, fields, types: fields.map(([, field]) => field.abi!) }
}

function hasAbi(fields: Fields): boolean {
  return Object.values(fields).every((field) => field.abi !== undefined)
}

/**
 * Builds the table of a version; asserts that no two functions ever share a selector. Queries without an ABI form are
 * left out.
 */
export function abiTableOf(definition: ModuleDef, protocolVersion: number): AbiTable {
  const bySelector = new Map<number, ActionEntry | QueryEntry>()
  const taken = new Set<number>()
  const add = (entry: ActionEntry | QueryEntry): void => {
    const selector = selectorNumber(selectorOf(entry.name, entry.def.args))!
    assert(!taken.has(selector), `${definition.name}.${entry.name}: selector is taken`)
    taken.add(selector)
    if (isLive(entry.def, protocolVersion)) bySelector.set(selector, entry)
  }
  for (const [name, def] of Object.entries(definition.actions)) {
    add({ kind: 'action', def, ...entryOf(definition, name, def.args) })
  }
  for (const [name, def] of Object.entries(definition.queries)) {
    if (!isAbiQuery(def)) continue
    add({ kind: 'query', def, ...entryOf(definition, name, def.args) })
  }
  return { definition, bySelector }
}

/** Whether a query can be called with calldata: arguments and answer have ABI types. */
export function isAbiQuery(def: QueryDef): boolean {
  return hasAbi(def.args) && answerField(def).abi !== undefined
}

/** The ABI field of a query's answer; an absent answer reverts with `NotFound()`. */
export function answerField(def: QueryDef): AnyField {
  return def.returns.inner ?? def.returns
}

/** Arguments of a call; undefined unless the bytes are the canonical ABI encoding. */
export function decodeArguments(entry: Entry, data: Uint8Array): Record<string, unknown> | undefined {
  try {
    const values = decodeAbi(entry.types, data.subarray(4))
    const args: Record<string, unknown> = {}
    entry.fields.forEach(([name, field], i) => {
      args[name] = field.fromAbi(values[i]!)
    })
    return args
  } catch (error) {
    if (error instanceof SchemaError) return undefined
    throw error
  }
}

/** ABI bytes of a query's answer, which must be present. */
export function encodeReturn(entry: QueryEntry, value: unknown): Uint8Array {
  const field = answerField(entry.def)
  return encodeAbi([field.abi!], [field.toAbi(value)])
}

/** Errors of the given definitions by selector as hex; equal names with equal types may repeat. */
export function errorTableOf(definitions: readonly ModuleDef[]): ReadonlyMap<string, ErrorEntry> {
  const table = new Map<string, ErrorEntry>()
  for (const definition of definitions) {
    for (const [name, fields] of Object.entries(definition.errors)) {
      const selector = toHex(selectorOf(name, fields))
      const known = table.get(selector)
      assert(
        known === undefined || known.name === name,
        `${definition.name}.${name}: error selector is taken`,
      )
      if (known === undefined) table.set(selector, { name, fields })
    }
  }
  return table
}
