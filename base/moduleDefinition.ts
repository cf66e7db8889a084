// The definition of a native module: data from which ABI, records, RPC, client and documents are derived.
// Owns: the definition types and the system addresses. Not: rules (state/rules.ts implements them).
import { assert } from './assert.ts'
import { u64be, utf8 } from './bytes.ts'
import type { AnyField, Fields, InferFields } from './field.ts'
import type { Address } from './ids.ts'
import type { Lane } from './lanes.ts'
import { type Message, message } from './schema.ts'

/** One table: `key` fields are encoded in order, `value` is a protobuf message with a leading version byte. */
export interface RecordDef {
  /** 1 to 255, unique in the module, never reused. */
  readonly id: number
  readonly key: Fields
  readonly value: Fields
  readonly doc: string
}

export interface ActionDef {
  readonly args: Fields
  /** Names of the errors the rule may return. */
  readonly fails: readonly string[]
  /** Constant gas above 21,000 + calldata. */
  readonly gas: number
  /** Whether coins may be attached. */
  readonly payable?: true
  /** Whether the flat EIP-712 form exists. */
  readonly signed?: true
  /** Whether it runs other actions: it may fail after writing, and the savepoint undoes the writes. */
  readonly composite?: true
  /** Protocol version that introduced it; default 1. */
  readonly since?: number
  /** Block space it takes, when not the module's. */
  readonly lane?: Lane
  readonly doc: string
}

export interface QueryDef {
  readonly args: Fields
  /** A field (often a message); `undefined` results become JSON null. */
  readonly returns: AnyField
  readonly doc: string
}

export interface ModuleDef {
  readonly name: string
  /** The low bytes of the system address, fixed forever. */
  readonly id: number
  /** Block space of its actions; default general. */
  readonly lane?: Lane
  readonly doc: string
  readonly params: Fields
  readonly records: { readonly [name: string]: RecordDef }
  readonly errors: { readonly [name: string]: Fields }
  /** Fields marked `indexed` become topics (at most three). */
  readonly events: { readonly [name: string]: Fields }
  readonly actions: { readonly [name: string]: ActionDef }
  readonly queries: { readonly [name: string]: QueryDef }
}

type CheckFails<D extends ModuleDef> = {
  readonly actions: { readonly [A in keyof D['actions']]: { readonly fails: readonly (keyof D['errors'])[] } }
}

/** Defines a module; the result's type drives `implement`, the client and the RPC. */
export function defineModule<const D extends ModuleDef>(definition: D & CheckFails<D>): D {
  const ids = new Set<number>()
  for (const record of Object.values(definition.records)) {
    assert(
      record.id >= 1 && record.id <= 255 && !ids.has(record.id),
      `${definition.name}: record id ${record.id}`,
    )
    ids.add(record.id)
  }
  for (const [name, fields] of Object.entries(definition.events)) {
    const topics = Object.values(fields).filter((f) => f.indexed === true).length
    assert(topics <= 3, `${definition.name}.${name}: at most three indexed fields`)
  }
  return definition
}

export type Params<D extends ModuleDef> = InferFields<D['params']>
export type ActionArgs<D extends ModuleDef, A extends keyof D['actions']> = InferFields<
  D['actions'][A]['args']
>
export type QueryArgs<D extends ModuleDef, Q extends keyof D['queries']> = InferFields<
  D['queries'][Q]['args']
>

/** A declared failure: rolled back, reported as a Solidity custom error. */
export interface Failure<Code extends string = string> {
  readonly code: Code
  readonly fields: { readonly [name: string]: unknown }
}
export type FailureOf<D extends ModuleDef, A extends keyof D['actions']> = Failure<
  D['actions'][A]['fails'][number]
>

const PREFIX = utf8('suanli')

/** Kinds of system address (WALLETS §2). */
export const SYSTEM_KIND = { module: 0, asset: 1, series: 2, escrow: 3 } as const

/** `"suanli" ‖ kind ‖ 5 zero bytes ‖ id u64`. */
export function systemAddress(kind: number, id: number): Address {
  const out = new Uint8Array(20)
  out.set(PREFIX)
  out[6] = kind
  out.set(u64be(id), 12)
  return out
}

/** The address of a module that takes calldata. */
export function moduleAddress(definition: { readonly id: number }): Address {
  return systemAddress(SYSTEM_KIND.module, definition.id)
}

/** Whether `address` is in the reserved range, in use or not. */
export function isSystemAddress(address: Uint8Array): boolean {
  return PREFIX.every((b, i) => address[i] === b)
}

/** The message type of a parameter section, used by genesis and governance. */
export function paramsMessage<D extends ModuleDef>(definition: D): Message<Params<D>> {
  return message(`${definition.name}.Params`, definition.params) as unknown as Message<Params<D>>
}
