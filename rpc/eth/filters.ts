// Polled filters. Owns: cursors and their expiry. A filter stores no results: each poll continues from its cursor.

import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { TxId } from '../../base/ids.ts'
import type { Backend } from '../backend.ts'
import { limitExceeded, RPC_CODE, RpcError } from '../errors.ts'
import type { RpcEvents } from '../events.ts'
import { defineMethod, type Method } from '../method.ts'
import { type BlockSelector, p } from '../params.ts'
import { randomId } from '../randomId.ts'
import type { LogQuery } from './logFilter.ts'
import { type LogSearch, logQueryParam } from './logs.ts'

export interface FilterLimits {
  readonly filtersMax: number
  /** A filter expires when it is not polled for this long. */
  readonly idleMs: number
  /** Pending transactions kept for polls. */
  readonly pendingMax: number
}

export const FILTER_LIMITS: FilterLimits = { filtersMax: 1_000, idleMs: 5 * 60_000, pendingMax: 10_000 }

type Filter = { polledAtMs: number } & (
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
  readonly #filters = new Map<string, Filter>()

  constructor(options: {
    backend: Backend
    events: RpcEvents
    search: LogSearch
    limits: FilterLimits
    nowMs: () => number
  }) {
    this.#backend = options.backend
    this.#search = options.search
    this.#limits = options.limits
    this.#nowMs = options.nowMs
    this.#pending = new PendingRing(options.events, options.limits.pendingMax)
  }

  #add(filter: Filter): string {
    const nowMs = this.#nowMs()
    for (const [id, known] of this.#filters) {
      if (nowMs - known.polledAtMs > this.#limits.idleMs) this.#filters.delete(id)
    }
    if (this.#filters.size >= this.#limits.filtersMax) {
      throw limitExceeded(
        `this node keeps at most ${this.#limits.filtersMax} filters: subscribe by WebSocket`,
      )
    }
    const id = randomId()
    this.#filters.set(id, filter)
    return id
  }

  #find(id: string): Filter {
    const filter = this.#filters.get(id)
    const nowMs = this.#nowMs()
    if (filter === undefined || nowMs - filter.polledAtMs > this.#limits.idleMs) {
      this.#filters.delete(id)
      throw new RpcError(RPC_CODE.refused, 'filter not found')
    }
    filter.polledAtMs = nowMs
    return filter
  }

  addLogFilter(query: LogQuery): string {
    const head = this.#backend.head().header.height
    // Only future blocks: eth_getFilterLogs serves past ones.
    const nextHeight = query.from.kind === 'height' ? Math.max(head + 1, query.from.height) : head + 1
    return this.#add({ kind: 'log', query, nextHeight, polledAtMs: this.#nowMs() })
  }

  addBlockFilter(): string {
    const nextHeight = this.#backend.head().header.height + 1
    return this.#add({ kind: 'block', nextHeight, polledAtMs: this.#nowMs() })
  }

  addPendingFilter(): string {
    return this.#add({
      kind: 'pending',
      nextSequence: this.#pending.nextSequence,
      polledAtMs: this.#nowMs(),
    })
  }

  remove(id: string): boolean {
    return this.#filters.delete(id)
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
      run: ({ filter }) => filters.addLogFilter(filter),
    }),
    defineMethod({
      name: 'eth_newBlockFilter',
      doc: 'Creates a filter for the hashes of new blocks.',
      cost: 5,
      params: {},
      returns: idSchema,
      run: () => filters.addBlockFilter(),
    }),
    defineMethod({
      name: 'eth_newPendingTransactionFilter',
      doc: "Creates a filter for the hashes of transactions that enter this node's mempool.",
      cost: 5,
      params: {},
      returns: idSchema,
      run: () => filters.addPendingFilter(),
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
