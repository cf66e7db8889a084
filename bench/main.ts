// `npm run bench`: throughput and latency of a four-validator devnet, compared with anvil in the same run.
// Owns: starting both, the report. `--url` measures any other Ethereum-style node instead (it must fund the well-known
// development accounts). Not: sending (load.ts).
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { parseWholeNumber } from '../base/integers.ts'
import { readDevnetStatus } from '../devnet/statusFile.ts'
import { developmentAccounts } from '../genesis/devKeys.ts'
import {
  awaitReceipt,
  fundAccounts,
  generousFeeCap,
  loadAccounts,
  nonceOf,
  signTransfer,
} from './accounts.ts'
import { type Lane, type LoadResult, runLoad, signLoad } from './load.ts'
import { RpcClient } from './rpcClient.ts'
import { percentile, processFigures } from './statistics.ts'

interface Settings {
  readonly accounts: number
  readonly perAccount: number
  readonly connections: number
  readonly batchSize: number
  readonly restSamples: number
  /** Warm-up transfers per account, first one by one, then in batches; not measured. */
  readonly warmUp: number
}

interface ProcessReport {
  readonly name: string
  readonly cpuSeconds: number
  readonly rssMiB: number
  readonly rssPeakMiB: number
}

interface Report {
  readonly node: string
  readonly restLatencyP50Ms: number
  readonly restLatencyP99Ms: number
  readonly loads: readonly (LoadResult & {
    readonly nodeCpuMicrosPerTransfer: number
    readonly loadCpuMicrosPerTransfer: number
  })[]
  readonly processes: readonly ProcessReport[]
}

interface Target {
  readonly name: string
  readonly urls: readonly string[]
  readonly pids: readonly { readonly name: string; readonly pid: number }[]
}

/** Coins per load account: enough for its fees at ten times the price. */
const FUNDING_BASE = 10n ** 17n
/** Its default of 30 million would cap it at 1,428 transfers per block. */
const ANVIL_GAS_LIMIT = '1000000000'
/** Resolution of the latency measured at rest. */
const REST_POLL_MS = 2

/** Submit → receipt on an otherwise idle node, one transfer at a time. */
async function measureRest(client: RpcClient, chainId: number, samples: number): Promise<number[]> {
  const from = developmentAccounts()[0]!
  const to = developmentAccounts()[1]!.address
  const maxFeePerGas = await generousFeeCap(client)
  let nonce = await nonceOf(client, from.address)
  const latencies: number[] = []
  for (let i = 0; i < samples; i++) {
    // At rest: the previous block has long been final.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const transfer = signTransfer({ from, to, nonce: nonce++, chainId, valueBase: 1n, maxFeePerGas })
    const start = performance.now()
    await client.call('eth_sendRawTransaction', [transfer.raw])
    await awaitReceipt(client, transfer.hash, { pollMs: REST_POLL_MS, timeoutMs: 10_000 })
    latencies.push(performance.now() - start)
  }
  return latencies
}

/** Funds new accounts for one run and distributes their signed transfers over the connections. */
async function fundedLanes(
  clients: readonly RpcClient[],
  label: string,
  chainId: number,
  settings: Settings,
): Promise<readonly Lane[]> {
  const accounts = loadAccounts(settings.accounts, label)
  await fundAccounts(clients[0]!, accounts, { chainId, valueBase: FUNDING_BASE })
  const lanes: Lane[] = []
  const laneCount = clients.length * settings.connections
  const perLane = Math.ceil(accounts.length / laneCount)
  for (let i = 0; i * perLane < accounts.length; i++) {
    const mine = accounts.slice(i * perLane, (i + 1) * perLane)
    const client = clients[i % clients.length]!
    const transfers = await signLoad(client, mine, { chainId, perAccount: settings.perAccount })
    lanes.push({ client, transfers })
  }
  return lanes
}

async function measure(target: Target, settings: Settings): Promise<Report> {
  const clients = target.urls.map((url) => new RpcClient(url))
  const chainId = Number(await clients[0]!.call<string>('eth_chainId'))
  const rest = await measureRest(clients[0]!, chainId, settings.restSamples)
  for (const [label, batchSize] of [
    ['warm-up', 1],
    ['batched warm-up', settings.batchSize],
  ] as const) {
    if (settings.warmUp === 0) continue
    const lanes = await fundedLanes(clients, label, chainId, { ...settings, perAccount: settings.warmUp })
    await runLoad({ observer: clients[0]!, lanes, batchSize, onCommitted: () => {} })
  }
  const loads: Report['loads'][number][] = []
  const ownCpuSeconds = (): number => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
  const cpuSeconds = (): number =>
    target.pids.reduce((sum, { pid }) => sum + (processFigures(pid)?.cpuSeconds ?? 0), 0)
  for (const [label, batchSize] of [
    ['single', 1],
    ['batch', settings.batchSize],
  ] as const) {
    const lanes = await fundedLanes(clients, label, chainId, settings)
    const before = { nodes: cpuSeconds(), own: ownCpuSeconds() }
    let after = before
    const onCommitted = (): void => {
      after = { nodes: cpuSeconds(), own: ownCpuSeconds() }
    }
    const result = await runLoad({ observer: clients[0]!, lanes, batchSize, onCommitted })
    const micros = (seconds: number): number => (seconds * 1e6) / result.committed
    loads.push({
      ...result,
      nodeCpuMicrosPerTransfer: micros(after.nodes - before.nodes),
      loadCpuMicrosPerTransfer: micros(after.own - before.own),
    })
  }
  const processes = target.pids.flatMap(({ name, pid }) => {
    const figures = processFigures(pid)
    return figures === undefined ? [] : [{ name, ...figures }]
  })
  for (const client of clients) client.close()
  return {
    node: target.name,
    restLatencyP50Ms: percentile(rest, 50),
    restLatencyP99Ms: percentile(rest, 99),
    loads,
    processes,
  }
}

/** Resolves once the child prints `text`. */
function printed(child: ChildProcess, text: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = ''
    const timer = setTimeout(
      () => reject(new Error(`no "${text}" within ${timeoutMs} ms:\n${seen}`)),
      timeoutMs,
    )
    child.stdout?.on('data', (chunk: Buffer) => {
      seen = (seen + chunk.toString('utf8')).slice(-10_000)
      if (!seen.includes(text)) return
      clearTimeout(timer)
      resolve()
    })
    child.once('exit', (code) => reject(new Error(`ended with ${code} before "${text}":\n${seen}`)))
  })
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await exit
}

async function benchDevnet(settings: Settings, blockTimeMs: number, port: number): Promise<Report> {
  const dir = mkdtempSync(join(tmpdir(), 'suanli-bench-'))
  const main = fileURLToPath(new URL('../node/main.js', import.meta.url))
  const args = ['devnet', '--data-dir', dir, '--port', String(port), '--block-time', String(blockTimeMs)]
  const child = fork(main, [...args, '--log-level', 'warn'], { silent: true })
  try {
    await printed(child, 'is final', 30_000)
    const { nodes } = readDevnetStatus(dir)
    const pids = nodes.flatMap(({ index, pid }) =>
      pid === null ? [] : [{ name: `validator-${index}`, pid }],
    )
    const urls = nodes.map((node) => node.rpcUrl)
    return await measure({ name: `suanli devnet, ${nodes.length} validators`, urls, pids }, settings)
  } finally {
    await ended(child, 'SIGINT')
    rmSync(dir, { recursive: true, force: true })
  }
}

async function benchAnvil(settings: Settings, port: number): Promise<Report> {
  const anvil = fileURLToPath(new URL('../../node_modules/.bin/anvil', import.meta.url))
  const child = spawn(anvil, ['--port', String(port), '--block-time', '1', '--gas-limit', ANVIL_GAS_LIMIT], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    await printed(child, 'Listening on', 30_000)
    const pids = child.pid === undefined ? [] : [{ name: 'anvil', pid: child.pid }]
    const target = { name: 'anvil, 1 s blocks', urls: [`http://127.0.0.1:${port}`], pids }
    return await measure(target, { ...settings, restSamples: Math.min(settings.restSamples, 5) })
  } finally {
    await ended(child, 'SIGTERM')
  }
}

const ms = (value: number): string => `${value.toFixed(1)} ms`

function text(report: Report): string {
  const lines = [report.node]
  lines.push(
    `  at rest       submit → receipt p50 ${ms(report.restLatencyP50Ms)}, p99 ${ms(report.restLatencyP99Ms)}`,
  )
  for (const load of report.loads) {
    const refused = load.refused === 0 ? '' : `, refused ${load.refused} (${load.refusedBecause})`
    lines.push(
      `  ${load.mode.padEnd(13)} ${load.committedPerSecond.toFixed(0)} committed/s ` +
        `(${load.committed} of ${load.sent} in ${load.seconds.toFixed(1)} s, sent in ${load.sendingSeconds.toFixed(1)} s${refused}), ` +
        `latency p50 ${ms(load.latencyP50Ms)}, p99 ${ms(load.latencyP99Ms)}, ` +
        `CPU a transfer: node ${load.nodeCpuMicrosPerTransfer.toFixed(0)} µs, load ${load.loadCpuMicrosPerTransfer.toFixed(0)} µs`,
    )
  }
  for (const process of report.processes) {
    lines.push(
      `  ${process.name.padEnd(13)} CPU ${process.cpuSeconds.toFixed(1)} s, ` +
        `memory ${process.rssMiB.toFixed(0)} MiB, highest ${process.rssPeakMiB.toFixed(0)} MiB`,
    )
  }
  return lines.join('\n')
}

async function main(): Promise<void> {
  const number = (value: string): number => {
    const parsed = parseWholeNumber(value)
    if (parsed === undefined) throw new Error(`expected a whole number, got ${value}`)
    return parsed
  }
  const program = new Command('bench')
    .description('committed transfers per second and submit→final latency; only receipts with status 1 count')
    .option('--url <url...>', 'measure these endpoints instead of starting a devnet and anvil')
    .option('--accounts <n>', 'sending accounts', number, 400)
    .option('--per-account <n>', 'transfers per account, at most 64', number, 50)
    .option('--connections <n>', 'requests in flight per endpoint', number, 24)
    .option('--batch-size <n>', 'transactions per JSON-RPC batch', number, 50)
    .option('--rest-samples <n>', 'transfers sent one at a time for the latency at rest', number, 30)
    .option(
      '--warm-up <n>',
      'warm-up transfers per account, first one by one, then in batches; JIT compilers need some seconds',
      number,
      20,
    )
    .option('--block-time <ms>', 'shortest time between blocks of the devnet', number, 50)
    .option('--port <port>', 'first port to use', number, 28_545)
    .option('--no-anvil', 'skip the comparison')
    .option('--json <file>', 'also write the report as JSON')
  const options = program.parse().opts()
  const settings: Settings = {
    accounts: options.accounts,
    perAccount: Math.min(64, options.perAccount),
    connections: options.connections,
    batchSize: options.batchSize,
    restSamples: options.restSamples,
    warmUp: Math.min(64, options.warmUp),
  }
  const reports: Report[] = []
  if (options.url !== undefined) {
    const urls = options.url as readonly string[]
    reports.push(await measure({ name: urls.join(', '), urls, pids: [] }, settings))
  } else {
    reports.push(await benchDevnet(settings, options.blockTime, options.port))
    if (options.anvil) reports.push(await benchAnvil(settings, options.port + 100))
  }
  const machine = { cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version }
  console.log(
    `${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}; the load runs on the same cores`,
  )
  for (const report of reports) console.log(text(report))
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ machine, settings, reports }, null, 2)}\n`)
}

await main()
