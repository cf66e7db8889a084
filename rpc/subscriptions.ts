// eth_subscribe over WebSocket. Owns: who receives what, in order, and who is cut when that takes too long.
// Not: sockets and queues (sockets.ts), topics and parameters (subscriptionMethods.ts).

import { toHex } from '../base/bytes.ts'
import type { Backend, FinalizedBlock, KnownTransaction } from './backend.ts'
import { type BlockIndexes, mustDecode } from './eth/blockIndex.ts'
import { BlockLogs } from './eth/blockLogs.ts'
import { headJson, transactionJson } from './eth/format.ts'
import { entriesOf, type LogFilter } from './eth/logFilter.ts'
import type { RpcEvents } from './events.ts'
import type { Call, Connection } from './method.ts'
import { type Keeper, Quota, type QuotaLimits } from './quota.ts'
import { randomId } from './randomId.ts'
import { turns } from './turns.ts'

export interface SubscriptionLimits extends QuotaLimits {
  /** Finalized blocks that wait for delivery; above it, the costliest connection is cut. */
  readonly blocksBehindMax: number
  /** Pending transactions that wait for delivery; likewise. */
  readonly pendingBehindMax: number
}

export const SUBSCRIPTION_LIMITS: SubscriptionLimits = {
  perConnectionMax: 64,
  perAddressMax: 4_096,
  totalMax: 10_000,
  blocksBehindMax: 64,
  pendingBehindMax: 10_000,
}

/** The place of deliveries in the queue of long work. */
const CLIENT = 'subscriptions'

export type Topic =
  | { readonly kind: 'newHeads' }
  | { readonly kind: 'logs'; readonly filter: LogFilter }
  | { readonly kind: 'newPendingTransactions'; readonly hydrated: boolean }
  | { readonly kind: 'syncing' }

/** Something to deliver to each subscription of a kind. */
type News =
  | { readonly kind: 'newHeads'; readonly text: () => string }
  | { readonly kind: 'logs'; readonly logs: BlockLogs }
  | { readonly kind: 'newPendingTransactions'; readonly hash: string; readonly whole: () => string }
  | { readonly kind: 'syncing'; readonly text: string }

interface Subscription {
  readonly id: string
  readonly connection: Connection
  readonly keeper: Keeper
  readonly topic: Topic
  /** What happened before the client knew its id; undefined once it knows. */
  early: News[] | undefined
  /** The first news that it gets in the common way. */
  fromSequence: number
  isEnded: boolean
}

interface Job {
  readonly news: News
  readonly sequence: number
  /** Set for what one subscription missed. */
  readonly only?: Subscription
}

function notification(id: string, resultText: string): string {
  return `{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"${id}","result":${resultText}}}`
}

function once(make: () => string): () => string {
  let text: string | undefined
  return () => (text ??= make())
}

export class Subscriptions {
  readonly #backend: Backend
  readonly #indexes: BlockIndexes
  readonly #limits: SubscriptionLimits
  /** Subscriptions of every kind. */
  readonly count: Quota
  readonly #entries: Quota
  readonly #byConnection = new Map<Connection, Map<string, Subscription>>()
  readonly #byKind: { readonly [K in Topic['kind']]: Set<Subscription> } = {
    newHeads: new Set(),
    logs: new Set(),
    newPendingTransactions: new Set(),
    syncing: new Set(),
  }
  readonly #jobs: Job[] = []
  /** Jobs that wait, by kind. */
  readonly #behind = { newHeads: 0, logs: 0, newPendingTransactions: 0, syncing: 0 }
  /** Time that deliveries took, halved with each block. */
  readonly #spentMs = new Map<Connection, number>()
  #sequence = 0
  #isDelivering = false
  #wasSyncing: boolean

  constructor(options: {
    backend: Backend
    events: RpcEvents
    indexes: BlockIndexes
    limits: SubscriptionLimits
    /** Addresses and topics in filters, shared with the polled ones. */
    entries: Quota
  }) {
    this.#backend = options.backend
    this.#indexes = options.indexes
    this.#limits = options.limits
    this.count = new Quota('subscriptions', options.limits)
    this.#entries = options.entries
    this.#wasSyncing = options.backend.syncing() !== undefined
    options.events.onFinalized((block) => this.#onFinalized(block))
    options.events.onPending((transaction) => this.#onPending(transaction))
  }

  /** Returns the subscription id. Notifications begin with the next block, after the response. */
  add(connection: Connection, call: Call, topic: Topic): string {
    const keeper: Keeper = { connection, client: call.client }
    this.count.take(keeper, 1)
    try {
      if (topic.kind === 'logs') this.#entries.take(keeper, entriesOf(topic.filter))
    } catch (error) {
      this.count.give(keeper, 1)
      throw error
    }
    const subscription: Subscription = {
      id: randomId(),
      connection,
      keeper,
      topic,
      early: [],
      fromSequence: 0,
      isEnded: false,
    }
    let own = this.#byConnection.get(connection)
    if (own === undefined) {
      own = new Map()
      this.#byConnection.set(connection, own)
      connection.onClose(() => this.#forget(connection))
    }
    own.set(subscription.id, subscription)
    this.#byKind[topic.kind].add(subscription)
    const begin = (): void => this.#begin(subscription)
    if (call.afterAnswer === undefined) setImmediate(begin)
    else call.afterAnswer(begin)
    return subscription.id
  }

  #begin(subscription: Subscription): void {
    const { early } = subscription
    if (early === undefined || subscription.isEnded) return
    subscription.early = undefined
    subscription.fromSequence = this.#sequence
    for (const news of early) this.#enqueue({ news, sequence: this.#sequence, only: subscription })
  }

  remove(connection: Connection, id: string): boolean {
    const own = this.#byConnection.get(connection)
    const subscription = own?.get(id)
    if (own === undefined || subscription === undefined) return false
    const { topic, keeper } = subscription
    own.delete(id)
    subscription.isEnded = true
    this.#byKind[topic.kind].delete(subscription)
    this.count.give(keeper, 1)
    if (topic.kind === 'logs') this.#entries.give(keeper, entriesOf(topic.filter))
    return true
  }

  #forget(connection: Connection): void {
    for (const id of [...(this.#byConnection.get(connection)?.keys() ?? [])]) this.remove(connection, id)
    this.#byConnection.delete(connection)
    this.#spentMs.delete(connection)
  }

  #publish(news: News): void {
    const subscriptions = this.#byKind[news.kind]
    if (subscriptions.size === 0) return
    for (const subscription of subscriptions) {
      if (subscription.early === undefined) continue
      // A client that does not read its answers for so long is cut by its queue, or by this.
      if (subscription.early.push(news) > this.#limits.pendingBehindMax) this.#cut(subscription.connection)
    }
    this.#enqueue({ news, sequence: this.#sequence++ })
  }

  #enqueue(job: Job): void {
    const { kind } = job.news
    this.#jobs.push(job)
    const { blocksBehindMax, pendingBehindMax } = this.#limits
    const behindMax = kind === 'newPendingTransactions' ? pendingBehindMax : blocksBehindMax
    if (job.only === undefined && ++this.#behind[kind] > behindMax) this.#cutCostliest()
    if (!this.#isDelivering) void this.#deliverAll()
  }

  /** Runs at once while the turn has room, then goes on in later ones. */
  async #deliverAll(): Promise<void> {
    this.#isDelivering = true
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      const { news, only, sequence } = job
      if (only === undefined) this.#behind[news.kind]--
      for (const subscription of only === undefined ? [...this.#byKind[news.kind]] : [only]) {
        if (!turns.hasRoom()) await turns.long(CLIENT)
        const isDue = only !== undefined || this.#isDue(subscription, sequence)
        if (isDue && !subscription.isEnded) await this.#deliver(subscription, news)
      }
    }
    this.#isDelivering = false
  }

  #isDue(subscription: Subscription, sequence: number): boolean {
    return subscription.early === undefined && subscription.fromSequence <= sequence
  }

  /** Undefined unless it has to wait. */
  #deliver(subscription: Subscription, news: News): Promise<void> | undefined {
    const beganMs = performance.now()
    const { topic } = subscription
    let later: Promise<void> | undefined
    if (news.kind === 'logs' && topic.kind === 'logs') {
      const places = news.logs.matching(topic.filter)
      if (places.length > 0) later = this.#deliverLogs(subscription, news.logs, places)
    } else if (news.kind === 'newPendingTransactions' && topic.kind === news.kind) {
      this.#send(subscription, topic.hydrated ? news.whole() : news.hash)
    } else if (news.kind === 'newHeads') this.#send(subscription, news.text())
    else if (news.kind === 'syncing') this.#send(subscription, news.text)
    this.#charge(subscription, performance.now() - beganMs)
    return later
  }

  async #deliverLogs(subscription: Subscription, logs: BlockLogs, places: readonly number[]): Promise<void> {
    for (const place of places) {
      if (!turns.hasRoom()) {
        // The whole rest of the turn was used for this one.
        this.#charge(subscription, 1)
        await turns.long(CLIENT)
      }
      if (subscription.isEnded) return
      this.#send(subscription, logs.text(place))
    }
  }

  #send(subscription: Subscription, resultText: string): void {
    subscription.connection.notify(notification(subscription.id, resultText))
  }

  #charge({ connection }: Subscription, ms: number): void {
    if (this.#byConnection.has(connection)) {
      this.#spentMs.set(connection, (this.#spentMs.get(connection) ?? 0) + ms)
    }
  }

  /** Nobody waits for one client: whose subscriptions took most of the time goes. */
  #cutCostliest(): void {
    let costliest: Connection | undefined
    let mostMs = 0
    for (const [connection, ms] of this.#spentMs) {
      if (ms <= mostMs) continue
      costliest = connection
      mostMs = ms
    }
    if (costliest !== undefined) this.#cut(costliest)
  }

  #cut(connection: Connection): void {
    connection.cut('its subscriptions take more time than this node has')
    this.#forget(connection)
  }

  #onFinalized(block: FinalizedBlock): void {
    for (const [connection, ms] of this.#spentMs) this.#spentMs.set(connection, ms / 2)
    this.#publish({
      kind: 'newHeads',
      text: once(() => JSON.stringify(headJson(block, this.#indexes.of(block)))),
    })
    if (this.#byKind.logs.size > 0) {
      this.#publish({ kind: 'logs', logs: new BlockLogs(block, this.#indexes.of(block)) })
    }
    this.#onSyncing()
  }

  #onSyncing(): void {
    const progress = this.#backend.syncing()
    const isSyncing = progress !== undefined
    if (isSyncing === this.#wasSyncing) return
    this.#wasSyncing = isSyncing
    const status = isSyncing && {
      syncing: true,
      status: { currentBlock: progress.currentHeight, highestBlock: progress.highestHeight },
    }
    this.#publish({ kind: 'syncing', text: JSON.stringify(status) })
  }

  #onPending(known: KnownTransaction): void {
    if (this.#byKind.newPendingTransactions.size === 0) return
    this.#publish({
      kind: 'newPendingTransactions',
      hash: JSON.stringify(toHex(known.id)),
      whole: once(() =>
        JSON.stringify(
          transactionJson(mustDecode(known.raw, this.#backend.identity.chainId), known.sender, undefined),
        ),
      ),
    })
  }
}
