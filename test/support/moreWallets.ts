// The wallet steps of wallets.ts through ethers 5, web3.js 4 and @wagmi/core, which people use unchanged.
import {
  createConfig,
  getBalance,
  getChainId,
  http,
  readContracts,
  sendTransaction,
  writeContract,
} from '@wagmi/core'
import { ethers as ethers5 } from 'ethers5'
import { createPublicClient, defineChain, type Hex, http as viemHttp } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { Web3 } from 'web3'
import { accountsAbi, accountsAddress } from '../../abi/accounts.ts'
import { erc20Abi } from '../../abi/erc20.ts'
import { ACCESS_LIST, type Mined, POLL_MS, viemMined, type WalletLibrary } from './wallets.ts'

export function ethers5Wallet(url: string): WalletLibrary {
  const provider = new ethers5.providers.JsonRpcProvider(url)
  provider.pollingInterval = POLL_MS
  const mined = async (sent: ethers5.providers.TransactionResponse): Promise<Mined> => {
    const { type, status, gasUsed, effectiveGasPrice } = await sent.wait()
    return {
      hash: sent.hash as Hex,
      type,
      status: status!,
      gasUsed: gasUsed.toBigInt(),
      effectiveGasPrice: effectiveGasPrice.toBigInt(),
    }
  }
  return {
    name: 'ethers 5',
    chainId: async () => (await provider.getNetwork()).chainId,
    balance: async (address) => (await provider.getBalance(address)).toBigInt(),
    nonce: (address) => provider.getTransactionCount(address),
    async fees() {
      const { maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData()
      return { maxFeePerGas: maxFeePerGas!.toBigInt(), tip: maxPriorityFeePerGas!.toBigInt() }
    },
    async transfer({ key, to, valueBase, type }) {
      const accessList = type === 1 ? { accessList: [...ACCESS_LIST] } : {}
      const gasPrice = type === 2 ? {} : { gasPrice: await provider.getGasPrice() }
      const request = { to, value: valueBase, type, ...accessList, ...gasPrice }
      return mined(await new ethers5.Wallet(key, provider).sendTransaction(request as never))
    },
    async batch({ key, calls }) {
      const signer = new ethers5.Wallet(key, provider)
      return mined(await new ethers5.Contract(accountsAddress, accountsAbi, signer).batch!(calls))
    },
    async token({ address, holder }) {
      const token = new ethers5.Contract(address, erc20Abi, provider)
      return {
        symbol: await token.symbol!(),
        decimals: await token.decimals!(),
        balanceBase: (await token.balanceOf!(holder)).toBigInt(),
      }
    },
    publish: (raw) => provider.send('eth_sendRawTransaction', [raw]),
    close() {},
  }
}

export function web3Wallet(url: string): WalletLibrary {
  const web3 = new Web3(url)
  web3.eth.setConfig({ transactionPollingInterval: POLL_MS, transactionReceiptPollingInterval: POLL_MS })
  const senderOf = (key: Hex): string => {
    const { address } = web3.eth.accounts.privateKeyToAccount(key)
    const { wallet } = web3.eth.accounts
    if (wallet.get(address) === undefined) wallet.add(key)
    return address
  }
  const mined = async (receipt: {
    readonly transactionHash: unknown
    readonly status: unknown
    readonly gasUsed: unknown
    readonly effectiveGasPrice?: unknown
  }): Promise<Mined> => {
    const hash = String(receipt.transactionHash) as Hex
    const { type } = await web3.eth.getTransaction(hash)
    return {
      hash,
      type: Number(type),
      status: Number(receipt.status),
      gasUsed: BigInt(String(receipt.gasUsed)),
      effectiveGasPrice: BigInt(String(receipt.effectiveGasPrice)),
    }
  }
  return {
    name: 'web3.js 4',
    chainId: async () => Number(await web3.eth.getChainId()),
    balance: (address) => web3.eth.getBalance(address),
    nonce: async (address) => Number(await web3.eth.getTransactionCount(address)),
    async fees() {
      const { maxFeePerGas, maxPriorityFeePerGas } = await web3.eth.calculateFeeData()
      return { maxFeePerGas: BigInt(maxFeePerGas!), tip: BigInt(maxPriorityFeePerGas!) }
    },
    async transfer({ key, to, valueBase, type }) {
      const accessList = type === 1 ? { accessList: [...ACCESS_LIST] as never } : {}
      const gasPrice = type === 2 ? {} : { gasPrice: await web3.eth.getGasPrice() }
      const request = { from: senderOf(key), to, value: valueBase, type, ...accessList, ...gasPrice }
      return mined(await web3.eth.sendTransaction(request))
    },
    async batch({ key, calls }) {
      const module = new web3.eth.Contract(accountsAbi, accountsAddress)
      return mined(await module.methods.batch!([...calls]).send({ from: senderOf(key) }))
    },
    async token({ address, holder }) {
      const token = new web3.eth.Contract(erc20Abi, address)
      return {
        symbol: String(await token.methods.symbol!().call()),
        decimals: Number(await token.methods.decimals!().call()),
        balanceBase: BigInt(String(await token.methods.balanceOf!(holder).call())),
      }
    },
    publish: (raw) => web3.requestManager.send({ method: 'eth_sendRawTransaction', params: [raw] }),
    close() {},
  }
}

/** `chainId` before anything is asked: a wagmi application is configured with its chain, and Multicall3's address. */
export function wagmiWallet(url: string, chainId: number): WalletLibrary {
  const chain = defineChain({
    id: chainId,
    name: 'Suanli',
    nativeCurrency: { name: 'AI Computing Power Currency', symbol: 'ACPC', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
    contracts: { multicall3: { address: '0xca11bde05977b3631167028862be2a173976ca11' } },
  })
  const config = createConfig({
    chains: [chain],
    transports: { [chainId]: http(url, { retryCount: 0 }) },
    pollingInterval: POLL_MS,
    storage: null,
    multiInjectedProviderDiscovery: false,
  })
  const client = createPublicClient({ chain, transport: viemHttp(url), pollingInterval: POLL_MS })
  const envelope = {
    0: { type: 'legacy' },
    1: { type: 'eip2930', accessList: ACCESS_LIST },
    2: { type: 'eip1559' },
  } as const
  return {
    name: '@wagmi/core',
    chainId: async () => getChainId(config),
    // Through Multicall3's getEthBalance, as wagmi batches by default.
    balance: async (address) => (await getBalance(config, { address })).value,
    nonce: (address) => client.getTransactionCount({ address }),
    async fees() {
      const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
      return { maxFeePerGas, tip: maxPriorityFeePerGas }
    },
    async transfer({ key, to, valueBase, type }) {
      const request = { account: privateKeyToAccount(key), to, value: valueBase, ...envelope[type] }
      return viemMined(client, await sendTransaction(config, request as never))
    },
    async batch({ key, calls }) {
      const action = { address: accountsAddress, abi: accountsAbi, functionName: 'batch' } as const
      const account = privateKeyToAccount(key)
      return viemMined(client, await writeContract(config, { ...action, args: [calls], account }))
    },
    async token({ address, holder }) {
      const token = { address, abi: erc20Abi } as const
      const contracts = [
        { ...token, functionName: 'symbol' },
        { ...token, functionName: 'decimals' },
        { ...token, functionName: 'balanceOf', args: [holder] },
      ] as const
      const [symbol, decimals, balanceBase] = await readContracts(config, { contracts, allowFailure: false })
      return { symbol, decimals: Number(decimals), balanceBase }
    },
    publish: (serializedTransaction) => client.sendRawTransaction({ serializedTransaction }),
    close() {},
  }
}
