// A job as processes: a command of the configuration, or the runner of a container. Owns: its start, its pipes, pausing and
// ending all of its processes, its memory and disk. Never a shell. Not: device-seconds (pacer.ts), what happens after (runner.ts).
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as after } from 'node:timers/promises'
import { measureFolder } from './folders.ts'
import type { JobLog } from './jobLog.ts'
import type { JobPlaces } from './places.ts'
import { Printing } from './printing.ts'
import { killAll, markOf, membersOf, memoryOf, signalAll } from './processes.ts'
import type { JobError, JobLimits, ProcessMark } from './records.ts'
import { type Run, RunClock, type RunEnd } from './run.ts'

/** Looks at memory between two that also look for processes that left group and session. */
const LOOKS_BY_MARK = 8
/** For the last of what was printed, once all processes have ended. */
const PIPE_MS = 2_000
const TOOL_MS = 30_000

/** How a container is paused, resumed and killed: commands of the configuration. Processes are signalled without it. */
export interface Tools {
  readonly pause: readonly string[]
  readonly resume: readonly string[]
  readonly kill: readonly string[]
}

export interface CommandStart {
  readonly jobId: string
  readonly places: JobPlaces
  readonly argv: readonly string[]
  readonly env: { readonly [name: string]: string }
  readonly limits: JobLimits
  readonly tools: Tools | undefined
  readonly log: JobLog
  readonly logBytesPerSecond: number
  readonly watchMs: number
  readonly graceMs: number
  /** Each line that it prints, as far as it is short. */
  readonly onLine: (line: string) => void
  /** After each look. */
  readonly onLook: (diskBytes: number) => void
}

export class CommandRun implements Run {
  readonly #start: CommandStart
  readonly #child: ChildProcess
  readonly #clock = new RunClock()
  readonly #ending = new AbortController()
  readonly ended: Promise<RunEnd>
  #isStopping = false
  /** Why it was killed. */
  #killedFor: JobError | undefined

  constructor(start: CommandStart) {
    this.#start = start
    const { argv, env, places } = start
    this.#child = spawn(argv[0]!, argv.slice(1), {
      cwd: places.work,
      env: { ...env },
      // A session and group of its own.
      detached: true,
      shell: false,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#clock.start()
    this.ended = this.#run()
  }

  get #pid(): number | undefined {
    return this.#child.pid
  }

  get runningMs(): number {
    return this.#clock.ms
  }

  async mark(): Promise<ProcessMark | undefined> {
    return this.#pid === undefined ? undefined : markOf(this.#pid)
  }

  async #run(): Promise<RunEnd> {
    const child = this.#child
    const exited = new Promise<RunEnd>((resolve) => {
      child.once('error', (error) =>
        resolve(failed('cannot_start', `it cannot be started: ${error.message}`)),
      )
      child.once('exit', (code, signal) => resolve(exitOf(code, signal)))
    })
    const { log, logBytesPerSecond, onLine } = this.#start
    const pipes = new Printing({ log, bytesPerSecond: logBytesPerSecond, onLine })
    const printed = Promise.all([pipes.take(child.stdout!), pipes.take(child.stderr!)])
    const watching = this.#watch()
    const end = await exited
    this.#clock.stop()
    // What the leader leaves behind is not part of the job any more.
    await this.#kill()
    this.#ending.abort()
    await Promise.race([printed, after(PIPE_MS, undefined, { ref: false })])
    child.stdout?.destroy()
    child.stderr?.destroy()
    pipes.end()
    await watching
    if (this.#killedFor !== undefined) return { kind: 'failed', error: this.#killedFor }
    return this.#isStopping ? { kind: 'stopped' } : end
  }

  async #kill(): Promise<void> {
    const { tools, jobId } = this.#start
    if (tools !== undefined) await CommandRun.tool(tools.kill)
    await killAll(jobId, this.#pid)
  }

  /** Runs a command of the configuration; what it says is not kept. */
  static async tool(argv: readonly string[]): Promise<void> {
    const child = spawn(argv[0]!, argv.slice(1), {
      stdio: 'ignore',
      shell: false,
      timeout: TOOL_MS,
      killSignal: 'SIGKILL',
    })
    await new Promise<void>((resolve) => {
      child.once('error', () => resolve())
      child.once('exit', () => resolve())
    })
  }

  /** Looks at memory and disk until the end. */
  async #watch(): Promise<void> {
    const { jobId, limits, places, watchMs, onLook, tools } = this.#start
    for (let look = 0; !this.#ending.signal.aborted; look++) {
      await after(watchMs, undefined, { signal: this.#ending.signal }).catch(() => undefined)
      const byMark = look % LOOKS_BY_MARK === 0
      const pids = await membersOf(jobId, this.#pid, { byMark })
      // A container's memory is its runner's: what is here is the runner's client.
      if (tools === undefined && (await memoryOf(pids)) > limits.memoryBytes)
        await this.#killFor('memory_limit', `it used more than ${limits.memoryBytes} bytes of memory`)
      const disk = await measureFolder(places.work, limits.diskBytes)
      if (disk.isBeyond)
        await this.#killFor('disk_limit', `it wrote more than ${limits.diskBytes} bytes, or too many files`)
      onLook(disk.bytes)
    }
  }

  async #killFor(code: string, message: string): Promise<void> {
    if (this.#ending.signal.aborted) return
    this.#killedFor ??= { code, message }
    await this.#kill()
  }

  async pause(): Promise<void> {
    const { tools, jobId } = this.#start
    if (this.#pid === undefined) return
    if (tools === undefined) await signalAll(jobId, this.#pid, 'SIGSTOP')
    else await CommandRun.tool(tools.pause)
    this.#clock.stop()
  }

  async resume(): Promise<void> {
    const { tools, jobId } = this.#start
    if (this.#pid === undefined || this.#child.exitCode !== null) return
    this.#clock.start()
    if (tools === undefined) await signalAll(jobId, this.#pid, 'SIGCONT')
    else await CommandRun.tool(tools.resume)
  }

  stop(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    void this.#stop()
  }

  async #stop(): Promise<void> {
    const { tools, jobId, graceMs } = this.#start
    this.#clock.stop()
    await signalAll(jobId, this.#pid, 'SIGTERM')
    // Whatever is stopped hears of it only when it goes on.
    if (tools !== undefined) await CommandRun.tool(tools.resume)
    await signalAll(jobId, this.#pid, 'SIGCONT')
    await after(graceMs, undefined, { signal: this.#ending.signal }).catch(() => undefined)
    if (!this.#ending.signal.aborted) await this.#kill()
  }
}

const failed = (code: string, message: string, exitCode?: number): RunEnd => ({
  kind: 'failed',
  error: { code, message },
  ...(exitCode === undefined ? {} : { exitCode }),
})

function exitOf(code: number | null, signal: NodeJS.Signals | null): RunEnd {
  if (code === 0) return { kind: 'succeeded' }
  if (code !== null) return failed('exit_code', `it ended with exit code ${code}`, code)
  return failed('killed', `it was ended by ${signal}`)
}
