// Computes the prechecks of calls before their block runs, off the main thread, and remembers the results.
// Execution takes a result from here or computes the same one itself, so that nothing here decides what a block does.
// Owns: the threads, the bounded queue, the bounded memory. Not: the functions (state/precheck.ts).
import { Worker } from 'node:worker_threads'
import { RecentMap } from '../../base/recentMap.ts'
import { type KnownPrecheck, precheckKey, precheckModule } from '../../state/precheck.ts'
import type { Module } from '../../state/rules.ts'
import type { Transaction } from '../../state/transaction.ts'
import type { PrecheckCall, PrecheckRequest } from './precheckServe.ts'

/** Remembered results, of at most 2 KB each: a few blocks full of them. */
const REMEMBERED_MAX = 4_096
/** Calls that may wait for a thread; more are computed when their block runs. */
const QUEUED_MAX = 1_024
/** Calls of one message. */
const CHUNK_MAX = 16

export interface PrecheckPoolOptions {
  readonly modules: readonly Module[]
  readonly chainId: number
  /** Threads, started with the first call that has a precheck; 0: every result is computed when its block runs. */
  readonly workers: number
  /** Called when a thread is lost; what it had to do is computed when its block runs. */
  readonly onWorkerLost?: (error: Error) => void
  /** The threads' entry point. Default: precheckWorker.js next to this file. */
  readonly entry?: URL
  /** Results to remember. Default 4,096. */
  readonly rememberedMax?: number
}

interface Task extends PrecheckCall {
  readonly key: string
  /** Resolves when the result is known or will not be. */
  readonly ended: Promise<void>
  readonly end: () => void
}

interface Seat {
  readonly worker: Worker
  current: readonly Task[]
}

export class PrecheckPool {
  readonly #options: PrecheckPoolOptions
  readonly #known: RecentMap<Uint8Array>
  readonly #entry: URL
  /** Calls that wait or are being computed, so that none is computed twice. */
  readonly #pending = new Map<string, Task>()
  readonly #urgent: Task[] = []
  readonly #queue: Task[] = []
  readonly #seats: Seat[] = []
  #isStarted = false
  #isClosed = false

  constructor(options: PrecheckPoolOptions) {
    this.#options = options
    this.#known = new RecentMap(options.rememberedMax ?? REMEMBERED_MAX)
    this.#entry = options.entry ?? new URL('./precheckWorker.js', import.meta.url)
  }

  /** For execution: the remembered result of a call. */
  readonly known: KnownPrecheck = (moduleId, data) => this.#known.get(precheckKey(moduleId, data))

  /**
   * Computes what is not yet known of these transactions. Resolves when it is known or will not be: a full queue and a
   * lost thread leave it to execution. `urgent` (a block to verify) jumps the queue and its bound. Never rejects.
   */
  async prepare(
    transactions: readonly Pick<Transaction, 'to' | 'data'>[],
    { urgent = false }: { readonly urgent?: boolean } = {},
  ): Promise<void> {
    if (this.#options.workers === 0 || this.#isClosed) return
    const waits = transactions.flatMap(({ to, data }) => {
      const module = precheckModule(this.#options.modules, { to, data })
      return module === undefined ? [] : [this.#prepareCall({ moduleId: module.definition.id, data }, urgent)]
    })
    if (waits.length === 0) return
    this.#dispatch()
    await Promise.all(waits)
  }

  /** Stops the threads; whoever waits goes on without the results. */
  async close(): Promise<void> {
    this.#isClosed = true
    const seats = this.#seats.splice(0)
    for (const task of [...this.#waiting(), ...seats.flatMap(({ current }) => current)]) this.#end(task)
    await Promise.all(seats.map(({ worker }) => worker.terminate()))
  }

  #prepareCall(call: PrecheckCall, urgent: boolean): Promise<void> | undefined {
    const key = precheckKey(call.moduleId, call.data)
    if (this.#known.has(key)) return undefined
    const pending = this.#pending.get(key)
    if (pending !== undefined) {
      const at = urgent ? this.#queue.indexOf(pending) : -1
      if (at >= 0) this.#urgent.push(...this.#queue.splice(at, 1))
      return pending.ended
    }
    this.#start()
    if (this.#seats.length === 0 || (!urgent && this.#pending.size >= QUEUED_MAX)) return undefined
    let end = (): void => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const task = { ...call, key, ended, end }
    this.#pending.set(key, task)
    const queue = urgent ? this.#urgent : this.#queue
    queue.push(task)
    return ended
  }

  #end(task: Task): void {
    this.#pending.delete(task.key)
    task.end()
  }

  /** Removes and returns everything that waits. */
  #waiting(): readonly Task[] {
    return [...this.#urgent.splice(0), ...this.#queue.splice(0)]
  }

  #start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    for (let i = 0; i < this.#options.workers; i++) this.#addSeat()
  }

  #addSeat(): void {
    const worker = new Worker(this.#entry)
    const seat: Seat = { worker, current: [] }
    worker.on('message', (results: readonly Uint8Array[]) => {
      const tasks = seat.current
      seat.current = []
      tasks.forEach((task, i) => {
        this.#known.set(task.key, results[i]!)
        this.#end(task)
      })
      this.#dispatch()
    })
    worker.on('error', (error) =>
      this.#lose(
        seat,
        error instanceof Error ? error : new Error('a precheck thread failed', { cause: error }),
      ),
    )
    worker.on('exit', (code) => this.#lose(seat, new Error(`a precheck thread exited with ${code}`)))
    this.#seats.push(seat)
  }

  #lose(seat: Seat, error: Error): void {
    const index = this.#seats.indexOf(seat)
    if (index < 0) return
    this.#seats.splice(index, 1)
    this.#options.onWorkerLost?.(error)
    for (const task of seat.current) this.#end(task)
    if (this.#seats.length === 0) for (const task of this.#waiting()) this.#end(task)
    this.#dispatch()
  }

  #dispatch(): void {
    for (const seat of this.#seats) {
      if (seat.current.length > 0) continue
      const tasks =
        this.#urgent.length > 0 ? this.#urgent.splice(0, CHUNK_MAX) : this.#queue.splice(0, CHUNK_MAX)
      if (tasks.length === 0) return
      seat.current = tasks
      const calls = tasks.map(({ moduleId, data }) => ({ moduleId, data }))
      const request: PrecheckRequest = { chainId: this.#options.chainId, calls }
      seat.worker.postMessage(request)
    }
  }
}
