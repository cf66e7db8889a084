// What the methods of a devnet need from it. Owns: the interface. Not: the implementation (devnet/devChain.ts).
import type { Address, Hash32, TxId } from '../../base/ids.ts'
import type { TransactionFields } from '../../state/transaction.ts'
import type { LinkControl } from './linkTypes.ts'

/**
 * Of a command that waits for those before it. No heavy call's: four of them that wait would keep out the queries that the one at work
 * asks its own node.
 */
export const IN_TURN_COST = 19

/** A gzipped state file: twice as many hex digits fit into one request. */
export const STATE_BYTES_MAX = 3 * 1024 * 1024

/** Who waits for a long command. */
interface Wanting {
  /** Whether nobody does any more: it ends at the next block or window. */
  readonly isGone?: (() => boolean) | undefined
}

export interface DevControl {
  /** Unix time of the chain's clock, milliseconds. */
  nowMs(): number
  /** How far that clock is ahead of this machine's, milliseconds. */
  aheadMs(): number
  /** Sets the clock forward. Refuses to set it back. */
  setTimeMs(ms: number): void
  /** The next block has this timestamp; refuses one that is not above the head's. */
  setNextTimestampMs(ms: number): void
  /** Makes this many blocks, each `intervalMs` after the last on the chain's clock, or as soon as the chain allows. */
  mine(options: Wanting & { readonly count: number; readonly intervalMs: number }): Promise<void>
  /** Ends this many windows one after another, with all that their ends bring. */
  passWindows(options: Wanting & { readonly count: number }): Promise<void>
  /** Remembers the head; the number that `revert` takes. */
  snapshot(): Promise<number>
  /** Goes back to a snapshot, which it forgets with all later ones; false when there is none of this number. */
  revert(snapshot: number): Promise<boolean>
  /** The newest final state as a gzipped state file. Refuses one that is too long for an answer. */
  dumpState(): Promise<Uint8Array>
  /** Makes the state of such a file the chain's, on all validators. Throws RpcError when it is of another chain. */
  loadState(file: Uint8Array): Promise<void>
  /** The accounts whose keys this devnet has: development accounts first, then the operators. */
  readonly accounts: readonly Address[]
  /** Undefined for an account whose key it does not have. */
  sign(account: Address, digest: Hash32): Uint8Array | undefined
  /** The raw envelope without a signature, whoever the account is. Refuses accounts that never send. */
  impersonated(account: Address, fields: TransactionFields): Uint8Array
  /** Whether it signs for this account or sends as it. */
  canSendFor(account: Address): boolean
  /** Sends as this account from now on, without its key, or no longer. Refuses accounts that never send. */
  impersonate(account: Address, isOn: boolean): void
  /** The same for every account. */
  impersonateAll(isOn: boolean): void
  /** The raw envelope; undefined for an account that it does not send for. */
  signTransaction(account: Address, fields: TransactionFields): Uint8Array | undefined
  /**
   * Mints coins to an account against the pledges of whichever providers may: what `missingBase` says when the turn has come. Throws
   * RpcError with the rule that forbids it.
   */
  mint(account: Address, missingBase: () => Promise<bigint>): Promise<void>
  /** The links between its validators, or a sentence that says why there are none. */
  links(): LinkControl | string
  /** Drops transactions that wait in the validators' pools; all without an id. Returns how many there were. */
  drop(id?: TxId): number
}
