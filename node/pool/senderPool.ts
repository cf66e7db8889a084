// Recovers transaction senders off the main thread, each once. Owns: workers, chunking, the bounded queue.
// Not: admission (mempool.ts), the envelopes of blocks (recentSenders.ts).
import { Worker } from 'node:worker_threads'
import type { Address } from '../../base/ids.ts'
import { Recoverer, type RecoverOne } from './recoverer.ts'
import { packRows, type SignedHash, unpackAnswers } from './senderRows.ts'

export type Senders = readonly (Address | undefined)[]

export interface SenderPool {
  /**
   * The sender of each transaction, `undefined` where the signature matches no key.
   * `urgent` (a block to verify) passes everything that waits and is never refused; `patient` callers are never
   * refused either: they bound themselves by waiting for the answer before they bring more.
   * Rejects with SenderPoolError `QueueFull` or `Closed`.
   */
  recover(
    batch: readonly SignedHash[],
    options?: { readonly urgent?: boolean; readonly patient?: boolean },
  ): Promise<Senders>
  /** Ends the workers; what still waits is rejected. */
  close(): Promise<void>
}

export interface SenderPoolOptions {
  /** Threads; 0 recovers everything on the caller's thread. */
  readonly workers: number
  /** Transactions that may wait before non-urgent batches are refused. Default 16,384. */
  readonly queuedMax?: number
  /** Told when a thread is lost; its work is done on the caller's thread. */
  readonly onWorkerLost?: (error: Error) => void
  /** The threads' program. Default senderWorker.js beside this file. */
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

/** A message costs some 35 µs each way: below this a thread is no gain. */
const INLINE_MAX = 15
const CHUNK_MIN = 64
const CHUNK_MAX = 512
const QUEUED_MAX = 16_384

interface Chunk {
  readonly items: readonly SignedHash[]
  readonly resolve: (senders: Senders) => void
  readonly reject: (error: SenderPoolError) => void
}

/** A chunk under way: what is known of it, and the positions that must be recovered. */
interface Job {
  readonly chunk: Chunk
  readonly senders: (Address | undefined)[]
  readonly missing: readonly number[]
}

interface Seat {
  readonly worker: Worker
  current: Job | undefined
}

/** Recoveries of one turn of the event loop, about a millisecond. */
const TURN_ITEMS = 12

/**
 * Recovers on the caller's thread a little at a time, so that a flood of transactions never keeps consensus messages
 * waiting: between two turns the event loop serves the network.
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
        // A block may have brought it while it waited here.
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

  /** Takes out everything that waits. */
  drain(): readonly Chunk[] {
    return this.#queue.splice(0).map((entry) => entry.chunk)
  }
}

/** Starts the threads at once; they load while the node starts. */
export function createSenderPool(options: SenderPoolOptions): SenderPool {
  const queuedMax = options.queuedMax ?? QUEUED_MAX
  const entry = options.entry ?? new URL('./senderWorker.js', import.meta.url)
  const seats: Seat[] = []
  const urgentQueue: Chunk[] = []
  const queue: Chunk[] = []
  const recoverer = new Recoverer(options.recoverOne)
  const turns = new Turns(recoverer)
  let queuedCount = 0
  let turningCount = 0
  let closed = false

  function dispatch(): void {
    for (const seat of seats) {
      if (seat.current !== undefined) continue
      const job = nextJob()
      if (job === undefined) return
      seat.current = job
      const rows = packRows(job.missing.map((at) => job.chunk.items[at]!))
      seat.worker.postMessage(rows, [rows.buffer])
    }
  }

  /** The next chunk with something to recover; one that is remembered as a whole is answered on the way. */
  function nextJob(): Job | undefined {
    for (;;) {
      const chunk = urgentQueue.shift() ?? queue.shift()
      if (chunk === undefined) return undefined
      queuedCount -= chunk.items.length
      const senders = chunk.items.map((item) => recoverer.recall(item))
      const missing = [...senders.keys()].filter((at) => senders[at] === undefined)
      if (missing.length > 0) return { chunk, senders, missing }
      chunk.resolve(senders)
    }
  }

  function conclude({ chunk, senders, missing }: Job, answers: Senders): void {
    missing.forEach((at, i) => {
      senders[at] = answers[i]
      recoverer.remember(chunk.items[at]!, answers[i])
    })
    chunk.resolve(senders)
  }

  function recoverInline(items: readonly SignedHash[]): Senders {
    return items.map((item) => recoverer.recall(item) ?? recoverer.recover(item))
  }

  function lose(seat: Seat, error: Error): void {
    const index = seats.indexOf(seat)
    if (index < 0) return
    seats.splice(index, 1)
    if (closed) return
    options.onWorkerLost?.(error)
    const orphans = seat.current === undefined ? [] : [seat.current.chunk]
    seat.current = undefined
    if (seats.length === 0) {
      orphans.push(...urgentQueue.splice(0), ...queue.splice(0))
      queuedCount = 0
    }
    for (const chunk of orphans) chunk.resolve(recoverInline(chunk.items))
    dispatch()
  }

  function addSeat(): void {
    const worker = new Worker(entry)
    const seat: Seat = { worker, current: undefined }
    worker.on('message', (answers: Uint8Array) => {
      const job = seat.current
      seat.current = undefined
      if (job !== undefined) conclude(job, unpackAnswers(answers))
      dispatch()
    })
    worker.on('error', (error) =>
      lose(seat, error instanceof Error ? error : new Error('sender worker failed', { cause: error })),
    )
    worker.on('exit', (exitCode) => lose(seat, new Error(`sender worker exited with ${exitCode}`)))
    seats.push(seat)
  }

  function enqueue(items: readonly SignedHash[], target: Chunk[]): Promise<Senders> {
    return new Promise((resolve, reject) => {
      target.push({ items, resolve, reject })
      queuedCount += items.length
    })
  }

  async function recoverInTurns(items: readonly SignedHash[], patient: boolean): Promise<Senders> {
    if (!patient && turningCount + items.length > queuedMax) throw new SenderPoolError('QueueFull')
    turningCount += items.length
    try {
      return await new Promise<Senders>((resolve, reject) => turns.add({ items, resolve, reject }))
    } finally {
      turningCount -= items.length
    }
  }

  for (let i = 0; i < options.workers; i++) addSeat()

  return {
    recover: async (batch, { urgent = false, patient = false } = {}) => {
      if (closed) throw new SenderPoolError('Closed')
      if (batch.length <= INLINE_MAX || seats.length === 0) {
        return urgent ? recoverInline(batch) : recoverInTurns(batch, patient)
      }
      if (!urgent && !patient && queuedCount + batch.length > queuedMax)
        throw new SenderPoolError('QueueFull')
      const share = Math.ceil(batch.length / seats.length)
      const chunkSize = Math.min(CHUNK_MAX, Math.max(CHUNK_MIN, share))
      const parts: Promise<Senders>[] = []
      for (let at = 0; at < batch.length; at += chunkSize) {
        parts.push(enqueue(batch.slice(at, at + chunkSize), urgent ? urgentQueue : queue))
      }
      dispatch()
      return (await Promise.all(parts)).flat()
    },
    close: async () => {
      if (closed) return
      closed = true
      const waiting = [...urgentQueue.splice(0), ...queue.splice(0), ...turns.drain()]
      for (const seat of seats) if (seat.current !== undefined) waiting.push(seat.current.chunk)
      for (const chunk of waiting) chunk.reject(new SenderPoolError('Closed'))
      await Promise.all(seats.map((seat) => seat.worker.terminate()))
    },
  }
}
