// A minimal JSON-RPC client over keep-alive HTTP for load tests. Owns: connections and batching.
// Not: signing (accounts.ts), measuring (load.ts).
import { Agent, request } from 'node:http'

export interface RpcError {
  readonly code: number
  readonly message: string
}

export interface RpcAnswer {
  readonly result?: unknown
  readonly error?: RpcError
}

/** A JSON-RPC endpoint with at most `connections` sockets. */
export class RpcClient {
  readonly url: URL
  readonly #agent: Agent
  #id = 0

  constructor(url: string, connections: number) {
    this.url = new URL(url)
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' })
  }

  /** Posts a body and returns the parsed JSON. Rejects on transport errors and on statuses other than 200. */
  post(body: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = request(
        this.url,
        {
          method: 'POST',
          agent: this.#agent,
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8')
            if (response.statusCode !== 200) {
              reject(new Error(`HTTP ${response.statusCode}: ${text.slice(0, 200)}`))
              return
            }
            try {
              resolve(JSON.parse(text))
            } catch (error) {
              reject(error as Error)
            }
          })
        },
      )
      call.on('error', reject)
      call.end(body)
    })
  }

  /** One call; rejects with the node's message when it answers with an error. */
  async call<T>(method: string, params: readonly unknown[] = []): Promise<T> {
    const answer = (await this.post(
      JSON.stringify({ jsonrpc: '2.0', id: ++this.#id, method, params }),
    )) as RpcAnswer
    if (answer.error !== undefined)
      throw new Error(`${method}: ${answer.error.message} (${answer.error.code})`)
    return answer.result as T
  }

  /** One batch; answers in the order of `calls` whatever order the node used. */
  async batch(
    calls: readonly { method: string; params: readonly unknown[] }[],
  ): Promise<readonly RpcAnswer[]> {
    const first = this.#id + 1
    this.#id += calls.length
    const body = JSON.stringify(calls.map((c, i) => ({ jsonrpc: '2.0', id: first + i, ...c })))
    const answers = (await this.post(body)) as (RpcAnswer & { id: number })[]
    if (!Array.isArray(answers))
      throw new Error(`the node refused the batch: ${JSON.stringify(answers).slice(0, 200)}`)
    const ordered: RpcAnswer[] = []
    for (const answer of answers) ordered[answer.id - first] = answer
    return ordered
  }

  close(): void {
    this.#agent.destroy()
  }
}
