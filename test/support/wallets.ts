// The same wallet steps through viem, ethers and cast. Owns: each library's way of asking. Not: what must come out,
// and the other libraries (moreWallets.ts).
import { Contract, JsonRpcProvider, type TransactionRequest, type TransactionResponse, Wallet } from 'ethers'
import { createPublicClient, createWalletClient, type Hex, http, type PublicClient } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { accountsAbi, accountsAddress } from '../../abi/accounts.ts'
import { erc20Abi } from '../../abi/erc20.ts'
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

/** What "import token" shows. */
export interface Token {
  readonly symbol: string
  readonly decimals: number
  readonly balanceBase: bigint
}

/** Coins sent with one native action, `batch` of the accounts module. */
export interface Batch {
  readonly key: Hex
  readonly calls: readonly { readonly to: Hex; readonly value: bigint; readonly data: Hex }[]
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
  /** A native action by its published ABI, with everything else left to the library. */
  batch(options: Batch): Promise<Mined>
  token(options: { readonly address: Hex; readonly holder: Hex }): Promise<Token>
  /** Hands in signed bytes; rejects with the library's error. */
  publish(raw: Hex): Promise<unknown>
  close(): void
}

/** Receipts are asked for this often; blocks follow each other within 100 ms. */
export const POLL_MS = 25
export const ACCESS_LIST = [
  { address: '0x0000000000000000000000000000000000000001', storageKeys: [] },
] as const

/** Awaits a transaction and reads it back. */
export async function viemMined(
  client: Pick<PublicClient, 'waitForTransactionReceipt' | 'getTransaction'>,
  hash: Hex,
): Promise<Mined> {
  const { status, gasUsed, effectiveGasPrice } = await client.waitForTransactionReceipt({ hash })
  const type = Number((await client.getTransaction({ hash })).typeHex)
  return { hash, type, status: status === 'success' ? 1 : 0, gasUsed, effectiveGasPrice }
}

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
      return viemMined(client, await wallet.sendTransaction({ to, value: valueBase, ...envelope[type] }))
    },
    async batch({ key, calls }) {
      const wallet = createWalletClient({ account: privateKeyToAccount(key), transport: http(url) })
      const action = { address: accountsAddress, abi: accountsAbi, functionName: 'batch' } as const
      return viemMined(client, await wallet.writeContract({ ...action, args: [calls], chain: null }))
    },
    async token({ address, holder }) {
      const read = { address, abi: erc20Abi } as const
      return {
        symbol: await client.readContract({ ...read, functionName: 'symbol' }),
        decimals: await client.readContract({ ...read, functionName: 'decimals' }),
        balanceBase: await client.readContract({ ...read, functionName: 'balanceOf', args: [holder] }),
      }
    },
    publish: (serializedTransaction) => client.sendRawTransaction({ serializedTransaction }),
    close() {},
  }
}

async function ethersMined(sent: TransactionResponse): Promise<Mined> {
  const receipt = await sent.wait()
  const { gasUsed, gasPrice, status, type } = receipt!
  return { hash: sent.hash as Hex, type, status: status!, gasUsed, effectiveGasPrice: gasPrice }
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
      const request = { to, value: valueBase, type, ...accessList } as TransactionRequest
      return ethersMined(await wallet.sendTransaction(request))
    },
    async batch({ key, calls }) {
      const module = new Contract(accountsAddress, accountsAbi, new Wallet(key, provider))
      return ethersMined(await module.batch!(calls))
    },
    async token({ address, holder }) {
      const token = new Contract(address, erc20Abi, provider)
      return {
        symbol: await token.symbol!(),
        decimals: Number(await token.decimals!()),
        balanceBase: await token.balanceOf!(holder),
      }
    },
    publish: (raw) => provider.broadcastTransaction(raw),
    close: () => provider.destroy(),
  }
}

function castMined(output: string): Mined {
  const receipt = JSON.parse(output) as { [name: string]: Hex }
  return {
    hash: receipt.transactionHash!,
    type: Number(receipt.type),
    status: Number(receipt.status),
    gasUsed: BigInt(receipt.gasUsed!),
    effectiveGasPrice: BigInt(receipt.effectiveGasPrice!),
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
      return castMined(await ask(...args, ...envelope[type]))
    },
    async batch({ key, calls }) {
      const list = `[${calls.map(({ to, value, data }) => `(${to},${value},${data})`).join(',')}]`
      const args = [accountsAddress, 'batch((address,uint256,bytes)[])', list, '--private-key', key, '--json']
      return castMined(await ask('send', ...args))
    },
    async token({ address, holder }) {
      return {
        symbol: JSON.parse(await ask('call', address, 'symbol()(string)')) as string,
        decimals: Number(await ask('call', address, 'decimals()(uint8)')),
        balanceBase: BigInt(
          (await ask('call', address, 'balanceOf(address)(uint256)', holder)).split(' ')[0]!,
        ),
      }
    },
    publish: (raw) => ask('publish', raw),
    close() {},
  }
}
