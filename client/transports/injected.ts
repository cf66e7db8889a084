// A wallet in the browser, or another library's client, as a transport (EIP-1193).
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { noAnswer, rpcError, type Transport } from './transport.ts'

/** What EIP-1193 asks of a provider: `window.ethereum`, viem's and ethers' clients. */
export interface InjectedProvider {
  request(request: { readonly method: string; readonly params?: unknown }): Promise<unknown>
}

/** EIP-1193 errors are objects with a number and a message, thrown by the provider. */
function isRpcError(error: unknown): error is { code: number; message?: string; data?: Json } {
  return typeof error === 'object' && error !== null && typeof (error as { code?: unknown }).code === 'number'
}

/**
 * Requests go where the wallet sends them. `timeoutMs` has no effect: a wallet may wait for its user.
 *
 * @example
 * const transport = injectedTransport({ request: async () => '0x7a69' })
 * await transport.request('eth_chainId', []) // '0x7a69'
 */
export function injectedTransport(provider: InjectedProvider): Transport {
  return {
    name: 'wallet',
    async request(method, params) {
      try {
        const result = await provider.request({ method, params })
        if (result === undefined) throw new Error('the wallet returned nothing')
        return result as Json
      } catch (error) {
        if (isRpcError(error)) throw rpcError(method, error)
        throw noAnswer(method, errorText(error), error)
      }
    },
  }
}
