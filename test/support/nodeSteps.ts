// Common steps of tests with running nodes: wait, pay, read heights. Not: starting nodes (processNetwork.ts).
import { createWalletClient, defineChain, type Hex, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '../../base/bytes.ts'
import { developmentAccounts } from '../../genesis/devKeys.ts'
import { DEVNET_CHAIN_ID } from '../../genesis/devnet.ts'
import { call } from './jsonRpc.ts'

/** Longest wait for a receipt, even on a busy machine. */
const RECEIPT_MS = 20_000

/** Waits for a condition; rejects with `what` on time-out. A throw counts as false. */
export async function until(
  what: string,
  check: () => Promise<boolean> | boolean,
  limitMs = 30_000,
): Promise<void> {
  const endMs = performance.now() + limitMs
  const holds = async (): Promise<boolean> => {
    try {
      return await check()
    } catch {
      return false
    }
  }
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const heightOf = async (url: string) => Number(await call<Hex>(url, 'eth_blockNumber', []))

/** Hash and state root of a height, from a node. */
export const blockAt = (url: string, height: number) =>
  call<{ readonly hash: Hex; readonly stateRoot: Hex }>(url, 'eth_getBlockByNumber', [
    `0x${height.toString(16)}`,
    false,
  ])

/** Sends a transfer of a development account to itself; resolves with its hash once it has a receipt. */
export async function transfer(url: string, index: number): Promise<Hex> {
  const chain = defineChain({
    id: DEVNET_CHAIN_ID,
    name: 'devnet',
    nativeCurrency: { name: 'ACPC', symbol: 'ACPC', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  const account = privateKeyToAccount(toHex(developmentAccounts()[index]!.secretKey))
  const wallet = createWalletClient({ account, chain, transport: http(url, { retryCount: 0 }) })
  const hash = await wallet.sendTransaction({ to: account.address, value: 1n })
  const endMs = performance.now() + RECEIPT_MS
  // A stopped node ends the wait with a refused connection.
  while ((await call(url, 'eth_getTransactionReceipt', [hash])) === null) {
    if (performance.now() > endMs) throw new Error(`no receipt of ${hash} within ${RECEIPT_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return hash
}
