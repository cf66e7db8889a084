// A devnet whose validators are processes that a test starts, kills and restarts one by one.
// Owns: directories, ports, processes, logs. Not: load and checks (test/faults).
import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Hash32 } from '../../base/ids.ts'
import { DEVELOPMENT_PASSWORD, planDevnet } from '../../devnet/directories.ts'
import type { DevnetMember } from '../../devnet/member.ts'
import { findFreePorts } from '../../devnet/ports.ts'
import { DEVNET_WINDOW_MS } from '../../genesis/devnet.ts'
import { type Genesis, genesisHash } from '../../genesis/schema.ts'
import { loadConfig, type NodeConfig, saveConfig } from '../../node/config.ts'
import type { NodeMessage } from '../../node/nodeMessage.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { prepareFolders } from './devnetFolders.ts'
import { LocalNode } from './localNode.ts'

const MAIN = fileURLToPath(new URL('../../node/main.js', import.meta.url))
/**
 * Flags of nodes that live for half a minute: what the optimizing compiler saves comes later than that, and what it costs is an
 * eighth of their time.
 */
export const SHORT_LIVED = ['--no-opt', '--single-threaded-gc'] as const

/** Time-out for starting and stopping a process. */
const PROCESS_TIMEOUT_MS = 60_000

/** One validator's process, running or not. */
export class ValidatorProcess {
  readonly member: DevnetMember
  readonly url: string
  /** The program from the next start on: another build's, after an upgrade. */
  program = MAIN
  /** Flags of Node from the next start on. */
  flags: readonly string[] = []
  /** Runs in this process from the next start on: it can be neither killed nor suspended. */
  isLocal = false
  /** Extra environment variables from the next start on. */
  environment: Readonly<Record<string, string>> = {}
  /** Folders with this validator's vote records; the last is current. */
  signerDirs: readonly string[]
  /** Set when a fault may halt this validator: then a halt is no failure. */
  mayHalt = false
  /** Why the running process halted. */
  haltReason: string | undefined
  readonly #report: (failure: string) => void
  #child: ChildProcess | undefined
  #local: LocalNode | undefined
  #exited: Promise<{ code: number | null; signal: string | null }> | undefined
  #isUp = false
  #isExpectedToEnd = false

  constructor(member: DevnetMember, report: (failure: string) => void) {
    this.member = member
    this.url = `http://127.0.0.1:${member.rpcPort}`
    this.#report = report
    this.signerDirs = [nodePaths(member.dir).signer]
  }

  get index(): number {
    return this.member.index
  }

  /** Serves JSON-RPC. */
  get isUp(): boolean {
    return this.#isUp
  }

  get isRunning(): boolean {
    return this.#child !== undefined || this.#local !== undefined
  }

  get runsHere(): boolean {
    return this.#local !== undefined
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get logFile(): string {
    // Next to the directory, which may be a separate, full disk.
    return `${this.member.dir}.log`
  }

  /** Changes the configuration for the next start. */
  configure(changes: Partial<NodeConfig>): void {
    saveConfig(this.member.dir, { ...loadConfig(this.member.dir), ...changes })
  }

  /** The log so far. */
  readLog(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : ''
  }

  /** Suspends or resumes the process. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name)
  }

  /** Resolves with the start time in milliseconds; rejects when the process ends first. */
  async start(): Promise<number> {
    if (this.isRunning) throw new Error(`validator ${this.index} runs already`)
    const startedMs = performance.now()
    if (this.isLocal) {
      await this.#startHere()
      return performance.now() - startedMs
    }
    const log = openSync(this.logFile, 'a')
    const args = ['start', '--data-dir', this.member.dir, '--name', `validator-${this.index}`]
    const child = fork(this.program, args, {
      execArgv: [...this.flags],
      // Killed processes write no coverage, and collecting it slows every start.
      env: {
        ...process.env,
        SUANLI_PASSWORD: DEVELOPMENT_PASSWORD,
        NODE_V8_COVERAGE: '',
        ...this.environment,
      },
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
    })
    closeSync(log)
    this.#child = child
    this.#isExpectedToEnd = false
    this.haltReason = undefined
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#child = undefined
        this.#isUp = false
        if (!this.#isExpectedToEnd) {
          this.#report(`validator ${this.index} ended by itself (${signal ?? `exit code ${code}`})`)
        }
        resolve({ code, signal })
      })
    })
    const up = new Promise<void>((resolve) => {
      child.on('message', (message: NodeMessage) => {
        if (message.kind === 'up') resolve()
        if (message.kind === 'halted') this.#onHalted(message.reason)
      })
    })
    const ended = this.#exited.then(() => {
      throw new Error(`validator ${this.index} ended before it was up; see ${this.logFile}`)
    })
    await within(Promise.race([up, ended]), PROCESS_TIMEOUT_MS, `validator ${this.index} is not up`)
    this.#isUp = true
    return performance.now() - startedMs
  }

  async #startHere(): Promise<void> {
    this.haltReason = undefined
    this.#local = await LocalNode.start(this.member, {
      logFile: this.logFile,
      onHalted: (reason) => this.#onHalted(reason),
    })
    this.#isUp = true
  }

  /** `kill -9`; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** SIGTERM; resolves with the exit code and the milliseconds until exit. */
  async terminate(): Promise<{ code: number | null; ms: number }> {
    const startedMs = performance.now()
    const code =
      this.#local === undefined ? (await this.#end('SIGTERM')).code : await this.#endHere(this.#local)
    return { code, ms: performance.now() - startedMs }
  }

  async #endHere(local: LocalNode): Promise<number> {
    this.#isUp = false
    this.#local = undefined
    return local.end()
  }

  #onHalted(reason: string): void {
    this.haltReason = reason
    if (!this.mayHalt) this.#report(`validator ${this.index} halted: ${reason}`)
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<{ code: number | null; signal: string | null }> {
    const exited = this.#exited
    if (this.#child === undefined || exited === undefined) {
      throw new Error(`validator ${this.index} does not run`)
    }
    this.#isExpectedToEnd = true
    this.#isUp = false
    this.#child.kill(signal)
    // A suspended process handles SIGTERM only once resumed.
    this.#child.kill('SIGCONT')
    return within(exited, PROCESS_TIMEOUT_MS, `validator ${this.index} does not end on ${signal}`)
  }
}

export class Network {
  readonly nodes: readonly ValidatorProcess[]
  readonly genesisHash: Hash32
  /** Forbidden events: a validator ended by itself or halted. */
  readonly failures: string[]

  private constructor(nodes: readonly ValidatorProcess[], hash: Hash32, failures: string[]) {
    this.nodes = nodes
    this.genesisHash = hash
    this.failures = failures
  }

  /** Creates the data directories of a new devnet on free ports; starts nothing. */
  static async prepare(options: {
    readonly validators: number
    readonly dataDir: string
    readonly blockTimeMs: number
    readonly windowMs?: number
    /** Flags of Node, as SHORT_LIVED. */
    readonly flags?: readonly string[]
    /** Validators that run in this process; default none. */
    readonly local?: readonly number[]
    /** Writes the data directories; default: as a devnet does. */
    readonly write?: (members: readonly DevnetMember[]) => Promise<Genesis>
  }): Promise<Network> {
    const { validators, dataDir, blockTimeMs, windowMs = DEVNET_WINDOW_MS } = options
    const port = await findFreePorts(validators)
    mkdirSync(dataDir, { recursive: true })
    const members = planDevnet({ validators, port, dataDir })
    const settings = {
      validators,
      dataDir,
      blockTimeMs,
      windowMs,
      isFresh: true,
      logLevel: 'info',
    } as const
    const genesis = await (options.write?.(members) ?? prepareFolders(settings, members))
    const failures: string[] = []
    const nodes = members.map((member) => new ValidatorProcess(member, (text) => failures.push(text)))
    for (const node of nodes) {
      node.flags = options.flags ?? []
      node.isLocal = options.local?.includes(node.index) ?? false
    }
    return new Network(nodes, genesisHash(genesis), failures)
  }

  /** The processes that are up. */
  up(): readonly ValidatorProcess[] {
    return this.nodes.filter((node) => node.isUp)
  }

  /** Starts every stopped validator; resolves when all are up. */
  async startAll(): Promise<void> {
    await Promise.all(this.nodes.filter((node) => !node.isRunning).map((node) => node.start()))
  }

  /** Ends all validators at once: processes by `kill -9`. */
  async killAll(): Promise<void> {
    await Promise.all(
      this.nodes
        .filter((node) => node.isRunning)
        .map((node) => (node.runsHere ? node.terminate() : node.kill())),
    )
  }

  /** Log lines at error level or above, and all evidence of misbehaviour; correct validators log only `expected` ones. */
  alarms(
    expected: readonly RegExp[] = [],
    nodes: readonly ValidatorProcess[] = this.nodes,
  ): readonly string[] {
    const found: string[] = []
    for (const node of nodes) {
      for (const line of node.readLog().split('\n')) {
        const isAlarm = /"level":"(error|fatal)"|evidence of misbehaviour/.test(line)
        // Lines that are not JSON bypassed the logger: a stack trace, a runtime warning.
        if (expected.some((pattern) => pattern.test(line))) continue
        if (isAlarm || (line !== '' && !line.startsWith('{'))) found.push(`validator ${node.index}: ${line}`)
      }
    }
    return found
  }
}

/** Rejects with `what` when `promise` takes longer. */
export function within<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} after ${limitMs} ms`)), limitMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
