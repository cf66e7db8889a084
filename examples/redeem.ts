// Mints coins against a provider's pledge, pays them to a holder, and redeems them: the request waits until it is assigned to a
// provider and a window.
//   node redeem.ts [coins]
// ETH_RPC_URL is a devnet; by default the one on this machine. Provider 1 and the holder are its well-known accounts.
import { setTimeout as sleep } from 'node:timers/promises'
import { issuanceAbi, issuanceAddress } from 'suanli/abi/issuance'
import { redemptionAbi, redemptionAddress } from 'suanli/abi/redemption'
import {
  createPublicClient,
  createWalletClient,
  formatEther,
  http,
  parseEther,
  parseEventLogs,
  zeroAddress,
  zeroHash,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'

const RPC_URL = process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545'
const WORDS = 'test test test test test test test test test test test junk'
const PROVIDER = 1n
const INFERENCE = 2
const amountBase = parseEther(process.argv[2] ?? '25')

const transport = http(RPC_URL)
const client = createPublicClient({ transport, pollingInterval: 100 })
const operator = mnemonicToAccount(WORDS, { addressIndex: 10 })
const holder = mnemonicToAccount(WORDS, { addressIndex: 1 })
const wallet = createWalletClient({ transport })

// #region mint
const issuance = { address: issuanceAddress, abi: issuanceAbi } as const
const { mintableBase } = await client.readContract({ ...issuance, functionName: 'quota', args: [PROVIDER] })
console.log(`Provider ${PROVIDER} may mint ${formatEther(mintableBase)} ACPC`)
// A call that the rules refuse throws here, with the rule's name.
const mint = await client.simulateContract({
  ...issuance,
  functionName: 'mint',
  args: [holder.address, amountBase],
  account: operator,
})
const minted = await wallet.writeContract({ ...mint.request, chain: null })
await client.waitForTransactionReceipt({ hash: minted })
console.log(`Minted ${formatEther(amountBase)} ACPC to ${holder.address}`)
// #endregion

// #region redeem
const redemption = { address: redemptionAddress, abi: redemptionAbi } as const
const { request } = await client.simulateContract({
  ...redemption,
  functionName: 'request',
  // Any rating and region, no deadline but the chain's (K windows); no job, key or voucher key of its own.
  args: [amountBase, INFERENCE, PROVIDER, 0n, '', 0n, 0n, zeroHash, '0x', zeroAddress],
  account: holder,
})
const hash = await wallet.writeContract({ ...request, chain: null })
const receipt = await client.waitForTransactionReceipt({ hash })
const [requested] = parseEventLogs({ abi: redemptionAbi, eventName: 'Requested', logs: receipt.logs })
if (receipt.status !== 'success' || requested === undefined) throw new Error(`${hash} failed`)
const { id } = requested.args
console.log(`Redemption ${id} is queued in block ${receipt.blockNumber}`)

// A block to come draws its place and reserves capacity. That is the chain's own doing: its log belongs to no transaction.
for (;;) {
  const [assigned] = await client.getContractEvents({
    ...redemption,
    eventName: 'Assigned',
    args: { id },
    fromBlock: receipt.blockNumber,
    strict: true,
  })
  if (assigned !== undefined) {
    const { provider, window, amountBase: part } = assigned.args
    console.log(`Assigned: ${formatEther(part)} ACPC to provider ${provider} in window ${window}`)
    break
  }
  await sleep(200)
}
// #endregion
