// eth_call and eth_estimateGas: queries and actions on a throw-away overlay, and Multicall3's aggregate3 (WALLETS §2).
// Not: JSON-RPC; fees and nonces, which a call does not check.
import { encodeAbi } from '../base/abi.ts'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import type { Address, TxId } from '../base/ids.ts'
import { defineModule } from '../base/moduleDefinition.ts'
import { TX_BYTES_MAX } from '../base/protocol/limits.ts'
import { PROTOCOL_VERSION } from '../base/protocol/version.ts'
import { message, t } from '../base/schema.ts'
import {
  type AbiTable,
  abiTableOf,
  decodeArguments,
  encodeReturn,
  type QueryEntry,
  selectorNumber,
} from './abiTable.ts'
import type { BlockContext } from './context.ts'
import {
  type CallEnvironment,
  type CallOutcome,
  callFailures,
  callSchema,
  dispatcherOf,
  failed,
  gasOf,
  MULTICALL_ADDRESS,
  runCall,
  type Target,
  targetOf,
} from './dispatch.ts'
import { type FailureReader, failureReaderOf } from './failure.ts'
import { erc20Rules } from './modules/assets/facade.ts'
import { erc20Schema } from './modules/assets/schema.ts'
import { Overlay } from './overlay.ts'
import type { Module } from './rules.ts'
import type { AccessListEntry } from './transaction.ts'
import type { StateReader } from './view.ts'

/** Most calls in one aggregate3. */
const AGGREGATE_MAX = 1024
/** Most bytes that its calls may return together. */
const AGGREGATE_BYTES_MAX = 4 * 1024 * 1024
/** A simulated call is part of no transaction. */
const NO_TX: TxId = new Uint8Array(32)

/** The part of Multicall3 that viem and ethers use to batch reads. */
export const multicallSchema = defineModule({
  name: 'multicall3',
  id: 0,
  doc: 'Read-only aggregate3 of Multicall3.',
  params: {},
  records: {},
  errors: {},
  events: {},
  actions: {},
  queries: {
    aggregate3: {
      args: {
        calls: t.list(
          message('Call3', { target: t.address, allowFailure: t.bool, callData: t.bytes(TX_BYTES_MAX) }),
          AGGREGATE_MAX,
        ),
      },
      returns: t.list(
        message('Result', { success: t.bool, returnData: t.bytes(AGGREGATE_BYTES_MAX) }),
        AGGREGATE_MAX,
      ),
      doc: 'Runs calls and returns the result of each.',
    },
  },
})
const multicallTable = abiTableOf(multicallSchema, PROTOCOL_VERSION)

export interface SimulationView {
  readonly state: StateReader
  /** The context of a block on top of the state. */
  readonly block: BlockContext
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
  const outcome = runAny(environmentOf(view, modules, call.from), call, 0)
  return outcome.failed ? { revert: revertOf(modules, outcome.reason) } : { returnData: outcome.output }
}

/** The gas of a call, which depends only on its bytes, or the revert it would end in. */
export function estimateGas(
  view: SimulationView,
  modules: readonly Module[],
  call: SimulatedCall,
): { readonly gas: number } | { readonly revert: Revert } {
  // Not `runAny`: a query is not a transaction, and an estimate must fail where the transaction would.
  const outcome = runCall(environmentOf(view, modules, call.from), call)
  if (outcome.failed) return { revert: revertOf(modules, outcome.reason) }
  return { gas: gasOf(dispatcherOf(modules, view.block.protocolVersion), call) }
}

function revertOf(modules: readonly Module[], reason: Uint8Array): Revert {
  return { data: reason, message: `execution reverted: ${failureReader(modules).describe(reason)}` }
}

function environmentOf(view: SimulationView, modules: readonly Module[], sender: Address): CallEnvironment {
  return {
    dispatcher: dispatcherOf(modules, view.block.protocolVersion),
    state: new Overlay(view.state),
    block: view.block,
    sender,
    txId: NO_TX,
    txIndex: 0,
    logs: [],
  }
}

/** Answers a query when the calldata names one, else runs the call as a transaction would. */
function runAny(env: CallEnvironment, call: SimulatedCall, depth: number): CallOutcome {
  const target = targetOf(env.dispatcher, env.state, call.to)
  const table = tableOf(env, target)
  const selector = selectorNumber(call.data)
  const entry = selector === undefined ? undefined : table?.bySelector.get(selector)
  if (entry === undefined || entry.kind !== 'query') {
    if (target.kind !== 'multicall') return runCall(env, { ...call })
    return failed(
      selector === undefined
        ? callFailures.MalformedCalldata({})
        : callFailures.UnknownAction({ selector: call.data.slice(0, 4) }),
    )
  }
  if (call.valueBase > 0n) return failed(callFailures.ValueNotAccepted({}))
  const args = decodeArguments(entry, call.data)
  if (args === undefined) return failed(callFailures.MalformedCalldata({}))
  if (target.kind === 'multicall') return aggregate(env, args as unknown as AggregateArgs, entry, depth)
  const answer = askQuery(env, target, entry, args)
  if (answer === undefined) return failed(callFailures.NotFound({}))
  return { failed: false, output: encodeReturn(entry, answer) }
}

function tableOf(env: CallEnvironment, target: Target): AbiTable | undefined {
  if (target.kind === 'module') return target.table
  if (target.kind === 'asset') return env.dispatcher.erc20
  return target.kind === 'multicall' ? multicallTable : undefined
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

interface AggregateArgs {
  readonly calls: readonly {
    readonly target: Address
    readonly allowFailure: boolean
    readonly callData: Uint8Array
  }[]
}

const FAILED_CALL = concatBytes(
  keccak256(utf8('Error(string)')).slice(0, 4),
  encodeAbi([{ kind: 'string' }], ['Multicall3: call failed']),
)

function aggregate(
  env: CallEnvironment,
  { calls }: AggregateArgs,
  entry: QueryEntry,
  depth: number,
): CallOutcome {
  // Nested aggregates would multiply the bound on calls.
  if (depth > 0) return failed(callFailures.ReadOnly({}))
  const results: { success: boolean; returnData: Uint8Array }[] = []
  const inner: CallEnvironment = { ...env, sender: MULTICALL_ADDRESS }
  let bytes = 0
  for (const { target, allowFailure, callData } of calls) {
    const call = { from: MULTICALL_ADDRESS, to: target, valueBase: 0n, data: callData }
    const outcome = runAny(inner, call, depth + 1)
    if (outcome.failed && !allowFailure) return { failed: true, reason: FAILED_CALL }
    const returnData = outcome.failed ? outcome.reason : outcome.output
    bytes += returnData.length
    if (bytes > AGGREGATE_BYTES_MAX) return { failed: true, reason: FAILED_CALL }
    results.push({ success: !outcome.failed, returnData })
  }
  return { failed: false, output: encodeReturn(entry, results) }
}
