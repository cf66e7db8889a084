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
import { Quota, type QuotaLimits } from './quota.ts'
import { type Booked, SubscriptionBook } from './subscriptionBook.ts'
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

interface Subscription extends Booked {
  readonly topic: Topic
  /** What happened before the client knew its id; undefined once it knows. */
  early: News[] | undefined
  /** The first news that it gets in the common way. */
  fromSequence: number
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
  readonly #book: SubscriptionBook<Subscription>
  readonly #byKind: { readonly [K in Topic['kind']]: Set<Subscription> } = {
    newHeads: new Set(),
    logs: new Set(),
    newPendingTransactions: new Set(),
    syncing: new Set(),
  }
  readonly #jobs: Job[] = []
  /** Jobs that wait, by kind. */
  readonly #behind = { newHeads: 0, logs: 0, newPendingTransactions: 0, syncing: 0 }
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
    this.#book = new SubscriptionBook({
      count: this.count,
      entries: options.entries,
      onEnd: (subscription) => void this.#byKind[subscription.topic.kind].delete(subscription),
    })
    this.#wasSyncing = options.backend.syncing() !== undefined
    options.events.onFinalized((block) => this.#onFinalized(block))
    options.events.onPending((transaction) => this.#onPending(transaction))
  }

  /** Returns the subscription id. Notifications begin with the next block, after the response. */
  add(connection: Connection, call: Call, topic: Topic): string {
    const subscription = this.#book.add(connection, call, {
      entries: topic.kind === 'logs' ? entriesOf(topic.filter) : 0,
      make: (booked) => ({ ...booked, topic, early: [], fromSequence: 0 }),
      begin: (known) => this.#begin(known),
    })
    this.#byKind[topic.kind].add(subscription)
    return subscription.id
  }

  #begin(subscription: Subscription): void {
    const { early } = subscription
    if (early === undefined) return
    subscription.early = undefined
    subscription.fromSequence = this.#sequence
    for (const news of early) this.#enqueue({ news, sequence: this.#sequence, only: subscription })
  }

  remove(connection: Connection, id: string): boolean {
    return this.#book.remove(connection, id)
  }

  #publish(news: News): void {
    const subscriptions = this.#byKind[news.kind]
    if (subscriptions.size === 0) return
    for (const subscription of subscriptions) {
      if (subscription.early === undefined) continue
      // A client that does not read its answers for so long is cut by its queue, or by this.
      if (subscription.early.push(news) > this.#limits.pendingBehindMax)
        this.#book.cut(subscription.connection)
    }
    this.#enqueue({ news, sequence: this.#sequence++ })
  }

  #enqueue(job: Job): void {
    const { kind } = job.news
    this.#jobs.push(job)
    const { blocksBehindMax, pendingBehindMax } = this.#limits
    const behindMax = kind === 'newPendingTransactions' ? pendingBehindMax : blocksBehindMax
    if (job.only === undefined && ++this.#behind[kind] > behindMax) this.#book.cutCostliest()
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
    this.#book.charge(subscription.connection, performance.now() - beganMs)
    return later
  }

  async #deliverLogs(subscription: Subscription, logs: BlockLogs, places: readonly number[]): Promise<void> {
    for (const place of places) {
      if (!turns.hasRoom()) {
        // The whole rest of the turn was used for this one.
        this.#book.charge(subscription.connection, 1)
        await turns.long(CLIENT)
      }
      if (subscription.isEnded) return
      this.#send(subscription, logs.text(place))
    }
  }

  #send(subscription: Subscription, resultText: string): void {
    subscription.connection.notify(notification(subscription.id, resultText))
  }

  #onFinalized(block: FinalizedBlock): void {
    this.#book.onBlock()
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
