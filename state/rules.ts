// Joins a module's definition with its rules. Owns: the rule types, events and failures as typed functions.
// Not: dispatch (dispatch.ts) and the list of modules (registry.ts).
import { encodeAbi } from '../base/abi.ts'
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
import type { Reserve } from '../base/protocol/header.ts'
import { selectorOf, signatureOf } from '../base/selector.ts'
import type {
  ActionContext,
  Debit,
  DebitRefused,
  Fault,
  Log,
  PrecheckFacts,
  ReadContext,
  WriteContext,
} from './context.ts'
import type { ParameterContext, ParameterFault, ParameterRules, Sections } from './parameterRules.ts'
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

/** Where an upgrade stands when it calls `onActivate`. */
export interface ActivationStep {
  /** The version whose changes to make. */
  readonly version: number
  /** 0 at first, then what the hook returned in the block before. */
  readonly cursor: number
}

/** The block that would come next on a state. */
export interface NextBlock {
  readonly height: number
  /** The parent's header flag. */
  readonly parentEndsEpoch: boolean
}

/** The hooks of a module, all optional. A module's own state is its only memory; each call does bounded work. */
export interface Hooks {
  /** Before the transactions. Modules run in registry order, here and below. */
  beginBlock?(ctx: WriteContext): void
  /** After the transactions. */
  endBlock?(ctx: WriteContext): void
  /**
   * After the transactions of every block, before all else: ends the running window when the block's time has reached
   * its end, and returns the index of the window that ended. At most one module of a chain has it.
   */
  endWindow?(ctx: WriteContext): number | undefined
  /** For each fault of the queue, at the end of a block after all `endBlock`; a fault is one step. It cannot refuse. */
  onFault?(ctx: WriteContext, fault: Fault): void
  /**
   * Costly work that is a pure function of the calldata of a call to this module and of the chain's constants, e.g.
   * verifying a proof: its rules get the result from `ctx.precheck()`. Other threads may compute it beforehand, so it
   * reads nothing else; malformed calldata has a result, too. At most `PRECHECK_BYTES_MAX` bytes. An action's gas pays
   * for computing it in the block.
   */
  precheck?(data: Uint8Array, facts: PrecheckFacts): Uint8Array
  /** Whether the rule for this calldata asks for a precheck; without this hook all rules of the module may. */
  hasPrecheck?(data: Uint8Array): boolean
  /** Why an account may not give up units by its own doing, or undefined. Credits are never asked for (ECONOMY §10). */
  checkDebit?(ctx: ReadContext, debit: Debit): string | undefined
  /** In a block that ended a window, before `endBlock`: `ended` is the window's index. */
  onWindowEnd?(ctx: WriteContext, ended: number): void
  /** The sections of parameters to put into force at this window's end; they pass `checkParameters`. */
  dueParameters?(ctx: WriteContext): Sections | undefined
  /** After parameters of any module changed, before `onWindowEnd`; `before` has the earlier ones. */
  onParametersChanged?(ctx: WriteContext, before: ParameterContext): void
  /**
   * In the first block of each protocol version that has the module: writes what the version adds. Returns undefined
   * when done, else a higher cursor, with which it is called again in the next block. Until then rules meet records of
   * both versions. `ctx.block.protocolVersion` may already be later than `step.version`.
   */
  onActivate?(ctx: WriteContext, step: ActivationStep): number | undefined
  /** When the state next needs a block even without transactions, Unix milliseconds. */
  dueAtMs?(state: StateReader): number | undefined
  /** Whether the next block has work even without transactions, now. */
  hasWork?(state: StateReader, next: NextBlock): boolean
  /** This module's fields of the header's reserve, from aggregates; no two modules give the same field. */
  reserve?(state: StateReader): Partial<Reserve>
}

export interface Rules<D extends ModuleDef> extends Hooks {
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
  readonly invariants?: readonly Invariant[]
}

/** A module with its types erased: what registry and execution handle. */
export interface Module extends ParameterRules {
  readonly rules: Hooks &
    ParameterRules['rules'] & {
      readonly actions: { readonly [name: string]: (ctx: ActionContext, args: never) => Failure | undefined }
      readonly queries: { readonly [name: string]: (ctx: ReadContext, args: never) => unknown }
      readonly invariants?: readonly Invariant[]
    }
}

/** Exactly one rule per action and query; each may return only the failures its action declares. */
export function implement<D extends ModuleDef>(definition: D, rules: Rules<D>): Module {
  return { definition, rules: rules as unknown as Module['rules'] }
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
