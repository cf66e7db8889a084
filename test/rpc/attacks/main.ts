// `npm run test:rpc-attacks`: hostile clients against the JSON-RPC port of one of four validator processes, and what an
// honest client notices. Owns: options, the honest client, limits, the table. Not: the attacks (attacks.ts).
import { type ChildProcess, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { toHex } from '../../../base/bytes.ts'
import { errorText } from '../../../base/errors.ts'
import { fundAccounts, type LoadAccount, loadAccounts } from '../../../bench/accounts.ts'
import { signLoad } from '../../../bench/load.ts'
import { RpcClient } from '../../../bench/rpcClient.ts'
import { percentile, processFigures } from '../../../bench/statistics.ts'
import { wholeNumber } from '../../../cli/common.ts'
import { developmentAccounts } from '../../../genesis/devKeys.ts'
import { startDevnet } from '../../support/devnetHarness.ts'
import { Payer } from '../../support/payer.ts'
import { ATTACKS } from './attacks.ts'

const ATTACKER = fileURLToPath(new URL('./attacks.js', import.meta.url))
const ATTACKER_ADDRESS = '127.0.0.2'
const ATTACKER_NICE = 10
const READ_EVERY_MS = 20
const TRANSFER_EVERY_MS = 200
const MEMORY_EVERY_MS = 100
const RECOVERY_MS = 2_000
const FILL_ACCOUNTS = 350
const FILL_PER_ACCOUNT = 8

const LIMITS = { readP99Ms: 100, transferP99Ms: 1_000, memoryMiB: 400 } as const

interface Figures {
  readonly attack: string
  readonly reads: number
  readonly failed: number
  readonly readP50Ms: number
  readonly readP99Ms: number
  readonly transferP50Ms: number
  readonly transferP99Ms: number
  readonly memoryMiB: number
  /** CPU of the attacked node, milliseconds a second. */
  readonly cpuMsPerSecond: number
  /** CPU of the attacker, which shares the cores. */
  readonly attackerMsPerSecond: number
  /** The slowest of the reads that begin two seconds after the end. */
  readonly afterMs: number
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Reads and sends transfers through the attacked node, as many as an eager wallet would. */
class HonestClient {
  readonly #client: RpcClient
  readonly #account: LoadAccount
  readonly #payer: Payer
  readonly reads: number[] = []
  readonly transfers: number[] = []
  failed = 0
  /** Why the last one failed. */
  failure: string | undefined
  #isOpen = true

  private constructor(client: RpcClient, account: LoadAccount, payer: Payer) {
    this.#client = client
    this.#account = account
    this.#payer = payer
  }

  static async create(client: RpcClient, account: LoadAccount): Promise<HonestClient> {
    return new HonestClient(client, account, await Payer.create(client, account))
  }

  async run(): Promise<void> {
    const reading = this.#repeat(READ_EVERY_MS, async () => void (await this.read()))
    const sending = this.#repeat(TRANSFER_EVERY_MS, () => this.#transfer())
    await Promise.all([reading, sending])
  }

  stop(): void {
    this.#isOpen = false
  }

  /** Starts the work at its time, however long the one before takes. */
  async #repeat(everyMs: number, work: () => Promise<void>): Promise<void> {
    const running = new Set<Promise<void>>()
    while (this.#isOpen) {
      const one = work()
        .catch((error: unknown) => {
          this.failed++
          this.failure = errorText(error)
        })
        .finally(() => running.delete(one))
      running.add(one)
      await after(everyMs)
    }
    await Promise.all(running)
  }

  async read(): Promise<number> {
    const beganMs = performance.now()
    await this.#client.call('eth_getBalance', [toHex(this.#account.address), 'latest'])
    const tookMs = performance.now() - beganMs
    this.reads.push(tookMs)
    return tookMs
  }

  async #transfer(): Promise<void> {
    this.transfers.push(await this.#payer.pay())
  }
}

/** Makes a block with many transactions; returns its number. */
async function fillBlock(client: RpcClient, chainId: number): Promise<string> {
  const accounts = loadAccounts(FILL_ACCOUNTS, 'rpc attacks')
  await fundAccounts(client, accounts, { chainId, valueBase: 10n ** 17n })
  const transfers = await signLoad(client, accounts, { chainId, perAccount: FILL_PER_ACCOUNT })
  const calls = transfers.map(({ raw }) => ({ method: 'eth_sendRawTransaction', params: [raw] }))
  for (let i = 0; i < calls.length; i += 200) await client.batch(calls.slice(i, i + 200))
  const head = Number(await client.call<string>('eth_blockNumber'))
  let full = { number: '0x1', gas: 0 }
  for (let height = Math.max(1, head - 20); height < head + 20; height++) {
    const number = `0x${height.toString(16)}`
    let block = await client.call<{ gasUsed: string } | null>('eth_getBlockByNumber', [number, false])
    for (let tries = 0; block === null && tries < 20; tries++) {
      await after(50)
      block = await client.call<{ gasUsed: string } | null>('eth_getBlockByNumber', [number, false])
    }
    if (block === null) break
    if (Number(block.gasUsed) > full.gas) full = { number, gas: Number(block.gasUsed) }
  }
  print(`The fullest block is ${Number(full.number)}, with ${Math.round(full.gas / 21_000)} transfers`)
  return full.number
}

/** Ends an attacker, which must not have ended by itself. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`the attacker ended with ${child.exitCode}`)
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exit
}

async function measure(
  attack: string,
  options: { honest: HonestClient; pid: number; seconds: number; target: object },
): Promise<Figures> {
  const { honest, pid, seconds, target } = options
  const figures = () => processFigures(pid)!
  const cpuBefore = figures().cpuSeconds
  let memoryMiB = 0
  const sampling = setInterval(() => {
    memoryMiB = Math.max(memoryMiB, figures().rssMiB)
  }, MEMORY_EVERY_MS)
  const child = attack === 'none' ? undefined : fork(ATTACKER, [attack, JSON.stringify(target)])
  // Elsewhere in the world, it would not take the node's own cores.
  if (child !== undefined) setPriority(child.pid!, ATTACKER_NICE)
  const running = honest.run()
  await after(seconds * 1_000)
  const cpuMsPerSecond = ((figures().cpuSeconds - cpuBefore) * 1_000) / seconds
  const attackerSeconds = child === undefined ? 0 : processFigures(child.pid!)!.cpuSeconds
  if (child !== undefined) await ended(child)
  honest.stop()
  await running
  const { reads, transfers, failed, failure } = honest
  if (failure !== undefined) print(`${attack}: ${failure}`)
  const noticed = [
    percentile(reads, 50),
    percentile(reads, 99),
    percentile(transfers, 50),
    percentile(transfers, 99),
  ]
  const count = reads.length
  await after(RECOVERY_MS)
  let afterMs = 0
  for (let i = 0; i < 50; i++) afterMs = Math.max(afterMs, await honest.read())
  clearInterval(sampling)
  return {
    attack,
    reads: count,
    failed,
    readP50Ms: noticed[0]!,
    readP99Ms: noticed[1]!,
    transferP50Ms: noticed[2]!,
    transferP99Ms: noticed[3]!,
    memoryMiB,
    cpuMsPerSecond,
    attackerMsPerSecond: (attackerSeconds * 1_000) / seconds,
    afterMs,
  }
}

function row(figures: Figures): string {
  const { attack, reads, failed, readP50Ms, readP99Ms, transferP50Ms, transferP99Ms } = figures
  const ms = (value: number): string => value.toFixed(value < 10 ? 1 : 0)
  return [
    `| ${attack}`,
    `${ms(readP50Ms)} / ${ms(readP99Ms)}`,
    `${ms(transferP50Ms)} / ${ms(transferP99Ms)}`,
    `${failed} of ${reads}`,
    `${figures.memoryMiB.toFixed(0)}`,
    `${figures.cpuMsPerSecond.toFixed(0)} / ${figures.attackerMsPerSecond.toFixed(0)}`,
    `${ms(figures.afterMs)} |`,
  ].join(' | ')
}

function isGood(figures: Figures): boolean {
  return (
    figures.failed === 0 &&
    figures.readP99Ms < LIMITS.readP99Ms &&
    figures.transferP99Ms < LIMITS.transferP99Ms &&
    figures.memoryMiB < LIMITS.memoryMiB &&
    figures.afterMs < LIMITS.readP99Ms
  )
}

async function main(): Promise<void> {
  const names = ['none', ...Object.keys(ATTACKS)]
  const program = new Command('test:rpc-attacks')
    .description('an honest client beside hostile ones, on the JSON-RPC port of one validator')
    .addOption(
      new Option('--seconds <n>', 'duration of each attack').default(30).argParser(wholeNumber(1, 3_600)),
    )
    .addOption(new Option('--only <attack...>', 'these attacks').choices(names))
    .option('--json <file>', 'also write the figures as JSON')
  const options = program.parse().opts<{ seconds: number; only?: readonly string[]; json?: string }>()
  const devnet = await startDevnet({ args: ['--log-level', 'warn'] })
  const all: Figures[] = []
  try {
    const url = devnet.rpcUrls[0]!
    const client = new RpcClient(url)
    const chainId = Number(await client.call<string>('eth_chainId'))
    const fullBlock = await fillBlock(client, chainId)
    const busyAccount = toHex(developmentAccounts()[0]!.address)
    const account = loadAccounts(1, 'honest')[0]!
    await fundAccounts(client, [account], { chainId, valueBase: 10n ** 18n })
    print(
      '| attack | read p50 / p99, ms | transfer p50 / p99, ms | failed | memory, MiB | CPU node / attacker, ms/s | 2 s after, ms |',
    )
    print('|---|---|---|---|---|---|---|')
    for (const attack of options.only ?? names) {
      const own = new RpcClient(url)
      const honest = await HonestClient.create(own, account)
      const target = { url, from: ATTACKER_ADDRESS, fullBlock, busyAccount }
      const figures = await measure(attack, {
        honest,
        pid: devnet.pids[0]!,
        seconds: options.seconds,
        target,
      })
      own.close()
      all.push(figures)
      print(row(figures))
    }
    client.close()
  } finally {
    await devnet.stop()
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(all, null, 2)}\n`)
  const bad = all.filter((figures) => !isGood(figures)).map(({ attack }) => attack)
  if (bad.length === 0) return
  print(`Over a limit (${JSON.stringify(LIMITS)}): ${bad.join(', ')}`)
  process.exitCode = 1
}

await main()
