// `npm run bench:growth`: what a block, a transfer and a new account add to a node's disk for good. Owns: the loads and the table.
//
// A devnet of one validator in this process; more would write the same blocks with a longer bitmap of signers. Each figure is the
// growth of `chain/`, compacted while the node is down, between two points at which the history of past states is full and
// holds empty blocks alone.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { Command } from 'commander'
import { concatBytes, fromHex, toHex, u64be, utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Address } from '../base/ids.ts'
import { wholeNumber } from '../cli/common.ts'
import { createDevnet, type Devnet } from '../devnet/devnet.ts'
import { DEFAULT_CONFIG } from '../node/config.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { signTransaction } from '../state/transaction.ts'

/** Transfers that wait in the pool at once. */
const BATCH = 500
const WINDOW_MS = 3_600_000

const options = new Command('bench:growth')
  .option('--blocks <n>', 'empty blocks', wholeNumber(100, 100_000), 1_000)
  .option('--transfers <n>', 'transfers of each kind', wholeNumber(1_000, 1_000_000), 10_000)
  .parse()
  .opts<{ blocks: number; transfers: number }>()

function bytesOf(path: string): number {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

/** Merges what the database holds into tables, as it does by itself in the course of time. */
async function compact(path: string): Promise<void> {
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (entry.name !== 'CURRENT') continue
    const database = new ClassicLevel<Buffer, Buffer>(entry.parentPath, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    })
    await database.open()
    await database.compactRange(Buffer.alloc(0), Buffer.alloc(64, 0xff))
    await database.close()
  }
}

interface Point {
  readonly height: number
  readonly chainBytes: number
  readonly otherBytes: Readonly<Record<string, number>>
}

class Growth {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'suanli-growth-'))
  #nonces: number[] = []

  /** Runs a load on the chain, then empty blocks until no past state of it is kept, and measures. */
  async measure(load: (devnet: Devnet) => Promise<void>): Promise<Point> {
    const devnet = await createDevnet({
      ...{ validators: 1, dataDir: this.dataDir, windowMs: WINDOW_MS, isInProcess: true, logLevel: 'error' },
    })
    await load(devnet)
    await devnet.mine({ count: DEFAULT_CONFIG.historyHeights + 1 })
    const height = Number(await request<string>(devnet, 'eth_blockNumber', []))
    const { dir } = devnet.validators[0]!
    await devnet.close()
    const paths = nodePaths(dir)
    await compact(paths.chain)
    const others = (['journal', 'signer', 'snapshots'] as const).map((name) => [name, bytesOf(paths[name])])
    return { height, chainBytes: bytesOf(paths.chain), otherBytes: Object.fromEntries(others) }
  }

  /** Sends transfers from the development accounts in turn; resolves once all are final. */
  async transfers(devnet: Devnet, to: (i: number) => Address): Promise<void> {
    const secrets = devnet.accounts.map(({ privateKey }) => fromHex(privateKey.slice(2)))
    this.#nonces = this.#nonces.length > 0 ? this.#nonces : secrets.map(() => 0)
    for (let sent = 0; sent < options.transfers; sent += BATCH) {
      const raws = Array.from({ length: Math.min(BATCH, options.transfers - sent) }, (_, i) => {
        const from = (sent + i) % secrets.length
        return toHex(
          signTransaction(
            {
              ...{
                type: 2 as const,
                chainId: devnet.chainId,
                nonce: this.#nonces[from]!++,
                gasLimit: 21_000,
              },
              ...{ maxPriorityFeePerGas: 1n, maxFeePerGas: 100_000_000_000n, valueBase: 1n },
              ...{ to: to(sent + i), data: new Uint8Array(0), accessList: [] },
            },
            secrets[from]!,
          ),
        )
      })
      await Promise.all(raws.slice(0, -1).map((raw) => request(devnet, 'eth_sendRawTransaction', [raw])))
      await request(devnet, 'eth_sendRawTransactionSync', [raws.at(-1)!, 60_000])
    }
  }
}

async function request<T>(devnet: Devnet, method: string, params: readonly unknown[]): Promise<T> {
  const response = await fetch(devnet.rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const { result, error } = (await response.json()) as { result?: T; error?: { message: string } }
  if (error !== undefined) throw new Error(`${method}: ${error.message}`)
  return result as T
}

const newAccount = (i: number): Address => sha256(concatBytes(utf8('growth bench'), u64be(i))).slice(0, 20)

const growth = new Growth()
try {
  const first = await growth.measure(async () => {})
  const empty = await growth.measure((devnet) => devnet.mine({ count: options.blocks }))
  const paid = await growth.measure((devnet) =>
    growth.transfers(devnet, (i) => fromHex(devnet.accounts[i % 7]!.address.slice(2)) as Address),
  )
  const opened = await growth.measure((devnet) => growth.transfers(devnet, newAccount))
  const perBlock = (empty.chainBytes - first.chainBytes) / (empty.height - first.height)
  const per = (from: Point, to: Point): number =>
    (to.chainBytes - from.chainBytes - perBlock * (to.height - from.height)) / options.transfers
  const other = Object.entries(opened.otherBytes).map(
    ([name, bytes]) => `${name} ${(bytes / 1e6).toFixed(1)} MB`,
  )
  console.log('| | bytes |\n|---|---|')
  console.log(`| a block without transactions | ${perBlock.toFixed(0)} |`)
  console.log(`| a transfer, with its receipt and index | ${per(empty, paid).toFixed(0)} |`)
  console.log(`| a transfer to a new account | ${per(paid, opened).toFixed(0)} |`)
  console.log(
    `\n${opened.height} blocks, ${2 * options.transfers} transfers. Beside chain/: ${other.join(', ')}`,
  )
} finally {
  rmSync(growth.dataDir, { recursive: true, force: true })
}
