// What each connection subscribed to. Owns: limits, the end of a connection, the time that its subscriptions take, and who
// is cut for it. Not: what is delivered, and when (subscriptions.ts, followers.ts).
import type { Call, Connection } from './method.ts'
import type { Keeper, Quota } from './quota.ts'
import { randomId } from './randomId.ts'

export interface Booked {
  readonly id: string
  readonly connection: Connection
  readonly keeper: Keeper
  /** Addresses and topics in its filter. */
  readonly entries: number
  /** Nothing is sent any more. */
  isEnded: boolean
}

interface Account<S> {
  readonly subscriptions: Map<string, S>
  /** Time that deliveries took, halved with each block. */
  spentMs: number
}

export class SubscriptionBook<S extends Booked> {
  /** Subscriptions of every kind. */
  readonly #count: Quota
  readonly #entries: Quota
  readonly #onEnd: (subscription: S) => void
  readonly #accounts = new Map<Connection, Account<S>>()

  /** `onEnd` runs once for each subscription that ended, for whatever reason. */
  constructor(options: { count: Quota; entries: Quota; onEnd: (subscription: S) => void }) {
    this.#count = options.count
    this.#entries = options.entries
    this.#onEnd = options.onEnd
  }

  /** `begin` runs once the client knows the id, unless it ended before. Throws RpcError for a limit. */
  add(
    connection: Connection,
    call: Call,
    options: { entries: number; make: (booked: Booked) => S; begin: (subscription: S) => void },
  ): S {
    const { entries, make, begin } = options
    const keeper: Keeper = { connection, client: call.client }
    this.#count.take(keeper, 1)
    try {
      this.#entries.take(keeper, entries)
    } catch (error) {
      this.#count.give(keeper, 1)
      throw error
    }
    const subscription = make({ id: randomId(), connection, keeper, entries, isEnded: false })
    this.#accountOf(connection).subscriptions.set(subscription.id, subscription)
    const onAnswered = (): void => {
      if (!subscription.isEnded) begin(subscription)
    }
    if (call.afterAnswer === undefined) setImmediate(onAnswered)
    else call.afterAnswer(onAnswered)
    return subscription
  }

  /** False when the connection has none of that id. */
  remove(connection: Connection, id: string): boolean {
    const subscriptions = this.#accounts.get(connection)?.subscriptions
    const subscription = subscriptions?.get(id)
    if (subscriptions === undefined || subscription === undefined) return false
    subscriptions.delete(id)
    subscription.isEnded = true
    this.#count.give(subscription.keeper, 1)
    this.#entries.give(subscription.keeper, subscription.entries)
    this.#onEnd(subscription)
    return true
  }

  /** Ends all of a connection. */
  forget(connection: Connection): void {
    for (const id of [...(this.#accounts.get(connection)?.subscriptions.keys() ?? [])])
      this.remove(connection, id)
    this.#accounts.delete(connection)
  }

  charge(connection: Connection, ms: number): void {
    const account = this.#accounts.get(connection)
    if (account !== undefined) account.spentMs += ms
  }

  onBlock(): void {
    for (const account of this.#accounts.values()) account.spentMs /= 2
  }

  /** Nobody waits for one client: whose subscriptions took most of the time goes. */
  cutCostliest(): void {
    let costliest: Connection | undefined
    let mostMs = 0
    for (const [connection, { spentMs }] of this.#accounts) {
      if (spentMs <= mostMs) continue
      costliest = connection
      mostMs = spentMs
    }
    if (costliest !== undefined) this.cut(costliest)
  }

  cut(connection: Connection): void {
    connection.cut('its subscriptions take more time than this node has')
    this.forget(connection)
  }

  #accountOf(connection: Connection): Account<S> {
    let account = this.#accounts.get(connection)
    if (account === undefined) {
      account = { subscriptions: new Map(), spentMs: 0 }
      this.#accounts.set(connection, account)
      connection.onClose(() => this.forget(connection))
    }
    return account
  }
}
