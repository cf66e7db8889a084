// debug_traceTransaction and trace_block: call traces in the forms of geth and of Parity.
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { failureReader } from '../../state/call.ts'
import type { Module } from '../../state/rules.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { RPC_CODE, RpcError } from '../errors.ts'
import { lazyJson } from '../lazyJson.ts'
import { defineMethod, type Method, type Param } from '../method.ts'
import { p, withDefault } from '../params.ts'
import type { BlockIndexes } from './blockIndex.ts'
import { type Located, locate } from './blocks.ts'
import { type JsonObject, objectOf } from './callObject.ts'
import { quantity } from './format.ts'
import { findBlock, withValue } from './resolve.ts'
import { type CallTrace, type CoinTransfer, callTraceOf } from './transfers.ts'

interface TraceOptions {
  readonly tracer: string | undefined
  readonly onlyTopCall: boolean
  readonly withLog: boolean
}

const DEFAULTS: TraceOptions = { tracer: undefined, onlyTopCall: false, withLog: false }

function parseOptions(json: Json): TraceOptions {
  const { tracer, tracerConfig } = objectOf(json, 'an object of options')
  const config: JsonObject = objectOf(tracerConfig ?? {}, 'an object of options')
  if (tracer !== undefined && tracer !== null && typeof tracer !== 'string') {
    throw new Error('tracer: expected a name')
  }
  return {
    tracer: tracer ?? undefined,
    onlyTopCall: config.onlyTopCall === true,
    withLog: config.withLog === true,
  }
}

const optionsParam: Param<TraceOptions> = withDefault(
  { schema: { type: 'object' }, required: true, parse: parseOptions, absent: () => DEFAULTS },
  DEFAULTS,
)

/** geth's frame of a movement of coins: it costs no gas of its own. */
function transferFrame({ from, to, valueBase }: CoinTransfer): Json {
  return {
    from: toHex(from),
    gas: '0x0',
    gasUsed: '0x0',
    to: toHex(to),
    input: '0x',
    value: quantity(valueBase),
    type: 'CALL',
  }
}

function callFrame(modules: readonly Module[], trace: CallTrace, options: TraceOptions): Json {
  const { failure } = trace
  const logs = trace.logs.map((log, index) => ({
    address: toHex(log.address),
    topics: log.topics.map(toHex),
    data: toHex(log.data),
    index: quantity(index),
    position: '0x0',
  }))
  return {
    from: toHex(trace.from),
    gas: quantity(trace.gasLimit),
    gasUsed: quantity(trace.gasUsed),
    to: toHex(trace.to),
    input: toHex(trace.input),
    ...(failure === undefined
      ? {}
      : {
          output: toHex(failure),
          error: 'execution reverted',
          revertReason: failureReader(modules).describe(failure),
        }),
    ...(options.onlyTopCall || trace.transfers.length === 0
      ? {}
      : { calls: trace.transfers.map(transferFrame) }),
    ...(options.withLog && logs.length > 0 ? { logs } : {}),
    value: quantity(trace.valueBase),
    type: 'CALL',
  }
}

function tracedJson(modules: readonly Module[], trace: CallTrace, options: TraceOptions): Json {
  switch (options.tracer) {
    case 'callTracer':
      return callFrame(modules, trace, options)
    case 'noopTracer':
      return {}
    case undefined:
      // geth's default lists EVM steps: there are none.
      return {
        gas: trace.gasUsed,
        failed: trace.failure !== undefined,
        returnValue: toHex(trace.failure ?? new Uint8Array(0)),
        structLogs: [],
      }
    default: {
      const name = options.tracer.slice(0, 40)
      throw new RpcError(RPC_CODE.refused, `tracer ${name} is not supported: there is no EVM, use callTracer`)
    }
  }
}

/** Parity's list: the call, then its movements of coins as calls below it. */
function parityTraces(trace: CallTrace, place: JsonObject): Json[] {
  const action = ({ from, to, valueBase }: CoinTransfer, gas: number, input: string): Json => ({
    from: toHex(from),
    callType: 'call',
    gas: quantity(gas),
    input,
    to: toHex(to),
    value: quantity(valueBase),
  })
  const { failure, transfers } = trace
  const ended: JsonObject =
    failure === undefined
      ? { result: { gasUsed: quantity(trace.gasUsed), output: '0x' } }
      : { error: 'Reverted', result: { gasUsed: quantity(trace.gasUsed), output: toHex(failure) } }
  const top = {
    action: action(trace, trace.gasLimit, toHex(trace.input)),
    ...place,
    ...ended,
    subtraces: transfers.length,
    traceAddress: [],
    type: 'call',
  }
  const below = transfers.map((transfer, i) => ({
    action: action(transfer, 0, '0x'),
    ...place,
    result: { gasUsed: '0x0', output: '0x' },
    subtraces: 0,
    traceAddress: [i],
    type: 'call',
  }))
  return [top, ...below] as Json[]
}

export function traceMethods(options: {
  readonly backend: Backend
  readonly modules: readonly Module[]
  readonly indexes: BlockIndexes
}): readonly Method[] {
  const { backend, modules, indexes } = options
  const traceOf = ({ block, index }: Located): CallTrace => callTraceOf(block, indexes.of(block), index)
  const blockTraces = (block: FinalizedBlock | undefined): Json => {
    if (block === undefined) return null
    return block.transactions.flatMap(({ id }, index) => {
      const place = {
        blockHash: toHex(block.hash),
        blockNumber: block.header.height,
        transactionHash: toHex(id),
        transactionPosition: index,
      }
      return parityTraces(traceOf({ block, index }), place).map((one) => lazyJson(() => one))
    })
  }
  return [
    defineMethod({
      name: 'debug_traceTransaction',
      doc: 'Returns the call of a final transaction and the movements of coins below it; tracers: callTracer, noopTracer.',
      cost: 20,
      params: { hash: p.txId, options: optionsParam },
      returns: { type: 'object' },
      run: (args) =>
        withValue(locate(backend, args.hash), (at): Json => {
          if (at === undefined) throw new RpcError(RPC_CODE.refused, 'transaction not found')
          return tracedJson(modules, traceOf(at), args.options)
        }),
    }),
    defineMethod({
      name: 'trace_block',
      doc: "Returns the calls of a block's transactions, and the movements of coins below them, in Parity's form.",
      cost: 100,
      params: { block: p.block },
      returns: { oneOf: [{ type: 'array' }, { type: 'null' }] },
      run: (args) => withValue(findBlock(backend, args.block), blockTraces),
    }),
  ]
}
