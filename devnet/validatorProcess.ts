// One validator of a devnet as a child process. Owns: start, stop, log file. Not: its folder (directories.ts).
import { type ChildProcess, fork } from 'node:child_process'
import { appendFileSync, closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { errorText, OperatorError } from '../base/errors.ts'
import type { NodeMessage } from '../node/nodeMessage.ts'
import { DEVELOPMENT_PASSWORD } from './directories.ts'
import type { DevnetMember } from './member.ts'
import { logFileOf, type Validator, type ValidatorEvents } from './validator.ts'

const PROGRAM = fileURLToPath(new URL('../node/main.js', import.meta.url))
/**
 * Half of a validator's young generation, MiB. Node 20's default: newer versions let it grow by 100 MiB per process with
 * no benefit in benchmarks.
 */
const YOUNG_HALF_MIB = 16
/** How long a child may take to close before it is killed. */
const CLOSE_MS = 10_000

export class ValidatorProcess implements Validator {
  readonly member: DevnetMember
  readonly logFile: string
  readonly #events: ValidatorEvents
  #child: ChildProcess | undefined
  /** The start of `#child`, for whoever asks for it again. */
  #starting: Promise<void> = Promise.resolve()
  /** Resolves once `#child` has ended. */
  #ended: Promise<void> = Promise.resolve()
  #isWanted = false

  constructor(member: DevnetMember, events: ValidatorEvents) {
    this.member = member
    this.logFile = logFileOf(member)
    this.#events = events
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    if (this.#child !== undefined && !this.#isWanted) await this.#ended
    if (this.#child === undefined) this.#starting = this.#launch()
    return this.#starting
  }

  #launch(): Promise<void> {
    this.#checkLog()
    const { index, dir } = this.member
    // It writes its log itself, so that the file is rotated, and no busy parent delays it. For development a slow validator is
    // better than none; it warns.
    const own = ['--log-file', this.logFile, '--allow-slow-crypto']
    const args = ['start', '--data-dir', dir, '--name', `validator-${index}`, ...own]
    const child = fork(PROGRAM, args, {
      // None of the parent's flags: two debuggers cannot share a port, and `node -e` or `node --test` would run again in each.
      execArgv: [`--max-semi-space-size=${YOUNG_HALF_MIB}`],
      env: { ...process.env, SUANLI_PASSWORD: DEVELOPMENT_PASSWORD },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C goes to the terminal's whole process group; detached children wait for their parent instead.
      detached: true,
    })
    this.#child = child
    this.#isWanted = true
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve())
    })
    child.stdout?.on('data', this.#note)
    child.stderr?.on('data', this.#note)
    return new Promise((resolve, reject) => {
      child.once('error', (error) =>
        reject(new OperatorError(`validator-${index} cannot be started: ${errorText(error)}`)),
      )
      child.on('message', (message: NodeMessage) => {
        if (message.kind === 'up') resolve()
        this.#events.onMessage(message)
      })
      child.once('exit', (code, signal) => {
        this.#child = undefined
        const how = signal === null ? `exit code ${code}` : signal
        reject(new OperatorError(`validator-${index} ended (${how}); see ${this.logFile}`))
        if (this.#isWanted) this.#events.onLost(how)
      })
    })
  }

  /** What bypasses its logger: a stack, a warning of Node. */
  readonly #note = (piece: Buffer): void => {
    try {
      appendFileSync(this.logFile, piece)
    } catch {
      // Logs are for people: a full disk must not end the program that runs the devnet.
    }
  }

  /** Its own complaint would come later. */
  #checkLog(): void {
    try {
      closeSync(openSync(this.logFile, 'a'))
    } catch (error) {
      throw new OperatorError(`${this.logFile} cannot be written: ${errorText(error)}`)
    }
  }

  /** Resolves once it has ended; SIGTERM shuts it down cleanly, SIGKILL is a crash. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#isWanted = false
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS)
    await this.#ended
    clearTimeout(timer)
  }
}
