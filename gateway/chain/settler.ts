// Hands the highest vouchers to the chain: when a tenth of an assignment is unsettled, and all of them before a window ends.
// Owns: when, and in which batches. Not: which voucher is the highest (meter/ledger.ts), sending (transactor.ts).
import { type Call, encodeCall } from '../../client/calls.ts'
import { ClientError } from '../../client/clientError.ts'
import { accounts, redemption } from '../../client/modules.ts'
import type { GatewayLog } from '../gatewayLog.ts'
import { idText, type Ledger } from '../meter/ledger.ts'
import type { Alarms } from './alarms.ts'
import type { AssignmentBook } from './assignmentBook.ts'
import type { Assigned } from './chainReader.ts'
import type { Transactor } from './transactor.ts'

/** Vouchers of one transaction, where the service lane has room for twice as many. */
const BATCH_MAX = 16
/** Of one voucher, the bytes of its call included. */
const GAS_EACH = 380_000
/** Part of an assignment that is settled by itself. */
const PART = 10n
/** Part of a window before its end from which everything is settled. */
const BEFORE = 5
/** In that part, each assignment at most so often: a part of the window. */
const AGAIN = 20

export interface SettlerOptions {
  readonly book: AssignmentBook
  readonly ledger: Ledger
  readonly transactor: Transactor
  /** Gas of the service lane in a block. */
  readonly laneGasMax: number
  readonly alarms: Alarms
  readonly log: GatewayLog
}

interface Due {
  readonly assigned: Assigned
  readonly deliveredBase: bigint
  readonly signature: Uint8Array
}

export class Settler {
  readonly #options: SettlerOptions
  #running: Promise<void> | undefined
  /** When each was last tried, by the chain's time. Bounded by the open assignments. */
  readonly #triedAtMs = new Map<string, number>()
  settled = 0

  constructor(options: SettlerOptions) {
    this.#options = options
  }

  /** Settles what is due; `isAll`: whatever is not settled. One run at a time. */
  async run(isAll = false): Promise<void> {
    if (isAll) await this.#running
    this.#running ??= this.#run(isAll)
      .catch((error: unknown) => this.#options.log.warn({ error }, 'vouchers are tried again'))
      .finally(() => {
        this.#running = undefined
      })
    await this.#running
  }

  /** Vouchers that the chain does not have. */
  #unsettled(): readonly Due[] {
    const { book, ledger } = this.#options
    const { window } = book.clock!
    return [...book.assignments].flatMap((assigned) => {
      // Of the window before only while its end waits; the rules say so then.
      if (assigned.window > window || assigned.window < window - 1 || !assigned.isGranted) return []
      const highest = ledger.highest(assigned)
      if (highest === undefined || highest.deliveredBase <= assigned.voucheredBase) return []
      return [{ assigned, ...highest }]
    })
  }

  #isDue({ assigned, deliveredBase }: Due): boolean {
    const { book } = this.#options
    const { window, startedAtMs, endsAtMs } = book.clock!
    const windowMs = endsAtMs - startedAtMs
    const nowMs = book.time.nowMs()
    const triedAtMs = this.#triedAtMs.get(idText(assigned)) ?? 0
    if (nowMs - triedAtMs < windowMs / AGAIN) return false
    if ((deliveredBase - assigned.voucheredBase) * PART >= assigned.amountBase) return true
    return assigned.window < window || nowMs >= endsAtMs - windowMs / BEFORE
  }

  async #run(isAll: boolean): Promise<void> {
    const { book } = this.#options
    if (book.clock === undefined) return
    for (const key of this.#triedAtMs.keys()) {
      const [redemptionId, assignment] = key.split('/').map(Number) as [number, number]
      if (book.get({ redemptionId, assignment }) === undefined) this.#triedAtMs.delete(key)
    }
    const due = this.#unsettled().filter((one) => isAll || this.#isDue(one))
    const size = Math.max(1, Math.min(BATCH_MAX, Math.floor(this.#options.laneGasMax / (2 * GAS_EACH))))
    for (let at = 0; at < due.length; at += size) await this.#settle(due.slice(at, at + size))
    if (due.length > 0) await book.nudge()
    this.#alarm()
  }

  #alarm(): void {
    const { book, alarms } = this.#options
    const { window, startedAtMs, endsAtMs } = book.clock!
    const isLate = endsAtMs - book.time.nowMs() < (endsAtMs - startedAtMs) / (2 * BEFORE)
    const late = isLate ? this.#unsettled().filter(({ assigned }) => assigned.window === window).length : 0
    alarms.set(
      'vouchersUnsettled',
      late === 0 ? undefined : `${late} vouchers are not settled, and the window ends`,
    )
  }

  #call({ assigned, deliveredBase, signature }: Due): Call {
    const { redemptionId: id, assignment } = assigned
    return encodeCall(redemption.definition, 'settle', { id, assignment, deliveredBase, signature })
  }

  async #settle(batch: readonly Due[]): Promise<void> {
    const { transactor, book, log } = this.#options
    const nowMs = book.time.nowMs()
    for (const { assigned } of batch) {
      this.#triedAtMs.set(idText(assigned), nowMs)
      // What became of it is read back from the chain.
      book.touch(assigned)
    }
    const calls = batch.map((due) => this.#call(due))
    try {
      if (calls.length === 1) await transactor.send(calls[0]!)
      else {
        const inner = calls.map(({ to, valueBase: value, data }) => ({ to, value, data }))
        await transactor.send(encodeCall(accounts.definition, 'batch', { calls: inner }))
      }
      this.settled += batch.length
      log.info({ vouchers: batch.length }, 'settled')
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'failed') throw error
      if (batch.length > 1) {
        const middle = batch.length >> 1
        await this.#settle(batch.slice(0, middle))
        await this.#settle(batch.slice(middle))
        return
      }
      // A higher one was handed in by somebody else, or the window is over: nothing to be done.
      const { redemptionId, assignment } = batch[0]!.assigned
      log.warn({ redemptionId, assignment, reason: error.failure?.name }, 'a voucher is refused by the chain')
    }
  }
}
