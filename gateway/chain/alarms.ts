// What an operator must hear of, once when it begins and once when it is over. Owns: which alarms stand. Not: their causes.
import type { GatewayLog } from '../gatewayLog.ts'

export const ALARMS = [
  /** A window comes close and assignments in it have no grant: a fault from its first block on. */
  'grantsMissing',
  /** A window comes to its end and vouchers are not settled: they are lost with it. */
  'vouchersUnsettled',
  /** The listing names another tariff, or there is none. */
  'listingDiffers',
  'nodeSilent',
  /** This machine's clock and the chain's are far apart. */
  'clockOff',
  /** Nothing can be written: nothing is served. */
  'storeFailed',
  /** Assignments of services that this gateway does not serve: another must grant them. */
  'notServed',
] as const
export type AlarmName = (typeof ALARMS)[number]

export class Alarms {
  readonly #log: GatewayLog
  readonly #standing = new Map<AlarmName, string>()

  constructor(log: GatewayLog) {
    this.#log = log
  }

  get standing(): ReadonlyMap<AlarmName, string> {
    return this.#standing
  }

  set(name: AlarmName, text: string | undefined): void {
    const before = this.#standing.get(name)
    if (text === undefined) {
      if (this.#standing.delete(name)) this.#log.info({ alarm: name }, `over: ${before}`)
      return
    }
    this.#standing.set(name, text)
    if (before === undefined) this.#log.error({ alarm: name }, text)
  }
}
