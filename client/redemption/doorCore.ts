// What the parts of a paid door share: the way to the provider, the count and its file, and whether the provider was caught in a
// lie. Not: requests (paidDoor.ts), vouchers (voucherSender.ts), the statement (statementCount.ts).
import { knock, readText } from './bodies.ts'
import type { Door } from './door.ts'
import { apiKeyText, endpointOf } from './grant.ts'
import type { RedeemKeys } from './keys.ts'
import { type MeterState, OwnMeter } from './ownMeter.ts'
import { RedeemError } from './redeemError.ts'
import { WIRE_BYTES_MAX } from './wire.ts'

/** What is kept of a door between two runs. */
export interface DoorState extends MeterState {
  /** The holder has asked for jobs here, which are charged in lines that no answer tells of. Default: no. */
  readonly hasJobs?: boolean | undefined
}

export interface PaidDoorOptions {
  readonly keys: RedeemKeys
  readonly state?: DoorState | undefined
  /** What may still be spent over all doors. */
  readonly budgetLeft: () => bigint
  /** Writes the count down, before a voucher that it is signed over leaves, and before the first request for jobs. */
  readonly save: (state: DoorState) => void
  readonly onCharge: (charge: {
    readonly model: string
    readonly costBase: bigint
    readonly meteredBase: bigint
  }) => void
  readonly onVoucher: (deliveredBase: bigint) => void
  /** The provider lies: nothing more goes through this door. */
  readonly onRefused: (error: RedeemError) => void
  readonly timeoutMs: number
}

export class DoorCore {
  readonly door: Door
  readonly meter: OwnMeter
  readonly options: PaidDoorOptions
  /** The holder has jobs here: their lines are counted from the statement, and no others. */
  hasJobs: boolean
  /** The highest that was ever signed: it is spent, whether or not it arrived. */
  #signedBase: bigint
  #refusal: RedeemError | undefined

  constructor(door: Door, options: PaidDoorOptions) {
    this.door = door
    this.options = options
    this.meter = new OwnMeter(door.tariff, door.terms.amountBase, options.state)
    this.hasJobs = options.state?.hasJobs === true
    this.#signedBase = this.meter.state.voucheredBase
  }

  /** Why nothing more goes through. */
  get refusal(): RedeemError | undefined {
    return this.#refusal
  }

  refuse(error: RedeemError): void {
    if (this.#refusal !== undefined) return
    this.#refusal = error
    this.options.onRefused(error)
  }

  /** Runs a check of what the provider says; what fails shuts the door for good. */
  checked<T>(check: () => T): T {
    try {
      return check()
    } catch (error) {
      if (error instanceof RedeemError) this.refuse(error)
      throw error
    }
  }

  /** Writes down where the count stands, and what was signed at most. */
  save(signedBase = 0n): void {
    if (signedBase > this.#signedBase) this.#signedBase = signedBase
    const { meteredBase } = this.meter.state
    const jobs = this.hasJobs ? { hasJobs: true } : {}
    this.options.save({ meteredBase, voucheredBase: this.#signedBase, ...jobs })
  }

  headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { ...more, authorization: `Bearer ${apiKeyText(this.door.grant.apiKey)}` }
  }

  /** A small question to the provider. Throws RedeemError. */
  async ask(path: string, init: { readonly method?: string; readonly body?: string } = {}) {
    const headers = this.headers(init.body === undefined ? {} : { 'content-type': 'application/json' })
    const signal = AbortSignal.timeout(this.options.timeoutMs)
    const url = endpointOf(this.door.grant.baseUrl, path)
    const response = await knock(this.door.fetch, url, { ...init, headers, signal, redirect: 'error' })
    return { status: response.status, text: await readText(response, WIRE_BYTES_MAX) }
  }
}
