// The pooled transactions of one account by nonce. Owns: the first missing nonce and the highest one, kept up to date
// so that a queue of thousands costs no walk per transaction. Not: limits and eviction.
import { assert } from '../../base/assert.ts'
import type { Address } from '../../base/ids.ts'
import { type PoolEntry, transactionCost } from './poolEntry.ts'

export class AccountQueue {
  readonly sender: Address
  readonly #entries = new Map<number, PoolEntry>()
  #nonce: number
  #missing: number
  #highest = -1
  #costBase = 0n

  constructor(sender: Address, nonce: number) {
    this.sender = sender
    this.#nonce = nonce
    this.#missing = nonce
  }

  /** Next nonce by finalized state. */
  get nonce(): number {
    return this.#nonce
  }

  /** The lowest nonce from `nonce` on that is not pooled: what a wallet should send next. */
  get missing(): number {
    return this.#missing
  }

  get size(): number {
    return this.#entries.size
  }

  /** Transactions that could be in blocks without any further one. */
  get executableCount(): number {
    return this.#missing - this.#nonce
  }

  /** Transactions that wait for `missing`. */
  get gappedCount(): number {
    return this.#entries.size - this.executableCount
  }

  /** Σ (gasLimit · maxFee + value). */
  get costBase(): bigint {
    return this.#costBase
  }

  /** The transaction with the highest nonce. Asserts that there is one. */
  get last(): PoolEntry {
    const entry = this.#entries.get(this.#highest)
    assert(entry !== undefined, 'a queue in use has a last transaction')
    return entry
  }

  get(nonce: number): PoolEntry | undefined {
    return this.#entries.get(nonce)
  }

  entries(): IterableIterator<PoolEntry> {
    return this.#entries.values()
  }

  /** The pooled nonces from the highest down. */
  *descending(): Generator<PoolEntry, undefined> {
    let left = this.#entries.size
    for (let nonce = this.#highest; left > 0; nonce--) {
      const entry = this.#entries.get(nonce)
      if (entry === undefined) continue
      left--
      yield entry
    }
    return undefined
  }

  /** How many pooled transactions of this account come before `nonce`. */
  countBelow(nonce: number): number {
    if (nonce <= this.#missing) return Math.max(0, nonce - this.#nonce)
    let count = 0
    for (const other of this.#entries.keys()) if (other < nonce) count++
    return count
  }

  /** Adds a transaction whose nonce is free and not used yet. */
  add(entry: PoolEntry): void {
    const { nonce } = entry.transaction
    assert(nonce >= this.#nonce && !this.#entries.has(nonce), 'a pooled nonce is free and not used')
    this.#entries.set(nonce, entry)
    this.#costBase += transactionCost(entry.transaction)
    if (nonce > this.#highest) this.#highest = nonce
    if (nonce === this.#missing) this.#advance()
  }

  delete(entry: PoolEntry): void {
    const { nonce } = entry.transaction
    assert(this.#entries.get(nonce) === entry, 'a removed transaction is in its queue')
    this.#entries.delete(nonce)
    this.#costBase -= transactionCost(entry.transaction)
    if (nonce >= this.#nonce && nonce < this.#missing) this.#missing = nonce
    if (nonce !== this.#highest) return
    while (this.#highest >= 0 && !this.#entries.has(this.#highest)) {
      if (this.#entries.size === 0) this.#highest = -1
      else this.#highest--
    }
  }

  /**
   * Sets the next nonce by finalized state and returns the transactions whose nonce is used, which stay for the caller
   * to remove.
   */
  moveTo(nonce: number): readonly PoolEntry[] {
    assert(nonce >= this.#nonce, 'the nonce of an account never falls')
    if (nonce === this.#nonce) return []
    const used: PoolEntry[] = []
    for (const entry of this.#entries.values()) if (entry.transaction.nonce < nonce) used.push(entry)
    this.#nonce = nonce
    if (this.#missing < nonce) {
      this.#missing = nonce
      this.#advance()
    }
    return used
  }

  #advance(): void {
    while (this.#entries.has(this.#missing)) this.#missing++
  }
}
