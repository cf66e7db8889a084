// Routes an address and calldata to a rule, and rolls back failed calls (WALLETS §1, §2).
// Not: fees and nonces (execute.ts), queries by eth_call (call.ts).
import { encodeAbi } from '../base/abi.ts'
import { assert } from '../base/assert.ts'
import { EMPTY_BYTES, equalBytes, fromHex, readU64be } from '../base/bytes.ts'
import type { Address, TxId } from '../base/ids.ts'
import type { Lane } from '../base/lanes.ts'
import {
  defineModule,
  type Failure,
  isSystemAddress,
  type ModuleDef,
  moduleAddress,
  SYSTEM_KIND,
  systemAddress,
} from '../base/moduleDefinition.ts'
import { indexed, t } from '../base/schema.ts'
import {
  type AbiTable,
  type ActionEntry,
  abiTableOf,
  decodeArguments,
  type QueryEntry,
  selectorNumber,
} from './abiTable.ts'
import type {
  ActionContext,
  BlockContext,
  Debit,
  DebitRefused,
  InnerCall,
  Log,
  SignedCall,
  WriteContext,
} from './context.ts'
import type { Cost } from './fees.ts'
import { COIN_ASSET, ledger } from './ledger.ts'
import { isComposite } from './modules/accounts/batch.ts'
import { erc20Rules } from './modules/assets/facade.ts'
import { assetAt, getAsset } from './modules/assets/ledger.ts'
import { erc20Schema } from './modules/assets/schema.ts'
import type { Overlay } from './overlay.ts'
import { type KnownPrecheck, runPrecheck } from './precheck.ts'
import { encodeFailure, failuresOf, logOf, type Module } from './rules.ts'
import { type AccessListEntry, bytesGas } from './transaction.ts'
import { TRANSFER_EMITTER } from './transferLog.ts'
import { modulesAt, protocolVersionOf } from './versions.ts'
import type { StateReader } from './view.ts'

/** Bytes of the reason why a debit is refused. */
const DEBIT_REASON_MAX = 64

/** Failures of calls to any module; part of every published ABI. */
export const callSchema = defineModule({
  name: 'call',
  id: 0,
  doc: 'Failures of calls that reach no rule.',
  params: {},
  records: {},
  errors: {
    /** Calldata names a function that this address does not have. */
    UnknownAction: { selector: t.fixed(4) },
    /** Arguments are out of bounds or not the canonical ABI encoding. */
    MalformedCalldata: {},
    /** Coins were sent to a function that accepts none. */
    ValueNotAccepted: {},
    /** A module was called without calldata. */
    NoAction: {},
    /** Coins at this address could never be moved again. */
    UnreachableAddress: { to: t.address },
    /** Callable by eth_call only. */
    ReadOnly: {},
    InsufficientCoins: { balanceBase: t.amount, neededBase: t.amount },
    /** The account may not give up these units now, e.g. because it is frozen; asset 0 is the coin. */
    DebitRefused: { account: t.address, asset: t.u64, reason: t.text(DEBIT_REASON_MAX) },
    /** The query has no answer for these arguments. */
    NotFound: {},
  },
  events: {
    /** The only log of a failed transaction, from the called address; `reason` is truncated to 256 bytes. */
    Failed: { selector: indexed(t.fixed(4)), reason: t.bytes(256) },
  },
  actions: {},
  queries: {},
})
export const callFailures = failuresOf(callSchema)

/** Multicall3's usual address. */
export const MULTICALL_ADDRESS: Address = fromHex('ca11bde05977b3631167028862be2a173976ca11')
const ZERO = new Uint8Array(20)

/** Tables of the modules, actions and queries that a chain has at one protocol version, built once. */
export interface Dispatcher {
  /** By module id. */
  readonly tables: ReadonlyMap<number, { readonly module: Module; readonly table: AbiTable }>
  readonly erc20: AbiTable
  /** Of all modules of the build, live or not. */
  readonly definitions: readonly ModuleDef[]
}

/** By the list of live modules and then by version: two versions may have the same modules with other actions. */
const dispatchers = new WeakMap<readonly Module[], Map<number, Dispatcher>>()

export function dispatcherOf(modules: readonly Module[], protocolVersion: number): Dispatcher {
  const live = modulesAt(modules, protocolVersion)
  const byVersion = dispatchers.get(live) ?? new Map<number, Dispatcher>()
  dispatchers.set(live, byVersion)
  const known = byVersion.get(protocolVersion)
  if (known !== undefined) return known
  const tables = new Map(
    live.map((module) => {
      const { definition } = module
      return [definition.id, { module, table: abiTableOf(definition, protocolVersion) }]
    }),
  )
  assert(tables.size === live.length, 'module ids are unique')
  const dispatcher: Dispatcher = {
    tables,
    erc20: abiTableOf(erc20Schema, protocolVersion),
    definitions: modules.map(({ definition }) => definition),
  }
  byVersion.set(protocolVersion, dispatcher)
  return dispatcher
}

/** What an address refers to. */
export type Target =
  | { readonly kind: 'account' }
  | { readonly kind: 'module'; readonly module: Module; readonly table: AbiTable }
  | { readonly kind: 'asset'; readonly asset: number }
  | { readonly kind: 'multicall' }
  /** Escrows, log emitters, the zero address, unused system addresses: calls and transfers fail. */
  | { readonly kind: 'closed' }

const ACCOUNT: Target = { kind: 'account' }
const CLOSED: Target = { kind: 'closed' }

export function targetOf(dispatcher: Dispatcher, state: StateReader, to: Address): Target {
  if (isSystemAddress(to)) return systemTarget(dispatcher, state, to)
  if (equalBytes(to, MULTICALL_ADDRESS)) return { kind: 'multicall' }
  return equalBytes(to, TRANSFER_EMITTER) || equalBytes(to, ZERO) ? CLOSED : ACCOUNT
}

function systemTarget(dispatcher: Dispatcher, state: StateReader, to: Address): Target {
  const kind = to[6]!
  // The two highest bytes of the id are always zero, so that it is a safe integer.
  if (to[12] !== 0 || to[13] !== 0) return CLOSED
  const id = readU64be(to, 12)
  if (!equalBytes(systemAddress(kind, id), to)) return CLOSED
  if (kind === SYSTEM_KIND.module) {
    const found = dispatcher.tables.get(id)
    return found === undefined ? CLOSED : { kind: 'module', ...found }
  }
  const asset = assetAt(kind, id)
  return asset === undefined || getAsset(state, asset) === undefined ? CLOSED : { kind: 'asset', asset }
}

/** Whether an address answers calls: eth_getCode is `0xfe` there, else empty (WALLETS §2). */
export function hasCode(modules: readonly Module[], state: StateReader, address: Address): boolean {
  const { kind } = targetOf(dispatcherOf(modules, protocolVersionOf(state)), state, address)
  return kind === 'module' || kind === 'asset' || kind === 'multicall'
}

interface PricedTransaction {
  readonly to: Address
  readonly data: Uint8Array
  readonly accessList?: readonly AccessListEntry[]
}

/** Gas and lane of a transaction: a function of its bytes and the version alone, so it can never run out of gas. */
export function costOf(dispatcher: Dispatcher, transaction: PricedTransaction): Cost {
  const { gas, lane, isProof } = callCost(dispatcher, transaction.to, transaction.data)
  const cost = { gas: bytesGas(transaction, isProof) + gas, lane }
  // Access lists have no effect, but their bytes are stored and sent; priced as in EIP-2930.
  for (const { storageKeys } of transaction.accessList ?? [])
    cost.gas += ACCESS_ADDRESS_GAS + ACCESS_KEY_GAS * storageKeys.length
  return cost
}

/** Gas of a transaction, as `costOf`. */
export function gasOf(dispatcher: Dispatcher, transaction: PricedTransaction): number {
  return costOf(dispatcher, transaction).gas
}

/** Lane of a transaction, as `costOf`. */
export function laneOf(dispatcher: Dispatcher, transaction: PricedTransaction): Lane | undefined {
  return costOf(dispatcher, transaction).lane
}

const ACCESS_ADDRESS_GAS = 2400
const ACCESS_KEY_GAS = 1900

interface CallCost extends Cost {
  /** Whether it is an action of the proof lane, whose bytes are cheaper: not whatever is sent to such a module. */
  readonly isProof: boolean
}

const PLAIN: CallCost = { gas: 0, lane: 'general', isProof: false }

/** What a call costs besides its bytes. */
function callCost(dispatcher: Dispatcher, to: Address, data: Uint8Array): CallCost {
  if (!isSystemAddress(to)) return PLAIN
  // An asset's functions cost gas whether or not the asset exists: gas must not depend on state.
  const isToken = to[6] === SYSTEM_KIND.asset || to[6] === SYSTEM_KIND.series
  const table = isToken ? dispatcher.erc20 : moduleTable(dispatcher, to)
  if (table === undefined) return PLAIN
  const selector = selectorNumber(data)
  const entry = selector === undefined ? undefined : table.bySelector.get(selector)
  const ownLane = table.definition.lane ?? 'general'
  if (entry === undefined || entry.kind !== 'action') return { ...PLAIN, lane: ownLane }
  const { gas } = entry.def
  if (entry.def.composite === true) return compositeCost(dispatcher, entry, data)
  const lane = entry.def.lane ?? ownLane
  return { gas, lane, isProof: lane === 'proof' }
}

/** All calls of one transaction share a lane; of different ones there is none. */
function compositeCost(dispatcher: Dispatcher, entry: ActionEntry, data: Uint8Array): CallCost {
  let { gas } = entry.def
  const args = decodeArguments(entry, data)
  // `batch` has calls, `execute` signed actions.
  const calls = (args?.calls ?? args?.actions ?? []) as readonly { to: Address; data: Uint8Array }[]
  const innerGas = INNER_CALL_GAS + (args?.actions === undefined ? 0 : SIGNATURE_GAS + DIGEST_GAS)
  const costs = calls.map((call) =>
    // Composite actions do not nest: an inner one fails and costs what any inner call costs.
    isComposite(call) ? PLAIN : callCost(dispatcher, call.to, call.data),
  )
  for (const cost of costs) gas += innerGas + cost.gas
  const first = costs[0] ?? PLAIN
  const isOne = costs.every((cost) => cost.lane === first.lane)
  return {
    gas,
    lane: isOne ? first.lane : undefined,
    isProof: costs.length > 0 && costs.every((c) => c.isProof),
  }
}

/** Cost of an inner call besides its bytes and its action: roughly its ledger work. */
const INNER_CALL_GAS = 9_000
/** Recovering the signer of one signed action (WALLETS §1). */
const SIGNATURE_GAS = 3_500
/** Keeping the digest of a signed action until it expires: three records, one of up to 64 digests. */
const DIGEST_GAS = 10_000

function moduleTable(dispatcher: Dispatcher, to: Address): AbiTable | undefined {
  if (to[12] !== 0 || to[13] !== 0) return undefined
  const found = dispatcher.tables.get(readU64be(to, 12))
  return found !== undefined && equalBytes(moduleAddress(found.module.definition), to)
    ? found.table
    : undefined
}

/** Where calls of one transaction run. */
export interface CallEnvironment {
  readonly dispatcher: Dispatcher
  readonly state: Overlay
  readonly block: BlockContext
  readonly sender: Address
  readonly txId: TxId
  readonly txIndex: number
  /** Logs of the transaction so far; cut back by a rollback. */
  readonly logs: Log[]
  readonly knownPrecheck?: KnownPrecheck | undefined
  /** Id of the module whose action runs; absent outside one. */
  readonly module?: number
  /** Who signed the running call and what it may do; absent outside `execute`. */
  readonly signed?: SignedCall
}

export type CallOutcome =
  | { readonly failed: false; readonly output: Uint8Array }
  /** `reason`: the custom error's bytes. All writes and logs of the call are undone. */
  | { readonly failed: true; readonly reason: Uint8Array }

const DONE: CallOutcome = { failed: false, output: EMPTY_BYTES }
const TRUE_WORD = encodeAbi([{ kind: 'bool' }], [true])

/** Runs one call: a transfer, an action or a token function. All or nothing. */
export function runCall(env: CallEnvironment, call: InnerCall): CallOutcome {
  const mark = env.state.savepoint()
  const logMark = env.logs.length
  const outcome = checkedAfter(attemptCall(env, call), call)
  if (outcome.failed) {
    env.state.rollback(mark)
    env.logs.length = logMark
  }
  return outcome
}

function checkedAfter(outcome: CallOutcome, { signed }: InnerCall): CallOutcome {
  const refusal = outcome.failed ? undefined : signed?.checkAfter?.()
  return refusal === undefined ? outcome : { failed: true, reason: refusal }
}

export function failed(failure: Failure): CallOutcome {
  return { failed: true, reason: encodeFailure(callSchema, failure) }
}

function attemptCall(env: CallEnvironment, call: InnerCall): CallOutcome {
  const target = targetOf(env.dispatcher, env.state, call.to)
  switch (target.kind) {
    case 'account':
      return moveValue(env, call) ?? DONE
    case 'closed':
      return failed(callFailures.UnreachableAddress({ to: call.to }))
    case 'multicall':
      return failed(callFailures.ReadOnly({}))
    case 'module':
      return runModule(env, call, target.module, target.table)
    case 'asset':
      return runAsset(env, call, target.asset)
  }
}

function moveValue(env: CallEnvironment, call: InnerCall): CallOutcome | undefined {
  const { to, valueBase } = call
  const move = { asset: COIN_ASSET, from: env.sender, to, amountBase: valueBase }
  const refusal = ledger.move(writeContext(env), move)
  if (refusal === undefined) return undefined
  if (refusal.code === 'DebitRefused') return failed(refusal)
  assert(refusal.code === 'InsufficientFunds', 'the coin is a known asset')
  const { balanceBase, neededBase } = refusal
  return failed(callFailures.InsufficientCoins({ balanceBase, neededBase }))
}

function writeContext(env: CallEnvironment): WriteContext {
  return {
    state: env.state,
    block: env.block,
    emit: (log: Log) => void env.logs.push(log),
    refuseDebit: (debit) => refuseDebit(env, debit),
  }
}

/** The first module's reason against a debit. */
function refuseDebit(env: CallEnvironment, asked: Debit): DebitRefused | undefined {
  const debit = env.module === undefined ? asked : { ...asked, module: env.module }
  for (const { module } of env.dispatcher.tables.values()) {
    const reason = module.rules.checkDebit?.({ state: env.state, block: env.block }, debit)
    if (reason !== undefined) return debitRefused(debit, reason)
  }
  const reason = env.signed?.checkDebit?.(debit)
  return reason === undefined ? undefined : debitRefused(debit, reason)
}

function debitRefused({ account, asset }: Debit, reason: string): DebitRefused {
  return callFailures.DebitRefused({ account, asset, reason })
}

/** The action that calldata names, with its arguments, or the failure. */
function resolveAction(
  table: AbiTable,
  call: InnerCall,
): { readonly entry: ActionEntry; readonly args: Record<string, unknown> } | { readonly failure: Failure } {
  if (call.data.length === 0) return { failure: callFailures.NoAction({}) }
  const selector = selectorNumber(call.data)
  if (selector === undefined) return { failure: callFailures.MalformedCalldata({}) }
  const entry: ActionEntry | QueryEntry | undefined = table.bySelector.get(selector)
  if (entry === undefined || entry.kind !== 'action') {
    return { failure: callFailures.UnknownAction({ selector: call.data.slice(0, 4) }) }
  }
  if (call.valueBase > 0n && entry.def.payable !== true) return { failure: callFailures.ValueNotAccepted({}) }
  const args = decodeArguments(entry, call.data)
  return args === undefined ? { failure: callFailures.MalformedCalldata({}) } : { entry, args }
}

function runModule(caller: CallEnvironment, call: InnerCall, module: Module, table: AbiTable): CallOutcome {
  const resolved = resolveAction(table, call)
  if ('failure' in resolved) return failed(resolved.failure)
  const env = { ...caller, module: module.definition.id }
  const short = moveValue(env, call)
  if (short !== undefined) return short
  const { entry, args } = resolved
  const mark = env.state.savepoint()
  const rule = module.rules.actions[entry.name]!
  const failure = rule(
    { ...actionContext(env, call, entry), ...precheckOf(env, call, module) },
    args as never,
  )
  if (failure === undefined) return DONE
  const isRefusedDebit = failure.code === 'DebitRefused'
  assert(
    isRefusedDebit || entry.def.fails.includes(failure.code),
    `${module.definition.name}.${entry.name} declares ${failure.code}`,
  )
  assert(
    entry.def.composite === true || !env.state.touchedSince(mark),
    `${module.definition.name}.${entry.name} failed with ${failure.code} after it wrote`,
  )
  return isRefusedDebit
    ? failed(failure)
    : { failed: true, reason: encodeFailure(module.definition, failure) }
}

/** A result from memory is the one that would be computed here. */
function precheckOf(
  { knownPrecheck, block, dispatcher }: CallEnvironment,
  { data }: InnerCall,
  module: Module,
): Pick<ActionContext, 'precheck'> {
  if (module.rules.precheck === undefined) return {}
  const facts = { chainId: block.chainId, definitions: dispatcher.definitions }
  return { precheck: () => knownPrecheck?.(module.definition.id, data) ?? runPrecheck(module, data, facts) }
}

function actionContext(env: CallEnvironment, call: InnerCall, entry: ActionEntry): ActionContext {
  return {
    ...writeContext(env),
    sender: env.sender,
    valueBase: call.valueBase,
    txId: env.txId,
    txIndex: env.txIndex,
    ...(entry.def.composite === true
      ? {
          call: (inner: InnerCall) => {
            const { signed } = inner
            const outcome = runCall(
              signed === undefined ? env : { ...env, sender: signed.from, signed },
              inner,
            )
            return outcome.failed ? outcome.reason : undefined
          },
        }
      : {}),
  }
}

function runAsset(env: CallEnvironment, call: InnerCall, asset: number): CallOutcome {
  const resolved = resolveAction(env.dispatcher.erc20, call)
  if ('failure' in resolved) return failed(resolved.failure)
  const { entry, args } = resolved
  const mark = env.state.savepoint()
  const rule = erc20Rules.actions[entry.name as keyof typeof erc20Rules.actions]
  const failure = rule(actionContext(env, call, entry), asset, args as never)
  if (failure === undefined) return { failed: false, output: TRUE_WORD }
  assert(!env.state.touchedSince(mark), `erc20.${entry.name} failed with ${failure.code} after it wrote`)
  if (failure.code === 'DebitRefused') return failed(failure)
  return { failed: true, reason: encodeFailure(erc20Schema, failure) }
}

/** The one log of a failed transaction. `reason` is already truncated. */
export function failedLog(
  call: { readonly to: Address; readonly data: Uint8Array },
  reason: Uint8Array,
): Log {
  const selector = new Uint8Array(4)
  selector.set(call.data.subarray(0, 4))
  return logOf('Failed', callSchema.events.Failed, call.to, { selector, reason })
}
