// eth_simulateV1: calls in blocks that are never made. Owns: its parameters, limits, errors and answer.
// Not: what a call does (state/simulation.ts). State roots are the viewed block's: no tree is computed.
import { toHex } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import type { Json } from '../../base/field.ts'
import { type Hash32, ZERO_ADDRESS } from '../../base/ids.ts'
import {
  baseFeesOf,
  evenFees,
  type Header,
  headerFees,
  headerHash,
  headerSchema,
} from '../../base/protocol/header.ts'
import { merkleRoot } from '../../base/protocol/merkle.ts'
import { callCost } from '../../state/call.ts'
import type { Log } from '../../state/context.ts'
import { nextBaseFees } from '../../state/fees.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { accountsParams } from '../../state/modules/accounts/tables.ts'
import { Overlay } from '../../state/overlay.ts'
import type { Module } from '../../state/rules.ts'
import { SimulatedBlock, type SimulatedResult, type SimulationRefusal } from '../../state/simulation.ts'
import { encodeTransaction, type TransactionFields } from '../../state/transaction.ts'
import type { Backend, FinalizedBlock, KnownTransaction, StateView } from '../backend.ts'
import { limitExceeded, RPC_CODE, RpcError } from '../errors.ts'
import { defineMethod, type Method, type Param } from '../method.ts'
import { p } from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'
import { BlockIndex } from './blockIndex.ts'
import { named, objectOf, parseTransactionRequest, type TransactionRequest } from './callObject.ts'
import { mustBeCall, simulationView } from './calls.ts'
import { headJson, logsJson, quantity, timestampSeconds, transactionJson } from './format.ts'
import {
  type BlockOverrides,
  mustOverride,
  onSupposedState,
  parseBlockOverrides,
  parseStateOverrides,
} from './overrides.ts'
import { mustFindState } from './resolve.ts'
import { coinTransferOf } from './transfers.ts'

/** Blocks in one simulation, those that fill a gap included. */
const BLOCKS_MAX = 256
/** Calls in one simulation. */
const CALLS_MAX = 1_000

/** Error codes of the method's specification. */
const CODE = {
  nonceTooLow: -38010,
  nonceTooHigh: -38011,
  feeCapTooLow: -38012,
  intrinsicGasTooLow: -38013,
  insufficientFunds: -38014,
  blockGasExceeded: -38015,
  numberOrder: -38020,
  timestampOrder: -38021,
  tooMany: -38026,
} as const

const REFUSALS: { readonly [code in SimulationRefusal]: readonly [number, string] } = {
  MixedLanes: [RPC_CODE.refused, 'mixed lanes: all calls of one batch must be in the same lane'],
  IntrinsicGasTooLow: [CODE.intrinsicGasTooLow, 'intrinsic gas too low'],
  FeeCapTooLow: [CODE.feeCapTooLow, 'max fee per gas less than block base fee'],
  NonceTooLow: [CODE.nonceTooLow, 'nonce too low'],
  NonceTooHigh: [CODE.nonceTooHigh, 'nonce too high'],
  InsufficientFunds: [CODE.insufficientFunds, 'insufficient funds for gas * price + value'],
  BlockGasExceeded: [CODE.blockGasExceeded, 'block gas limit reached'],
}

/** Where simulated movements of coins are repeated on request (`traceTransfers`), as on other nodes. */
const TRACE_EMITTER = new Uint8Array(20).fill(0xee)

interface BlockCalls {
  readonly block: BlockOverrides
  readonly balances: ReturnType<typeof parseStateOverrides>
  readonly calls: readonly TransactionRequest[]
}

interface Payload {
  readonly blocks: readonly BlockCalls[]
  readonly validates: boolean
  readonly tracesTransfers: boolean
  readonly showsTransactions: boolean
}

function listOf(json: Json | undefined, name: string): readonly Json[] {
  if (json === undefined || json === null) return []
  if (!Array.isArray(json)) throw new Error(`${name}: expected an array`)
  return json as readonly Json[]
}

function parsePayload(json: Json): Payload {
  const source = objectOf(json, 'an object with blockStateCalls')
  const list = listOf(source.blockStateCalls, 'blockStateCalls')
  if (list.length === 0) throw new Error('blockStateCalls: expected at least one block')
  if (list.length > BLOCKS_MAX) throw new RpcError(CODE.tooMany, `at most ${BLOCKS_MAX} blocks`)
  let count = 0
  const blocks = list.map((item, i) =>
    named(`blockStateCalls[${i}]`, () => {
      const { blockOverrides, stateOverrides, calls } = objectOf(item, 'an object')
      const given = listOf(calls, 'calls')
      count += given.length
      if (count > CALLS_MAX) throw new Error(`at most ${CALLS_MAX} calls in all`)
      return {
        block: parseBlockOverrides(blockOverrides ?? {}),
        balances: parseStateOverrides(stateOverrides ?? {}),
        calls: given.map((call, at) => named(`calls[${at}]`, () => parseTransactionRequest(call))),
      }
    }),
  )
  return {
    blocks,
    validates: source.validation === true,
    tracesTransfers: source.traceTransfers === true,
    showsTransactions: source.returnFullTransactions === true,
  }
}

const payloadParam: Param<Payload> = {
  schema: { type: 'object' },
  required: true,
  parse: parsePayload,
  absent: () => parsePayload({}),
}

interface Sent {
  readonly fields: TransactionFields
  readonly known: KnownTransaction
  readonly result: SimulatedResult
}

const NO_SIGNATURE = new Uint8Array(65)

/** Blocks on top of a view, one after the other. */
class Simulation {
  readonly #backend: Backend
  readonly #modules: readonly Module[]
  readonly #view: StateView
  readonly #payload: Payload
  readonly #state: Overlay
  readonly #slice = new TimeSlice()
  /** The viewed block, then the simulated ones. */
  #parent: { readonly header: Header; readonly hash: Hash32 }
  readonly #answers: Json[] = []

  constructor(backend: Backend, modules: readonly Module[], view: StateView, payload: Payload) {
    this.#backend = backend
    this.#modules = modules
    this.#view = view
    this.#payload = payload
    this.#state = new Overlay(view.state)
    this.#parent = view
  }

  async run(): Promise<Json> {
    for (const block of this.#payload.blocks) {
      this.#checkOrder(block.block)
      const { number = this.#parent.header.height + 1 } = block.block
      while (this.#parent.header.height + 1 < number)
        await this.#runBlock({ block: {}, balances: [], calls: [] })
      this.#checkOrder(block.block)
      await this.#runBlock(block)
    }
    return this.#answers
  }

  #checkOrder({ number, time }: BlockOverrides): void {
    const { header } = this.#parent
    if (number !== undefined && number <= header.height) {
      throw new RpcError(CODE.numberOrder, `block numbers must be in order: ${number} <= ${header.height}`)
    }
    if (number !== undefined && number - this.#view.header.height > BLOCKS_MAX) {
      throw new RpcError(CODE.tooMany, `at most ${BLOCKS_MAX} blocks, those in between included`)
    }
    const seconds = timestampSeconds(header)
    if (time !== undefined && time <= seconds) {
      throw new RpcError(CODE.timestampOrder, `block timestamps must be in order: ${time} <= ${seconds}`)
    }
  }

  /** The header before any call has run. */
  #headerOf(given: BlockOverrides): Header {
    const { header, hash } = this.#parent
    const timestampMs = (given.time ?? timestampSeconds(header) + 1) * 1000
    const { validates } = this.#payload
    const fees =
      given.baseFeePerGas !== undefined
        ? evenFees(given.baseFeePerGas)
        : validates
          ? headerFees(nextBaseFees(header, timestampMs, accountsParams.get(this.#state)))
          : evenFees(0n)
    return {
      ...header,
      ...fees,
      view: header.view + 1,
      height: header.height + 1,
      parentHash: hash,
      timestampMs,
      proposer: given.feeRecipient ?? ZERO_ADDRESS,
      mix: given.prevRandao ?? this.#view.context.mix,
      gasLimit: Math.min(given.gasLimit ?? header.gasLimit, header.gasLimit),
    }
  }

  async #runBlock({ block: given, balances, calls }: BlockCalls): Promise<void> {
    if (this.#answers.length >= BLOCKS_MAX) throw new RpcError(CODE.tooMany, `at most ${BLOCKS_MAX} blocks`)
    const before = this.#headerOf(given)
    mustOverride(this.#state, balances)
    const { height, timestampMs, proposer, mix, baseFeePerGas, gasLimit } = before
    const parentTimestampMs = this.#parent.header.timestampMs
    const { viewed, block: context } = simulationView(this.#backend, this.#view, this.#state)
    const block = { ...context, height, timestampMs, parentTimestampMs, proposer, mix, baseFeePerGas }
    const run = new SimulatedBlock({
      state: this.#state,
      block,
      viewed: { ...viewed, ...this.#parent },
      modules: this.#modules,
      baseFees: baseFeesOf(before),
      gasLimit,
      validates: this.#payload.validates,
    })
    const sent: Sent[] = []
    for (const call of calls) {
      if (!(await this.#slice.next())) throw limitExceeded('the simulation takes too long: send fewer calls')
      sent.push(this.#apply(run, block, call))
    }
    this.#conclude(before, run, sent)
  }

  #apply(run: SimulatedBlock, block: StateView['context'], request: TransactionRequest): Sent {
    const call = mustBeCall(this.#backend, request)
    const { gasPrice, maxFeePerGas = gasPrice ?? 0n, maxPriorityFeePerGas = gasPrice ?? 0n } = request
    const type = request.type ?? (gasPrice === undefined ? 2 : call.accessList?.length === 0 ? 0 : 1)
    const fields: TransactionFields = {
      type,
      chainId: this.#backend.identity.chainId,
      nonce: request.nonce ?? getAccount(this.#state, call.from).nonce,
      maxFeePerGas,
      maxPriorityFeePerGas: type === 2 ? maxPriorityFeePerGas : maxFeePerGas,
      gasLimit: request.gasLimit ?? callCost({ block }, this.#modules, call).gas,
      to: call.to,
      valueBase: call.valueBase,
      data: call.data,
      accessList: type === 0 ? [] : request.accessList,
    }
    const raw = encodeTransaction(fields, NO_SIGNATURE)
    const known: KnownTransaction = { id: keccak256(raw) as Uint8Array, raw, sender: call.from }
    // Times and balances of a simulation need not be possible on the chain.
    const applied = onSupposedState(true, () => run.apply(fields, { sender: call.from, txId: known.id }))
    if ('result' in applied) return { fields, known, result: applied.result }
    const [code, message] = REFUSALS[applied.refused]
    throw new RpcError(code, `${message}: address ${toHex(call.from)}, nonce ${fields.nonce}`)
  }

  #conclude(before: Header, run: SimulatedBlock, sent: readonly Sent[]): void {
    const { redemption, service, proof } = run.laneGas
    const header: Header = {
      ...before,
      gasUsed: run.gasUsed,
      laneGas: { redemption, service, proof },
      transactionsRoot: merkleRoot(sent.map(({ known }) => known.id)),
    }
    const transactions = sent.map(({ known }) => known)
    const bytes = transactions.reduce((sum, { raw }) => sum + raw.length, headerSchema.encode(header).length)
    const block: FinalizedBlock = {
      header,
      hash: headerHash(header),
      sizeBytes: bytes,
      transactions,
      receipts: run.receipts,
      systemLogs: [],
    }
    this.#parent = block
    this.#answers.push(this.#blockJson(block, sent))
  }

  #blockJson(block: FinalizedBlock, sent: readonly Sent[]): Json {
    const { chainId } = this.#backend.identity
    const index = new BlockIndex(block, chainId)
    const shown = this.#payload.tracesTransfers ? withTraces(block) : block
    const shownIndex = new BlockIndex(shown, chainId)
    return {
      ...headJson(block, index),
      size: quantity(block.sizeBytes),
      transactions: sent.map(({ fields, known }, at): Json => {
        if (!this.#payload.showsTransactions) return toHex(known.id)
        const unsigned = { ...fields, hash: known.id, r: 0n, s: 0n, yParity: 0 as const }
        return transactionJson(unsigned, known.sender, { block, index: at })
      }),
      uncles: [],
      calls: sent.map(({ result }, at) =>
        callJson(result, block.receipts[at]!.gasUsed, logsJson(shown, shownIndex, at)),
      ),
    }
  }
}

function callJson(result: SimulatedResult, gasUsed: number, logs: Json): Json {
  const used = { gasUsed: quantity(gasUsed), logs }
  if ('returnData' in result) return { returnData: toHex(result.returnData), ...used, status: '0x1' }
  const { message, data } = result.revert
  const error = { code: RPC_CODE.reverted, message, data: toHex(data) }
  return { returnData: toHex(data), ...used, status: '0x0', error }
}

/** The block with every movement of coins told a second time, in the form that `traceTransfers` has elsewhere. */
function withTraces(block: FinalizedBlock): FinalizedBlock {
  const twice = (log: Log): Log[] =>
    coinTransferOf(log) === undefined ? [log] : [log, { ...log, address: TRACE_EMITTER }]
  return {
    ...block,
    receipts: block.receipts.map((receipt) => ({ ...receipt, logs: receipt.logs.flatMap(twice) })),
  }
}

export function simulateMethod(backend: Backend, modules: readonly Module[]): Method {
  return defineMethod({
    name: 'eth_simulateV1',
    doc: `Runs native actions and transfers in simulated blocks, with balance overrides: at most ${BLOCKS_MAX} blocks and ${CALLS_MAX} calls.`,
    cost: 500,
    params: { payload: payloadParam, block: p.blockOrLatest },
    returns: { type: 'array' },
    run: async ({ payload, block }) => {
      const view = await mustFindState(backend, block)
      return new Simulation(backend, modules, view, payload).run()
    },
  })
}
