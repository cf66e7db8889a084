// What the methods that simulate calls share: the state they run on, checks before, errors after.
import { toHex } from '../../base/bytes.ts'
import type { Address } from '../../base/ids.ts'
import { coinsText } from '../../base/units.ts'
import type { Revert, SimulatedCall, SimulationView } from '../../state/call.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import type { StateReader } from '../../state/view.ts'
import type { Backend, StateView } from '../backend.ts'
import { invalidParams, RPC_CODE, RpcError } from '../errors.ts'
import type { CallObject } from './callObject.ts'

/** viem needs code 3 and `data` to name a custom error. */
export function revertError(revert: Revert): RpcError {
  return new RpcError(RPC_CODE.reverted, revert.message, toHex(revert.data))
}

export function mustHaveCoins(state: StateReader, from: Address, valueBase: bigint): void {
  if (valueBase === 0n) return
  const { balanceBase } = getAccount(state, from)
  if (balanceBase >= valueBase) return
  throw new RpcError(
    RPC_CODE.refused,
    `insufficient funds for gas * price + value: address ${toHex(from)} have ${coinsText(balanceBase)} want ${coinsText(valueBase)}`,
  )
}

/** The call that the rules run. Throws RpcError for another chain and for creations. */
export function mustBeCall(backend: Backend, call: CallObject): SimulatedCall {
  const { chainId } = backend.identity
  if (call.chainId !== undefined && call.chainId !== BigInt(chainId)) {
    throw invalidParams(`invalid chain id: have ${call.chainId} want ${chainId}`)
  }
  if (call.to === undefined) {
    throw new RpcError(RPC_CODE.refused, 'contract creation is not supported: there is no EVM')
  }
  const { from, to, valueBase, data, accessList } = call
  return { from, to, valueBase, data, accessList }
}

/** `state` is the view's, or one with overrides on top of it. */
export function simulationView(backend: Backend, view: StateView, state: StateReader): SimulationView {
  return {
    state,
    block: { ...view.context, isSimulated: true },
    viewed: {
      header: view.header,
      hash: view.hash,
      hashAt: (height) => {
        const block = backend.blockByHeight(height)
        return block instanceof Promise ? undefined : block?.hash
      },
    },
  }
}
