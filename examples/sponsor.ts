// A session key asks for a redemption in a holder's name, and somebody else pays the gas: the key signs EIP-712 data, a
// relay sends it.
//   node sponsor.ts [coins]
// ETH_RPC_URL is a devnet; by default the one on this machine. Holder and relay are its well-known accounts.
import { accountsAbi, accountsAddress } from 'suanli/abi/accounts'
import { redemptionAbi, redemptionAddress } from 'suanli/abi/redemption'
import {
  createPublicClient,
  createWalletClient,
  encodeFunctionData,
  formatEther,
  http,
  parseEther,
  parseEventLogs,
  toFunctionSelector,
  zeroAddress,
  zeroHash,
} from 'viem'
import { generatePrivateKey, mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'

const RPC_URL = process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545'
const WORDS = 'test test test test test test test test test test test junk'
const INFERENCE = 2
const amountBase = parseEther(process.argv[2] ?? '10')

const transport = http(RPC_URL)
const client = createPublicClient({ transport, pollingInterval: 100 })
const wallet = createWalletClient({ transport })
const holder = mnemonicToAccount(WORDS, { addressIndex: 7 })
const relay = mnemonicToAccount(WORDS, { addressIndex: 3 })
const key = privateKeyToAccount(generatePrivateKey())
const accounts = { address: accountsAddress, abi: accountsAbi } as const
const inAnHour = BigInt(Math.floor(Date.now() / 1000) + 3_600)

// #region key
const requestAbi = redemptionAbi.find((item) => item.type === 'function' && item.name === 'request')
if (requestAbi === undefined) throw new Error('the ABI has no request')
const action = { to: redemptionAddress, selector: toFunctionSelector(requestAbi) } as const
const { request: added } = await client.simulateContract({
  ...accounts,
  functionName: 'addSessionKey',
  // It may request redemptions for an hour, and no more than this leaves the account by it.
  args: [key.address, [action], amountBase, inAnHour],
  account: holder,
})
await client.waitForTransactionReceipt({ hash: await wallet.writeContract({ ...added, chain: null }) })
// #endregion

// #region sign
const asked = {
  amountBase,
  service: INFERENCE,
  provider: 0n,
  ratingMin: 0n,
  region: '',
  startBy: 0n,
  finishBy: 0n,
  jobHash: zeroHash,
  clientKey: '0x',
  voucherKey: zeroAddress,
} as const
const terms = { from: holder.address, validBefore: inAnHour, nonce: BigInt(generatePrivateKey()) } as const
const signature = await key.signTypedData({
  domain: {
    name: 'Suanli',
    version: '1',
    chainId: await client.getChainId(),
    verifyingContract: redemptionAddress,
  },
  // The action's name and its arguments, between `from` and the two that make it expire and differ.
  types: {
    Request: [
      { name: 'from', type: 'address' },
      ...requestAbi.inputs.map(({ name, type }) => ({ name, type })),
      { name: 'validBefore', type: 'uint64' },
      { name: 'nonce', type: 'uint256' },
    ],
  },
  primaryType: 'Request',
  message: { ...asked, ...terms },
})
// #endregion

// #region execute
const data = encodeFunctionData({ abi: [requestAbi], args: Object.values(asked) as never })
const signed = { to: redemptionAddress, data, ...terms }
// An execute succeeds even when an action in it is refused: ask first.
const { reason } = await client.readContract({
  ...accounts,
  functionName: 'checkSigned',
  args: [signed, signature],
})
if (reason !== '0x') throw new Error(`the signature would be refused: ${reason}`)
const hash = await wallet.writeContract({
  ...accounts,
  functionName: 'execute',
  args: [[signed], [signature]],
  account: relay,
  chain: null,
})
const { logs } = await client.waitForTransactionReceipt({ hash })
const [executed] = parseEventLogs({ abi: accountsAbi, eventName: 'Executed', logs })
if (executed?.args.succeeded !== true) throw new Error(`refused: ${executed?.args.reason}`)
// #endregion

const [requested] = parseEventLogs({ abi: redemptionAbi, eventName: 'Requested', logs })
console.log(`Redemption ${requested?.args.id} of ${formatEther(amountBase)} ACPC for ${holder.address}`)
console.log(`Signed by ${executed.args.signer}, paid by ${relay.address}`)
