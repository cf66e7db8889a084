// The same wallet steps through viem, ethers and cast. Owns: each library's way of asking. Not: what must come out.
import { JsonRpcProvider, type TransactionRequest, Wallet } from 'ethers'
import { createPublicClient, createWalletClient, type Hex, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { cast } from './castCommand.ts'

export type EnvelopeType = 0 | 1 | 2

export interface Transfer {
  readonly key: Hex
  readonly to: Hex
  readonly valueBase: bigint
  readonly type: EnvelopeType
}

export interface Mined {
  readonly hash: Hex
  readonly type: number
  readonly status: number
  readonly gasUsed: bigint
  readonly effectiveGasPrice: bigint
}

export interface WalletLibrary {
  readonly name: string
  chainId(): Promise<number>
  balance(address: Hex): Promise<bigint>
  nonce(address: Hex): Promise<number>
  /** Fee data as the library would put it into a type-2 transaction. */
  fees(): Promise<{ readonly maxFeePerGas: bigint; readonly tip: bigint }>
  /** Fills, signs, sends and awaits the receipt. */
  transfer(options: Transfer): Promise<Mined>
  /** Hands in signed bytes; rejects with the library's error. */
  publish(raw: Hex): Promise<unknown>
  close(): void
}

/** Receipts are asked for this often; blocks follow each other within 100 ms. */
const POLL_MS = 25
const ACCESS_LIST = [{ address: '0x0000000000000000000000000000000000000001', storageKeys: [] }] as const

export function viemWallet(url: string): WalletLibrary {
  const client = createPublicClient({ transport: http(url, { retryCount: 0 }), pollingInterval: POLL_MS })
  const envelope = {
    0: { type: 'legacy' },
    1: { type: 'eip2930', accessList: ACCESS_LIST },
    2: { type: 'eip1559' },
  } as const
  return {
    name: 'viem',
    chainId: () => client.getChainId(),
    balance: (address) => client.getBalance({ address }),
    nonce: (address) => client.getTransactionCount({ address }),
    async fees() {
      const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
      return { maxFeePerGas, tip: maxPriorityFeePerGas }
    },
    async transfer({ key, to, valueBase, type }) {
      const account = privateKeyToAccount(key)
      const id = await client.getChainId()
      const chain = {
        id,
        name: 'Suanli',
        nativeCurrency: { name: 'ACPC', symbol: 'ACPC', decimals: 18 },
        rpcUrls: { default: { http: [url] } },
      }
      const wallet = createWalletClient({ account, chain, transport: http(url, { retryCount: 0 }) })
      const hash = await wallet.sendTransaction({ to, value: valueBase, ...envelope[type] })
      const receipt = await client.waitForTransactionReceipt({ hash })
      const { gasUsed, effectiveGasPrice } = receipt
      const found = Number((await client.getTransaction({ hash })).typeHex)
      return {
        hash,
        type: found,
        status: receipt.status === 'success' ? 1 : 0,
        gasUsed,
        effectiveGasPrice,
      }
    },
    publish: (serializedTransaction) => client.sendRawTransaction({ serializedTransaction }),
    close() {},
  }
}

export function ethersWallet(url: string): WalletLibrary {
  const provider = new JsonRpcProvider(url, undefined, { pollingInterval: POLL_MS, cacheTimeout: -1 })
  return {
    name: 'ethers',
    chainId: async () => Number((await provider.getNetwork()).chainId),
    balance: (address) => provider.getBalance(address),
    nonce: (address) => provider.getTransactionCount(address),
    async fees() {
      const { maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData()
      return { maxFeePerGas: maxFeePerGas!, tip: maxPriorityFeePerGas! }
    },
    async transfer({ key, to, valueBase, type }) {
      const wallet = new Wallet(key, provider)
      const accessList = type === 1 ? { accessList: [...ACCESS_LIST] } : {}
      const sent = await wallet.sendTransaction({
        to,
        value: valueBase,
        type,
        ...accessList,
      } as TransactionRequest)
      const receipt = await sent.wait()
      const { gasUsed, gasPrice, status } = receipt!
      return {
        hash: sent.hash as Hex,
        type: receipt!.type,
        status: status!,
        gasUsed,
        effectiveGasPrice: gasPrice,
      }
    },
    publish: (raw) => provider.broadcastTransaction(raw),
    close: () => provider.destroy(),
  }
}

export function castWallet(url: string): WalletLibrary {
  const ask = (...args: readonly string[]) => cast(...args, '--rpc-url', url)
  return {
    name: 'cast',
    chainId: async () => Number(await ask('chain-id')),
    balance: async (address) => BigInt(await ask('balance', address)),
    nonce: async (address) => Number(await ask('nonce', address)),
    async fees() {
      const tip = BigInt(JSON.parse(await ask('rpc', 'eth_maxPriorityFeePerGas')))
      return { maxFeePerGas: BigInt(await ask('gas-price')), tip }
    },
    async transfer({ key, to, valueBase, type }) {
      const envelope = {
        0: ['--legacy'],
        1: ['--legacy', '--access-list', JSON.stringify(ACCESS_LIST)],
        2: [],
      } as const
      const args = ['send', to, '--value', String(valueBase), '--private-key', key, '--json']
      const receipt = JSON.parse(await ask(...args, ...envelope[type])) as { [name: string]: Hex }
      return {
        hash: receipt.transactionHash!,
        type: Number(receipt.type),
        status: Number(receipt.status),
        gasUsed: BigInt(receipt.gasUsed!),
        effectiveGasPrice: BigInt(receipt.effectiveGasPrice!),
      }
    },
    publish: (raw) => ask('publish', raw),
    close() {},
  }
}
