// Writes of many requests in few synced batches: what arrives while one is written goes together into the next.
// Not: what is written (gatewayStore.ts).
import { GatewayStoreError } from './storeError.ts'

export interface Put {
  readonly type: 'put'
  readonly key: string
  readonly value: Uint8Array
}
export interface Del {
  readonly type: 'del'
  readonly key: string
}
export type Operation = Put | Del

/** Operations that wait; beyond, the disk is too slow for what comes. */
const WAITING_MAX = 16_384

/** Resolves once every operation survives a power loss. */
export type WriteBatch = (operations: readonly Operation[]) => Promise<void>

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class GroupCommit {
  readonly #write: WriteBatch
  #operations: Operation[] = []
  #waiters: Waiter[] = []
  #writing: Promise<void> | undefined
  #failure: Error | undefined
  batches = 0

  constructor(write: WriteBatch) {
    this.#write = write
  }

  /** Why nothing is taken any more; undefined while it is. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Resolves once synced. After a failure nothing is taken: what is in memory and what is on disk differ. */
  put(operations: readonly Operation[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#operations.length + operations.length > WAITING_MAX) {
      return Promise.reject(new GatewayStoreError('Busy', `${WAITING_MAX} writes wait for the disk`))
    }
    this.#operations.push(...operations)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#writing ??= this.#drain()
    })
  }

  /** Resolves when nothing waits. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  async #drain(): Promise<void> {
    // The requests of this turn come along.
    await Promise.resolve()
    while (this.#waiters.length > 0) {
      const [operations, waiters] = [this.#operations, this.#waiters]
      this.#operations = []
      this.#waiters = []
      try {
        if (this.#failure !== undefined) throw this.#failure
        await this.#write(operations)
        this.batches++
        for (const { resolve } of waiters) resolve()
      } catch (cause) {
        this.#failure ??= new GatewayStoreError('Disk', 'vouchers and lines cannot be written', { cause })
        for (const { reject } of waiters) reject(this.#failure)
      }
    }
    this.#writing = undefined
  }
}
