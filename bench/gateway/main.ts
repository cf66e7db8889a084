// `npm run bench:gateway`: what the gateway adds to calling its backend directly, in the same run: CPU of a request and of a
// streamed part, time to the first token, and memory with a thousand streams at once. GATEWAY §7 has the bounds.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const REQUESTS = 3_000
const AT_ONCE = 16
const STREAMED_TOKENS = 20_000
const FIRST_TOKENS = 300
const STREAMS = 1_000
const HEAD = { 'Content-Type': 'application/json' }

interface Target {
  readonly url: string
  readonly headers: Record<string, string>
  readonly agent: Agent
}

interface Child {
  readonly process: ChildProcess
  readonly lines: Interface
}

function start(name: string, args: readonly string[] = []): Child {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  return { process: child, lines: createInterface({ input: child.stdout! }) }
}

async function line({ lines }: Child): Promise<string> {
  const [text] = (await once(lines, 'line')) as [string]
  return text
}

/** Sends one chat; resolves with the time until the first token, ms. */
function chat({ url, headers, agent }: Target, body: object): Promise<number> {
  const startMs = performance.now()
  return new Promise((resolve, reject) => {
    let firstMs = 0
    const sent = request(
      `${url}/v1/chat/completions`,
      { method: 'POST', headers: { ...HEAD, ...headers }, agent },
      (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`))
        answer.on('data', () => {
          if (firstMs === 0) firstMs = performance.now() - startMs
        })
        answer.on('end', () => resolve(firstMs))
        answer.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(
      JSON.stringify({
        model: 'tiny',
        messages: [{ role: 'user', content: 'Tell me a story of a node.' }],
        ...body,
      }),
    )
  })
}

/** Many, a few at once. */
async function many(target: Target, count: number, atOnce: number, body: object): Promise<readonly number[]> {
  const times: number[] = []
  let next = 0
  const run = async (): Promise<void> => {
    while (next++ < count) times.push(await chat(target, body))
  }
  await Promise.all(Array.from({ length: atOnce }, run))
  return times.sort((a, b) => a - b)
}

async function usage(door: Child): Promise<{ readonly cpuMs: number; readonly mostBytes: number }> {
  const answer = line(door)
  door.process.stdin!.write('\n')
  return JSON.parse(await answer) as { cpuMs: number; mostBytes: number }
}

async function cpuOf(door: Child, run: () => Promise<unknown>): Promise<number> {
  const before = await usage(door)
  await run()
  return (await usage(door)).cpuMs - before.cpuMs
}

const target = (url: string, headers: Record<string, string> = {}): Target => ({
  url,
  headers,
  agent: new Agent({ keepAlive: true, maxSockets: STREAMS + 8 }),
})

const say = (what: string, value: string, bound: string): void =>
  console.log(`${what.padEnd(46)} ${value.padStart(12)}   ${bound}`)
const middle = (sorted: readonly number[]): number => sorted[sorted.length >> 1]!

async function measure(door: Child, direct: Target, through: Target): Promise<void> {
  // Warm: both are compiled by then.
  await many(through, 500, AT_ONCE, {})
  await many(through, 20, 4, { stream: true, max_tokens: 100 })
  await many(direct, 500, AT_ONCE, {})
  const requestMs = await cpuOf(door, () => many(through, REQUESTS, AT_ONCE, {}))
  say('CPU of the gateway, a request', `${(requestMs / REQUESTS).toFixed(3)} ms`, 'at most 1 ms')
  const streams = 40
  const body = { stream: true, max_tokens: STREAMED_TOKENS / streams }
  const streamMs = await cpuOf(door, () => many(through, streams, 8, body))
  say(
    'CPU of the gateway, a streamed part',
    `${(streamMs / STREAMED_TOKENS).toFixed(4)} ms`,
    'at most 0.2 ms',
  )
  const first = { stream: true, max_tokens: 2 }
  const directMs = middle(await many(direct, FIRST_TOKENS, 1, first))
  const throughMs = middle(await many(through, FIRST_TOKENS, 1, first))
  say('time to the first token, p50, directly', `${directMs.toFixed(2)} ms`, '')
  say(
    'time to the first token, p50, more by the gateway',
    `${(throughMs - directMs).toFixed(2)} ms`,
    'at most 2 ms',
  )
  await many(through, STREAMS, STREAMS, { stream: true, max_tokens: 20, pace_ms: 250 })
  const { mostBytes } = await usage(door)
  say(`memory with ${STREAMS} streams at once`, `${Math.round(mostBytes / 1e6)} MB`, 'at most 300 MB')
}

const upstream = start('upstream.js')
const upstreamUrl = `http://127.0.0.1:${await line(upstream)}`
const door = start('door.js', [upstreamUrl])
try {
  const { url, key } = JSON.parse(await line(door)) as { readonly url: string; readonly key: string }
  await measure(door, target(upstreamUrl), target(url, { Authorization: `Bearer ${key}` }))
} finally {
  door.process.stdin!.end()
  upstream.process.kill()
}
process.exit(0)
