// What a transaction did, as calls: the call itself, and below it one per movement of coins that its logs tell.
// Owns: reading them from a receipt. Not: the forms in which debug_, trace_ and ots_ show them.
import { bytesToBigint, EMPTY_BYTES, equalBytes } from '../../base/bytes.ts'
import type { Address } from '../../base/ids.ts'
import type { Log } from '../../state/context.ts'
import { TRANSFER_EMITTER, TRANSFER_TOPIC } from '../../state/transferLog.ts'
import type { FinalizedBlock } from '../backend.ts'
import type { BlockIndex } from './blockIndex.ts'

export interface CoinTransfer {
  readonly from: Address
  readonly to: Address
  readonly valueBase: bigint
}

export interface CallTrace extends CoinTransfer {
  readonly input: Uint8Array
  readonly gasLimit: number
  readonly gasUsed: number
  /** The custom error's first bytes when the call failed. */
  readonly failure: Uint8Array | undefined
  readonly logs: readonly Log[]
  /** Movements of coins beside the call's own value, in order. */
  readonly transfers: readonly CoinTransfer[]
}

/** The movement of coins that a log tells (EIP-7708); undefined for other logs. */
export function coinTransferOf(log: Log): CoinTransfer | undefined {
  const [topic, from, to] = log.topics
  if (!equalBytes(log.address, TRANSFER_EMITTER) || topic === undefined) return undefined
  if (!equalBytes(topic, TRANSFER_TOPIC) || from === undefined || to === undefined) return undefined
  return { from: from.slice(12), to: to.slice(12), valueBase: bytesToBigint(log.data) }
}

/** The call of a final transaction. */
export function callTraceOf(block: FinalizedBlock, blockIndex: BlockIndex, index: number): CallTrace {
  const receipt = block.receipts[index]!
  const { to, valueBase, data, gasLimit } = blockIndex.transaction(index)
  const from = block.transactions[index]!.sender
  const transfers = receipt.logs.flatMap((log) => coinTransferOf(log) ?? [])
  const [first] = transfers
  // The call's value moves before anything else; it is the call itself, not one below it.
  const isOwn =
    first !== undefined &&
    first.valueBase === valueBase &&
    equalBytes(first.from, from) &&
    equalBytes(first.to, to)
  return {
    from,
    to,
    valueBase,
    input: data.length === 0 ? EMPTY_BYTES : data,
    gasLimit,
    gasUsed: receipt.gasUsed,
    failure: receipt.succeeded ? undefined : receipt.failure,
    logs: receipt.logs,
    transfers: isOwn ? transfers.slice(1) : transfers,
  }
}
