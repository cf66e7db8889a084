// The comparison at the end of a run: every height, receipt and account on all validators.
// Owns: reading all data and reporting differences. Not: what clients saw during the run (test/support/ledger.ts).
import { toHex } from '../../base/bytes.ts'
import type { RpcClient } from '../../bench/rpcClient.ts'
import type { Ledger } from '../support/ledger.ts'
import type { Traffic } from '../support/traffic.ts'

const CHUNK = 200
/** Reported differences; one is enough to fail. */
const NAMED_MAX = 20

interface BlockJson {
  readonly hash: string
  readonly stateRoot: string
  readonly parentHash: string
}

async function readAll<T>(
  client: RpcClient,
  calls: readonly { method: string; params: readonly unknown[] }[],
): Promise<readonly T[]> {
  const results: T[] = []
  for (let at = 0; at < calls.length; at += CHUNK) {
    for (const answer of await client.batch(calls.slice(at, at + CHUNK))) {
      if (answer.error !== undefined) throw new Error(answer.error.message)
      results.push(answer.result as T)
    }
  }
  return results
}

/** Compares every validator with what clients saw; returns up to NAMED_MAX differences. */
export async function compareAll(options: {
  readonly clients: readonly RpcClient[]
  readonly ledger: Ledger
  readonly traffic: Traffic
}): Promise<{ readonly failures: readonly string[]; readonly height: number }> {
  const { clients, ledger, traffic } = options
  const failures: string[] = []
  const heads = await Promise.all(clients.map((client) => client.call<string>('eth_blockNumber')))
  const height = Math.min(...heads.map(Number))
  const heights = Array.from({ length: height + 1 }, (_, i) => i)
  const hashes = [...ledger.receipts.keys()]
  let first: readonly BlockJson[] | undefined
  for (const [i, client] of clients.entries()) {
    const blocks = await readAll<BlockJson>(
      client,
      heights.map((n) => ({ method: 'eth_getBlockByNumber', params: [`0x${n.toString(16)}`, false] })),
    )
    first ??= blocks
    failures.push(...blockDifferences({ blocks, first, ledger, validator: i }))
    const receipts = await readAll<{ blockHash: string; status: string } | null>(
      client,
      hashes.map((hash) => ({ method: 'eth_getTransactionReceipt', params: [hash] })),
    )
    receipts.forEach((receipt, k) => {
      const seen = ledger.receipts.get(hashes[k]!)!
      if (receipt?.blockHash === seen.blockHash && receipt.status === seen.status) return
      failures.push(
        `receipt of ${hashes[k]}: seen in ${seen.blockHash} at validator ${seen.by}, ` +
          `validator ${i} has ${receipt === null ? 'none' : receipt.blockHash}`,
      )
    })
    const nonces = await readAll<string>(
      client,
      traffic.accounts.map(({ address }) => ({
        method: 'eth_getTransactionCount',
        params: [toHex(address), 'latest'],
      })),
    )
    traffic.nonces().forEach((nonce, k) => {
      if (Number(nonces[k]) === nonce) return
      failures.push(`account ${k}: validator ${i} has nonce ${Number(nonces[k])}, confirmed are ${nonce}`)
    })
  }
  return { failures: failures.slice(0, NAMED_MAX), height }
}

function blockDifferences(options: {
  blocks: readonly BlockJson[]
  first: readonly BlockJson[]
  ledger: Ledger
  validator: number
}): readonly string[] {
  const { blocks, first, ledger, validator } = options
  const failures: string[] = []
  blocks.forEach((block, n) => {
    const same = first[n]!
    if (block.hash !== same.hash || block.stateRoot !== same.stateRoot) {
      failures.push(`height ${n}: validator ${validator} has ${block.hash}, validator 0 ${same.hash}`)
    }
    if (n > 0 && block.parentHash !== blocks[n - 1]!.hash) {
      failures.push(`height ${n}: validator ${validator}'s block does not follow its block ${n - 1}`)
    }
    const seen = ledger.blocks.get(n)
    if (seen !== undefined && seen.hash !== block.hash) {
      failures.push(
        `height ${n}: seen as ${seen.hash} at validator ${seen.by}, validator ${validator} has ${block.hash}`,
      )
    }
  })
  return failures
}
