// `npm run bench:index`: what the index of accounts costs a block and the disk. Owns: made-up blocks of transfers between
// many accounts, and the table. Not: the chain's own cost of a block (bench/storeBench.ts).
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { concatBytes, u64be, utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Address } from '../base/ids.ts'
import { wholeNumber } from '../cli/common.ts'
import { touchedBy } from '../node/accountIndexer.ts'
import type { FinalizedBlock } from '../rpc/backend.ts'
import { signTransaction } from '../state/transaction.ts'
import { TRANSFER_EMITTER, transferLog } from '../state/transferLog.ts'
import { AccountIndex } from '../storage/accountIndex.ts'

const CHAIN_ID = 1
/** Signing is not what is measured: blocks take turns with these envelopes. */
const ENVELOPES = 256

const addressOf = (n: number): Address => sha256(concatBytes(utf8('index bench'), u64be(n))).slice(0, 20)

/** Blocks of transfers from and to accounts that follow no order. */
class Blocks {
  readonly #accounts: number
  readonly #raws: readonly { readonly raw: Uint8Array; readonly to: Address }[]
  #next = 0

  constructor(accounts: number) {
    this.#accounts = accounts
    const secretKey = sha256(utf8('index bench'))
    this.#raws = Array.from({ length: ENVELOPES }, () => {
      const to = this.#account()
      const raw = signTransaction(
        {
          type: 2,
          chainId: CHAIN_ID,
          nonce: 0,
          maxPriorityFeePerGas: 1n,
          maxFeePerGas: 10n,
          gasLimit: 21_000,
          to,
          valueBase: 1n,
          data: new Uint8Array(0),
          accessList: [],
        },
        secretKey,
      )
      return { raw, to }
    })
  }

  #account(): Address {
    this.#next = (this.#next * 1_103_515_245 + 12_345) % 2_147_483_648
    return addressOf(this.#next % this.#accounts)
  }

  at(height: number, transfers: number): FinalizedBlock {
    const given = Array.from({ length: transfers }, (_, i) => {
      const { raw, to } = this.#raws[(height + i) % ENVELOPES]!
      return { raw, to, sender: this.#account() }
    })
    const block = {
      header: { height },
      hash: sha256(u64be(height)),
      transactions: given.map(({ raw, sender }) => ({ raw, sender })),
      receipts: given.map(({ sender: from, to }) => ({
        logs: [transferLog({ emitter: TRANSFER_EMITTER, from, to, amountBase: 1n })],
      })),
      systemLogs: [],
    }
    return block as unknown as FinalizedBlock
  }
}

function sizeOf(dir: string): number {
  return readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)
}

async function main(): Promise<void> {
  const count = (flags: string, text: string, value: number): Option =>
    new Option(flags, text).default(value).argParser(wholeNumber(1, 10_000_000))
  const options = new Command('bench:index')
    .description('cost of the index of accounts')
    .addOption(count('--blocks <n>', 'blocks', 500))
    .addOption(count('--transfers <n>', 'transfers in each', 1_000))
    .addOption(count('--accounts <n>', 'accounts', 100_000))
    .parse()
    .opts<{ blocks: number; transfers: number; accounts: number }>()
  const { blocks, transfers, accounts } = options
  const dir = mkdtempSync(join(tmpdir(), 'suanli-index-bench-'))
  try {
    const path = join(dir, 'accounts')
    const index = await AccountIndex.open(path)
    const made = new Blocks(accounts)
    let [lookMs, writeUs] = [0, 0]
    for (let height = 1; height <= blocks; height++) {
      const block = made.at(height, transfers)
      const beganMs = performance.now()
      const before = process.cpuUsage()
      const indexed = await touchedBy(block, CHAIN_ID)
      lookMs += performance.now() - beganMs
      await index.add([indexed])
      const { user, system } = process.cpuUsage(before)
      writeUs += user + system
    }
    await index.close()
    const again = await AccountIndex.open(path)
    const beganMs = performance.now()
    const questions = 1_000
    for (let i = 0; i < questions; i++) {
      const before = { height: blocks + 1, index: 0 }
      await again.places({ address: addressOf(i), before, fromHeight: 1, countMax: 25 })
    }
    const askMs = (performance.now() - beganMs) / questions
    await again.close()
    const bytes = sizeOf(path)
    process.stdout.write(
      [
        `${blocks} blocks of ${transfers} transfers among ${accounts} accounts`,
        `CPU of all threads: ${(writeUs / 1_000 / blocks).toFixed(2)} ms a block, ${(lookMs / blocks).toFixed(2)} ms of it (elapsed) to see whom it touches`,
        `disk: ${(bytes / blocks / transfers).toFixed(1)} bytes a transfer (${(bytes / 1024 / 1024).toFixed(1)} MiB)`,
        `a page of 25 places: ${askMs.toFixed(3)} ms`,
        '',
      ].join('\n'),
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

await main()
