// Log filters: parsing and matching. Not: where blocks come from (logs.ts).
import { bytesKey } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import type { Log } from '../../state/context.ts'
import { type BlockSelector, parseAddressJson, parseBlockSelector, parseHashJson } from '../params.ts'
import { bloomBits, bloomMayHoldAny } from './bloom.ts'

const ADDRESSES_MAX = 1_000
const TOPICS_MAX = 4
/** Alternatives at one topic position. */
const ALTERNATIVES_MAX = 1_000

/** Alternatives; undefined = anything. */
export type OneOf =
  | {
      readonly list: readonly Uint8Array[]
      readonly keys: ReadonlySet<string>
      /** Of `list`, computed once. */
      bits?: Uint16Array
    }
  | undefined

export interface LogFilter {
  readonly addresses: OneOf
  /** By position; a log with fewer topics than positions never matches. */
  readonly topics: readonly OneOf[]
}

export interface LogQuery {
  readonly filter: LogFilter
  readonly from: BlockSelector
  readonly to: BlockSelector
  /** Set instead of a range. */
  readonly blockHash: Hash32 | undefined
}

function oneOf(list: readonly Uint8Array[]): OneOf {
  return list.length === 0 ? undefined : { list, keys: new Set(list.map(bytesKey)) }
}

function parseAddresses(json: Json | undefined): OneOf {
  if (json === undefined || json === null) return undefined
  const list: readonly Json[] = Array.isArray(json) ? (json as readonly Json[]) : [json as Json]
  if (list.length > ADDRESSES_MAX) throw new Error(`at most ${ADDRESSES_MAX} addresses`)
  return oneOf(list.map((item): Address => parseAddressJson(item)))
}

function parseTopics(json: Json | undefined): readonly OneOf[] {
  if (json === undefined || json === null) return []
  if (!Array.isArray(json)) throw new Error('topics: expected an array')
  if (json.length > TOPICS_MAX) throw new Error(`topics: at most ${TOPICS_MAX} positions`)
  return (json as readonly Json[]).map((position) => {
    if (position === null) return undefined
    const list: readonly Json[] = Array.isArray(position) ? (position as readonly Json[]) : [position]
    if (list.length > ALTERNATIVES_MAX) throw new Error(`topics: at most ${ALTERNATIVES_MAX} alternatives`)
    // A null among alternatives matches anything, as in geth.
    if (list.includes(null)) return undefined
    return oneOf(list.map((item) => parseHashJson(item)))
  })
}

/** Members that the standard does not define are ignored, as on other nodes. Throws an Error with the reason. */
export function parseLogQuery(json: Json): LogQuery {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) {
    throw new Error('expected a filter object')
  }
  const source = json as { readonly [name: string]: Json | undefined }
  const { fromBlock, toBlock, blockHash } = source
  const filter = { addresses: parseAddresses(source.address), topics: parseTopics(source.topics) }
  if (blockHash !== undefined && blockHash !== null) {
    if ((fromBlock ?? null) !== null || (toBlock ?? null) !== null) {
      throw new Error('cannot specify both blockHash and fromBlock or toBlock, choose one or the other')
    }
    const latest: BlockSelector = { kind: 'latest' }
    return { filter, from: latest, to: latest, blockHash: parseHashJson(blockHash) }
  }
  return {
    filter,
    from: parseBlockSelector(fromBlock ?? 'latest'),
    to: parseBlockSelector(toBlock ?? 'latest'),
    blockHash: undefined,
  }
}

export function matchesLog(filter: LogFilter, log: Log): boolean {
  if (filter.addresses !== undefined && !filter.addresses.keys.has(bytesKey(log.address))) return false
  if (log.topics.length < filter.topics.length) return false
  return filter.topics.every((wanted, i) => wanted === undefined || wanted.keys.has(bytesKey(log.topics[i]!)))
}

/** Addresses and topics that the filter names; one that names none counts as one. */
export function entriesOf(filter: LogFilter): number {
  const lists = [filter.addresses, ...filter.topics].map((wanted) => wanted?.list.length ?? 0)
  return Math.max(
    1,
    lists.reduce((sum, length) => sum + length, 0),
  )
}

/** False when no log under this bloom can match. */
export function mayMatch(filter: LogFilter, bloom: Uint8Array): boolean {
  const any = (wanted: OneOf): boolean =>
    wanted === undefined || bloomMayHoldAny(bloom, (wanted.bits ??= bloomBits(wanted.list)))
  return any(filter.addresses) && filter.topics.every(any)
}
