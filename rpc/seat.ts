// A listening JSON-RPC server that outlives its node: a devnet that goes back to an earlier block starts its nodes anew, and their clients
// keep their connections and wait. Owns: what is asked meanwhile. Not: methods (methods.ts), the server (start.ts).
import type { Json } from '../base/field.ts'
import { RPC_CODE, RpcError } from './errors.ts'
import type { Call, Method } from './method.ts'
import { createMethods, type Methods } from './methods.ts'
import { createPages } from './pages.ts'
import { type RpcOptions, type RunningRpc, startRpc } from './start.ts'

/** Methods of the devnet itself: they run one after another, and one of them is what makes its nodes close. */
const COMMANDS = /^(?:anvil|dev|evm|ganache|hardhat|miner)_/
/** Requests that wait for the next node. */
const WAITING_MAX = 10_000

export class RpcSeat {
  readonly #table = new Map<string, Method>()
  #node: RpcOptions | undefined
  #methods: Methods | undefined
  #server: RunningRpc | undefined
  #isKept = false
  #isEmpty = true
  /** How often a node has come: what was asked of an earlier one may fail as it closes. */
  #count = 0
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
    this.#isEmpty = false
    const count = ++this.#count
    for (const [name, method] of this.#methods.table)
      this.#table.set(name, COMMANDS.test(name) ? method : this.#askingAgain(method, count))
    this.#resume()
  }

  /** What fails because its node closed under it is asked of the next one. */
  #askingAgain(method: Method, count: number): Method {
    const failed = (error: unknown, params: Json | undefined, call: Call): Json | Promise<Json> => {
      if (this.#count === count && !this.#isEmpty) throw error
      return this.#later(method.name, params, call)
    }
    return {
      ...method,
      invoke: (params, call) => {
        try {
          const answer = method.invoke(params, call)
          return answer instanceof Promise ? answer.catch((error) => failed(error, params, call)) : answer
        } catch (error) {
          return failed(error, params, call)
        }
      },
    }
  }

  /** From now on requests wait. */
  #empty(): void {
    if (this.#isEmpty) return
    this.#isEmpty = true
    this.#wait()
    this.#methods?.close()
    // What they follow has never happened.
    this.#server?.cutSockets('the chain goes back to an earlier block')
  }

  /** Of whichever node there is when a page is asked for. */
  readonly #pagesOf: typeof createPages = (_, metrics) => (path, isLocal) =>
    createPages(this.#node!.backend, metrics)(path, isLocal)

  /** Whether the server stays when its node closes; then requests wait from now on. */
  keep(isKept: boolean): void {
    this.#isKept = isKept
    if (isKept) this.#empty()
  }

  /** Closes a server that was kept for a node that did not come. */
  async abandon(): Promise<void> {
    this.#isKept = false
    for (const [name, method] of this.#table) {
      const invoke = (): never => {
        throw new RpcError(RPC_CODE.refused, 'the node did not start again: its log says why')
      }
      this.#table.set(name, { ...method, invoke })
    }
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
        invoke: (params, call) => this.#later(name, params, call),
      })
    }
  }

  async #later(name: string, params: Json | undefined, call: Call): Promise<Json> {
    if (this.#waiting >= WAITING_MAX)
      throw new RpcError(RPC_CODE.limit, 'too many requests wait for the node')
    this.#waiting++
    await this.#resumed
    this.#waiting--
    if (call.isGone?.() === true) return null
    return this.#table.get(name)!.invoke(params, call)
  }
}
