// One load run against any Ethereum-style node. Owns: sending, and counting receipts with status 1.
// Not: starting nodes (main.ts), keys (accounts.ts).
import { generousFeeCap, type LoadAccount, nonceOf, type SignedTransfer, signTransfer } from './accounts.ts'
import type { RpcClient } from './rpcClient.ts'
import { percentile } from './statistics.ts'

export interface LoadResult {
  readonly mode: string
  readonly sent: number
  /** Requests answered with an error, and the first message. */
  readonly refused: number
  readonly refusedBecause?: string
  /** Receipts with status 1. */
  readonly committed: number
  /** From the first send until the last counted block was seen. */
  readonly seconds: number
  /** From the first send to the last answer. */
  readonly sendingSeconds: number
  readonly committedPerSecond: number
  /** Submit → receipt visible, ms, at the resolution of the block poll. */
  readonly latencyP50Ms: number
  readonly latencyP99Ms: number
}

const BLOCK_POLL_MS = 40

/** Signs `perAccount` transfers per account, in sending order: nonce by nonce over all accounts. */
export async function signLoad(
  client: RpcClient,
  accounts: readonly LoadAccount[],
  options: { chainId: number; perAccount: number },
): Promise<readonly SignedTransfer[]> {
  const maxFeePerGas = await generousFeeCap(client)
  const nonces = await Promise.all(accounts.map((account) => nonceOf(client, account.address)))
  const transfers: SignedTransfer[] = []
  for (let k = 0; k < options.perAccount; k++) {
    for (const [i, from] of accounts.entries()) {
      const to = accounts[(i + 1) % accounts.length]!.address
      transfers.push(
        signTransfer({
          from,
          to,
          nonce: nonces[i]! + k,
          chainId: options.chainId,
          valueBase: 1n,
          maxFeePerGas,
        }),
      )
    }
  }
  return transfers
}

interface Seen {
  /** When its block was first visible. */
  readonly atMs: number
  readonly height: number
}

/** Watches new blocks until every hash is in a block, or no block arrives for `quietMs`. */
async function watchBlocks(
  client: RpcClient,
  pending: Map<string, number>,
  options: { fromHeight: number; quietMs: number; sendingDone: () => boolean },
): Promise<ReadonlyMap<string, Seen>> {
  const seen = new Map<string, Seen>()
  let next = options.fromHeight
  let lastProgressMs = performance.now()
  while (!(options.sendingDone() && pending.size === seen.size)) {
    const head = Number(await client.call<string>('eth_blockNumber'))
    for (; next <= head; next++) {
      const at = `0x${next.toString(16)}`
      const block = await client.call<{ transactions: readonly string[] }>('eth_getBlockByNumber', [
        at,
        false,
      ])
      const atMs = performance.now()
      for (const hash of block.transactions) {
        if (!pending.has(hash)) continue
        seen.set(hash, { atMs, height: next })
        lastProgressMs = atMs
      }
    }
    if (performance.now() - lastProgressMs > options.quietMs) break
    await new Promise((resolve) => setTimeout(resolve, BLOCK_POLL_MS))
  }
  return seen
}

/** Hashes whose receipt has status 1; requested after the load, so that reading receipts does not slow the node. */
async function successful(client: RpcClient, seen: ReadonlyMap<string, Seen>): Promise<ReadonlySet<string>> {
  const good = new Set<string>()
  for (const height of new Set([...seen.values()].map((entry) => entry.height))) {
    const receipts = await client.call<readonly { transactionHash: string; status: string }[]>(
      'eth_getBlockReceipts',
      [`0x${height.toString(16)}`],
    )
    for (const { transactionHash, status } of receipts) if (status === '0x1') good.add(transactionHash)
  }
  return good
}

/** Transfers of some accounts, sent in sequence over one connection, so that nonces arrive in order. */
export interface Lane {
  readonly client: RpcClient
  readonly transfers: readonly SignedTransfer[]
}

/** Sends every transfer and waits for receipts. `batchSize` 1 = one request each; one request in flight per lane. */
export async function runLoad(options: {
  readonly observer: RpcClient
  readonly lanes: readonly Lane[]
  readonly batchSize: number
  /** Called once every transfer is in a block, before receipts are read. */
  readonly onCommitted: () => void
}): Promise<LoadResult> {
  const { observer, lanes, batchSize } = options
  const fromHeight = Number(await observer.call<string>('eth_blockNumber')) + 1
  const pending = new Map<string, number>()
  let refused = 0
  let refusedBecause: string | undefined
  let running = true
  const refuse = (hash: string, message: string): void => {
    pending.delete(hash)
    refused++
    refusedBecause ??= message
  }
  const sendOne = async (client: RpcClient, slice: readonly SignedTransfer[]): Promise<void> => {
    const now = performance.now()
    for (const transfer of slice) pending.set(transfer.hash, now)
    const calls = slice.map((t) => ({ method: 'eth_sendRawTransaction', params: [t.raw] }))
    if (slice.length === 1 && batchSize === 1) {
      await client
        .call(calls[0]!.method, calls[0]!.params)
        .catch((error: Error) => refuse(slice[0]!.hash, error.message))
      return
    }
    const answers = await client.batch(calls)
    answers.forEach((answer, i) => {
      if (answer.error !== undefined) refuse(slice[i]!.hash, answer.error.message)
    })
  }
  const startMs = performance.now()
  const watching = watchBlocks(observer, pending, {
    fromHeight,
    quietMs: 15_000,
    sendingDone: () => !running,
  })
  await Promise.all(
    lanes.map(async ({ client, transfers }) => {
      for (let at = 0; at < transfers.length; at += batchSize) {
        await sendOne(client, transfers.slice(at, at + batchSize))
      }
    }),
  )
  running = false
  const sendingMs = performance.now() - startMs
  const seen = await watching
  options.onCommitted()
  const good = await successful(observer, seen)
  const counted = [...seen].filter(([hash]) => good.has(hash))
  const latenciesMs = counted.map(([hash, { atMs }]) => atMs - pending.get(hash)!)
  const committed = counted.length
  const seconds = (Math.max(startMs, ...new Set(counted.map(([, { atMs }]) => atMs))) - startMs) / 1000
  return {
    mode: batchSize === 1 ? 'one by one' : `batches of ${batchSize}`,
    sent: lanes.reduce((n, lane) => n + lane.transfers.length, 0),
    refused,
    ...(refusedBecause === undefined ? {} : { refusedBecause }),
    committed,
    seconds,
    sendingSeconds: sendingMs / 1000,
    committedPerSecond: committed / seconds,
    latencyP50Ms: percentile(latenciesMs, 50),
    latencyP99Ms: percentile(latenciesMs, 99),
  }
}
