// The chain as wallets and viem describe one. Not: connecting (transports/).

/** Where Multicall3 answers reads on every chain (WALLETS §2). */
const MULTICALL3 = '0xcA11bde05977b3631167028862bE2a173976CA11'

/** Shape of viem's `Chain` and of `wallet_addEthereumChain`'s fields. */
export interface ChainDefinition {
  readonly id: number
  readonly name: string
  readonly nativeCurrency: { readonly name: string; readonly symbol: string; readonly decimals: 18 }
  readonly rpcUrls: {
    readonly default: { readonly http: readonly string[]; readonly webSocket?: readonly string[] }
  }
  readonly contracts: { readonly multicall3: { readonly address: `0x${string}` } }
  readonly testnet: boolean
}

/**
 * For `createPublicClient({ chain })` of viem, wagmi's configuration, and wallets.
 *
 * @example
 * const chain = chainDefinition({ id: 31337, url: 'http://127.0.0.1:8545', isTest: true })
 */
export function chainDefinition(options: {
  readonly id: number
  /** The node's HTTP address; WebSocket is on the same port. */
  readonly url: string
  readonly name?: string
  readonly isTest?: boolean
}): ChainDefinition {
  const { id, url, name = 'Suanli', isTest = false } = options
  return {
    id,
    name,
    nativeCurrency: { name: 'AI Computing Power Currency', symbol: 'ACPC', decimals: 18 },
    rpcUrls: { default: { http: [url], webSocket: [url.replace(/^http/, 'ws')] } },
    contracts: { multicall3: { address: MULTICALL3 } },
    testnet: isTest,
  }
}
