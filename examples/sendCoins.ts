// Sends coins and waits until they are final. A node shows no block before it is final, so the receipt is all there is to wait for.
//   node sendCoins.ts [to] [coins]
// ETH_RPC_URL is the node, PRIVATE_KEY the payer's; by default a devnet on this machine and the first of its accounts.
// #region pay
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  formatEther,
  http,
  isAddress,
  parseEther,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

const RPC_URL = process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545'
const PAYER = process.env.PRIVATE_KEY ?? '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const [to = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8', coins = '1.5'] = process.argv.slice(2)
if (!isAddress(to)) throw new Error(`${to} is no address`)

const transport = http(RPC_URL)
const chain = defineChain({
  id: await createPublicClient({ transport }).getChainId(),
  name: 'Suanli',
  nativeCurrency: { name: 'AI Computing Power Currency', symbol: 'ACPC', decimals: 18 },
  rpcUrls: { default: { http: [RPC_URL] } },
  contracts: { multicall3: { address: '0xca11bde05977b3631167028862be2a173976ca11' } },
})
const account = privateKeyToAccount(PAYER as `0x${string}`)
const wallet = createWalletClient({ account, chain, transport })
const client = createPublicClient({ chain, transport, pollingInterval: 100 })

const hash = await wallet.sendTransaction({ to, value: parseEther(coins) })
const receipt = await client.waitForTransactionReceipt({ hash }) // final when it is there
if (receipt.status !== 'success') throw new Error(`${hash} was included and failed; only the fee was paid`)
// #endregion

console.log(`${coins} ACPC to ${to}: final in block ${receipt.blockNumber}, transaction ${hash}`)
console.log(`Fee ${formatEther(receipt.gasUsed * receipt.effectiveGasPrice)} ACPC`)
console.log(`${to} has ${formatEther(await client.getBalance({ address: to }))} ACPC`)
