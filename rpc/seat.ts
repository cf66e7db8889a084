// A listening JSON-RPC server that outlives its node: a devnet that goes back to an earlier block starts its nodes anew, and their clients
// keep their connections and wait. Owns: what is asked meanwhile. Not: methods (methods.ts), the server (start.ts).
import { RPC_CODE, RpcError } from './errors.ts'
import type { Method } from './method.ts'
import { createMethods, type Methods } from './methods.ts'
import { createPages } from './pages.ts'
import { type RpcOptions, type RunningRpc, startRpc } from './start.ts'

/** Requests that wait for the next node. */
const WAITING_MAX = 10_000

export class RpcSeat {
  readonly #table = new Map<string, Method>()
  #node: RpcOptions | undefined
  #methods: Methods | undefined
  #server: RunningRpc | undefined
  #isKept = false
  #waiting = 0
  #resume: () => void = () => {}
  #resumed: Promise<void> = Promise.resolve()

  /** Takes the place of `startRpc`: the first node's call listens, those after it take its place. */
  readonly start = async (options: RpcOptions): Promise<RunningRpc> => {
    this.#node = options
    this.#fill()
    try {
      this.#server ??= await startRpc({
        ...options,
        metrics: async (out) => this.#node?.metrics?.(out),
        seat: { methods: this.#table, pagesOf: this.#pagesOf },
      })
    } catch (error) {
      this.#methods?.close()
      throw error
    }
    const close = async (): Promise<void> => {
      if (this.#isKept) {
        this.#empty()
        return
      }
      this.#methods?.close()
      const server = this.#server
      this.#server = undefined
      await server?.close()
    }
    return { ...this.#server, close }
  }

  /** Runs a step that takes this node's chain back; what is asked meanwhile is answered afterwards. */
  async during(step: () => Promise<void>): Promise<void> {
    this.#empty()
    try {
      await step()
    } finally {
      this.#fill()
    }
  }

  /** Methods of the node that is here now; whoever waits goes on. */
  #fill(): void {
    this.#methods = createMethods({ ...this.#node!, url: () => this.#server?.url ?? '' })
    this.#table.clear()
    for (const [name, method] of this.#methods.table) this.#table.set(name, method)
    this.#resume()
  }

  /** From now on requests wait. */
  #empty(): void {
    this.#wait()
    this.#methods?.close()
    // What they follow has never happened.
    this.#server?.cutSockets('the chain goes back to an earlier block')
  }

  /** Of whichever node there is when a page is asked for. */
  readonly #pagesOf: typeof createPages = (_, metrics) => (path, isLocal) =>
    createPages(this.#node!.backend, metrics)(path, isLocal)

  /** Whether the server stays when its node closes. */
  keep(isKept: boolean): void {
    this.#isKept = isKept
  }

  /** Closes a server that was kept for a node that did not come. */
  async abandon(): Promise<void> {
    this.#isKept = false
    this.#resume()
    const server = this.#server
    this.#server = undefined
    await server?.close()
  }

  /** From now on requests wait for the next node's methods. */
  #wait(): void {
    this.#resumed = new Promise((resolve) => {
      this.#resume = resolve
    })
    for (const [name, method] of this.#table) {
      this.#table.set(name, {
        ...method,
        invoke: async (params, call) => {
          if (this.#waiting >= WAITING_MAX)
            throw new RpcError(RPC_CODE.limit, 'too many requests wait for the node')
          this.#waiting++
          await this.#resumed
          this.#waiting--
          return this.#table.get(name)!.invoke(params, call)
        },
      })
    }
  }
}
