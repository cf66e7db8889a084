// Device-seconds of a job that runs, in lines of the statement, always ahead: a slice is set aside before it is used, the next
// one while it is used, and a job without a slice is stopped until a voucher makes room. So metered, set aside and not vouchered
// stay within the exposure. Owns: slices. Not: starting and ending a job (runner.ts), the meter's arithmetic (meter/).
import { errorText } from '../../base/errors.ts'
import { minBigint } from '../../base/units.ts'
import { costOf, type Tariff } from '../../client/redemption/tariff.ts'
import { NO_USAGE } from '../../client/redemption/usage.ts'
import type { Ledger, Reservation } from '../meter/ledger.ts'
import type { Session } from '../sessions.ts'
import type { JobError, JobRecord, JobService } from './records.ts'
import type { Run, RunEnd } from './run.ts'

/** Slices that fit into the exposure: one that runs, the next, and requests beside them. */
const SLICES_PER_EXPOSURE = 8n
const SLICE_MS_MIN = 50

interface Held {
  readonly session: Session
  readonly reservation: Reservation
  /** Device-milliseconds that it pays for. */
  readonly ms: number
  /** What covers it is on disk. */
  isCovered: boolean
}

export interface PacerOptions {
  readonly record: JobRecord
  readonly ledger: Ledger
  readonly tariff: Tariff
  readonly nowMs: () => number
  /** The open assignment of the redemption in the running window. */
  readonly session: () => Session | undefined
  /** Resolves when the assignments were looked at again, or the signal aborts. */
  readonly synced: (signal: AbortSignal) => Promise<void>
  readonly meterMs: number
  readonly voucherMs: number
  /** Writes the record down. */
  readonly save: () => Promise<void>
  readonly onPause: (isPaused: boolean) => void
  /** Ends it: cancelled, or the gateway is about to end. */
  readonly signal: AbortSignal
}

export type Paced =
  | { readonly kind: 'ended'; readonly end: RunEnd }
  | { readonly kind: 'out'; readonly error: JobError }

/** What so many device-milliseconds cost. The tariff's minimum is of the whole job: its first line has it. */
export function jobCost(tariff: Tariff, service: JobService, deviceMs: number, isFirst: boolean): bigint {
  return costOf(isFirst ? tariff : { ...tariff, minimumBase: 0n }, { service }, { ...NO_USAGE, deviceMs })
}

/** Longest slice whose price is a small part of what may be used. */
export function sliceMsOf(tariff: Tariff, service: JobService, roomBase: bigint, meterMs: number): number {
  const priceBase = tariff.deviceSecondBase.get(service) ?? 0n
  if (priceBase === 0n) return meterMs
  const ms = (roomBase * 1_000n) / (priceBase * SLICES_PER_EXPOSURE)
  return Math.max(SLICE_MS_MIN, Number(minBigint(ms, BigInt(meterMs))))
}

export class Pacer {
  readonly #options: PacerOptions
  /** Device-milliseconds of the run whose slices are over. */
  #countedMs = 0
  #end: RunEnd | undefined
  #onEnd: () => void = () => undefined
  /** Lines on their way to the disk. */
  #charging = 0
  #charged: Promise<void> = Promise.resolve()

  constructor(options: PacerOptions) {
    this.#options = options
  }

  /** Starts a job once its first slice is set aside, and paces it to its end. */
  async run(start: () => Promise<Run>): Promise<Paced> {
    const { signal } = this.#options
    const first = await this.#wait()
    if ('code' in first) return { kind: 'out', error: first }
    let run: Run
    try {
      run = await start()
    } catch (error) {
      this.#release(first)
      throw error
    }
    void run.ended.then(
      (end) => this.#ended(end),
      (error: unknown) =>
        this.#ended({ kind: 'failed', error: { code: 'internal', message: errorText(error) } }),
    )
    const stop = (): void => run.stop()
    signal.addEventListener('abort', stop, { once: true })
    try {
      if (signal.aborted) stop()
      const paced = await this.#pace(run, first)
      await this.#charged
      return paced
    } catch (error) {
      // The disk takes no lines: nothing more is served.
      stop()
      await run.ended.catch(() => undefined)
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  #ended(end: RunEnd): void {
    this.#end = end
    this.#onEnd()
  }

  async #pace(run: Run, first: Held): Promise<Paced> {
    let held = first
    for (;;) {
      const ahead = this.#tryNext(held.ms)
      const end = await this.#through(run, held.ms)
      if (end !== undefined) {
        if (ahead !== undefined) this.#release(ahead)
        const usedMs = Math.min(held.ms, Math.max(0, Math.floor(this.#deviceMs(run)) - this.#countedMs))
        this.#charge(held, end.kind === 'failed' && end.isFree === true ? 0 : usedMs)
        return { kind: 'ended', end }
      }
      this.#countedMs += held.ms
      const isReady = ahead?.isCovered === true && this.#charging === 0
      if (!isReady) await run.pause()
      this.#charge(held, held.ms)
      if (isReady) held = ahead
      else {
        const next = await this.#waitPaused(run, ahead)
        if ('kind' in next) return next
        held = next
        await run.resume()
      }
    }
  }

  /** Waits for a slice while the job stands still; its end, if that comes first. */
  async #waitPaused(run: Run, ahead: Held | undefined): Promise<Held | Paced> {
    // A slow disk, and not a missing voucher.
    await this.#charged
    if (ahead !== undefined) {
      await ahead.reservation.isCovered
      return ahead
    }
    const { onPause } = this.#options
    onPause(true)
    try {
      const gone = new AbortController()
      this.#onEnd = () => gone.abort()
      if (this.#end !== undefined) gone.abort()
      const next = await this.#wait(gone.signal)
      if (this.#end !== undefined) {
        if (!('code' in next)) this.#release(next)
        return { kind: 'ended', end: this.#end }
      }
      if (!('code' in next)) return next
      run.stop()
      const end = await run.ended
      return end.kind === 'stopped' ? { kind: 'out', error: next } : { kind: 'ended', end }
    } finally {
      onPause(false)
    }
  }

  #deviceMs(run: Run): number {
    return run.runningMs * this.#options.record.devices
  }

  /** Resolves when a slice is used up, or with the job's end. */
  async #through(run: Run, ms: number): Promise<RunEnd | undefined> {
    const { record, signal } = this.#options
    for (;;) {
      if (this.#end !== undefined) return this.#end
      const leftMs = (this.#countedMs + ms - this.#deviceMs(run)) / record.devices
      if (leftMs <= 0) return undefined
      await new Promise<void>((resolve) => {
        // A job that is being stopped uses nothing: only its end matters.
        const timer = signal.aborted ? undefined : setTimeout(resolve, Math.ceil(leftMs))
        this.#onEnd = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Device-milliseconds of a slice that begins when `runningMs` more are counted; 0 at the job's limit. */
  #nextMs(session: Session, runningMs: number): number {
    const { record, tariff, meterMs } = this.#options
    const { service, limits, devices } = record
    const paidMs = Math.max(0, runningMs - record.creditMs)
    const leftMs = limits.deviceMs - record.meteredMs - paidMs
    const { exposureBase, leftBase } = session.opened.meter
    const slice = sliceMsOf(tariff, service, minBigint(exposureBase, leftBase), meterMs * devices)
    return Math.max(0, Math.min(slice, leftMs))
  }

  /** What a slice costs whose first `creditMs` are free. */
  #costOf(ms: number, creditMs: number): bigint {
    const { tariff, record } = this.#options
    const paidMs = Math.max(0, ms - creditMs)
    return paidMs === 0 ? 0n : jobCost(tariff, record.service, paidMs, record.meteredMs === 0)
  }

  #reserve(session: Session, ms: number, runningMs: number): Held | 'pay' | 'busy' | 'short' {
    const { ledger, record } = this.#options
    const creditMs = Math.max(0, record.creditMs - runningMs)
    const reserved = ledger.reserve(session.opened, this.#costOf(ms, creditMs))
    if (reserved.kind !== 'reserved') return reserved.kind
    const held: Held = { session, reservation: reserved.reservation!, ms, isCovered: false }
    void held.reservation.isCovered.then(
      () => {
        held.isCovered = true
      },
      () => undefined,
    )
    return held
  }

  /** The slice after one that runs, if it can be set aside at once. */
  #tryNext(runningMs: number): Held | undefined {
    const session = this.#options.session()
    if (session === undefined) return undefined
    const ms = this.#nextMs(session, runningMs)
    const held = ms === 0 ? 'short' : this.#reserve(session, ms, runningMs)
    return typeof held === 'string' ? undefined : held
  }

  /** Waits for a slice: for a window, for vouchers, for other requests. */
  async #wait(gone?: AbortSignal): Promise<Held | JobError> {
    const { voucherMs, signal } = this.#options
    const ends = new AbortController()
    const abort = (): void => ends.abort()
    const late = setTimeout(abort, voucherMs)
    for (const one of [signal, gone]) {
      if (one?.aborted === true) abort()
      one?.addEventListener('abort', abort, { once: true })
    }
    try {
      for (;;) {
        const held = await this.#trySlice()
        if (!('code' in held) || held === DEVICE_LIMIT || held === USED_UP || ends.signal.aborted) return held
        await this.#changed(ends.signal)
      }
    } finally {
      clearTimeout(late)
      for (const one of [signal, gone]) one?.removeEventListener('abort', abort)
    }
  }

  async #trySlice(): Promise<Held | JobError> {
    const session = this.#options.session()
    if (session === undefined) return NO_WINDOW
    const ms = this.#nextMs(session, 0)
    if (ms === 0) return DEVICE_LIMIT
    const held = this.#reserve(session, ms, 0)
    if (typeof held === 'string') return held === 'short' ? USED_UP : NO_VOUCHER
    await held.reservation.isCovered
    return held
  }

  /** Resolves when a slice may be had now that could not be before, or with the end. */
  async #changed(ends: AbortSignal): Promise<void> {
    const { ledger, session: now, synced } = this.#options
    const session = now()
    const turn = new AbortController()
    const abort = (): void => turn.abort()
    ends.addEventListener('abort', abort, { once: true })
    if (ends.aborted) abort()
    const vouched = session === undefined ? [] : [ledger.changed(session.opened, turn.signal)]
    await Promise.race([synced(turn.signal), ...vouched])
    ends.removeEventListener('abort', abort)
    turn.abort()
  }

  #release({ session, reservation }: Held): void {
    this.#options.ledger.release(session.opened, reservation)
  }

  /** One line, after those before. `#charged` resolves, or rejects, with the disk. */
  #charge(held: Held, ms: number): void {
    const { record } = this.#options
    const creditMs = Math.min(record.creditMs, ms)
    const costBase = minBigint(this.#costOf(ms, creditMs), held.reservation.costMaxBase)
    record.creditMs -= creditMs
    if (ms === creditMs) {
      this.#release(held)
      return
    }
    record.meteredMs += ms - creditMs
    record.costBase = `${BigInt(record.costBase) + costBase}`
    this.#charging++
    const charged = Promise.all([this.#charged, this.#write(held, ms - creditMs, costBase)])
    this.#charged = charged.then(() => void this.#charging--)
    // Whoever paces it awaits it.
    this.#charged.catch(() => undefined)
  }

  async #write({ session, reservation }: Held, deviceMs: number, costBase: bigint): Promise<void> {
    const { record, ledger, nowMs, save } = this.#options
    // The record first, so that after a crash nothing is charged twice.
    await save()
    const atMs = Math.floor(nowMs())
    await ledger.charge(session.opened, reservation, {
      model: record.service,
      usage: { ...NO_USAGE, deviceMs },
      costBase,
      atMs,
    })
  }
}

const NO_WINDOW: JobError = {
  code: 'window_ended',
  message: 'no assignment of the redemption is open any more',
}
const NO_VOUCHER: JobError = { code: 'voucher_missing', message: 'no voucher came for what was metered' }
const USED_UP: JobError = { code: 'assignment_used_up', message: 'the assignment is used up' }
const DEVICE_LIMIT: JobError = { code: 'device_limit', message: 'it used all of its device-seconds' }
