// The light client's data source. Nothing from a provider is trusted. Not: how it is reached (transports/).
import { errorText } from '../base/errors.ts'
import type { Json } from '../base/field.ts'
import { LightClientError } from './errors.ts'
import { type HttpOptions, httpTransport } from './transports/http.ts'
import type { Transport } from './transports/transport.ts'

/** Anything that answers a node's JSON-RPC; tests and wallets supply their own. Every transport is one. */
export interface Provider {
  /** For messages: usually the URL. */
  readonly name: string
  /** The result; throws LightClientError `provider` for anything else. `params` by name. */
  request(method: string, params: { readonly [name: string]: Json }): Promise<Json>
}

/**
 * A transport as a provider, e.g. to verify over the same WebSocket.
 *
 * @example
 * const provider = transportProvider(httpTransport('http://127.0.0.1:8545'))
 * const genesis = await provider.request('chain_genesis', {})
 */
export function transportProvider(transport: Transport): Provider {
  const { name } = transport
  return {
    name,
    request: (method, params) =>
      transport.request(method, params).catch((cause: unknown) => {
        const text = errorText(cause)
        const message = text.startsWith(name) ? text : `${name}: ${text}`
        throw new LightClientError('provider', message, { provider: name, cause })
      }),
  }
}

/**
 * A node's JSON-RPC port as a provider.
 *
 * @example
 * const provider = httpProvider('http://127.0.0.1:8545', { timeoutMs: 5_000 })
 * const genesis = await provider.request('chain_genesis', {})
 */
export function httpProvider(url: string, options: HttpOptions = {}): Provider {
  try {
    return transportProvider(httpTransport(url, options))
  } catch (cause) {
    throw new LightClientError('input', errorText(cause), { cause })
  }
}
