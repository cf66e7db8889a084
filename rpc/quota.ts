// Counts what clients keep on this node. Owns: limits per connection, per address and in total. Not: the things counted.
import { limitExceeded } from './errors.ts'

export interface QuotaLimits {
  readonly perConnectionMax: number
  readonly perAddressMax: number
  readonly totalMax: number
}

/** Who keeps something; HTTP clients have no connection that could hold it. */
export interface Keeper {
  readonly connection: object | undefined
  readonly client: string
}

export class Quota {
  readonly #what: string
  readonly #limits: QuotaLimits
  readonly #byConnection = new WeakMap<object, number>()
  readonly #byAddress = new Map<string, number>()
  #total = 0

  /** `what` in the plural: `subscriptions`. */
  constructor(what: string, limits: QuotaLimits) {
    this.#what = what
    this.#limits = limits
  }

  get total(): number {
    return this.#total
  }

  /** Throws the error that names the limit; then nothing was taken. */
  take({ connection, client }: Keeper, count: number): void {
    const { perConnectionMax, perAddressMax, totalMax } = this.#limits
    const own = connection === undefined ? 0 : (this.#byConnection.get(connection) ?? 0)
    const ofAddress = this.#byAddress.get(client) ?? 0
    if (own + count > perConnectionMax) {
      throw limitExceeded(`a connection may hold at most ${perConnectionMax} ${this.#what}`)
    }
    if (ofAddress + count > perAddressMax) {
      throw limitExceeded(`an address may hold at most ${perAddressMax} ${this.#what}`)
    }
    if (this.#total + count > totalMax) {
      throw limitExceeded(`this node holds at most ${totalMax} ${this.#what}: try later`)
    }
    if (connection !== undefined) this.#byConnection.set(connection, own + count)
    this.#byAddress.set(client, ofAddress + count)
    this.#total += count
  }

  give({ connection, client }: Keeper, count: number): void {
    if (connection !== undefined) {
      this.#byConnection.set(connection, (this.#byConnection.get(connection) ?? 0) - count)
    }
    const left = (this.#byAddress.get(client) ?? 0) - count
    if (left > 0) this.#byAddress.set(client, left)
    else this.#byAddress.delete(client)
    this.#total -= count
  }
}
