// A minimal JSON-RPC client for load tests. Owns: calls, batches, a pool of connections.
// Not: signing (accounts.ts), measuring (load.ts).
import { HttpConnection } from './httpConnection.ts'

export interface RpcError {
  readonly code: number
  readonly message: string
}

export interface RpcAnswer {
  readonly result?: unknown
  readonly error?: RpcError
}

/** A JSON-RPC endpoint, with one connection per concurrent call. */
export class RpcClient {
  readonly url: URL
  readonly #idle: HttpConnection[] = []
  readonly #all = new Set<HttpConnection>()
  #id = 0

  constructor(url: string) {
    this.url = new URL(url)
  }

  async #post(body: string): Promise<unknown> {
    let connection = this.#idle.pop()
    if (connection === undefined) {
      connection = new HttpConnection(this.url)
      this.#all.add(connection)
    }
    try {
      return JSON.parse(await connection.post(body))
    } finally {
      this.#idle.push(connection)
    }
  }

  /** One call; rejects with the node's message on an error response. */
  async call<T>(method: string, params: readonly unknown[] = []): Promise<T> {
    const answer = (await this.#post(
      JSON.stringify({ jsonrpc: '2.0', id: ++this.#id, method, params }),
    )) as RpcAnswer
    if (answer.error !== undefined)
      throw new Error(`${method}: ${answer.error.message} (${answer.error.code})`)
    return answer.result as T
  }

  /** One batch; returns answers in the order of `calls`, whatever the node's order. */
  async batch(
    calls: readonly { method: string; params: readonly unknown[] }[],
  ): Promise<readonly RpcAnswer[]> {
    const first = this.#id + 1
    this.#id += calls.length
    const body = JSON.stringify(calls.map((c, i) => ({ jsonrpc: '2.0', id: first + i, ...c })))
    const answers = (await this.#post(body)) as (RpcAnswer & { id: number })[]
    if (!Array.isArray(answers)) {
      throw new Error(`the node refused the batch: ${JSON.stringify(answers).slice(0, 200)}`)
    }
    const ordered: RpcAnswer[] = []
    for (const answer of answers) ordered[answer.id - first] = answer
    return ordered
  }

  close(): void {
    for (const connection of this.#all) connection.close()
    this.#all.clear()
    this.#idle.length = 0
  }
}
