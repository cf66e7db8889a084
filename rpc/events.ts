// Distributes the node's events within the RPC. Owns: one registration with the backend; isolates the node from listeners.
import type { Backend, FinalizedBlock, KnownTransaction } from './backend.ts'
import type { DispatchLog } from './dispatch.ts'

export class RpcEvents {
  readonly #log: DispatchLog
  readonly #finalized: ((block: FinalizedBlock) => void)[] = []
  readonly #pending: ((transaction: KnownTransaction) => void)[] = []
  readonly #stops: readonly (() => void)[]

  constructor(backend: Backend, log: DispatchLog) {
    this.#log = log
    this.#stops = [
      backend.onFinalized((block) => this.#tell('finalized', this.#finalized, block)),
      backend.onPending((transaction) => this.#tell('pending', this.#pending, transaction)),
    ]
  }

  onFinalized(listener: (block: FinalizedBlock) => void): void {
    this.#finalized.push(listener)
  }

  onPending(listener: (transaction: KnownTransaction) => void): void {
    this.#pending.push(listener)
  }

  close(): void {
    for (const stop of this.#stops) stop()
  }

  /** Logs a listener's throw: an RPC bug must not reach the importer. */
  #tell<T>(event: string, listeners: readonly ((value: T) => void)[], value: T): void {
    for (const listener of listeners) {
      try {
        listener(value)
      } catch (error) {
        this.#log.error({ method: `event ${event}`, err: error })
      }
    }
  }
}
