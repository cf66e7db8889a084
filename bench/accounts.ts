// Accounts of a load test. Owns: funding, pre-signed transfers. Not: sending under load (load.ts).
import { secretKeyAddress } from '../base/address.ts'
import { toHex, utf8 } from '../base/bytes.ts'
import { keccak256, sha256 } from '../base/crypto/hash.ts'
import { developmentAccounts } from '../genesis/devKeys.ts'
import { signTransaction } from '../state/transaction.ts'
import type { RpcClient } from './rpcClient.ts'

export interface LoadAccount {
  readonly secretKey: Uint8Array
  readonly address: Uint8Array
}

export interface SignedTransfer {
  readonly raw: `0x${string}`
  readonly hash: `0x${string}`
}

/** Deterministic accounts that exist only for a run. */
export function loadAccounts(count: number, label: string): readonly LoadAccount[] {
  return Array.from({ length: count }, (_, i) => {
    const secretKey = sha256(utf8(`suanli bench ${label} ${i}`))
    return { secretKey, address: secretKeyAddress(secretKey) }
  })
}

/** Signs one type-2 transfer. */
export function signTransfer(options: {
  from: LoadAccount
  to: Uint8Array
  nonce: number
  chainId: number
  valueBase: bigint
  maxFeePerGas: bigint
}): SignedTransfer {
  const raw = signTransaction(
    {
      type: 2,
      chainId: options.chainId,
      nonce: options.nonce,
      maxPriorityFeePerGas: 1n,
      maxFeePerGas: options.maxFeePerGas,
      gasLimit: 21_000,
      to: options.to,
      valueBase: options.valueBase,
      data: new Uint8Array(0),
      accessList: [],
    },
    options.from.secretKey,
  )
  return { raw: toHex(raw), hash: toHex(keccak256(raw)) }
}

export async function nonceOf(client: RpcClient, address: Uint8Array): Promise<number> {
  return Number(await client.call<string>('eth_getTransactionCount', [toHex(address), 'latest']))
}

/** A fee cap that the base fee cannot exceed during a run. */
export async function generousFeeCap(client: RpcClient): Promise<bigint> {
  const price = BigInt(await client.call<string>('eth_gasPrice'))
  return price * 10n + 1_000_000_000n
}

/** Resolves once the node has a receipt for `hash`; rejects when its status is not 1 or after `timeoutMs`. */
export async function awaitReceipt(
  client: RpcClient,
  hash: string,
  options: { pollMs: number; timeoutMs: number },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs
  for (;;) {
    const receipt = await client.call<{ status: string } | null>('eth_getTransactionReceipt', [hash])
    if (receipt !== null) {
      if (receipt.status !== '0x1') throw new Error(`transfer ${hash} failed`)
      return
    }
    if (performance.now() > deadline) throw new Error(`no receipt of ${hash} within ${options.timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, options.pollMs))
  }
}

/** Pending transfers per account (WALLETS §1 allows 64). */
const FUNDING_ROUND = 50

/** Funds every account with `valueBase` from the development accounts. */
export async function fundAccounts(
  client: RpcClient,
  accounts: readonly LoadAccount[],
  options: { chainId: number; valueBase: bigint },
): Promise<void> {
  const sources = developmentAccounts()
  const maxFeePerGas = await generousFeeCap(client)
  const perSource = Math.ceil(accounts.length / sources.length)
  const nonces = await Promise.all(sources.map((source) => nonceOf(client, source.address)))
  for (let done = 0; done < perSource; done += FUNDING_ROUND) {
    const lasts: string[] = []
    for (const [s, from] of sources.entries()) {
      const mine = accounts.slice(s * perSource, (s + 1) * perSource).slice(done, done + FUNDING_ROUND)
      if (mine.length === 0) continue
      const signed = mine.map((to) =>
        signTransfer({ from, to: to.address, nonce: nonces[s]!++, maxFeePerGas, ...options }),
      )
      const answers = await client.batch(
        signed.map((transfer) => ({ method: 'eth_sendRawTransaction', params: [transfer.raw] })),
      )
      const refused = answers.find((answer) => answer.error !== undefined)
      if (refused !== undefined) throw new Error(`funding refused: ${refused.error?.message}`)
      lasts.push(signed.at(-1)!.hash)
    }
    for (const hash of lasts) await awaitReceipt(client, hash, { pollMs: 50, timeoutMs: 30_000 })
  }
}
