// The holder's own count of an assignment: what it has checked and is ready to sign for. Owns: that sum, and what requests that
// were broken off may have cost. Not: the provider's meter, which is believed only as far as this count goes.
import { minBigint } from '../../base/units.ts'
import { SERVICES, type Service } from '../../state/modules/catalogue/schema.ts'
import { brokenUsage, type RequestBounds } from './bounds.ts'
import { RedeemError } from './redeemError.ts'
import { costOf, type Priced, pricesOf, type Tariff } from './tariff.ts'
import type { Usage } from './usage.ts'
import type { Charge, Statement, StatementLine } from './wire.ts'

/** Where the count stands: kept by whoever wants to go on after a restart. */
export interface MeterState {
  /** Costs that were checked. */
  readonly meteredBase: bigint
  /** The highest voucher signed. */
  readonly voucheredBase: bigint
}

/** What a line of a statement is priced by. */
export function pricedOf({ model, deviceMs }: StatementLine): Priced {
  const isJob = deviceMs > 0 && (SERVICES as readonly string[]).includes(model)
  return isJob ? { service: model as Service } : { model }
}

export class OwnMeter {
  readonly tariff: Tariff
  readonly amountBase: bigint
  #meteredBase: bigint
  #voucheredBase: bigint
  /** Most that broken requests may have cost, of which the provider has claimed nothing yet. */
  #brokenBase = 0n
  #inFlight = 0

  constructor(
    tariff: Tariff,
    amountBase: bigint,
    state: MeterState = { meteredBase: 0n, voucheredBase: 0n },
  ) {
    this.tariff = tariff
    this.amountBase = amountBase
    this.#meteredBase = state.meteredBase
    this.#voucheredBase = state.voucheredBase
  }

  get state(): MeterState {
    return { meteredBase: this.#meteredBase, voucheredBase: this.#voucheredBase }
  }

  /** Checked, and not signed for. */
  get dueBase(): bigint {
    return this.#meteredBase - this.#voucheredBase
  }

  get leftBase(): bigint {
    return this.amountBase - this.#meteredBase
  }

  get inFlight(): number {
    return this.#inFlight
  }

  begin(): void {
    this.#inFlight++
  }

  /** A request that cost nothing: it was refused, or is not charged. */
  free(): void {
    this.#inFlight--
  }

  /** Takes a request's cost, or throws RedeemError: `cost` for more than the tariff makes of the usage, or than is left. */
  charge(of: Priced, usage: Usage, charge: Charge): void {
    this.#inFlight--
    const mostBase = costOf(this.tariff, of, usage)
    if (charge.costBase > mostBase) {
      throw new RedeemError(
        'cost',
        `the provider charges ${charge.costBase} base units; its tariff makes ${mostBase} of the usage`,
        { path: 'costBase' },
      )
    }
    if (charge.costBase > this.leftBase)
      throw new RedeemError('cost', 'the provider charges more than the assignment holds', {
        path: 'costBase',
      })
    this.#meteredBase += charge.costBase
  }

  /** A request broke off after so many bytes of text: it may have cost something, but not more than this. */
  broken(bounds: RequestBounds, shownBytes: number): void {
    this.#inFlight--
    if (pricesOf(this.tariff, bounds.model) !== undefined)
      this.#brokenBase += costOf(this.tariff, { model: bounds.model }, brokenUsage(bounds, shownBytes))
  }

  /**
   * The provider says that so much was metered. Adopts it as far as requests that broke off explain it; throws RedeemError `cost`
   * beyond. While requests are under way, besides `waiting` ones that were not served yet, it may be ahead of what has arrived here.
   */
  reconcile(meteredBase: bigint, waiting = 0): void {
    const aheadBase = meteredBase - this.#meteredBase
    if (aheadBase <= 0n || this.#inFlight > waiting) return
    if (aheadBase > this.#brokenBase) {
      throw new RedeemError(
        'cost',
        `the provider says that ${meteredBase} base units were metered; this client counts ${this.#meteredBase}`,
        { path: 'meteredBase' },
      )
    }
    this.#meteredBase = minBigint(meteredBase, this.amountBase)
    this.#brokenBase -= aheadBase
  }

  /** Adopts a checked statement whose lines begin where this count stands: for what other programs used with the same key. */
  adopt(statement: Statement): void {
    let sumBase = this.#meteredBase
    for (const [i, line] of statement.lines.entries()) {
      const mostBase = costOf(this.tariff, pricedOf(line), line)
      if (line.costBase > mostBase) {
        const path = `lines[${i}].costBase`
        throw new RedeemError('cost', `statement: ${path}: the tariff makes ${mostBase} of the usage`, {
          path,
        })
      }
      sumBase += line.costBase
    }
    if (sumBase > this.amountBase) throw new RedeemError('cost', 'statement: more than the assignment holds')
    this.#meteredBase = sumBase
  }

  /** Counts the lines of jobs in a checked statement, which no answer tells of, beyond a sum. Throws RedeemError `cost`. */
  adoptJobs({ lines }: Statement, countedBase: bigint): void {
    const jobs = lines.filter((line) => line.meteredBase > countedBase && 'service' in pricedOf(line))
    for (const line of jobs) {
      const mostBase = costOf(this.tariff, pricedOf(line), line)
      if (line.costBase > mostBase)
        throw new RedeemError('cost', `statement: line ${line.sequence}: the tariff makes ${mostBase} of it`)
    }
    const sumBase = jobs.reduce((sum, { costBase }) => sum + costBase, 0n)
    if (sumBase > this.leftBase) throw new RedeemError('cost', 'statement: more than the assignment holds')
    this.#meteredBase += sumBase
  }

  /** A statement that was checked holds more than was counted. */
  raise(meteredBase: bigint): void {
    if (meteredBase > this.#meteredBase) this.#meteredBase = minBigint(meteredBase, this.amountBase)
  }

  /** A voucher over the whole count is about to be sent. */
  signed(deliveredBase: bigint): void {
    if (deliveredBase > this.#voucheredBase) this.#voucheredBase = deliveredBase
  }
}
