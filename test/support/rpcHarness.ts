// A fake node with its RPC server, and a raw JSON-RPC caller, for the tests of rpc/.
import { request } from 'node:http'
import type { Json } from '../../base/field.ts'
import { type RpcOptions, type RunningRpc, startRpc } from '../../rpc/start.ts'
import { CHAIN } from './chainHarness.ts'
import { FakeBackend } from './fakeBackend.ts'

export interface Served {
  readonly backend: FakeBackend
  readonly rpc: RunningRpc
  /** The dispatcher's log: bugs, so tests expect none. */
  readonly logged: { readonly method: string; readonly err: unknown }[]
  /** The result; throws an RpcFailure for an error. */
  call(method: string, params?: Json): Promise<Json>
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely in tests
export type Loose = any

export class RpcFailure extends Error {
  readonly code: number
  readonly data: Json | undefined
  constructor(error: { code: number; message: string; data?: Json }) {
    super(error.message)
    this.code = error.code
    this.data = error.data
  }
}

export async function serve(options: Partial<RpcOptions> = {}): Promise<Served> {
  const backend = new FakeBackend()
  const logged: { method: string; err: unknown }[] = []
  const rpc = await startRpc({
    backend,
    modules: CHAIN.modules,
    port: 0,
    log: { error: (fields) => void logged.push(fields) },
    ...options,
  })
  const call = async (method: string, params?: Json): Promise<Json> => {
    const body = { jsonrpc: '2.0', id: 1, method, ...(params === undefined ? {} : { params }) }
    const answer = JSON.parse((await post(rpc.url, JSON.stringify(body))).text) as Loose
    if (answer.error !== undefined) throw new RpcFailure(answer.error)
    return answer.result as Json
  }
  return { backend, rpc, logged, call }
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: { readonly [name: string]: string | string[] | undefined }
  readonly text: string
}

/** One HTTP request with full control of method and headers. */
export function post(
  url: string,
  body: string,
  over: { readonly method?: string; readonly headers?: { readonly [name: string]: string } } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: over.method ?? 'POST',
        headers: { 'content-type': 'application/json', ...over.headers },
        agent: false,
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
