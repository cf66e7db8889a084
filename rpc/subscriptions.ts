// eth_subscribe over WebSocket. Owns: subscriptions and their limits. Not: sockets and queues (sockets.ts).

import { toHex } from '../base/bytes.ts'
import { errorText } from '../base/errors.ts'
import type { Json } from '../base/field.ts'
import type { Backend, FinalizedBlock, KnownTransaction } from './backend.ts'
import { invalidParams, limitExceeded, RPC_CODE, RpcError } from './errors.ts'
import { type BlockIndexes, mustDecode } from './eth/blockIndex.ts'
import { headJson, transactionJson } from './eth/format.ts'
import { type LogFilter, parseLogQuery } from './eth/logFilter.ts'
import type { LogSearch } from './eth/logs.ts'
import type { RpcEvents } from './events.ts'
import { type Connection, defineMethod, type Method } from './method.ts'
import { optional, p } from './params.ts'
import { randomId } from './randomId.ts'

export interface SubscriptionLimits {
  readonly perConnectionMax: number
  readonly totalMax: number
}

export const SUBSCRIPTION_LIMITS: SubscriptionLimits = { perConnectionMax: 64, totalMax: 10_000 }

type Topic =
  | { readonly kind: 'newHeads' }
  | { readonly kind: 'logs'; readonly filter: LogFilter }
  | { readonly kind: 'newPendingTransactions'; readonly hydrated: boolean }
  | { readonly kind: 'syncing' }

interface Subscription {
  readonly id: string
  readonly connection: Connection
  readonly topic: Topic
}

function notification(id: string, resultText: string): string {
  return `{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"${id}","result":${resultText}}}`
}

export class Subscriptions {
  readonly #backend: Backend
  readonly #indexes: BlockIndexes
  readonly #search: LogSearch
  readonly #limits: SubscriptionLimits
  readonly #byConnection = new Map<Connection, Map<string, Subscription>>()
  readonly #byKind: { readonly [K in Topic['kind']]: Set<Subscription> } = {
    newHeads: new Set(),
    logs: new Set(),
    newPendingTransactions: new Set(),
    syncing: new Set(),
  }
  #total = 0
  #wasSyncing: boolean

  constructor(options: {
    backend: Backend
    events: RpcEvents
    indexes: BlockIndexes
    search: LogSearch
    limits: SubscriptionLimits
  }) {
    this.#backend = options.backend
    this.#indexes = options.indexes
    this.#search = options.search
    this.#limits = options.limits
    this.#wasSyncing = options.backend.syncing() !== undefined
    options.events.onFinalized((block) => this.#onFinalized(block))
    options.events.onPending((transaction) => this.#onPending(transaction))
  }

  /** Returns the subscription id; notifications start after the response is sent. */
  add(connection: Connection, topic: Topic): string {
    let own = this.#byConnection.get(connection)
    if (own === undefined) {
      own = new Map()
      this.#byConnection.set(connection, own)
      connection.onClose(() => this.#forget(connection))
    }
    const { perConnectionMax, totalMax } = this.#limits
    if (own.size >= perConnectionMax) {
      throw limitExceeded(`a connection may hold at most ${perConnectionMax} subscriptions`)
    }
    if (this.#total >= totalMax) throw limitExceeded(`this node serves at most ${totalMax} subscriptions`)
    const subscription = { id: randomId(), connection, topic }
    own.set(subscription.id, subscription)
    this.#total++
    setImmediate(() => {
      if (this.#byConnection.get(connection)?.has(subscription.id) === true) {
        this.#byKind[topic.kind].add(subscription)
      }
    })
    return subscription.id
  }

  remove(connection: Connection, id: string): boolean {
    const own = this.#byConnection.get(connection)
    const subscription = own?.get(id)
    if (own === undefined || subscription === undefined) return false
    own.delete(id)
    this.#byKind[subscription.topic.kind].delete(subscription)
    this.#total--
    return true
  }

  #forget(connection: Connection): void {
    for (const id of [...(this.#byConnection.get(connection)?.keys() ?? [])]) this.remove(connection, id)
    this.#byConnection.delete(connection)
  }

  #send(subscription: Subscription, resultText: string): void {
    subscription.connection.notify(notification(subscription.id, resultText))
  }

  #onFinalized(block: FinalizedBlock): void {
    if (this.#byKind.newHeads.size > 0) {
      const text = JSON.stringify(headJson(block, this.#indexes.of(block)))
      for (const subscription of this.#byKind.newHeads) this.#send(subscription, text)
    }
    for (const subscription of this.#byKind.logs) {
      if (subscription.topic.kind !== 'logs') continue
      for (const log of this.#search.matching(block, subscription.topic.filter)) {
        this.#send(subscription, JSON.stringify(log))
      }
    }
    this.#onSyncing()
  }

  #onSyncing(): void {
    const progress = this.#backend.syncing()
    const isSyncing = progress !== undefined
    if (isSyncing === this.#wasSyncing) return
    this.#wasSyncing = isSyncing
    const text = JSON.stringify(
      isSyncing
        ? {
            syncing: true,
            status: { currentBlock: progress.currentHeight, highestBlock: progress.highestHeight },
          }
        : false,
    )
    for (const subscription of this.#byKind.syncing) this.#send(subscription, text)
  }

  #onPending(known: KnownTransaction): void {
    const subscriptions = this.#byKind.newPendingTransactions
    if (subscriptions.size === 0) return
    const hashText = JSON.stringify(toHex(known.id))
    let fullText: string | undefined
    for (const subscription of subscriptions) {
      if (subscription.topic.kind !== 'newPendingTransactions' || !subscription.topic.hydrated) {
        this.#send(subscription, hashText)
        continue
      }
      fullText ??= JSON.stringify(
        transactionJson(mustDecode(known.raw, this.#backend.identity.chainId), known.sender, undefined),
      )
      this.#send(subscription, fullText)
    }
  }
}

function parseTopic(kind: string, options: Json | undefined): Topic {
  switch (kind) {
    case 'newHeads':
    case 'syncing':
      return { kind }
    case 'newPendingTransactions':
      return { kind, hydrated: options === true }
    case 'logs':
      try {
        return { kind, filter: parseLogQuery(options ?? {}).filter }
      } catch (error) {
        throw invalidParams(`invalid argument 1 (options): ${errorText(error)}`)
      }
    default:
      throw invalidParams(
        `no "${kind}" subscription: choose newHeads, logs, newPendingTransactions or syncing`,
      )
  }
}

function mustBeConnected(connection: Connection | undefined): Connection {
  if (connection === undefined) {
    throw new RpcError(RPC_CODE.methodNotFound, 'notifications not supported: connect by WebSocket')
  }
  return connection
}

export function subscriptionMethods(subscriptions: Subscriptions): readonly Method[] {
  return [
    defineMethod({
      name: 'eth_subscribe',
      doc: 'Subscribes to newHeads, logs, newPendingTransactions or syncing, over WebSocket.',
      cost: 5,
      params: { kind: p.text(64), options: optional(p.json) },
      returns: { type: 'string' },
      run: ({ kind, options }, call) =>
        subscriptions.add(mustBeConnected(call.connection), parseTopic(kind, options)),
    }),
    defineMethod({
      name: 'eth_unsubscribe',
      doc: 'Ends a subscription; false when the id is unknown.',
      cost: 1,
      params: { id: p.text(66) },
      returns: { type: 'boolean' },
      run: ({ id }, call) => subscriptions.remove(mustBeConnected(call.connection), id),
    }),
  ]
}
