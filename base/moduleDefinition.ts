// The definition of a native module: data from which ABI, records, RPC, client and documents are derived.
// Owns: the definition types and the system addresses. Not: rules (state/rules.ts implements them).
import { assert } from './assert.ts'
import { u64be, utf8 } from './bytes.ts'
import type { AnyField, Field, Fields, InferFields } from './field.ts'
import type { Address } from './ids.ts'
import type { Lane } from './lanes.ts'
import type { AnyParam, ParamDef, ParamDefs, Preset } from './parameters.ts'
import { type Message, message, t } from './schema.ts'
import { signedFormFault } from './signedAction.ts'

/** Protocol versions in which an element exists, both inclusive. Numbers, selectors and ids are never used again. */
export interface Lifetime {
  /** Version that introduced it; default 1. */
  readonly since?: number
  /** Last version that has it; default: it has no end. */
  readonly until?: number
}

/** Whether an element exists at a protocol version. */
export function isLive({ since = 1, until }: Lifetime, protocolVersion: number): boolean {
  return since <= protocolVersion && (until === undefined || protocolVersion <= until)
}

/** One table: `key` fields are encoded in order, `value` is a protobuf message with a leading version byte. */
export interface RecordDef {
  /** 1 to 255, unique in the module, never reused. */
  readonly id: number
  readonly key: Fields
  readonly value: Fields
  readonly doc: string
}

export interface ActionDef extends Lifetime {
  readonly args: Fields
  /** Names of the errors the rule may return. */
  readonly fails: readonly string[]
  /** Constant gas above 21,000 + calldata. */
  readonly gas: number
  /** Whether coins may be attached. */
  readonly payable?: true
  /** Whether the flat EIP-712 form exists (signedAction.ts). */
  readonly signed?: true
  /** Whether it runs other actions: it may fail after writing, and the savepoint undoes the writes. */
  readonly composite?: true
  /** Block space, if not the module's. */
  readonly lane?: Lane
  readonly doc: string
}

export interface QueryDef extends Lifetime {
  readonly args: Fields
  /** A field (often a message); `undefined` results become JSON null. */
  readonly returns: AnyField
  readonly doc: string
}

/** A named escrow: one ledger account per object of the module, at a system address. */
export interface EscrowDef {
  /** 0 to 15, unique in the module, never reused. */
  readonly id: number
  readonly doc: string
}

export interface ModuleDef extends Lifetime {
  readonly name: string
  /** The low bytes of the system address, fixed forever. */
  readonly id: number
  readonly doc: string
  /** Block space of calls to the module; default `general`. */
  readonly lane?: Lane
  readonly params: ParamDefs
  readonly records: { readonly [name: string]: RecordDef }
  readonly escrows?: { readonly [name: string]: EscrowDef }
  /** Deferred work that goes on from block to block, in the order of its turns (state/blockWork.ts). */
  readonly walks?: readonly string[]
  readonly errors: { readonly [name: string]: Fields }
  /** Fields marked `indexed` become topics (at most three). */
  readonly events: { readonly [name: string]: Fields }
  readonly actions: { readonly [name: string]: ActionDef }
  readonly queries: { readonly [name: string]: QueryDef }
}

/** Names of a module's walks. */
export type WalkName<D extends ModuleDef> = NonNullable<D['walks']>[number]

type CheckFails<D extends ModuleDef> = {
  readonly actions: { readonly [A in keyof D['actions']]: { readonly fails: readonly (keyof D['errors'])[] } }
}

/** An element lives within its module's lifetime, and later parameters come after earlier ones. */
function checkLifetimes(definition: ModuleDef): void {
  const { name, actions, queries, params, since = 1, until = Number.POSITIVE_INFINITY } = definition
  const elements = [actions, queries, params].flatMap((group): [string, Lifetime][] => Object.entries(group))
  for (const [element, lifetime] of elements) {
    const from = lifetime.since ?? since
    const to = lifetime.until ?? until
    assert(
      from >= since && to <= until && from <= to,
      `${name}.${element}: lives in versions ${from} to ${to}`,
    )
  }
  let latest = since
  for (const [element, { since: from = since }] of Object.entries(params)) {
    assert(from >= latest, `${name}.${element}: a later parameter comes last`)
    latest = from
  }
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
  const escrowIds = Object.values(definition.escrows ?? {}).map(({ id }) => id)
  assert(
    new Set(escrowIds).size === escrowIds.length && escrowIds.every((id) => id >= 0 && id <= 15),
    `${definition.name}: escrow ids`,
  )
  const walks = definition.walks ?? []
  assert(new Set(walks).size === walks.length, `${definition.name}: walks`)
  checkLifetimes(definition)
  for (const [name, { args, signed }] of Object.entries<ActionDef>(definition.actions)) {
    const fault = signed === true ? signedFormFault(args) : undefined
    assert(fault === undefined, `${definition.name}.${name}: ${fault}`)
  }
  for (const [name, fields] of Object.entries(definition.events)) {
    const topics = Object.values(fields).filter((f) => f.indexed === true).length
    assert(topics <= 3, `${definition.name}.${name}: at most three indexed fields`)
  }
  return definition
}

/** Values of a module's parameters. */
export type Params<D extends ModuleDef> = {
  readonly [P in keyof D['params']]: D['params'][P] extends ParamDef<infer T> ? T : never
}

/** Definitions by module name, e.g. of state/schemas.ts. */
export type Definitions = { readonly [name: string]: ModuleDef }

/** The sections of all modules that have parameters, by module name. */
export type ParameterSet<S extends Definitions> = {
  readonly [N in keyof S as keyof S[N]['params'] extends never ? never : N]: Params<S[N]>
}
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

/** A parameter of a later version may be absent, and then has the field's default, so that older documents stay valid. */
function laterField(field: AnyField): AnyField {
  const wrapped: Field<unknown> = {
    ...field,
    optional: true,
    check: (value) => (value === undefined ? undefined : field.check(value)),
    isDefault: (value) => value === undefined || field.isDefault(value),
  }
  return wrapped
}

/** The fields of a module's parameters, as its section and its record hold them. */
export function paramFields(params: ParamDefs): Fields {
  const fieldOf = ({ field, since = 1 }: AnyParam): AnyField => (since > 1 ? laterField(field) : field)
  return Object.fromEntries(Object.entries(params).map(([name, param]) => [name, fieldOf(param)]))
}

/** The message type of a parameter section, used by genesis and governance. */
export function paramsMessage<D extends ModuleDef>(definition: D): Message<Params<D>> {
  return message(`${definition.name}.Params`, paramFields(definition.params)) as unknown as Message<Params<D>>
}

/** The parameter sets of a preset, for all modules that have parameters. */
export function presetOf<S extends Definitions>(definitions: S, preset: Preset): ParameterSet<S> {
  const sections: Record<string, Record<string, unknown>> = {}
  for (const [name, { params }] of Object.entries(definitions)) {
    const values = Object.entries(params).map(([key, declared]) => [key, declared[preset]] as const)
    if (values.length > 0) sections[name] = Object.fromEntries(values)
  }
  return sections as ParameterSet<S>
}

/**
 * One message with the section of every module that has parameters. A section's number is the module's id, and it is
 * optional when the module came with a later version, so that a new module changes no document without it.
 */
export function sectionsMessage<S extends Definitions>(
  name: string,
  definitions: S,
): Message<ParameterSet<S>> {
  const fields: Record<string, AnyField> = {}
  const numbers: Record<string, number> = {}
  const inOrder = Object.entries(definitions).sort(([, a], [, b]) => a.id - b.id)
  for (const [module, definition] of inOrder) {
    if (Object.keys(definition.params).length === 0) continue
    const section = paramsMessage(definition)
    fields[module] = (definition.since ?? 1) > 1 ? t.optional(section) : section
    numbers[module] = definition.id
  }
  return message(name, fields, numbers) as unknown as Message<ParameterSet<S>>
}
