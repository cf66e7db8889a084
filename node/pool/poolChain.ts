// Implements the pool's chain reads on the finalized head. Not: the pool's rules (mempool.ts).
import { dispatcherOf, gasOf, laneOf } from '../../state/dispatch.ts'
import { laneGasMax, nextBaseFee } from '../../state/fees.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { accountsParams } from '../../state/modules/accounts/tables.ts'
import type { Module } from '../../state/rules.ts'
import { protocolVersionOf } from '../../state/versions.ts'
import type { HeadView } from '../chain/importerTypes.ts'
import type { MempoolChain } from './mempool.ts'

/** `head` is a function because the pool is created before the importer is open. */
export function poolChain(options: {
  readonly modules: readonly Module[]
  readonly head: () => HeadView
  /** Wall clock: the next block's base fee depends on its timestamp. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
}): MempoolChain {
  const { head, nowMs, monotonicMs } = options
  const dispatcher = () => dispatcherOf(options.modules, protocolVersionOf(head().state))
  return {
    account: (address) => getAccount(head().state, address),
    baseFeePerGas: () => {
      const { header, state } = head()
      return nextBaseFee(header, Math.max(nowMs(), header.timestampMs), accountsParams.get(state))
    },
    gasOf: (transaction) => gasOf(dispatcher(), transaction),
    gasMax: (transaction) => laneGasMax(laneOf(dispatcher(), transaction), head().header.gasLimit),
    nowMs: monotonicMs,
  }
}
