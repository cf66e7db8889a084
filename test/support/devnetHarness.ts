// Runs the real `suanli` command line in child processes. Owns: ports, directories, start and stop. Not: queries.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { runCommandLine } from '../../cli/commandLine.ts'
import { createDevnet } from '../../devnet/devnet.ts'
import { findFreePorts } from '../../devnet/ports.ts'
import { readDevnetStatus } from '../../devnet/statusFile.ts'

const MAIN = fileURLToPath(new URL('../../node/main.js', import.meta.url))
const FINAL_LINE = /^Block (\d+) is final \((0x[0-9a-f]{64})\)/
/** Start time-out; a start takes a few seconds. */
const START_MS = 45_000

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Environment without the caller's own settings. */
function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { SUANLI_PASSWORD: _password, ...rest } = process.env
  return { ...rest, ...more }
}

let last: Promise<unknown> = Promise.resolve()

/**
 * Runs a command to its end; never rejects on an exit code. It runs in this process, one at a time: a process of its own needs
 * longer to load than most commands to run, and `Running` and test/cli/program.test.ts start those that matter.
 */
export function runSuanli(
  args: readonly string[],
  more: { readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const run = last.then(() => runHere(args, environment(more.environment)))
  last = run
  return run
}

async function runHere(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const out = { stdout: '', stderr: '' }
  const own = process.env
  const writes = { stdout: process.stdout.write, stderr: process.stderr.write }
  process.env = env
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = ((chunk: string | Uint8Array) => {
      out[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
      return true
    }) as typeof process.stdout.write
  }
  try {
    const code = await runCommandLine([process.execPath, MAIN, ...args])
    return { code, ...out }
  } finally {
    process.stdout.write = writes.stdout
    process.stderr.write = writes.stderr
    process.env = own
  }
}

/** A directory, deleted by `remove`. */
export function temporaryDir(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'suanli-e2e-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A started command whose output lines can be awaited. */
export class Running {
  readonly child: ChildProcess
  readonly lines: string[] = []
  #stderr = ''
  readonly #listeners = new Set<(line: string) => void>()
  readonly ended: Promise<Ended>

  constructor(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [MAIN, ...args], {
      env: environment(more),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.lines.push(line)
      for (const listener of this.#listeners) listener(line)
    })
    this.child.stderr!.on('data', (chunk) => {
      this.#stderr += chunk
    })
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) =>
        resolve({ code, stdout: this.lines.join('\n'), stderr: this.#stderr }),
      )
    })
  }

  /** The first matching line, past or future; rejects when the command ends first. */
  line(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const take = (line: string): boolean => {
        const match = pattern.exec(line)
        if (match === null) return false
        this.#listeners.delete(take)
        clearTimeout(timer)
        resolve(match)
        return true
      }
      const fail = (why: string): void => {
        this.#listeners.delete(take)
        clearTimeout(timer)
        reject(new Error(`${why} before ${pattern}:\n${this.lines.join('\n')}\n${this.#stderr}`))
      }
      const timer = setTimeout(() => fail(`${START_MS} ms passed`), START_MS)
      if (this.lines.some(take)) return
      this.#listeners.add(take)
      void this.ended.then(({ code }) => fail(`the command ended with ${code}`))
    })
  }

  /** Ctrl-C; resolves with the exit and its duration. */
  async interrupt(): Promise<Ended & { readonly tookMs: number }> {
    const start = performance.now()
    this.child.kill('SIGINT')
    const ended = await this.ended
    return { ...ended, tookMs: performance.now() - start }
  }
}

export interface RunningDevnet {
  readonly dataDir: string
  /** JSON-RPC of each validator. */
  readonly rpcUrls: readonly string[]
  readonly wsUrl: string
  readonly firstFinal: { readonly height: number; readonly hash: string }
  /** P2p addresses of the validators, for further nodes. */
  readonly peers: readonly string[]
  /** Ends it in order; asserts that its logs hold no error and that nothing is left of it. */
  stop(): Promise<{ readonly tookMs: number }>
}

/** A devnet that the command line runs. */
export interface CommandDevnet extends RunningDevnet {
  /** Process ids of the validators. */
  readonly pids: readonly number[]
  /** What the command printed. */
  readonly lines: readonly string[]
}

const assertQuiet = (log: string): void => assert.doesNotMatch(log, /"level":"(?:error|fatal)"/)

/** Starts a devnet in this process, which takes a fraction of a command's time; resolves when its first block is final. */
export async function startLocalDevnet(options: { readonly windowMs?: number } = {}): Promise<RunningDevnet> {
  const devnet = await createDevnet({ ...options, isInProcess: true })
  const { dataDir, validators, wsUrl, firstFinal } = devnet
  return {
    dataDir,
    rpcUrls: validators.map(({ rpcUrl }) => rpcUrl),
    wsUrl,
    firstFinal,
    peers: validators.map(({ multiaddr }) => multiaddr),
    async stop() {
      const start = performance.now()
      // The folder is temporary: what is in the logs must be read before.
      await Promise.all(validators.map(({ index }) => devnet.stopValidator(index)))
      for (const { logFile } of validators) assertQuiet(readFileSync(logFile, 'utf8'))
      await devnet.close()
      assert.ok(!existsSync(dataDir))
      return { tookMs: performance.now() - start }
    },
  }
}

/** Starts `suanli devnet` as a command in its own directory; resolves when its first block is final. */
export async function startDevnet(
  options: { readonly windowMs?: number; readonly args?: readonly string[] } = {},
): Promise<CommandDevnet> {
  const dir = temporaryDir()
  const port = await findFreePorts(4)
  const { windowMs, args = [] } = options
  const window = windowMs === undefined ? [] : ['--window', String(windowMs)]
  const running = new Running(['devnet', '--data-dir', dir.path, '--port', String(port), ...window, ...args])
  try {
    const final = await running.line(FINAL_LINE)
    const { nodes } = readDevnetStatus(dir.path)
    const rpcUrls = nodes.map((node) => node.rpcUrl)
    return {
      dataDir: dir.path,
      rpcUrls,
      wsUrl: rpcUrls[0]!.replace('http', 'ws'),
      firstFinal: { height: Number(final[1]), hash: final[2]! },
      pids: nodes.map(({ pid }) => pid!),
      peers: nodes.map(({ p2pPort, peerId }) => `/ip4/127.0.0.1/tcp/${p2pPort}/p2p/${peerId}`),
      lines: running.lines,
      async stop() {
        const { code, stderr, tookMs } = await running.interrupt()
        const left = nodes.filter(({ pid }) => isAlive(pid!))
        for (const { pid } of left) process.kill(pid!, 'SIGKILL')
        const logs = nodes.map((node) => readFileSync(join(node.dir, 'node.log'), 'utf8'))
        dir.remove()
        assert.deepEqual({ code, stderr, left }, { code: 0, stderr: '', left: [] })
        for (const log of logs) assertQuiet(log)
        return { tookMs }
      },
    }
  } catch (error) {
    running.child.kill('SIGKILL')
    await running.ended
    dir.remove()
    throw error
  }
}
