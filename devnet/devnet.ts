// `suanli devnet`: n validators as child processes on loopback with public development keys.
// Owns: directories, ports, children, what a person is told. Not: the genesis (genesis/devnet.ts).
import { type ChildProcess, fork } from 'node:child_process'
import { createWriteStream, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checksumAddress } from '../base/address.ts'
import { toHex } from '../base/bytes.ts'
import { OperatorError } from '../base/errors.ts'
import type { NodeMessage } from '../cli/runStart.ts'
import { DEVELOPMENT_MNEMONIC, developmentAccounts, developmentValidator } from '../genesis/devKeys.ts'
import { DEVNET_ACCOUNT_COINS, DEVNET_OPERATOR_COINS, DEVNET_VALIDATORS } from '../genesis/devnet.ts'
import { type Genesis, genesisHash } from '../genesis/schema.ts'
import { DEVELOPMENT_PASSWORD, type DevnetMember, planDevnet, prepareDevnet } from './directories.ts'
import { isStatusFile, STATUS_FILE } from './ownership.ts'

export interface DevnetOptions {
  readonly validators: number
  /** JSON-RPC of the first validator; the others follow. */
  readonly port: number
  readonly dataDir: string
  /** Shortest time between two blocks, milliseconds. */
  readonly blockTimeMs: number
  /** Length of a capacity window, milliseconds. */
  readonly windowMs: number
  /** Forget an earlier run. */
  readonly isFresh: boolean
  readonly logLevel: string
  readonly print: (line: string) => void
}

/**
 * Half of a validator's young generation, MiB. Node 20's own limit: newer ones let it grow by 100 MiB a process, for
 * nothing that a benchmark shows.
 */
const YOUNG_HALF_MIB = 16
/** How long children may take to close before they are killed. */
const CLOSE_MS = 10_000

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/** Two devnets in one directory would overwrite each other's configuration before LevelDB's lock stops them. */
async function checkUnused(dataDir: string): Promise<void> {
  if (!existsSync(join(dataDir, STATUS_FILE))) return
  if (!isStatusFile(join(dataDir, STATUS_FILE))) {
    throw new OperatorError(
      `${join(dataDir, STATUS_FILE)} is not the devnet's: move it away, or choose another --data-dir`,
    )
  }
  for (const { rpcUrl } of readDevnetStatus(dataDir).nodes) {
    if (await isFree(Number(new URL(rpcUrl).port))) continue
    throw new OperatorError(
      `${dataDir} is used by a devnet on ${rpcUrl}: stop it or choose another --data-dir`,
    )
  }
}

/** Fails early and clearly, before anything is written. */
async function checkPorts(members: readonly DevnetMember[]): Promise<void> {
  for (const port of members.flatMap(({ rpcPort, p2pPort }) => [rpcPort, p2pPort])) {
    if (await isFree(port)) continue
    throw new OperatorError(`port ${port} is taken: stop what uses it or choose another with --port`)
  }
}

function printAccounts(options: DevnetOptions, members: readonly DevnetMember[], genesis: Genesis): void {
  const { print } = options
  print('')
  print('Accounts (public development keys: never use them for anything of value)')
  for (const account of developmentAccounts()) {
    print(`(${account.index}) ${checksumAddress(account.address)}  ${DEVNET_ACCOUNT_COINS} ACPC`)
  }
  print('')
  print('Private keys')
  for (const account of developmentAccounts()) print(`(${account.index}) ${toHex(account.secretKey)}`)
  print('')
  print(`Mnemonic: ${DEVELOPMENT_MNEMONIC}`)
  print("Path:     m/44'/60'/0'/0/<index>")
  print('')
  print('Providers (each a validator; its operator mints against its pledge)')
  for (const member of members) {
    const { operator } = developmentValidator(member.index)
    const { profile, lots } = genesis.providers[member.index]!
    const hardware = lots.map((lot) => `${lot.devices} × ${lot.class}`).join(', ')
    print(
      `#${member.index + 1} ${profile.legalGroup.padEnd(9)} ${hardware.padEnd(16)} operator (${operator.index}) ` +
        `${checksumAddress(operator.address)}  ${DEVNET_OPERATOR_COINS} ACPC`,
    )
  }
  print('')
  print(`Chain id: ${genesis.chainId}`)
  print(`Genesis:  ${toHex(genesisHash(genesis))}`)
}

class Devnet {
  readonly #options: DevnetOptions
  readonly #members: readonly DevnetMember[]
  readonly #children = new Map<number, ChildProcess>()
  #isStopping = false
  /** What the first block of this run to become final is told with; undefined before, and told once all are up. */
  #finalLine: string | undefined
  #isUp = false
  readonly #startedAt = performance.now()
  readonly #failed: Promise<number>
  #fail: (code: number) => void = () => {}

  constructor(options: DevnetOptions, members: readonly DevnetMember[]) {
    this.#options = options
    this.#members = members
    this.#failed = new Promise((resolve) => {
      this.#fail = resolve
    })
  }

  async run(signal: Promise<void>): Promise<number> {
    const started = Promise.all(this.#members.map((member) => this.#start(member)))
    try {
      // Ctrl-C counts from the first moment.
      const isUp = await Promise.race([started.then(() => true), signal.then(() => false)])
      if (!isUp) {
        started.catch(() => {})
        await this.#stop()
        return 0
      }
    } catch (error) {
      await this.#stop()
      throw error
    }
    this.#writeStatus()
    const { print } = this.#options
    print('')
    for (const { index, rpcPort } of this.#members) {
      print(
        `JSON-RPC ${index === 0 ? 'listening on' : '            '} http://127.0.0.1:${rpcPort} (also WebSocket)`,
      )
    }
    print(`Logs in ${join(this.#options.dataDir, 'validator-*', 'node.log')}; stop with Ctrl-C`)
    this.#isUp = true
    if (this.#finalLine !== undefined) print(this.#finalLine)
    const code = await Promise.race([signal.then(() => 0), this.#failed])
    await this.#stop()
    return code
  }

  #start(member: DevnetMember): Promise<void> {
    const args = ['start', '--data-dir', member.dir, '--name', `validator-${member.index}`]
    const child = fork(fileURLToPath(new URL('../node/main.js', import.meta.url)), args, {
      execArgv: [...process.execArgv, `--max-semi-space-size=${YOUNG_HALF_MIB}`],
      env: { ...process.env, SUANLI_PASSWORD: DEVELOPMENT_PASSWORD },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C goes to the whole group of a terminal; the children wait for their parent's word.
      detached: true,
    })
    this.#children.set(member.index, child)
    const log = createWriteStream(join(member.dir, 'node.log'), { flags: 'a' })
    child.stdout?.pipe(log, { end: false })
    child.stderr?.pipe(log, { end: false })
    return new Promise((resolve, reject) => {
      child.on('message', (message: NodeMessage) => {
        if (message.kind === 'up') resolve()
        else this.#onMessage(member, message)
      })
      child.once('exit', (code, signal) => {
        log.end()
        this.#children.delete(member.index)
        if (this.#isStopping) return
        const how = signal === null ? `exit code ${code}` : signal
        const text = `validator-${member.index} ended (${how}); see ${join(member.dir, 'node.log')}`
        reject(new OperatorError(text))
        this.#options.print(text)
        this.#writeStatus()
        if (this.#children.size === 0) this.#fail(1)
      })
    })
  }

  #onMessage(member: DevnetMember, message: NodeMessage): void {
    const { print } = this.#options
    if (message.kind === 'halted') print(`validator-${member.index} halted: ${message.reason}`)
    if (message.kind !== 'final' || this.#finalLine !== undefined) return
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1)
    this.#finalLine = `Block ${message.height} is final (${message.hash}) after ${seconds} s`
    if (this.#isUp) print(this.#finalLine)
  }

  #writeStatus(): void {
    const nodes = this.#members.map(({ index, dir, rpcPort, p2pPort, peerId }) => ({
      index,
      pid: this.#children.get(index)?.pid ?? null,
      dir,
      rpcUrl: `http://127.0.0.1:${rpcPort}`,
      p2pPort,
      peerId,
    }))
    const file = join(this.#options.dataDir, STATUS_FILE)
    writeFileSync(file, `${JSON.stringify({ pid: process.pid, nodes }, null, 2)}\n`)
  }

  async #stop(): Promise<void> {
    this.#isStopping = true
    const children = [...this.#children.values()]
    const ended = children.map((child) => new Promise<void>((resolve) => child.once('exit', () => resolve())))
    for (const child of children) child.kill('SIGTERM')
    const timer = setTimeout(() => {
      for (const child of this.#children.values()) child.kill('SIGKILL')
    }, CLOSE_MS)
    await Promise.all(ended)
    clearTimeout(timer)
    rmSync(join(this.#options.dataDir, STATUS_FILE), { force: true })
  }
}

/** Runs until `signal`; resolves with the exit code. Throws OperatorError when it cannot start. */
export async function runDevnet(options: DevnetOptions, signal: Promise<void>): Promise<number> {
  const { min, max } = DEVNET_VALIDATORS
  if (!Number.isSafeInteger(options.validators) || options.validators < min || options.validators > max) {
    throw new OperatorError(`--validators: expected ${min} to ${max}`)
  }
  const members = planDevnet(options)
  await checkUnused(options.dataDir)
  await checkPorts(members)
  const genesis = prepareDevnet(options, members)
  printAccounts(options, members, genesis)
  return new Devnet(options, members).run(signal)
}

/** Reads what a running devnet wrote for scripts. */
export function readDevnetStatus(dataDir: string): {
  readonly pid: number
  readonly nodes: readonly {
    readonly index: number
    readonly pid: number | null
    readonly dir: string
    readonly rpcUrl: string
    readonly p2pPort: number
    readonly peerId: string
  }[]
} {
  return JSON.parse(readFileSync(join(dataDir, STATUS_FILE), 'utf8'))
}
