// Polled filters. Owns: cursors and their expiry. A filter stores no results: each poll continues from its cursor.

import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { TxId } from '../../base/ids.ts'
import type { Backend } from '../backend.ts'
import { RPC_CODE, RpcError } from '../errors.ts'
import type { RpcEvents } from '../events.ts'
import { type Call, defineMethod, type Method } from '../method.ts'
import { type BlockSelector, p } from '../params.ts'
import { type Keeper, Quota } from '../quota.ts'
import { randomId } from '../randomId.ts'
import { entriesOf, type LogQuery } from './logFilter.ts'
import { type LogSearch, logQueryParam } from './logs.ts'

export interface FilterLimits {
  readonly filtersMax: number
  readonly perAddressMax: number
  /** A filter expires when it is not polled for this long. */
  readonly idleMs: number
  /** Pending transactions kept for polls. */
  readonly pendingMax: number
}

export const FILTER_LIMITS: FilterLimits = {
  filtersMax: 1_000,
  perAddressMax: 256,
  idleMs: 5 * 60_000,
  pendingMax: 10_000,
}

/** When all are taken, one that was not polled for this long makes room. */
const SPARE_MS = 60_000

type Filter = { polledAtMs: number; readonly keeper: Keeper } & (
  | { readonly kind: 'log'; readonly query: LogQuery; nextHeight: number }
  | { readonly kind: 'block'; nextHeight: number }
  | { readonly kind: 'pending'; nextSequence: number }
)

/** Ring buffer of the newest pending transaction ids, by sequence number; hex is made on demand. */
class PendingRing {
  readonly #ids: TxId[] = []
  readonly #max: number
  nextSequence = 0

  constructor(events: RpcEvents, max: number) {
    this.#max = max
    events.onPending((transaction) => {
      this.#ids[this.nextSequence % max] = transaction.id
      this.nextSequence++
    })
  }

  since(sequence: number): string[] {
    const first = Math.max(sequence, this.nextSequence - this.#max)
    const out: string[] = []
    for (let i = first; i < this.nextSequence; i++) out.push(toHex(this.#ids[i % this.#max]!))
    return out
  }
}

export class Filters {
  readonly #backend: Backend
  readonly #search: LogSearch
  readonly #limits: FilterLimits
  readonly #nowMs: () => number
  readonly #pending: PendingRing
  readonly #count: Quota
  readonly #entries: Quota
  /** The longest unpolled first. */
  readonly #filters = new Map<string, Filter>()

  constructor(options: {
    backend: Backend
    events: RpcEvents
    search: LogSearch
    limits: FilterLimits
    /** Addresses and topics in filters, shared with subscriptions. */
    entries: Quota
    nowMs: () => number
  }) {
    this.#backend = options.backend
    this.#search = options.search
    this.#limits = options.limits
    this.#nowMs = options.nowMs
    const { filtersMax, perAddressMax } = options.limits
    this.#count = new Quota('filters', {
      perConnectionMax: perAddressMax,
      perAddressMax,
      totalMax: filtersMax,
    })
    this.#entries = options.entries
    this.#pending = new PendingRing(options.events, options.limits.pendingMax)
  }

  #add(filter: Filter): string {
    this.#removeIdle(this.#limits.idleMs)
    if (this.#filters.size >= this.#limits.filtersMax) this.#removeIdle(SPARE_MS)
    this.#count.take(filter.keeper, 1)
    try {
      this.#entries.take(filter.keeper, filterEntries(filter))
    } catch (error) {
      this.#count.give(filter.keeper, 1)
      throw error
    }
    const id = randomId()
    this.#filters.set(id, filter)
    return id
  }

  #removeIdle(idleMs: number): void {
    const nowMs = this.#nowMs()
    for (const [id, known] of this.#filters) {
      if (nowMs - known.polledAtMs <= idleMs) return
      this.remove(id)
    }
  }

  #find(id: string): Filter {
    this.#removeIdle(this.#limits.idleMs)
    const filter = this.#filters.get(id)
    if (filter === undefined) throw new RpcError(RPC_CODE.refused, 'filter not found')
    filter.polledAtMs = this.#nowMs()
    this.#filters.delete(id)
    this.#filters.set(id, filter)
    return filter
  }

  addLogFilter(query: LogQuery, keeper: Keeper): string {
    const head = this.#backend.head().header.height
    // Only future blocks: eth_getFilterLogs serves past ones.
    const nextHeight = query.from.kind === 'height' ? Math.max(head + 1, query.from.height) : head + 1
    return this.#add({ kind: 'log', query, nextHeight, polledAtMs: this.#nowMs(), keeper })
  }

  addBlockFilter(keeper: Keeper): string {
    const nextHeight = this.#backend.head().header.height + 1
    return this.#add({ kind: 'block', nextHeight, polledAtMs: this.#nowMs(), keeper })
  }

  addPendingFilter(keeper: Keeper): string {
    return this.#add({
      kind: 'pending',
      nextSequence: this.#pending.nextSequence,
      polledAtMs: this.#nowMs(),
      keeper,
    })
  }

  remove(id: string): boolean {
    const filter = this.#filters.get(id)
    if (filter === undefined) return false
    this.#filters.delete(id)
    this.#count.give(filter.keeper, 1)
    this.#entries.give(filter.keeper, filterEntries(filter))
    return true
  }

  async logsOf(id: string): Promise<Json> {
    const filter = this.#find(id)
    if (filter.kind !== 'log') throw new RpcError(RPC_CODE.refused, 'filter not found')
    const { query } = filter
    const head = this.#backend.head().header.height
    const isAhead = (selector: BlockSelector): boolean => selector.kind === 'height' && selector.height > head
    // A filter may reach beyond the head: its logs so far are asked for.
    if (isAhead(query.from)) return []
    return this.#search.query(isAhead(query.to) ? { ...query, to: { kind: 'latest' } } : query)
  }

  async changes(id: string): Promise<Json> {
    const filter = this.#find(id)
    if (filter.kind === 'pending') {
      const hashes = this.#pending.since(filter.nextSequence)
      filter.nextSequence = this.#pending.nextSequence
      return hashes
    }
    const head = this.#backend.head().header.height
    const from = filter.nextHeight
    if (from > head) return []
    if (filter.kind === 'block') return this.#newBlocks(filter, from, head)
    const { to } = filter.query
    const last = to.kind === 'height' ? Math.min(to.height, head) : head
    if (from > last) return []
    const page = await this.#search.page(filter.query.filter, from, last)
    // The next poll returns the rest.
    filter.nextHeight = page.searchedTo + 1
    return page.logs
  }

  async #newBlocks(filter: Extract<Filter, { kind: 'block' }>, from: number, head: number): Promise<Json> {
    const last = Math.min(head, from + this.#search.limits.blocksMax - 1)
    filter.nextHeight = last + 1
    const hashes: string[] = []
    for (let height = from; height <= last; height++) {
      const block = await this.#backend.blockByHeight(height)
      if (block !== undefined) hashes.push(toHex(block.hash))
    }
    return hashes
  }
}

function filterEntries(filter: Filter): number {
  return filter.kind === 'log' ? entriesOf(filter.query.filter) : 1
}

/** Filters outlive connections, so only the address counts. */
function keeperOf({ client }: Call): Keeper {
  return { connection: undefined, client }
}

export function filterMethods(filters: Filters): readonly Method[] {
  const id = p.text(66)
  const idSchema = { type: 'string' }
  return [
    defineMethod({
      name: 'eth_newFilter',
      doc: 'Creates a log filter for eth_getFilterChanges.',
      cost: 5,
      params: { filter: logQueryParam },
      returns: idSchema,
      run: ({ filter }, call) => filters.addLogFilter(filter, keeperOf(call)),
    }),
    defineMethod({
      name: 'eth_newBlockFilter',
      doc: 'Creates a filter for the hashes of new blocks.',
      cost: 5,
      params: {},
      returns: idSchema,
      run: (_, call) => filters.addBlockFilter(keeperOf(call)),
    }),
    defineMethod({
      name: 'eth_newPendingTransactionFilter',
      doc: "Creates a filter for the hashes of transactions that enter this node's mempool.",
      cost: 5,
      params: {},
      returns: idSchema,
      run: (_, call) => filters.addPendingFilter(keeperOf(call)),
    }),
    defineMethod({
      name: 'eth_uninstallFilter',
      doc: 'Removes a filter; false when the id is unknown.',
      cost: 1,
      params: { id },
      returns: { type: 'boolean' },
      run: (args) => filters.remove(args.id),
    }),
    defineMethod({
      name: 'eth_getFilterChanges',
      doc: 'Returns what is new since the last poll.',
      cost: 100,
      params: { id },
      returns: { type: 'array' },
      run: (args) => filters.changes(args.id),
    }),
    defineMethod({
      name: 'eth_getFilterLogs',
      doc: 'Returns all logs of a log filter, within the limits of eth_getLogs.',
      cost: 200,
      params: { id },
      returns: { type: 'array' },
      run: (args) => filters.logsOf(args.id),
    }),
  ]
}
