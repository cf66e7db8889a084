// One validator of a devnet as a child process. Owns: its start, its end, its log file. Not: its folder (directories.ts).
import { type ChildProcess, fork } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OperatorError } from '../base/errors.ts'
import type { NodeMessage } from '../node/nodeMessage.ts'
import { DEVELOPMENT_PASSWORD } from './directories.ts'
import type { DevnetMember } from './member.ts'

const PROGRAM = fileURLToPath(new URL('../node/main.js', import.meta.url))
/**
 * Half of a validator's young generation, MiB. Node 20's own limit: newer ones let it grow by 100 MiB a process, for
 * nothing that a benchmark shows.
 */
const YOUNG_HALF_MIB = 16
/** How long a child may take to close before it is killed. */
const CLOSE_MS = 10_000

export interface ValidatorProcessEvents {
  onMessage(message: NodeMessage): void
  /** It ended and nobody had asked it to. `how` is its exit code or signal, as text. */
  onLost(how: string): void
}

export class ValidatorProcess {
  readonly member: DevnetMember
  readonly logFile: string
  readonly #events: ValidatorProcessEvents
  #child: ChildProcess | undefined
  #isWanted = false

  constructor(member: DevnetMember, events: ValidatorProcessEvents) {
    this.member = member
    this.logFile = join(member.dir, 'node.log')
    this.#events = events
  }

  /** Undefined while it is down. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Resolves once it answers JSON-RPC; rejects with OperatorError when it ends before. */
  start(): Promise<void> {
    if (this.#child !== undefined) return Promise.resolve()
    const { index, dir } = this.member
    const args = ['start', '--data-dir', dir, '--name', `validator-${index}`]
    const child = fork(PROGRAM, args, {
      // None of the parent's: a debugger listens on one port, and `node -e` or `node --test` would run itself again.
      execArgv: [`--max-semi-space-size=${YOUNG_HALF_MIB}`],
      env: { ...process.env, SUANLI_PASSWORD: DEVELOPMENT_PASSWORD },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C goes to the whole group of a terminal; the children wait for their parent's word.
      detached: true,
    })
    this.#child = child
    this.#isWanted = true
    const log = createWriteStream(this.logFile, { flags: 'a' })
    child.stdout?.pipe(log, { end: false })
    child.stderr?.pipe(log, { end: false })
    return new Promise((resolve, reject) => {
      child.on('message', (message: NodeMessage) => {
        if (message.kind === 'up') resolve()
        this.#events.onMessage(message)
      })
      child.once('exit', (code, signal) => {
        log.end()
        this.#child = undefined
        const how = signal === null ? `exit code ${code}` : signal
        reject(new OperatorError(`validator-${index} ended (${how}); see ${this.logFile}`))
        if (this.#isWanted) this.#events.onLost(how)
      })
    })
  }

  /** Ends it and resolves once it has ended; SIGTERM closes it in order, SIGKILL is a crash. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#isWanted = false
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS)
    await ended
    clearTimeout(timer)
  }
}
