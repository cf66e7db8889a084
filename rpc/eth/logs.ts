// eth_getLogs and the search behind it. Owns: range and result limits, the bloom cache. Not: stored filters (filters.ts).
import type { Json } from '../../base/field.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { invalidParams, limitExceeded, prunedHistory, RPC_CODE, RpcError } from '../errors.ts'
import { defineMethod, type Method, type Param } from '../method.ts'
import type { BlockSelector } from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'
import type { BlockIndexes } from './blockIndex.ts'
import { matchingLogsJson, quantity } from './format.ts'
import { type LogFilter, type LogQuery, matchesLog, mayMatch, parseLogQuery } from './logFilter.ts'

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

  /** Logs of heights `from` to `to`: as many blocks as the limits allow, at least one. */
  async page(filter: LogFilter, from: number, to: number): Promise<LogPage> {
    const logs: Json[] = []
    const last = Math.min(to, from + this.limits.blocksMax - 1)
    const slice = new TimeSlice(this.limits.workMsMax)
    for (let height = from; height <= last; height++) {
      if (!(await slice.next()) && height > from) return { logs, searchedTo: height - 1, endedBy: 'time' }
      const bloom = this.#blooms.get(height)
      if (bloom !== undefined && !mayMatch(filter, bloom)) continue
      const block = await this.#backend.blockByHeight(height)
      if (block === undefined) continue
      this.#remember(height, this.#indexes.of(block).bloom())
      const found = this.matching(block, filter)
      if (logs.length + found.length > this.limits.resultsMax && height > from) {
        return { logs, searchedTo: height - 1, endedBy: 'results' }
      }
      for (const log of found) logs.push(log)
    }
    return { logs, searchedTo: last, endedBy: 'range' }
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
  async query(query: LogQuery): Promise<Json> {
    if (query.blockHash !== undefined) {
      const block = await this.#backend.blockByHash(query.blockHash)
      if (block === undefined) throw new RpcError(RPC_CODE.refused, 'unknown block')
      return this.matching(block, query.filter)
    }
    const head = this.#backend.head().header.height
    const from = await this.heightOf(query.from)
    const to = await this.heightOf(query.to)
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
    const page = await this.page(query.filter, from, to)
    if (page.searchedTo < to) {
      const works = `[${quantity(from)}, ${quantity(page.searchedTo)}]`
      const what =
        page.endedBy === 'time' ? 'query took too long' : `query returned more than ${resultsMax} results`
      throw limitExceeded(`${what}. Try with this block range ${works}.`)
    }
    return page.logs
  }

  async heightOf(selector: BlockSelector): Promise<number> {
    if (selector.kind === 'height') return selector.height
    if (selector.kind !== 'hash') return this.#backend.head().header.height
    const block = await this.#backend.blockByHash(selector.hash)
    if (block === undefined) throw new RpcError(RPC_CODE.refused, 'unknown block')
    return block.header.height
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
