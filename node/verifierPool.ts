// Decides which thread checks signatures: a lone check runs at once, a crowd in a worker thread or in slices.
// Owns: the budget of the main thread, the queue, the worker. Not: the checks (verifier.ts), how many there may be
// (consensus/certificateIntake.ts bounds them per peer).
import { Worker } from 'node:worker_threads'
import type { Bls } from '../base/crypto/types.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import {
  type CheckAnswer,
  type CheckOrder,
  type KeysCheck,
  type SignatureChecks,
  Verifier,
  type VerifierCounters,
} from './verifier.ts'

export type ToWorker =
  | { readonly kind: 'validators'; readonly epoch: number; readonly set: ValidatorSet }
  | { readonly kind: 'check'; readonly orders: readonly CheckOrder[] }
  | { readonly kind: 'verify'; readonly check: KeysCheck }

export type ToPool =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'answers'
      readonly answers: readonly CheckAnswer[]
      /** Since the worker's start. */
      readonly counters: VerifierCounters
    }
  | { readonly kind: 'verified'; readonly isValid: boolean; readonly counters: VerifierCounters }

export interface VerifierPoolOptions {
  readonly bls: Bls
  /** False: everything runs on this thread, in slices. The worker starts when it is first needed. */
  readonly hasWorker: boolean
  readonly onWorkerLost?: (error: Error) => void
  /** The thread's entry point. Default: verifierWorker.js next to this file. */
  readonly entry?: URL
  readonly nowMs?: () => number
}

/** Share of the main thread that checks may use, and as much at once: an idle chain stays far below it. */
const INLINE_SHARE = 0.1
const INLINE_AT_ONCE_MS = 60
/** An aggregate of more signers takes longer than a turn of this thread should. */
const INLINE_SIGNERS_MAX = 32
/** Without a worker, a turn checks for about this long. */
const TURN_MS = 8
/** Checks per message to the worker: their answers come together, and a check that arrives next waits for them. */
const BATCH_MAX = 4

interface Waiting {
  readonly order: CheckOrder
  readonly done: (answer: CheckAnswer) => void
}

/** Checks in no hurry, one after another until one fails. */
interface Patient {
  readonly checks: readonly KeysCheck[]
  next: number
  readonly done: (isValid: boolean) => void
}

interface Seat {
  readonly worker: Worker
  isReady: boolean
  counters: VerifierCounters
  /** What the worker has now. */
  current: readonly Waiting[]
  /** The patient check it has now, and no votes. */
  patient: Patient | undefined
}

export class VerifierPool implements SignatureChecks {
  readonly #options: VerifierPoolOptions
  readonly #verifier: Verifier
  readonly #nowMs: () => number
  readonly #entry: URL
  readonly #sets = new Map<number, ValidatorSet>()
  readonly #queue: Waiting[] = []
  /** Bounded by who asks: each waits for its answer. */
  readonly #patient: Patient[] = []
  /** When the time used so far is earned again. */
  #earnedAtMs = 0
  #seat: Seat | undefined
  #mayStart: boolean
  #isTurning = false
  #isClosed = false
  /** Done by workers that are gone. */
  readonly #done: VerifierCounters = { aggregates: 0, singles: 0 }

  constructor(options: VerifierPoolOptions) {
    this.#options = options
    this.#verifier = new Verifier(options.bls)
    this.#nowMs = options.nowMs ?? (() => performance.now())
    this.#entry = options.entry ?? new URL('./verifierWorker.js', import.meta.url)
    this.#mayStart = options.hasWorker
  }

  get counters(): Readonly<VerifierCounters> {
    const parts = [this.#verifier.counters, this.#done, this.#seat?.counters]
    const sum = (of: keyof VerifierCounters): number => parts.reduce((n, part) => n + (part?.[of] ?? 0), 0)
    return { aggregates: sum('aggregates'), singles: sum('singles') }
  }

  /** Whether a worker thread has started. */
  get hasStarted(): boolean {
    return this.#seat !== undefined
  }

  useValidators(epoch: number, set: ValidatorSet): void {
    this.#verifier.useValidators(epoch, set)
    this.#sets.set(epoch, set)
    for (const known of this.#sets.keys()) if (known < epoch - 1) this.#sets.delete(known)
    this.#post({ kind: 'validators', epoch, set })
  }

  check(order: CheckOrder, done: (answer: CheckAnswer) => void): void {
    if (this.#isClosed) return
    const isIdle = this.#queue.length === 0 && (this.#seat?.current.length ?? 0) === 0
    if (isIdle && signersOf(order) <= INLINE_SIGNERS_MAX && this.#mayRunInline()) {
      done(this.#runInline(order))
      return
    }
    this.#queue.push({ order, done })
    if (this.#mayStart) this.#start()
    this.#dispatch()
  }

  verifyAll(checks: readonly KeysCheck[]): Promise<boolean> {
    if (checks.length === 0) return Promise.resolve(true)
    return new Promise((done) => {
      if (this.#isClosed) return
      this.#patient.push({ checks, next: 0, done })
      if (this.#mayStart) this.#start()
      this.#dispatch()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#queue.length = 0
    this.#patient.length = 0
    const seat = this.#seat
    if (seat === undefined) return
    this.#retire(seat)
    await seat.worker.terminate()
  }

  #mayRunInline(): boolean {
    return this.#earnedAtMs - this.#nowMs() < INLINE_AT_ONCE_MS / INLINE_SHARE
  }

  #runInline(order: CheckOrder): CheckAnswer {
    const startedMs = this.#nowMs()
    const answer = this.#verifier.answer(order)
    const nowMs = this.#nowMs()
    this.#earnedAtMs = Math.max(this.#earnedAtMs, startedMs) + (nowMs - startedMs) / INLINE_SHARE
    return answer
  }

  /** Gives the worker the next batch. While there is none, or it still loads, this thread works in slices. */
  #dispatch(): void {
    const seat = this.#seat
    if (seat?.isReady !== true) {
      this.#scheduleTurn()
      return
    }
    if (seat.current.length > 0) return
    if (this.#queue.length > 0) {
      seat.current = this.#queue.splice(0, BATCH_MAX)
      this.#post({ kind: 'check', orders: seat.current.map(({ order }) => order) })
    } else if (seat.patient === undefined && this.#patient.length > 0) {
      seat.patient = this.#patient.shift()!
      this.#post({ kind: 'verify', check: seat.patient.checks[seat.patient.next]! })
    }
  }

  /** One patient check is done. */
  #advance(patient: Patient, isValid: boolean): void {
    patient.next++
    if (isValid && patient.next < patient.checks.length) this.#patient.unshift(patient)
    else patient.done(isValid)
  }

  #scheduleTurn(): void {
    if (this.#isTurning || (this.#queue.length === 0 && this.#patient.length === 0)) return
    this.#isTurning = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#isTurning = false
    const endMs = this.#nowMs() + TURN_MS
    while (!this.#isClosed && this.#seat?.isReady !== true && this.#nowMs() < endMs) {
      const next = this.#queue.shift()
      if (next === undefined) {
        this.#patientTurn()
        break
      }
      next.done(this.#runInline(next.order))
    }
    if (!this.#isClosed) this.#dispatch()
  }

  #patientTurn(): void {
    const patient = this.#patient.shift()
    if (patient !== undefined) this.#advance(patient, this.#verifier.verifyOne(patient.checks[patient.next]!))
  }

  #post(message: ToWorker): void {
    this.#seat?.worker.postMessage(message)
  }

  #start(): void {
    this.#mayStart = false
    const seat: Seat = {
      worker: new Worker(this.#entry),
      isReady: false,
      counters: { aggregates: 0, singles: 0 },
      current: [],
      patient: undefined,
    }
    this.#seat = seat
    seat.worker.on('message', (message: ToPool) => this.#onMessage(seat, message))
    seat.worker.on('error', (error) => this.#lose(seat, error))
    seat.worker.on('exit', (code) => this.#lose(seat, new Error(`the worker exited with ${code}`)))
    for (const [epoch, set] of this.#sets) this.#post({ kind: 'validators', epoch, set })
  }

  #onMessage(seat: Seat, message: ToPool): void {
    if (this.#seat !== seat || this.#isClosed) return
    if (message.kind === 'ready') seat.isReady = true
    else if (message.kind === 'verified') {
      const { patient } = seat
      seat.patient = undefined
      seat.counters = message.counters
      if (patient !== undefined) this.#advance(patient, message.isValid)
    } else {
      const { current } = seat
      seat.current = []
      seat.counters = message.counters
      // The worker has the next batch before this thread acts on the last.
      this.#dispatch()
      for (const [i, { done }] of current.entries()) done(message.answers[i]!)
    }
    this.#dispatch()
  }

  /** A lost worker's checks are done here; no other worker is started. */
  #lose(seat: Seat, error: unknown): void {
    if (this.#seat !== seat) return
    const { current, patient } = seat
    this.#retire(seat)
    if (this.#isClosed) return
    this.#options.onWorkerLost?.(
      error instanceof Error ? error : new Error('worker failed', { cause: error }),
    )
    this.#queue.unshift(...current)
    if (patient !== undefined) this.#patient.unshift(patient)
    this.#dispatch()
  }

  #retire(seat: Seat): void {
    this.#done.aggregates += seat.counters.aggregates
    this.#done.singles += seat.counters.singles
    this.#seat = undefined
  }
}

function signersOf(order: CheckOrder): number {
  if (order.kind === 'checkVotes') return order.votes.length
  return order.checks.reduce((sum, { signers }) => sum + signers.length, 0)
}
