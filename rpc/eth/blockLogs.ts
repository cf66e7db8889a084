// A block's logs, found by address and topic. Owns: the index, and each log's text, made once for all subscribers.
import { bytesKey } from '../../base/bytes.ts'
import type { Log } from '../../state/context.ts'
import type { FinalizedBlock } from '../backend.ts'
import type { BlockIndex } from './blockIndex.ts'
import { logsJson } from './format.ts'
import { type LogFilter, matchesLog, mayMatch, type OneOf } from './logFilter.ts'

/** The key of an address, or of a topic at a position. */
function keyOf(position: number, key: string): string {
  return position + key
}

const ADDRESS = 9

export class BlockLogs {
  readonly #block: FinalizedBlock
  readonly #index: BlockIndex
  readonly #logs: Log[] = []
  readonly #texts: string[] = []
  /** Places in `#logs`, ascending; empty until it is first needed. */
  readonly #places = new Map<string, number[]>()

  constructor(block: FinalizedBlock, index: BlockIndex) {
    this.#block = block
    this.#index = index
  }

  /** Places of the logs that match, in their order. */
  matching(filter: LogFilter): readonly number[] {
    if (!mayMatch(filter, this.#index.bloom())) return []
    if (this.#logs.length === 0) this.#read()
    const candidates = this.#candidates(filter)
    const fits = (place: number): boolean => matchesLog(filter, this.#logs[place]!)
    return candidates === undefined ? [...this.#logs.keys()].filter(fits) : candidates.filter(fits)
  }

  text(place: number): string {
    return this.#texts[place]!
  }

  #read(): void {
    const { transactions, receipts, systemLogs } = this.#block
    for (let i = 0; i <= transactions.length; i++) {
      for (const log of i === transactions.length ? systemLogs : receipts[i]!.logs) {
        const place = this.#logs.push(log) - 1
        this.#add(keyOf(ADDRESS, bytesKey(log.address)), place)
        log.topics.forEach((topic, position) => {
          this.#add(keyOf(position, bytesKey(topic)), place)
        })
      }
      for (const json of logsJson(this.#block, this.#index, i)) this.#texts.push(JSON.stringify(json))
    }
  }

  #add(key: string, place: number): void {
    const places = this.#places.get(key)
    if (places === undefined) this.#places.set(key, [place])
    else places.push(place)
  }

  /** Logs found by the shortest of the filter's lists; undefined when it has none. */
  #candidates(filter: LogFilter): number[] | undefined {
    let shortest: { readonly position: number; readonly wanted: NonNullable<OneOf> } | undefined
    const offer = (wanted: OneOf, position: number): void => {
      if (wanted === undefined || wanted.list.length >= (shortest?.wanted.list.length ?? Infinity)) return
      shortest = { position, wanted }
    }
    offer(filter.addresses, ADDRESS)
    filter.topics.forEach(offer)
    if (shortest === undefined) return undefined
    const { position, wanted } = shortest
    const found: number[] = []
    for (const key of wanted.keys) {
      for (const place of this.#places.get(keyOf(position, key)) ?? []) found.push(place)
    }
    return found.sort((a, b) => a - b)
  }
}
