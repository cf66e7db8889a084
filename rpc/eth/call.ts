// eth_call and eth_estimateGas: checks before the call, errors after it. Not: running the call (state/call.ts).
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { Address } from '../../base/ids.ts'
import { estimateGas, type Revert, type SimulatedCall, simulateCall } from '../../state/call.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import type { Module } from '../../state/rules.ts'
import type { Backend, StateView } from '../backend.ts'
import { invalidParams, RPC_CODE, RpcError } from '../errors.ts'
import { defineMethod, type Method, type Param } from '../method.ts'
import { DATA_SCHEMA, optional, p, QUANTITY_SCHEMA } from '../params.ts'
import { type CallObject, callParam } from './callObject.ts'
import { quantity } from './format.ts'
import { mustFindState, withValue } from './resolve.ts'

/** Accepts only empty overrides: others would need EVM storage. */
const overridesParam: Param<undefined> = {
  schema: { type: 'object', maxProperties: 0 },
  required: true,
  parse: (json: Json) => {
    const isEmpty = json !== null && typeof json === 'object' && Object.keys(json).length === 0
    if (!isEmpty) throw new Error('state and block overrides are not supported')
    return undefined
  },
  absent: () => undefined,
}

/** viem needs code 3 and `data` to name a custom error. */
function revertError(revert: Revert): RpcError {
  return new RpcError(RPC_CODE.reverted, revert.message, toHex(revert.data))
}

function mustHaveCoins(view: StateView, from: Address, valueBase: bigint): void {
  if (valueBase === 0n) return
  const { balanceBase } = getAccount(view.state, from)
  if (balanceBase >= valueBase) return
  throw new RpcError(
    RPC_CODE.refused,
    `insufficient funds for gas * price + value: address ${toHex(from)} have ${balanceBase} want ${valueBase}`,
  )
}

export function callMethods(backend: Backend, modules: readonly Module[]): readonly Method[] {
  const { chainId } = backend.identity
  const prepare = (view: StateView, call: CallObject): SimulatedCall => {
    if (call.chainId !== undefined && call.chainId !== BigInt(chainId)) {
      throw invalidParams(`invalid chain id: have ${call.chainId} want ${chainId}`)
    }
    if (call.to === undefined) {
      throw new RpcError(RPC_CODE.refused, 'contract creation is not supported: there is no EVM')
    }
    mustHaveCoins(view, call.from, call.valueBase)
    return {
      from: call.from,
      to: call.to,
      valueBase: call.valueBase,
      data: call.data,
      accessList: call.accessList,
    }
  }
  const params = {
    call: callParam,
    block: p.blockOrLatest,
    overrides: optional(overridesParam),
    blockOverrides: optional(overridesParam),
  }
  return [
    defineMethod({
      name: 'eth_call',
      doc: 'Runs a query or simulates an action, without a transaction. Nonce and fee are not checked.',
      cost: 20,
      params,
      returns: DATA_SCHEMA,
      run: ({ call, block }) =>
        withValue(mustFindState(backend, block), (view): Json => {
          const outcome = simulateCall(
            { state: view.state, block: view.context },
            modules,
            prepare(view, call),
          )
          if ('revert' in outcome) throw revertError(outcome.revert)
          return toHex(outcome.returnData)
        }),
    }),
    defineMethod({
      name: 'eth_estimateGas',
      doc: 'Gas of a transaction, a function of its bytes alone; an error if it would fail.',
      cost: 20,
      params,
      returns: QUANTITY_SCHEMA,
      run: ({ call, block }) =>
        withValue(mustFindState(backend, block), (view): Json => {
          const outcome = estimateGas(
            { state: view.state, block: view.context },
            modules,
            prepare(view, call),
          )
          if ('revert' in outcome) throw revertError(outcome.revert)
          return quantity(outcome.gas)
        }),
    }),
  ]
}
