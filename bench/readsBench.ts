// `npm run bench:reads`: how many reads of each kind a node answers, beside anvil in the same run, and what one costs.
// Owns: starting both, the questions, the report. Not: the bytes on the socket (httpConnection.ts).
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { toHex } from '../base/bytes.ts'
import { wholeNumber } from '../cli/common.ts'
import { findFreePorts } from '../devnet/ports.ts'
import { readDevnetStatus } from '../devnet/statusFile.ts'
import { developmentAccounts } from '../genesis/devKeys.ts'
import { awaitReceipt, generousFeeCap, nonceOf, signTransfer } from './accounts.ts'
import { HttpConnection } from './httpConnection.ts'
import { RpcClient } from './rpcClient.ts'
import { percentile, processFigures } from './statistics.ts'

const START_MS = 45_000
const TRANSFERS = 50
const WARM_UP_MS = 1_500
/** Both are asked in turn, so that a slow second of the machine hits both. */
const ROUNDS = 3

interface Node {
  readonly name: string
  readonly url: string
  readonly pid: number
  readonly client: RpcClient
}

interface Question {
  readonly name: string
  readonly method: string
  readonly params: readonly unknown[]
}

interface Figures {
  readonly question: string
  readonly node: string
  readonly perSecond: number
  readonly cpuMicros: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Resolves once the child prints `text`. */
function printed(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${text}" within ${START_MS} ms`)), START_MS)
    child.once('exit', (code) => reject(new Error(`ended with ${code} before "${text}"`)))
    let seen = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      seen = (seen + chunk.toString('utf8')).slice(-10_000)
      if (!seen.includes(text)) return
      clearTimeout(timer)
      resolve()
    })
  })
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await exit
}

/** Puts transfers into one block or a few; the questions about the one that holds most of them. */
async function questionsFor({ client }: Node): Promise<readonly Question[]> {
  const chainId = Number(await client.call<string>('eth_chainId'))
  const [from, to] = developmentAccounts()
  const maxFeePerGas = await generousFeeCap(client)
  const first = await nonceOf(client, from!.address)
  const transfers = Array.from({ length: TRANSFERS }, (_, i) =>
    signTransfer({ from: from!, to: to!.address, nonce: first + i, chainId, valueBase: 1n, maxFeePerGas }),
  )
  await client.batch(transfers.map(({ raw }) => ({ method: 'eth_sendRawTransaction', params: [raw] })))
  const { hash } = transfers.at(-1)!
  await awaitReceipt(client, hash, { pollMs: 50, timeoutMs: 20_000 })
  const receipt = await client.call<{ blockNumber: string }>('eth_getTransactionReceipt', [hash])
  const block = await client.call<{ transactions: unknown[] }>('eth_getBlockByNumber', [
    receipt.blockNumber,
    false,
  ])
  const address = toHex(from!.address)
  const nobody = `0x${'42'.repeat(20)}`
  return [
    { name: 'blockNumber', method: 'eth_blockNumber', params: [] },
    { name: 'getBalance', method: 'eth_getBalance', params: [address, 'latest'] },
    {
      name: `block with ${block.transactions.length} transactions`,
      method: 'eth_getBlockByNumber',
      params: [receipt.blockNumber, true],
    },
    { name: 'receipt', method: 'eth_getTransactionReceipt', params: [hash] },
    {
      name: 'getLogs, one block',
      method: 'eth_getLogs',
      params: [{ fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber, address: nobody }],
    },
    { name: 'call', method: 'eth_call', params: [{ from: address, to: nobody, value: '0x1' }, 'latest'] },
  ]
}

/** Asks over all connections at once, each time that the last answer came. */
async function ask(node: Node, question: Question, connections: readonly HttpConnection[], forMs: number) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: question.method, params: question.params })
  const endMs = performance.now() + forMs
  const latencies: number[] = []
  await Promise.all(
    connections.map(async (connection) => {
      for (let nowMs = performance.now(); nowMs < endMs; ) {
        const answer = await connection.post(body)
        const doneMs = performance.now()
        latencies.push(doneMs - nowMs)
        nowMs = doneMs
        if (!answer.includes('"result"'))
          throw new Error(`${node.name}, ${question.name}: ${answer.slice(0, 200)}`)
      }
    }),
  )
  return latencies
}

async function measure(
  nodes: readonly Node[],
  options: { readonly connections: number; readonly seconds: number },
): Promise<readonly Figures[]> {
  const found: Figures[] = []
  const prepared = await Promise.all(
    nodes.map(async (node) => ({
      node,
      questions: await questionsFor(node),
      connections: Array.from({ length: options.connections }, () => new HttpConnection(new URL(node.url))),
    })),
  )
  for (const i of prepared[0]!.questions.keys()) {
    const sums = prepared.map(() => ({ latencies: [] as number[], cpu: 0, ms: 0 }))
    for (const { node, questions, connections } of prepared)
      await ask(node, questions[i]!, connections, WARM_UP_MS)
    for (let round = 0; round < ROUNDS; round++) {
      for (const [n, { node, questions, connections }] of prepared.entries()) {
        const before = processFigures(node.pid)!.cpuSeconds
        const beganMs = performance.now()
        const latencies = await ask(node, questions[i]!, connections, (options.seconds * 1_000) / ROUNDS)
        const sum = sums[n]!
        sum.ms += performance.now() - beganMs
        sum.cpu += processFigures(node.pid)!.cpuSeconds - before
        for (const latency of latencies) sum.latencies.push(latency)
      }
    }
    prepared.forEach(({ node, questions }, n) => {
      const { latencies, cpu, ms } = sums[n]!
      found.push({
        question: questions[i]!.name,
        node: node.name,
        perSecond: (latencies.length * 1_000) / ms,
        cpuMicros: (cpu * 1e6) / latencies.length,
        p50Ms: percentile(latencies, 50),
        p99Ms: percentile(latencies, 99),
      })
    })
  }
  for (const { connections } of prepared) for (const connection of connections) connection.close()
  return found
}

function report(found: readonly Figures[]): string {
  const lines = [
    '| read | Suanli, /s | anvil, /s | CPU a read, µs: Suanli / anvil | p99, ms: Suanli / anvil |',
    '|---|---|---|---|---|',
  ]
  for (let i = 0; i + 1 < found.length; i += 2) {
    const [own, other] = [found[i]!, found[i + 1]!]
    lines.push(
      `| ${own.question} | ${own.perSecond.toFixed(0)} | ${other.perSecond.toFixed(0)} | ` +
        `${own.cpuMicros.toFixed(0)} / ${other.cpuMicros.toFixed(0)} | ${own.p99Ms.toFixed(1)} / ${other.p99Ms.toFixed(1)} |`,
    )
  }
  return lines.join('\n')
}

async function main(): Promise<void> {
  const program = new Command('bench:reads')
    .description('reads a second of one validator, and of anvil in the same run')
    .addOption(
      new Option('--seconds <n>', 'for each read and node').default(6).argParser(wholeNumber(1, 600)),
    )
    .addOption(
      new Option('--connections <n>', 'requests in flight').default(16).argParser(wholeNumber(1, 512)),
    )
    .option('--json <file>', 'also write the figures as JSON')
  const options = program.parse().opts<{ seconds: number; connections: number; json?: string }>()
  const dir = mkdtempSync(join(tmpdir(), 'suanli-reads-'))
  const main = fileURLToPath(new URL('../node/main.js', import.meta.url))
  const anvil = fileURLToPath(new URL('../../node_modules/.bin/anvil', import.meta.url))
  const port = await findFreePorts(4)
  const devnet = fork(main, ['devnet', '--data-dir', dir, '--port', String(port), '--log-level', 'warn'], {
    silent: true,
  })
  const anvilPort = await findFreePorts(1)
  const other = spawn(anvil, ['--port', String(anvilPort), '--block-time', '1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    await Promise.all([printed(devnet, 'is final'), printed(other, 'Listening on')])
    const [first] = readDevnetStatus(dir).nodes
    const nodes = [
      { name: 'Suanli', url: first!.rpcUrl, pid: first!.pid! },
      { name: 'anvil', url: `http://127.0.0.1:${anvilPort}`, pid: other.pid! },
    ].map((node) => ({ ...node, client: new RpcClient(node.url) }))
    const found = await measure(nodes, options)
    for (const { client } of nodes) client.close()
    process.stdout.write(`${report(found)}\n`)
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(found, null, 2)}\n`)
  } finally {
    await ended(devnet, 'SIGINT')
    await ended(other, 'SIGTERM')
    rmSync(dir, { recursive: true, force: true })
  }
}

await main()
