// eth_getLogs and the search behind it. Owns: range and result limits, the bloom cache. Not: stored filters (filters.ts).
import type { Json } from '../../base/field.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { invalidParams, limitExceeded, prunedHistory, RPC_CODE, RpcError } from '../errors.ts'
import { defineMethod, type Method, type Param } from '../method.ts'
import type { BlockSelector } from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'
import { turns } from '../turns.ts'
import type { BlockIndexes } from './blockIndex.ts'
import { matchingLogsJson, quantity } from './format.ts'
import { type LogFilter, type LogQuery, matchesLog, mayMatch, parseLogQuery } from './logFilter.ts'
import { withValue } from './resolve.ts'

export interface LogLimits {
  /** Blocks per query. */
  readonly blocksMax: number
  /** Logs per answer; a single block is never split. */
  readonly resultsMax: number
  /** Work per answer, ms. */
  readonly workMsMax: number
}

export const LOG_LIMITS: LogLimits = { blocksMax: 10_000, resultsMax: 10_000, workMsMax: 5_000 }

/** Blooms remembered by height: 4 MiB. */
const BLOOMS_MAX = 16_384

export interface LogPage {
  readonly logs: Json[]
  /** Last height searched; below `to` when a limit was reached. */
  readonly searchedTo: number
  readonly endedBy: 'range' | 'results' | 'time'
}

/** A search in progress. */
interface Search {
  readonly filter: LogFilter
  readonly from: number
  readonly last: number
  /** The next block. */
  height: number
  readonly logs: Json[]
}

export class LogSearch {
  readonly #backend: Backend
  readonly #indexes: BlockIndexes
  readonly limits: LogLimits
  /** By height; finalized blocks never change. */
  readonly #blooms = new Map<number, Uint8Array>()

  constructor(backend: Backend, indexes: BlockIndexes, limits: LogLimits) {
    this.#backend = backend
    this.#indexes = indexes
    this.limits = limits
  }

  matching(block: FinalizedBlock, filter: LogFilter): Json[] {
    const index = this.#indexes.of(block)
    if (!mayMatch(filter, index.bloom())) return []
    const out: Json[] = []
    for (let i = 0; i <= block.transactions.length; i++) {
      for (const log of matchingLogsJson(block, index, i, (l) => matchesLog(filter, l))) out.push(log)
    }
    return out
  }

  /** Logs of heights `from` to `to`: as many blocks as the limits allow, at least one. At once while the turn has room. */
  page(filter: LogFilter, from: number, to: number): LogPage | Promise<LogPage> {
    const search: Search = {
      filter,
      from,
      last: Math.min(to, from + this.limits.blocksMax - 1),
      height: from,
      logs: [],
    }
    while (search.height <= search.last) {
      const block = this.#candidate(search)
      if (block instanceof Promise) return this.#pageLater(search)
      const page = this.#look(search, block)
      if (page !== undefined) return page
      if (search.height <= search.last && !turns.hasRoom()) return this.#pageLater(search)
    }
    return { logs: search.logs, searchedTo: search.last, endedBy: 'range' }
  }

  async #pageLater(search: Search): Promise<LogPage> {
    const { from, last, logs } = search
    const slice = new TimeSlice(this.limits.workMsMax)
    while (search.height <= last) {
      const { height } = search
      if (!(await slice.next()) && height > from) return { logs, searchedTo: height - 1, endedBy: 'time' }
      const page = this.#look(search, await this.#candidate(search))
      if (page !== undefined) return page
    }
    return { logs, searchedTo: last, endedBy: 'range' }
  }

  /** The next block, unless its bloom excludes it. */
  #candidate({ filter, height }: Search): FinalizedBlock | undefined | Promise<FinalizedBlock | undefined> {
    const bloom = this.#blooms.get(height)
    return bloom !== undefined && !mayMatch(filter, bloom) ? undefined : this.#backend.blockByHeight(height)
  }

  /** Goes past one block; the page when its logs are too many. */
  #look(search: Search, block: FinalizedBlock | undefined): LogPage | undefined {
    const { filter, from, logs } = search
    const height = search.height++
    if (block === undefined) return undefined
    this.#remember(height, this.#indexes.of(block).bloom())
    const found = this.matching(block, filter)
    if (logs.length + found.length > this.limits.resultsMax && height > from) {
      return { logs, searchedTo: height - 1, endedBy: 'results' }
    }
    for (const log of found) logs.push(log)
    return undefined
  }

  #remember(height: number, bloom: Uint8Array): void {
    if (this.#blooms.size >= BLOOMS_MAX) {
      for (const oldest of this.#blooms.keys()) {
        this.#blooms.delete(oldest)
        break
      }
    }
    this.#blooms.set(height, bloom)
  }

  /** The complete answer to a query, or an error that names a range that works. */
  query({ blockHash, filter, from, to }: LogQuery): Json | Promise<Json> {
    if (blockHash !== undefined) {
      return withValue(this.#backend.blockByHash(blockHash), (block): Json => {
        if (block === undefined) throw new RpcError(RPC_CODE.refused, 'unknown block')
        return this.matching(block, filter)
      })
    }
    const first = this.heightOf(from)
    const last = this.heightOf(to)
    if (typeof first === 'number' && typeof last === 'number') return this.#range(filter, first, last)
    return Promise.all([first, last]).then((heights) => this.#range(filter, ...heights))
  }

  #range(filter: LogFilter, from: number, to: number): Json | Promise<Json> {
    const head = this.#backend.head().header.height
    // Never a silent part: the caller would take it for the whole and skip what comes later (execution-apis 875).
    const beyond = Math.max(from, to)
    if (beyond > head) {
      throw invalidParams(`block range extends beyond current head block: requested ${beyond}, head ${head}`)
    }
    const heightMin = this.#backend.blockHeightMin()
    if (heightMin > 1 && from < heightMin && to > 0) {
      const works = `[${quantity(heightMin)}, ${quantity(Math.max(heightMin, to))}]`
      const { code, message, data } = prunedHistory(Math.max(1, from), heightMin)
      throw new RpcError(code, `${message}. Try with this block range ${works}.`, data)
    }
    if (from > to) throw invalidParams('invalid block range: fromBlock is above toBlock')
    const { blocksMax, resultsMax } = this.limits
    if (to - from + 1 > blocksMax) {
      const works = `[${quantity(from)}, ${quantity(from + blocksMax - 1)}]`
      throw limitExceeded(
        `block range too large, at most ${blocksMax} blocks. Try with this block range ${works}.`,
      )
    }
    return withValue(this.page(filter, from, to), (page): Json => {
      if (page.searchedTo === to) return page.logs
      const works = `[${quantity(from)}, ${quantity(page.searchedTo)}]`
      const what =
        page.endedBy === 'time' ? 'query took too long' : `query returned more than ${resultsMax} results`
      throw limitExceeded(`${what}. Try with this block range ${works}.`)
    })
  }

  heightOf(selector: BlockSelector): number | Promise<number> {
    if (selector.kind === 'height') return selector.height
    if (selector.kind !== 'hash') return this.#backend.head().header.height
    return withValue(this.#backend.blockByHash(selector.hash), (block) => {
      if (block === undefined) throw new RpcError(RPC_CODE.refused, 'unknown block')
      return block.header.height
    })
  }
}

export const logQueryParam: Param<LogQuery> = {
  schema: { type: 'object' },
  required: true,
  parse: parseLogQuery,
  absent: () => parseLogQuery({}),
}

export function logMethods(search: LogSearch): readonly Method[] {
  return [
    defineMethod({
      name: 'eth_getLogs',
      doc: `Returns logs by address and topics: at most ${search.limits.blocksMax} blocks and ${search.limits.resultsMax} results.`,
      cost: 200,
      params: { filter: logQueryParam },
      returns: { type: 'array' },
      run: ({ filter }) => search.query(filter),
    }),
  ]
}
