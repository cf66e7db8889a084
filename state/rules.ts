// Joins a module's definition with its rules. Owns: the rule types, events and failures as typed functions.
// Not: dispatch (dispatch.ts) and the list of modules (registry.ts).
import { abiSignature, encodeAbi } from '../base/abi.ts'
import { assert } from '../base/assert.ts'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import type { AnyField, Fields, Infer, InferFields } from '../base/field.ts'
import type { Address } from '../base/ids.ts'
import {
  type ActionArgs,
  type Failure,
  type FailureOf,
  type ModuleDef,
  moduleAddress,
  type Params,
  type QueryArgs,
} from '../base/moduleDefinition.ts'
import type { ActionContext, Debit, DebitRefused, Log, ReadContext, WriteContext } from './context.ts'
import type { Recount } from './recount.ts'
import type { StateChanges, StateReader } from './view.ts'

/** halt: stop the node; stopMinting: refuse new mints; alert: log and count (ECONOMY §12). */
export type Severity = 'halt' | 'stopMinting' | 'alert'

export interface Invariant {
  /** Number in ECONOMY §12, or a name for a module's own. */
  readonly id: string
  readonly severity: Severity
  readonly doc: string
  /** From incremental aggregates, after every block. A reason when broken. */
  check?(ctx: ReadContext): string | undefined
  /** From what the block changed against its parent's state, after every block. A reason when broken. */
  checkChanges?(changes: StateChanges, parent: StateReader, ctx: ReadContext): string | undefined
  /** By full recount, in steps, every window and after every simulated block. A reason when broken. */
  recount?(ctx: ReadContext): Recount
}

export interface ParameterFault {
  /** A parameter of the module, or `module.parameter`. */
  readonly path: string
  readonly reason: string
}

/** What a rule between parameters sees. */
export interface ParameterContext {
  /** Version of the rules that the parameters are for. */
  readonly protocolVersion: number
  /** Members that may pledge and serve. */
  readonly providerCount: number
  /** The proposed parameters of another module; asserts that the version has it. */
  of<D extends ModuleDef>(definition: D): Params<D>
}

export interface Rules<D extends ModuleDef> {
  readonly actions: {
    readonly [A in keyof D['actions']]: (
      ctx: ActionContext,
      args: ActionArgs<D, A>,
    ) => FailureOf<D, A> | DebitRefused | undefined
  }
  readonly queries: {
    readonly [Q in keyof D['queries']]: (
      ctx: ReadContext,
      args: QueryArgs<D, Q>,
    ) => Infer<D['queries'][Q]['returns']>
  }
  /**
   * Rules between parameters, of this module and of those before it; genesis and governance apply it. Each value is
   * already within its own bounds.
   */
  checkParameters?(own: Params<D>, all: ParameterContext): ParameterFault | undefined
  /** Before the transactions; bounded work. Modules run in registry order. */
  beginBlock?(ctx: WriteContext): void
  /** After the transactions; bounded work. Modules run in registry order. */
  endBlock?(ctx: WriteContext): void
  /** Why an account may not give up units by its own doing, or undefined. Credits are never asked for (ECONOMY §10). */
  checkDebit?(ctx: ReadContext, debit: Debit): string | undefined
  readonly invariants?: readonly Invariant[]
}

/** A module with its types erased: what registry and execution handle. */
export interface Module {
  readonly definition: ModuleDef
  readonly rules: {
    readonly actions: { readonly [name: string]: (ctx: ActionContext, args: never) => Failure | undefined }
    readonly queries: { readonly [name: string]: (ctx: ReadContext, args: never) => unknown }
    checkParameters?(own: never, all: ParameterContext): ParameterFault | undefined
    beginBlock?(ctx: WriteContext): void
    endBlock?(ctx: WriteContext): void
    checkDebit?(ctx: ReadContext, debit: Debit): string | undefined
    readonly invariants?: readonly Invariant[]
  }
}

/** Exactly one rule per action and query; each may return only the failures its action declares. */
export function implement<D extends ModuleDef>(definition: D, rules: Rules<D>): Module {
  return { definition, rules: rules as unknown as Module['rules'] }
}

/** Canonical signature, e.g. `request(uint256,uint8)`. */
export function signatureOf(name: string, fields: Fields): string {
  const types = Object.entries(fields).map(([fieldName, field]) => {
    assert(field.abi !== undefined, `${name}.${fieldName} has no ABI type`)
    return abiSignature(field.abi)
  })
  return `${name}(${types.join(',')})`
}

/** First four bytes of keccak(signature). */
export function selectorOf(name: string, fields: Fields): Uint8Array {
  return keccak256(utf8(signatureOf(name, fields))).slice(0, 4)
}

type Emitters<D extends ModuleDef> = {
  readonly [E in keyof D['events']]: (ctx: WriteContext, fields: InferFields<D['events'][E]>) => void
}

function topicOf(field: AnyField, value: unknown): Uint8Array {
  const abi = field.abi!
  const encoded = encodeAbi([abi], [field.toAbi(value)])
  // Dynamic indexed values are hashed, as Solidity does.
  return abi.kind === 'bytes' || abi.kind === 'string' ? keccak256(encoded.subarray(64)) : encoded
}

/** Compiles an event into a function from an address and values to its ABI log. */
function logMaker(name: string, fields: Fields): (address: Address, values: Record<string, unknown>) => Log {
  const topic0 = keccak256(utf8(signatureOf(name, fields)))
  const entries = Object.entries(fields)
  const topics = entries.filter(([, f]) => f.indexed === true)
  const data = entries.filter(([, f]) => f.indexed !== true)
  const dataTypes = data.map(([, f]) => f.abi!)
  return (address, values) => ({
    address,
    topics: [topic0, ...topics.map(([n, f]) => topicOf(f, values[n]))],
    data: encodeAbi(
      dataTypes,
      data.map(([n, f]) => f.toAbi(values[n])),
    ),
  })
}

/** The ABI log of an event at an address that is not a module's, e.g. an asset's. */
export function logOf<F extends Fields>(
  name: string,
  fields: F,
  address: Address,
  values: InferFields<F>,
): Log {
  return logMaker(name, fields)(address, values as Record<string, unknown>)
}

/** `events.Minted(ctx, { provider, amountBase })` appends the ABI log of the module's address. */
export function eventsOf<D extends ModuleDef>(definition: D): Emitters<D> {
  const address = moduleAddress(definition)
  const out: Record<string, (ctx: WriteContext, fields: Record<string, unknown>) => void> = {}
  for (const [name, fields] of Object.entries(definition.events)) {
    const make = logMaker(name, fields)
    out[name] = (ctx, values) => ctx.emit(make(address, values))
  }
  return out as Emitters<D>
}

type Failers<D extends ModuleDef> = {
  readonly [E in keyof D['errors'] & string]: (fields: InferFields<D['errors'][E]>) => Failure<E>
}

/** `return fail.BelowMinimum({ amountBase, minimumBase })` inside a rule. */
export function failuresOf<D extends ModuleDef>(definition: D): Failers<D> {
  const out: Record<string, (fields: Record<string, unknown>) => Failure> = {}
  for (const code of Object.keys(definition.errors)) out[code] = (fields) => ({ code, fields })
  return out as Failers<D>
}

/** Solidity custom-error bytes: selector ‖ ABI of the fields. */
export function encodeFailure(definition: ModuleDef, failure: Failure): Uint8Array {
  const fields = definition.errors[failure.code]
  assert(fields !== undefined, `${definition.name} has no error ${failure.code}`)
  const entries = Object.entries(fields)
  return concatBytes(
    selectorOf(failure.code, fields),
    encodeAbi(
      entries.map(([, f]) => f.abi!),
      entries.map(([n, f]) => f.toAbi(failure.fields[n])),
    ),
  )
}
