// `npm run bench:sync`: times block sync and state sync of a new node; real node processes serve a prepared chain.
// Owns: processes, measuring, the report. Not: making the chain (makeChain.ts).
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { wholeNumber } from '../cli/common.ts'
import { DEVELOPMENT_PASSWORD, planDevnet } from '../devnet/directories.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import { loadConfig, type NodeConfig, saveConfig } from '../node/config.ts'
import { genesisFile, parseGenesis, writeNodeDir } from '../node/nodeDir.ts'
import { createKeys } from '../node/nodeKeys.ts'
import { nodePaths } from '../node/nodePaths.ts'
import { RpcClient } from './rpcClient.ts'
import { processFigures } from './statistics.ts'

const MODES = ['block', 'state'] as const
type Mode = (typeof MODES)[number]

interface Member {
  readonly name: string
  readonly dir: string
  readonly rpcPort: number
  readonly child: ChildProcess
}

interface SyncReport {
  readonly mode: Mode
  readonly blocks: number
  readonly transactions: number
  /** From process start until the new node reaches the servers' tip at that moment. */
  readonly seconds: number
  readonly blocksPerSecond: number
  readonly transactionsPerSecond: number
  /** Lowest height whose block the new node holds. */
  readonly firstBlock: number
  readonly cpuSeconds: number
  readonly rssPeakMiB: number
}

const POLL_MS = 100
const UP_MS = 120_000

function start(dir: string, name: string, config: NodeConfig, extra: readonly string[] = []): Member {
  saveConfig(dir, config)
  const main = join(import.meta.dirname, '../node/main.js')
  const log = openSync(join(dir, 'node.log'), 'w')
  const args = [main, 'start', '-d', dir, '--name', name, ...extra]
  const env = { ...process.env, SUANLI_PASSWORD: DEVELOPMENT_PASSWORD }
  const child = spawn(process.execPath, args, { stdio: ['ignore', log, log], env })
  return { name, dir, rpcPort: config.rpcPort, child }
}

async function stop({ child }: Member): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  await ended
}

async function heightOf(member: Member): Promise<number | undefined> {
  if (member.child.exitCode !== null) throw new Error(`${member.name} ended: see ${member.dir}/node.log`)
  const client = new RpcClient(`http://127.0.0.1:${member.rpcPort}`)
  try {
    return Number(await client.call<string>('eth_blockNumber', []))
  } catch {
    // Not listening yet.
    return undefined
  } finally {
    client.close()
  }
}

function hasSnapshot(dir: string): boolean {
  const folder = nodePaths(dir).snapshots
  return existsSync(folder) && readdirSync(folder).some((name) => /^\d+$/.test(name))
}

async function until(what: string, limitMs: number, isDone: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + limitMs
  while (!(await isDone())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${limitMs / 1000} s: ${what}`)
    await new Promise((done) => setTimeout(done, POLL_MS))
  }
}

export interface SyncBenchOptions {
  readonly dir: string
  readonly port: number
  readonly servers: number
  readonly modes: readonly Mode[]
  readonly limitSeconds: number
  readonly print: (line: string) => void
}

/** Starts the servers on the prepared chain; a new node joins once per mode. */
export async function runSyncBench(options: SyncBenchOptions): Promise<readonly SyncReport[]> {
  const { dir, port, servers, print } = options
  const plan = planDevnet({ validators: servers, port, dataDir: dir })
  const addresses = plan.map(({ p2pPort, peerId }) => `/ip4/127.0.0.1/tcp/${p2pPort}/p2p/${peerId}`)
  const members: Member[] = []
  try {
    for (const { index, dir: own, rpcPort, p2pPort } of plan) {
      const config: NodeConfig = {
        ...loadConfig(own),
        p2pListen: [`/ip4/127.0.0.1/tcp/${p2pPort}`],
        peers: addresses.filter((_, i) => i !== index),
        rpcPort,
        signatureWorkers: 0,
      }
      members.push(start(own, `server-${index}`, config))
    }
    for (const member of members) {
      await until(`${member.name} is up`, UP_MS, async () => (await heightOf(member)) !== undefined)
    }
    if (options.modes.includes('state')) {
      for (const { name, dir: own } of members) {
        await until(`${name} has a snapshot`, UP_MS, async () => hasSnapshot(own))
      }
    }
    const reports: SyncReport[] = []
    for (const mode of options.modes) {
      const report = await join1(options, mode, members, addresses)
      print(JSON.stringify(report))
      reports.push(report)
    }
    return reports
  } finally {
    await Promise.all(members.map(stop))
  }
}

/** Syncs one new node from nothing to the servers' tip. */
async function join1(
  options: SyncBenchOptions,
  mode: Mode,
  servers: readonly Member[],
  peers: readonly string[],
): Promise<SyncReport> {
  const dir = join(options.dir, `fresh-${mode}`)
  rmSync(dir, { recursive: true, force: true })
  const genesis = parseGenesis(genesisFile(servers[0]!.dir))
  const config: NodeConfig = {
    ...loadConfig(servers[0]!.dir),
    p2pListen: [`/ip4/127.0.0.1/tcp/${options.port + 1_900}`],
    peers,
    rpcPort: options.port + 900,
    signatureWorkers: 1,
    stateSync: mode === 'state',
  }
  writeNodeDir(dir, genesis, config)
  createKeys({
    dataDir: dir,
    password: DEVELOPMENT_PASSWORD,
    isValidator: false,
    given: { peerSeed: developmentValidator(90 + MODES.indexOf(mode)).peerSeed },
    cost: 'light',
  })
  const heights = await Promise.all(servers.map(heightOf))
  const tip = Math.max(...heights.map((height) => height ?? 0))
  const startedAtMs = performance.now()
  const fresh = start(dir, `fresh-${mode}`, config)
  try {
    await until(`${mode} sync to block ${tip}`, options.limitSeconds * 1000, async () => {
      return ((await heightOf(fresh)) ?? 0) >= tip
    })
    const seconds = (performance.now() - startedAtMs) / 1000
    const figures = processFigures(fresh.child.pid!)
    const client = new RpcClient(`http://127.0.0.1:${fresh.rpcPort}`)
    const info = await client.call<{ blockHeightMin?: number }>('chain_info', [])
    const firstBlock = info.blockHeightMin ?? 1
    const transactions = await countTransactions(client, Math.max(1, firstBlock), tip)
    client.close()
    const blocks = tip - Math.max(1, firstBlock) + 1
    return {
      mode,
      blocks,
      transactions,
      seconds: Number(seconds.toFixed(1)),
      blocksPerSecond: Math.round(blocks / seconds),
      transactionsPerSecond: Math.round(transactions / seconds),
      firstBlock,
      cpuSeconds: Number((figures?.cpuSeconds ?? 0).toFixed(1)),
      rssPeakMiB: Math.round(figures?.rssPeakMiB ?? 0),
    }
  } finally {
    await stop(fresh)
  }
}

const BATCH = 100

async function countTransactions(client: RpcClient, from: number, to: number): Promise<number> {
  let count = 0
  for (let at = from; at <= to; at += BATCH) {
    const heights = Array.from({ length: Math.min(BATCH, to - at + 1) }, (_, i) => at + i)
    const answers = await client.batch(
      heights.map((height) => ({
        method: 'eth_getBlockTransactionCountByNumber',
        params: [`0x${height.toString(16)}`],
      })),
    )
    for (const { result } of answers) count += Number(result)
  }
  return count
}

async function main(): Promise<void> {
  const program = new Command('bench:sync')
    .description('sync new nodes from a chain made by make-chain')
    .requiredOption('-d, --dir <dir>', 'output directory of make-chain')
    .option('-p, --port <port>', 'JSON-RPC port of the first server', wholeNumber(1, 60_000), 22_100)
    .option('-s, --servers <count>', 'serving validators', wholeNumber(1, 16), 4)
    .option('-m, --mode <mode...>', `${MODES.join(' or ')}; default both`, [...MODES])
    .option('--limit <seconds>', 'give up after', wholeNumber(1, 36_000), 1_200)
    .option('--json <file>', 'write the reports')
  const { dir, port, servers, mode, limit, json } = program.parse().opts()
  const wrong = (mode as string[]).find((name) => !MODES.some((known) => known === name))
  if (wrong !== undefined) throw new Error(`unknown mode ${wrong}`)
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  const reports = await runSyncBench({
    dir: resolve(dir),
    port,
    servers,
    modes: mode,
    limitSeconds: limit,
    print,
  })
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(reports, null, 2)}\n`)
}

if (process.argv[1] !== undefined && import.meta.filename === resolve(process.argv[1])) await main()
