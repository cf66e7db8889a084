// Bare JSON-RPC over HTTP, for what no library is in the way of.
export interface RpcAnswer {
  readonly status: number
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

/** Posts a body as it stands. */
export async function post(url: string, body: string | Uint8Array): Promise<RpcAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body as NonNullable<RequestInit['body']>,
  })
  return { status: response.status, ...((await response.json()) as object) }
}

/** Calls a method; throws when the answer is an error. */
export async function call<T>(
  url: string,
  method: string,
  params: readonly unknown[] | object = [],
): Promise<T> {
  const answer = await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.code} ${answer.error.message}`)
  return answer.result as T
}
