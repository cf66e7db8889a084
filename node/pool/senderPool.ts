// Recovers transaction senders off the main thread, each once. Owns: workers, chunking, the bounded queue.
// Not: admission (mempool.ts), block envelopes (recentSenders.ts).
import { Worker } from 'node:worker_threads'
import type { Address } from '../../base/ids.ts'
import { Recoverer, type RecoverOne } from './recoverer.ts'
import { packRows, type SignedHash, unpackAnswers } from './senderRows.ts'

export type Senders = readonly (Address | undefined)[]

export interface SenderPool {
  /**
   * The sender of each transaction, `undefined` where the signature matches no key.
   * `urgent` (a block to verify) jumps the queue and is never refused; `patient` callers are never refused either:
   * they limit themselves by waiting for the result before they send more.
   * Rejects with SenderPoolError `QueueFull` or `Closed`.
   */
  recover(
    batch: readonly SignedHash[],
    options?: { readonly urgent?: boolean; readonly patient?: boolean },
  ): Promise<Senders>
  /** Stops the workers; pending requests are rejected. */
  close(): Promise<void>
}

export interface SenderPoolOptions {
  /** Threads; 0 recovers everything on the caller's thread. */
  readonly workers: number
  /** Transactions that may wait before non-urgent batches are refused. Default 16,384. */
  readonly queuedMax?: number
  /** Called when a thread is lost; its work moves to the caller's thread. */
  readonly onWorkerLost?: (error: Error) => void
  /** The threads' entry point. Default: senderWorker.js next to this file. */
  readonly entry?: URL
  /** What the caller's thread recovers with; tests count its calls. */
  readonly recoverOne?: RecoverOne
}

export class SenderPoolError extends Error {
  readonly code: 'QueueFull' | 'Closed'
  constructor(code: 'QueueFull' | 'Closed') {
    super(code === 'QueueFull' ? 'too many signatures are waiting' : 'the sender pool is closed')
    this.name = 'SenderPoolError'
    this.code = code
  }
}

/** A message costs about 35 µs each way: for this few a thread gains nothing. */
const INLINE_MAX = 15
const CHUNK_MIN = 64
const CHUNK_MAX = 512
const QUEUED_MAX = 16_384

interface Chunk {
  readonly items: readonly SignedHash[]
  readonly resolve: (senders: Senders) => void
  readonly reject: (error: SenderPoolError) => void
}

/** A chunk in progress: its known senders and the positions to recover. */
interface Job {
  readonly chunk: Chunk
  readonly senders: (Address | undefined)[]
  readonly missing: readonly number[]
}

interface Seat {
  readonly worker: Worker
  current: Job | undefined
}

/** Recoveries per turn of the event loop, about a millisecond. */
const TURN_ITEMS = 12

/**
 * Recovers on the caller's thread in small batches, so that a flood of transactions never delays consensus messages:
 * between batches the event loop serves the network.
 */
class Turns {
  readonly #recoverer: Recoverer
  readonly #queue: { readonly chunk: Chunk; readonly senders: (Address | undefined)[] }[] = []
  #isScheduled = false

  constructor(recoverer: Recoverer) {
    this.#recoverer = recoverer
  }

  add(chunk: Chunk): void {
    this.#queue.push({ chunk, senders: [] })
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#queue.length === 0) return
    this.#isScheduled = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#isScheduled = false
    let left = TURN_ITEMS
    while (left > 0 && this.#queue.length > 0) {
      const { chunk, senders } = this.#queue[0]!
      while (left > 0 && senders.length < chunk.items.length) {
        const item = chunk.items[senders.length]!
        // A block may have had it recovered while it waited here.
        let sender = this.#recoverer.recall(item)
        if (sender === undefined) {
          sender = this.#recoverer.recover(item)
          left--
        }
        senders.push(sender)
      }
      if (senders.length < chunk.items.length) break
      this.#queue.shift()
      chunk.resolve(senders)
    }
    this.#schedule()
  }

  /** Removes and returns everything queued. */
  drain(): readonly Chunk[] {
    return this.#queue.splice(0).map((entry) => entry.chunk)
  }
}

/** Starts the threads at once; they load while the node starts. */
export function createSenderPool(options: SenderPoolOptions): SenderPool {
  return new WorkerSenderPool(options)
}

class WorkerSenderPool implements SenderPool {
  readonly #options: SenderPoolOptions
  readonly #queuedMax: number
  readonly #entry: string | URL
  readonly #seats: Seat[] = []
  readonly #urgentQueue: Chunk[] = []
  readonly #queue: Chunk[] = []
  readonly #recoverer: Recoverer
  readonly #turns: Turns
  #queuedCount = 0
  #turningCount = 0
  #isClosed = false

  constructor(options: SenderPoolOptions) {
    this.#options = options
    this.#queuedMax = options.queuedMax ?? QUEUED_MAX
    this.#entry = options.entry ?? new URL('./senderWorker.js', import.meta.url)
    this.#recoverer = new Recoverer(options.recoverOne)
    this.#turns = new Turns(this.#recoverer)
    for (let i = 0; i < options.workers; i++) this.#addSeat()
  }

  async recover(
    batch: readonly SignedHash[],
    { urgent = false, patient = false }: { readonly urgent?: boolean; readonly patient?: boolean } = {},
  ): Promise<Senders> {
    if (this.#isClosed) throw new SenderPoolError('Closed')
    if (batch.length <= INLINE_MAX || this.#seats.length === 0) {
      return urgent ? this.#recoverInline(batch) : this.#recoverInTurns(batch, patient)
    }
    if (!urgent && !patient && this.#queuedCount + batch.length > this.#queuedMax)
      throw new SenderPoolError('QueueFull')
    const share = Math.ceil(batch.length / this.#seats.length)
    const chunkSize = Math.min(CHUNK_MAX, Math.max(CHUNK_MIN, share))
    const parts: Promise<Senders>[] = []
    for (let at = 0; at < batch.length; at += chunkSize) {
      const queue = urgent ? this.#urgentQueue : this.#queue
      parts.push(this.#enqueue(batch.slice(at, at + chunkSize), queue))
    }
    this.#dispatch()
    return (await Promise.all(parts)).flat()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const waiting = [...this.#urgentQueue.splice(0), ...this.#queue.splice(0), ...this.#turns.drain()]
    for (const { current } of this.#seats) if (current !== undefined) waiting.push(current.chunk)
    for (const chunk of waiting) chunk.reject(new SenderPoolError('Closed'))
    await Promise.all(this.#seats.map((seat) => seat.worker.terminate()))
  }

  #dispatch(): void {
    for (const seat of this.#seats) {
      if (seat.current !== undefined) continue
      const job = this.#nextJob()
      if (job === undefined) return
      seat.current = job
      const rows = packRows(job.missing.map((at) => job.chunk.items[at]!))
      seat.worker.postMessage(rows, [rows.buffer])
    }
  }

  /** The next chunk with something to recover; fully cached chunks are answered immediately. */
  #nextJob(): Job | undefined {
    for (;;) {
      const chunk = this.#urgentQueue.shift() ?? this.#queue.shift()
      if (chunk === undefined) return undefined
      this.#queuedCount -= chunk.items.length
      const senders = chunk.items.map((item) => this.#recoverer.recall(item))
      const missing = [...senders.keys()].filter((at) => senders[at] === undefined)
      if (missing.length > 0) return { chunk, senders, missing }
      chunk.resolve(senders)
    }
  }

  #conclude({ chunk, senders, missing }: Job, answers: Senders): void {
    missing.forEach((at, i) => {
      senders[at] = answers[i]
      this.#recoverer.remember(chunk.items[at]!, answers[i])
    })
    chunk.resolve(senders)
  }

  #recoverInline(items: readonly SignedHash[]): Senders {
    return items.map((item) => this.#recoverer.recall(item) ?? this.#recoverer.recover(item))
  }

  #lose(seat: Seat, error: Error): void {
    const index = this.#seats.indexOf(seat)
    if (index < 0) return
    this.#seats.splice(index, 1)
    if (this.#isClosed) return
    this.#options.onWorkerLost?.(error)
    const orphans = seat.current === undefined ? [] : [seat.current.chunk]
    seat.current = undefined
    if (this.#seats.length === 0) {
      orphans.push(...this.#urgentQueue.splice(0), ...this.#queue.splice(0))
      this.#queuedCount = 0
    }
    for (const chunk of orphans) chunk.resolve(this.#recoverInline(chunk.items))
    this.#dispatch()
  }

  #addSeat(): void {
    const worker = new Worker(this.#entry)
    const seat: Seat = { worker, current: undefined }
    worker.on('message', (answers: Uint8Array) => {
      const job = seat.current
      seat.current = undefined
      if (job !== undefined) this.#conclude(job, unpackAnswers(answers))
      this.#dispatch()
    })
    worker.on('error', (error) =>
      this.#lose(seat, error instanceof Error ? error : new Error('sender worker failed', { cause: error })),
    )
    worker.on('exit', (code) => this.#lose(seat, new Error(`sender worker exited with ${code}`)))
    this.#seats.push(seat)
  }

  #enqueue(items: readonly SignedHash[], target: Chunk[]): Promise<Senders> {
    return new Promise((resolve, reject) => {
      target.push({ items, resolve, reject })
      this.#queuedCount += items.length
    })
  }

  async #recoverInTurns(items: readonly SignedHash[], patient: boolean): Promise<Senders> {
    if (!patient && this.#turningCount + items.length > this.#queuedMax)
      throw new SenderPoolError('QueueFull')
    this.#turningCount += items.length
    try {
      return await new Promise<Senders>((resolve, reject) => this.#turns.add({ items, resolve, reject }))
    } finally {
      this.#turningCount -= items.length
    }
  }
}
