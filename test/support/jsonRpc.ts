// Plain JSON-RPC over HTTP, without a library.
export interface RpcAnswer {
  readonly status: number
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

/** Posts a raw body. */
export async function post(url: string, body: string | Uint8Array): Promise<RpcAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body as NonNullable<RequestInit['body']>,
  })
  return { status: response.status, ...((await response.json()) as object) }
}

/** Calls a method; throws on an error response. */
export async function call<T>(
  url: string,
  method: string,
  params: readonly unknown[] | object = [],
): Promise<T> {
  const answer = await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.code} ${answer.error.message}`)
  return answer.result as T
}
