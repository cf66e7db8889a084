// The mempool of a simulated node: transactions in order of arrival, bounded, lost in a crash.
import { bytesKey } from '../../base/bytes.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'

export const MEMPOOL_MAX = 1000

export class SimMempool {
  readonly #held = new Map<string, Uint8Array>()

  /** False when known or the pool is full. */
  add(transaction: Uint8Array): boolean {
    const key = bytesKey(transaction)
    if (this.#held.has(key) || this.#held.size >= MEMPOOL_MAX) return false
    this.#held.set(key, transaction)
    return true
  }

  clear(): void {
    this.#held.clear()
  }

  /** Removes final transactions; nothing else removes any. */
  drop(blocks: readonly SealedBlock[]): void {
    for (const block of blocks) {
      for (const transaction of block.transactions) this.#held.delete(bytesKey(transaction))
    }
  }

  /** The oldest transactions that are not in `taken`. */
  except(taken: ReadonlySet<string>, countMax: number): readonly Uint8Array[] {
    const out: Uint8Array[] = []
    for (const [key, transaction] of this.#held) {
      if (out.length >= countMax) break
      if (!taken.has(key)) out.push(transaction)
    }
    return out
  }

  get size(): number {
    return this.#held.size
  }
}
