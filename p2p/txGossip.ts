// Batched transaction gossip. Owns: batching, the seen-cache, who is told. Not: validity (the mempool's).
import type { TxId } from '../base/ids.ts'
import type { PeerKey } from './protocol.ts'

export interface GossipTx {
  /** The envelope's original bytes. */
  readonly raw: Uint8Array
  /** keccak-256 of `raw`. */
  readonly id: TxId
}

export interface TxGossipOptions {
  /** Whether this node is in the current validator set: then what came from a validator is not passed on. */
  isValidator(): boolean
  /** Transactions not seen before, one call a batch. */
  onTransactions(peer: PeerKey, transactions: readonly GossipTx[]): void
  /** Shortest time between two batches, ms; the first after a pause leaves at once. Default 10. */
  readonly batchDelayMs?: number
  /** Remembered transaction ids. Default 65,536. */
  readonly seenMax?: number
}

export interface TxGossip {
  /** Sends a transaction that entered here (RPC) to every peer, once. */
  publish(transaction: GossipTx): void
  /** Passes on a transaction received from `from` that the mempool admitted, to the peers its sender may not reach. */
  relay(transaction: GossipTx, from: PeerKey): void
  /** Sends to one peer whatever was sent before, e.g. pending transactions to the leader (CONSENSUS §4 need). */
  sendTo(peer: PeerKey, transactions: readonly Uint8Array[]): boolean
  /** Drops the pending batch and its timer. */
  close(): void
}
