// Records what clients of the network have seen: heads and receipts, from whichever validator showed them first.
// Owns: the record, and reporting contradictions. Not: reading from nodes (observer.ts), the final comparison (test/faults/checks.ts).

export interface SeenBlock {
  readonly hash: string
  readonly stateRoot: string
  /** Validator that showed it first. */
  readonly by: number
}

export interface SeenReceipt {
  readonly blockHash: string
  readonly height: number
  readonly status: string
  readonly by: number
}

interface Waiter {
  readonly isDone: () => boolean
  readonly resolve: () => void
}

export class Ledger {
  readonly blocks = new Map<number, SeenBlock>()
  readonly receipts = new Map<string, SeenReceipt>()
  readonly failures: string[] = []
  /** Times at which the highest seen height rose, ms of `performance.now()`. */
  readonly advances: number[] = []
  readonly #heights: number[]
  readonly #waiters = new Set<Waiter>()
  readonly #onReceipt = new Set<(hash: string) => void>()
  #height = 0

  constructor(validators: number) {
    this.#heights = Array.from({ length: validators }, () => 0)
  }

  /** Highest height any validator has shown. */
  get height(): number {
    return this.#height
  }

  /** Highest height this validator has shown since its last start. */
  heightOf(validator: number): number {
    return this.#heights[validator]!
  }

  /** Forgets the height shown before a crash: it says nothing about the restarted node. */
  forgetHeight(validator: number): void {
    this.#heights[validator] = 0
  }

  onReceipt(listener: (hash: string) => void): void {
    this.#onReceipt.add(listener)
  }

  addHead(validator: number, head: { height: number; hash: string; stateRoot: string }): void {
    const { height, hash, stateRoot } = head
    const known = this.blocks.get(height)
    if (known === undefined) this.blocks.set(height, { hash, stateRoot, by: validator })
    else if (known.hash !== hash || known.stateRoot !== stateRoot) {
      this.failures.push(
        `height ${height}: validator ${validator} shows ${hash} (state ${stateRoot}), ` +
          `validator ${known.by} showed ${known.hash} (state ${known.stateRoot})`,
      )
    }
    if (height > this.#height) {
      this.#height = height
      this.advances.push(performance.now())
    }
    this.#heights[validator] = Math.max(this.#heights[validator]!, height)
    for (const waiter of this.#waiters) {
      if (!waiter.isDone()) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }

  addReceipt(validator: number, hash: string, receipt: Omit<SeenReceipt, 'by'>): void {
    const known = this.receipts.get(hash)
    if (known === undefined) {
      this.receipts.set(hash, { ...receipt, by: validator })
      if (receipt.status !== '0x1') this.failures.push(`transfer ${hash} has status ${receipt.status}`)
      for (const listener of this.#onReceipt) listener(hash)
    } else if (known.blockHash !== receipt.blockHash) {
      this.failures.push(
        `receipt of ${hash}: validator ${validator} has it in ${receipt.blockHash}, ` +
          `validator ${known.by} in ${known.blockHash}`,
      )
    }
  }

  /** Checks `isDone` after each head; rejects with `what` and the heights after `limitMs`. */
  async until(isDone: () => boolean, limitMs: number, what: string): Promise<void> {
    if (isDone()) return
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        isDone,
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
      }
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter)
        const heights = this.#heights.map((height, i) => `${i}: ${height}`).join(', ')
        reject(new Error(`${what} not within ${limitMs} ms (heights ${heights})`))
      }, limitMs)
      this.#waiters.add(waiter)
    })
  }

  /** Longest time within [fromMs, untilMs] without a rise of the highest height. */
  longestStandstill(fromMs: number, untilMs: number): number {
    const inside = this.advances.filter((atMs) => atMs > fromMs && atMs < untilMs)
    let last = fromMs
    let longest = 0
    for (const atMs of [...inside, untilMs]) {
      longest = Math.max(longest, atMs - last)
      last = atMs
    }
    return longest
  }
}
