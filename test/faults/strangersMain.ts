// `npm run test:strangers`: strangers of every kind against a devnet of four validator processes, and what users and members
// notice. Owns: options, load, measuring, the table. Not: the attacks (strangers.ts).
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { toHex } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import {
  fundAccounts,
  generousFeeCap,
  type LoadAccount,
  loadAccounts,
  signTransfer,
} from '../../bench/accounts.ts'
import { RpcClient } from '../../bench/rpcClient.ts'
import { percentile, processFigures } from '../../bench/statistics.ts'
import { wholeNumber } from '../../cli/common.ts'
import { Network, type ValidatorProcess, within } from '../support/processNetwork.ts'
import { HOSTILE_ACCOUNT, HOSTILE_BALANCE_BASE } from './strangerRequests.ts'
import { STRANGERS } from './strangers.ts'

const ATTACKER = fileURLToPath(new URL('./strangers.js', import.meta.url))
const VALIDATORS = 4
/** A transfer and a read are sent this often, each to the next validator. */
const EVERY_MS = 200
const WARM_UP_MS = 3_000
const UP_LIMIT_MS = 120_000
const MEMBER_LIMIT_MS = 20_000
const TRANSFER_LIMIT_MS = 60_000

interface Options {
  readonly seconds: number
  readonly connections: number
  readonly only?: readonly string[]
  readonly targets: number
  readonly json?: string
}

interface Figures {
  readonly kind: string
  readonly transferP50Ms: number
  readonly transferP99Ms: number
  readonly readP50Ms: number
  readonly readMaxMs: number
  /** Of the validators that are attacked, milliseconds of CPU a second each. */
  readonly cpuMsPerSecond: number
  readonly memoryMiB: number
  /** How long a member that nobody dials needs to be connected with the others. */
  readonly memberMs: number
}

const whole = wholeNumber(0, 999_999)
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

class Load {
  readonly #clients: readonly RpcClient[]
  readonly #account: LoadAccount
  readonly chainId: number
  readonly #maxFeePerGas: bigint
  #nonce = 0

  private constructor(clients: readonly RpcClient[], account: LoadAccount, chainId: number, fee: bigint) {
    this.#clients = clients
    this.#account = account
    this.chainId = chainId
    this.#maxFeePerGas = fee
  }

  static async begin(clients: readonly RpcClient[]): Promise<Load> {
    const [account] = loadAccounts(1, 'strangers')
    const chainId = Number(await clients[0]!.call<string>('eth_chainId'))
    await fundAccounts(clients[0]!, [account!], { chainId, valueBase: 10n ** 18n })
    await fundAccounts(clients[0]!, [HOSTILE_ACCOUNT], { chainId, valueBase: HOSTILE_BALANCE_BASE })
    return new Load(clients, account!, chainId, await generousFeeCap(clients[0]!))
  }

  /** One transfer after another, and reads beside them, for this long. */
  async measure(forMs: number): Promise<{ readonly transfers: number[]; readonly reads: number[] }> {
    const endsMs = performance.now() + forMs
    const [transfers, reads] = await Promise.all([
      this.#repeat(endsMs, (client) => this.#transfer(client)),
      this.#repeat(endsMs, async (client) => void (await client.call('eth_blockNumber'))),
    ])
    return { transfers, reads }
  }

  async #repeat(endsMs: number, once: (client: RpcClient) => Promise<void>): Promise<number[]> {
    const took: number[] = []
    for (let i = 0; performance.now() < endsMs; i++) {
      const startedMs = performance.now()
      await once(this.#clients[i % this.#clients.length]!)
      const ms = performance.now() - startedMs
      took.push(ms)
      await after(Math.max(0, EVERY_MS - ms))
    }
    return took
  }

  async #transfer(client: RpcClient): Promise<void> {
    const { raw } = signTransfer({
      from: this.#account,
      to: this.#account.address,
      nonce: this.#nonce++,
      chainId: this.chainId,
      valueBase: 1n,
      maxFeePerGas: this.#maxFeePerGas,
    })
    await within(client.call('eth_sendRawTransactionSync', [raw, 30_000]), TRANSFER_LIMIT_MS, 'a transfer')
  }
}

function cpuMs(nodes: readonly ValidatorProcess[]): number {
  return nodes.reduce(
    (sum, { pid }) => sum + (pid === undefined ? 0 : 1_000 * (processFigures(pid)?.cpuSeconds ?? 0)),
    0,
  )
}

interface Parts {
  readonly options: Options
  readonly network: Network
  readonly load: Load
  readonly clients: readonly RpcClient[]
}

class Attack {
  readonly #child: ChildProcess

  constructor(kind: string, { options, network, load }: Parts) {
    const addresses = network.nodes
      .slice(0, options.targets)
      .map(({ member: { p2pPort, peerId } }) => `/ip4/127.0.0.1/tcp/${p2pPort}/p2p/${peerId}`)
    const { genesisHash } = network
    const args = [kind, String(options.connections), toHex(genesisHash), String(load.chainId), ...addresses]
    this.#child = fork(ATTACKER, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  }

  /** Resolves when every stranger has begun. */
  async up(): Promise<void> {
    await within(new Promise((resolve) => this.#child.once('message', resolve)), UP_LIMIT_MS, 'strangers')
  }

  async end(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }
}

/** Restarts the last validator at an address that it tells nobody: the others must let it in. */
async function memberEnters(network: Network, clients: readonly RpcClient[]): Promise<number> {
  const node = network.nodes.at(-1)!
  await node.terminate()
  node.configure({ p2pListen: ['/ip4/127.0.0.1/tcp/0'], p2pAnnounce: ['/ip4/127.0.0.1/tcp/9'] })
  await node.start()
  const startedMs = performance.now()
  const own = clients.at(-1)!
  for (;;) {
    const { peerCount } = await own.call<{ peerCount: number }>('node_health')
    if (peerCount >= VALIDATORS - 1) return performance.now() - startedMs
    if (performance.now() - startedMs > MEMBER_LIMIT_MS)
      throw new Error(`a member has ${peerCount} peers ${MEMBER_LIMIT_MS} ms after its start`)
    await after(20)
  }
}

async function measure(kind: string, parts: Parts): Promise<Figures> {
  const { options, network, load, clients } = parts
  const attack = kind === 'none' ? undefined : new Attack(kind, parts)
  try {
    await (attack?.up() ?? after(WARM_UP_MS))
    const attacked = network.nodes.slice(0, options.targets)
    const [startedMs, cpuBefore] = [performance.now(), cpuMs(attacked)]
    const { transfers, reads } = await load.measure(options.seconds * 1_000)
    const seconds = (performance.now() - startedMs) / 1_000
    const used = (cpuMs(attacked) - cpuBefore) / seconds / attacked.length
    const memory = attacked.map(({ pid }) => (pid === undefined ? 0 : (processFigures(pid)?.rssMiB ?? 0)))
    return {
      kind,
      transferP50Ms: Math.round(percentile(transfers, 50)),
      transferP99Ms: Math.round(percentile(transfers, 99)),
      readP50Ms: Math.round(percentile(reads, 50) * 10) / 10,
      readMaxMs: Math.round(Math.max(...reads)),
      cpuMsPerSecond: Math.round(used),
      memoryMiB: Math.round(Math.max(...memory)),
      memberMs: Math.round(await memberEnters(network, clients)),
    }
  } finally {
    await attack?.end()
  }
}

function line(f: Figures, quiet: Figures): string {
  const ratio = (f.transferP50Ms / quiet.transferP50Ms).toFixed(2)
  return `| ${f.kind} | ${f.transferP50Ms} / ${f.transferP99Ms} ms | ${ratio} | ${f.readP50Ms} / ${f.readMaxMs} ms | ${f.cpuMsPerSecond} ms | ${f.memoryMiB} MiB | ${(f.memberMs / 1_000).toFixed(1)} s |`
}

async function run(options: Options): Promise<number> {
  const dataDir = mkdtempSync(join(tmpdir(), 'suanli-strangers-'))
  const network = await Network.prepare({ validators: VALIDATORS, dataDir, blockTimeMs: 250 })
  const clients = network.nodes.map(({ url }) => new RpcClient(url))
  let hasHeld = false
  try {
    await network.startAll()
    const load = await Load.begin(clients)
    const parts = { options, network, load, clients }
    await load.measure(WARM_UP_MS)
    print(
      '| strangers | transfers, p50 / p99 | × quiet | reads, p50 / max | CPU a second | memory | a member is in after |',
    )
    print('|---|---|---|---|---|---|---|')
    const all: Figures[] = []
    const chosen = STRANGERS.filter(({ name }) => options.only?.includes(name) ?? true)
    for (const { name } of [{ name: 'none' }, ...chosen, { name: 'none' }]) {
      const figures = await measure(name, parts)
      all.push(figures)
      print(line(figures, all[0]!))
      if (network.failures.length > 0) throw new Error(network.failures.join('; '))
    }
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(all, null, 2)}\n`)
    hasHeld = true
    return 0
  } catch (error) {
    process.stderr.write(`${errorText(error)}\ndata and logs are in ${dataDir}\n`)
    return 1
  } finally {
    await network.killAll()
    if (hasHeld) rmSync(dataDir, { recursive: true, force: true })
  }
}

const program = new Command('test:strangers')
  .description('lets strangers of every kind at the ports of a devnet, and measures what its users notice')
  .option('--seconds <count>', 'of measuring each kind', whole, 12)
  .option('--connections <count>', 'strangers at once', whole, 64)
  .option('--targets <count>', 'validators that are attacked, 1 to 4', wholeNumber(1, VALIDATORS), 1)
  .addOption(new Option('--only <name...>', 'only these').choices(STRANGERS.map(({ name }) => name)))
  .option('--json <file>', 'write the figures here')
  .addHelpText(
    'after',
    `\nStrangers:\n${STRANGERS.map(({ name, what }) => `  ${name.padEnd(14)}${what}`).join('\n')}`,
  )
program.parse()
process.exit(await run(program.opts<Options>()))
