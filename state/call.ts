// eth_call, eth_estimateGas and eth_simulateV1: queries and actions on a throw-away overlay (WALLETS §2).
// Not: JSON-RPC; fees and nonces, which a call does not check; Multicall3's functions (multicall.ts).
import type { Address, TxId } from '../base/ids.ts'
import { type AbiTable, decodeArguments, encodeReturn, type QueryEntry, selectorNumber } from './abiTable.ts'
import type { BlockContext, Log } from './context.ts'
import {
  type CallEnvironment,
  type CallOutcome,
  callFailures,
  callSchema,
  costOf,
  dispatcherOf,
  failed,
  MULTICALL_ADDRESS,
  runCall,
  type Target,
  targetOf,
} from './dispatch.ts'
import { type FailureReader, failureReaderOf } from './failure.ts'
import type { Cost } from './fees.ts'
import { erc20Rules } from './modules/assets/facade.ts'
import { erc20Schema } from './modules/assets/schema.ts'
import { answerMulticall, multicallFunction, type ViewedBlock } from './multicall.ts'
import { Overlay } from './overlay.ts'
import type { Module } from './rules.ts'
import type { AccessListEntry } from './transaction.ts'
import type { StateReader } from './view.ts'

/** A simulated call is part of no transaction. */
const NO_TX: TxId = new Uint8Array(32)

export interface SimulationView {
  readonly state: StateReader
  /** The context of a block on top of the state. */
  readonly block: BlockContext
  /** The block whose state it is. */
  readonly viewed: ViewedBlock
}

export interface SimulatedCall {
  readonly from: Address
  readonly to: Address
  readonly valueBase: bigint
  readonly data: Uint8Array
  /** Priced by an estimate; no other effect. */
  readonly accessList?: readonly AccessListEntry[]
}

/** A revert as clients expect it: the custom error's bytes, and `execution reverted: Name(field=value)`. */
export interface Revert {
  readonly data: Uint8Array
  readonly message: string
}

const readers = new WeakMap<readonly Module[], FailureReader>()

/** Decodes failures of these modules, of tokens and of calls in general. */
export function failureReader(modules: readonly Module[]): FailureReader {
  let reader = readers.get(modules)
  if (reader === undefined) {
    reader = failureReaderOf([callSchema, erc20Schema, ...modules.map((module) => module.definition)])
    readers.set(modules, reader)
  }
  return reader
}

/** Runs a call as if in a block on top of the view and keeps nothing. Nonce and fee are not checked. */
export function simulateCall(
  view: SimulationView,
  modules: readonly Module[],
  call: SimulatedCall,
): { readonly returnData: Uint8Array } | { readonly revert: Revert } {
  const outcome = runAny(environmentOf(view, modules, call), call, 0)
  return outcome.failed ? { revert: revertOf(modules, outcome.reason) } : { returnData: outcome.output }
}

/** The gas of a call, which depends only on its bytes, or the revert it would end in. */
export function estimateGas(
  view: SimulationView,
  modules: readonly Module[],
  call: SimulatedCall,
): { readonly gas: number } | { readonly revert: Revert } {
  // Not `runAny`: a query is not a transaction, and an estimate must fail where the transaction would.
  const outcome = runCall(environmentOf(view, modules, call), call)
  if (outcome.failed) return { revert: revertOf(modules, outcome.reason) }
  return { gas: callCost(view, modules, call).gas }
}

/** Gas and lane of a call as a transaction. */
export function callCost(
  view: Pick<SimulationView, 'block'>,
  modules: readonly Module[],
  call: Pick<SimulatedCall, 'to' | 'data' | 'accessList'>,
): Cost {
  return costOf(dispatcherOf(modules, view.block.protocolVersion), call)
}

/**
 * Runs a call and keeps its writes in `overlay`, as a transaction of a simulated block does; a failed one writes
 * nothing. Queries are answered as in eth_call. Nonce and fee are the caller's business.
 */
export function runOnOverlay(
  view: Omit<SimulationView, 'state'> & { readonly state: Overlay },
  modules: readonly Module[],
  call: SimulatedCall & { readonly txId: TxId; readonly txIndex: number },
): {
  readonly logs: readonly Log[]
  readonly outcome: { readonly returnData: Uint8Array } | { readonly revert: Revert }
} {
  const logs: Log[] = []
  const { txId, txIndex, from: sender } = call
  const env = { ...environmentOf(view, modules, call), state: view.state, sender, txId, txIndex, logs }
  const outcome = runAny(env, call, 0)
  view.state.settle()
  if (outcome.failed) return { logs: [], outcome: { revert: revertOf(modules, outcome.reason) } }
  return { logs, outcome: { returnData: outcome.output } }
}

function revertOf(modules: readonly Module[], reason: Uint8Array): Revert {
  return { data: reason, message: `execution reverted: ${failureReader(modules).describe(reason)}` }
}

interface Environment extends CallEnvironment {
  readonly viewed: ViewedBlock
}

function environmentOf(
  view: SimulationView,
  modules: readonly Module[],
  { from: sender }: { readonly from: Address },
): Environment {
  return {
    dispatcher: dispatcherOf(modules, view.block.protocolVersion),
    state: new Overlay(view.state),
    block: view.block,
    viewed: view.viewed,
    sender,
    txId: NO_TX,
    txIndex: 0,
    logs: [],
  }
}

/** Answers a query when the calldata names one, else runs the call as a transaction would. */
function runAny(env: Environment, call: SimulatedCall, depth: number): CallOutcome {
  const target = targetOf(env.dispatcher, env.state, call.to)
  if (target.kind === 'multicall') return runMulticall(env, call, depth)
  const table = tableOf(env, target)
  const selector = selectorNumber(call.data)
  const entry = selector === undefined ? undefined : table?.bySelector.get(selector)
  if (entry === undefined || entry.kind !== 'query') return runCall(env, { ...call })
  if (call.valueBase > 0n) return failed(callFailures.ValueNotAccepted({}))
  const args = decodeArguments(entry, call.data)
  if (args === undefined) return failed(callFailures.MalformedCalldata({}))
  const answer = askQuery(env, target, entry, args)
  if (answer === undefined) return failed(callFailures.NotFound({}))
  return { failed: false, output: encodeReturn(entry, answer) }
}

function runMulticall(env: Environment, { data, valueBase }: SimulatedCall, depth: number): CallOutcome {
  if (data.length < 4) return failed(callFailures.MalformedCalldata({}))
  const entry = multicallFunction(data)
  if (entry === undefined) return failed(callFailures.UnknownAction({ selector: data.slice(0, 4) }))
  if (valueBase > 0n) return failed(callFailures.ValueNotAccepted({}))
  // Nested batches would multiply the bound on calls.
  if (entry.isBatch && depth > 0) return failed(callFailures.ReadOnly({}))
  const inner: Environment = { ...env, sender: MULTICALL_ADDRESS }
  const mark = env.state.savepoint()
  const logMark = env.logs.length
  const outcome = answerMulticall(entry, data, {
    state: env.state,
    chainId: env.block.chainId,
    viewed: env.viewed,
    run: (to, calldata) =>
      runAny(inner, { from: MULTICALL_ADDRESS, to, valueBase: 0n, data: calldata }, depth + 1),
  })
  // A batch reads: what its calls wrote for each other does not outlive it.
  env.state.rollback(mark)
  env.logs.length = logMark
  return outcome ?? failed(callFailures.MalformedCalldata({}))
}

function tableOf(env: CallEnvironment, target: Target): AbiTable | undefined {
  if (target.kind === 'module') return target.table
  return target.kind === 'asset' ? env.dispatcher.erc20 : undefined
}

function askQuery(
  env: CallEnvironment,
  target: Target,
  entry: QueryEntry,
  args: Record<string, unknown>,
): unknown {
  const ctx = { state: env.state, block: env.block }
  if (target.kind === 'module') return target.module.rules.queries[entry.name]!(ctx, args as never)
  if (target.kind !== 'asset') return undefined
  return erc20Rules.queries[entry.name as keyof typeof erc20Rules.queries](ctx, target.asset, args as never)
}
