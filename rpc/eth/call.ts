// eth_call, eth_estimateGas, eth_createAccessList and eth_fillTransaction. Not: running the call (state/call.ts).
import { toHex } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import type { Json } from '../../base/field.ts'
import {
  callCost,
  estimateGas,
  type Revert,
  type SimulatedCall,
  type SimulationView,
  simulateCall,
} from '../../state/call.ts'
import type { Module } from '../../state/rules.ts'
import type { BalanceOverride } from '../../state/simulation.ts'
import { encodeTransaction, type TransactionFields } from '../../state/transaction.ts'
import type { Backend, StateView } from '../backend.ts'
import { invalidParams, submitError } from '../errors.ts'
import { defineMethod, type Method } from '../method.ts'
import { type BlockSelector, DATA_SCHEMA, p, QUANTITY_SCHEMA, withDefault } from '../params.ts'
import { type CallObject, callParam, type TransactionRequest, transactionRequestParam } from './callObject.ts'
import { mustBeCall, mustHaveCoins, revertError, simulationView } from './calls.ts'
import { suggestTip } from './fees.ts'
import { quantity, transactionJson } from './format.ts'
import { noBlockOverridesParam, onSupposedState, stateOverridesParam, withOverrides } from './overrides.ts'
import { mustFindState, withValue } from './resolve.ts'

interface CallArgs {
  readonly call: CallObject
  readonly block: BlockSelector
  readonly overrides: readonly BalanceOverride[]
}

type Run<T> = (view: SimulationView, modules: readonly Module[], call: SimulatedCall) => T

/** The gas of a call, also of one that reverts. */
const gasAndRevert: Run<{ readonly gas: number; readonly revert: Revert | undefined }> = (...run) => {
  const outcome = estimateGas(...run)
  const revert = 'revert' in outcome ? outcome.revert : undefined
  return { gas: callCost(...run).gas, revert }
}

/** Runs calls and fills transactions on the states of a node. */
export class CallRunner {
  readonly #backend: Backend
  readonly #modules: readonly Module[]

  constructor(backend: Backend, modules: readonly Module[]) {
    this.#backend = backend
    this.#modules = modules
  }

  /** Runs a call on the state that the arguments name. */
  on<T>(args: CallArgs, run: Run<T>): T | Promise<T> {
    return withValue(mustFindState(this.#backend, args.block), (view) => this.#run(view, args, run))
  }

  #run<T>(view: StateView, { call, overrides }: CallArgs, run: Run<T>): T {
    const prepared = mustBeCall(this.#backend, call)
    const state = withOverrides(view.state, overrides)
    mustHaveCoins(state, call.from, call.valueBase)
    const simulation = simulationView(this.#backend, view, state)
    return onSupposedState(overrides.length > 0, () => run(simulation, this.#modules, prepared))
  }

  gasOf(args: CallArgs): number | Promise<number> {
    return withValue(this.on(args, estimateGas), (outcome) => {
      if ('revert' in outcome) throw revertError(outcome.revert)
      return outcome.gas
    })
  }

  /** Fills what a transaction request leaves open. The fees are those of the lane that its bytes are in. */
  async fill(request: TransactionRequest): Promise<TransactionFields> {
    const { identity } = this.#backend
    const call = mustBeCall(this.#backend, request)
    const args: CallArgs = { call: request, block: { kind: 'latest' }, overrides: [] }
    const gasLimit = request.gasLimit ?? (await this.gasOf(args))
    const view = await mustFindState(this.#backend, args.block)
    const { lane } = callCost({ block: view.context }, this.#modules, call)
    if (lane === undefined) {
      throw submitError({ code: 'mixedLanes', message: 'all calls of one batch must be in the same lane' })
    }
    const suggested = await suggestTip(this.#backend, lane)
    const baseFee = this.#backend.nextBaseFees()[lane]
    const type = typeOf(request)
    const tip = request.maxPriorityFeePerGas ?? smaller(suggested, request.maxFeePerGas)
    const price = request.gasPrice ?? 2n * baseFee + suggested
    const maxFeePerGas = type === 2 ? (request.maxFeePerGas ?? 2n * baseFee + tip) : price
    if (type === 2 && tip > maxFeePerGas) {
      throw invalidParams(`maxFeePerGas (${maxFeePerGas}) < maxPriorityFeePerGas (${tip})`)
    }
    return {
      type,
      chainId: identity.chainId,
      nonce: request.nonce ?? this.#backend.pendingNonce(call.from),
      maxPriorityFeePerGas: type === 2 ? tip : price,
      maxFeePerGas,
      gasLimit,
      to: call.to,
      valueBase: call.valueBase,
      data: call.data,
      accessList: request.accessList,
    }
  }
}

function smaller(a: bigint, b: bigint | undefined): bigint {
  return b === undefined || a < b ? a : b
}

/** As geth chooses: what is given decides, otherwise type 2. */
function typeOf({ type, gasPrice, accessList }: TransactionRequest): 0 | 1 | 2 {
  const chosen = type ?? (gasPrice === undefined ? 2 : accessList.length > 0 ? 1 : 0)
  if (chosen === 2 && gasPrice !== undefined) throw invalidParams('type 0x2 has no gasPrice')
  if (chosen === 0 && accessList.length > 0) throw invalidParams('type 0x0 has no accessList')
  return chosen
}

const NO_SIGNATURE = new Uint8Array(65)

function filledJson(fields: TransactionFields, from: CallObject['from']): Json {
  const raw = encodeTransaction(fields, NO_SIGNATURE)
  const shown = { ...fields, hash: keccak256(raw) as Uint8Array, r: 0n, s: 0n, yParity: 0 as const }
  return { raw: toHex(raw), tx: transactionJson(shown, from, undefined) }
}

const callParams = {
  call: callParam,
  block: p.blockOrLatest,
  overrides: withDefault(stateOverridesParam, []),
  blockOverrides: withDefault(noBlockOverridesParam, undefined),
}

export function callMethods(backend: Backend, modules: readonly Module[]): readonly Method[] {
  const runner = new CallRunner(backend, modules)
  return [
    defineMethod({
      name: 'eth_call',
      doc: 'Runs a query or simulates an action, without a transaction. Nonce and fee are not checked; balances can be overridden.',
      cost: 20,
      params: callParams,
      returns: DATA_SCHEMA,
      run: (args) =>
        withValue(runner.on(args, simulateCall), (outcome): Json => {
          if ('revert' in outcome) throw revertError(outcome.revert)
          return toHex(outcome.returnData)
        }),
    }),
    defineMethod({
      name: 'eth_estimateGas',
      doc: 'Gas of a transaction, a function of its bytes alone; an error if it would fail. Balances can be overridden.',
      cost: 20,
      params: callParams,
      returns: QUANTITY_SCHEMA,
      run: (args) => withValue(runner.gasOf(args), (gas): Json => quantity(gas)),
    }),
    defineMethod({
      name: 'eth_createAccessList',
      doc: 'An empty list and the gas: no action reads storage slots. A transaction that would fail has `error`.',
      cost: 20,
      params: { call: callParam, block: p.blockOrLatest },
      returns: { type: 'object' },
      run: (args) =>
        withValue(runner.on({ ...args, overrides: [] }, gasAndRevert), ({ gas, revert }): Json => {
          const used = { accessList: [], gasUsed: quantity(gas) }
          return revert === undefined ? used : { ...used, error: revert.message }
        }),
    }),
    defineMethod({
      name: 'eth_fillTransaction',
      doc: 'Completes a transaction to be signed: nonce, gas, and the fees of its lane. `raw` has no signature.',
      cost: 20,
      params: { transaction: transactionRequestParam },
      returns: { type: 'object' },
      run: async ({ transaction }) => filledJson(await runner.fill(transaction), transaction.from),
    }),
  ]
}
