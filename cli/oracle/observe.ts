// What a reporter's sources say together: each is read at the same time, old and far ones are dropped, the median of the rest
// counts. Not: reading one (fetchSource.ts), reporting it (reporter.ts).
import { errorText } from '../../base/errors.ts'
import { fetchSource, type SourceLimits } from './fetchSource.ts'
import { readNumber } from './readNumber.ts'
import type { Quantity, Source, SourcesFile } from './sourcesFile.ts'

const PPM = 1_000_000n
/** A source whose clock is ahead of this machine's by more is wrong. */
const AHEAD_MS_MAX = 300_000

/** What came of one source, for the log. */
export interface SourceResult {
  readonly name: string
  readonly value?: bigint
  readonly timeMs?: number
  /** Why it does not count; absent for those that do. */
  readonly dropped?: string
  /** It would, were it not too old. */
  readonly isStale?: true
}

export interface Observed {
  /** Undefined when too few sources agree. */
  readonly value?: bigint
  readonly sources: readonly SourceResult[]
  /** Why there is no value. */
  readonly alarm?: {
    readonly code: 'sourceDead' | 'sourceStale' | 'sourcesDisagree'
    readonly text: string
  }
}

function middle(values: readonly bigint[]): bigint {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const upper = sorted[sorted.length >> 1]!
  return sorted.length % 2 === 1 ? upper : (sorted[(sorted.length >> 1) - 1]! + upper) / 2n
}

async function readSource(source: Source, limits: SourceLimits): Promise<SourceResult> {
  const { name } = source
  try {
    return { name, ...readNumber(source, await fetchSource(source, limits)) }
  } catch (error) {
    return { name, dropped: errorText(error) }
  }
}

function tooOld(result: SourceResult, maxAgeMs: number, nowMs: number): SourceResult {
  const { timeMs, dropped } = result
  if (timeMs === undefined || dropped !== undefined) return result
  if (timeMs > nowMs + AHEAD_MS_MAX) return { ...result, dropped: 'its time is in the future' }
  const ageMs = nowMs - timeMs
  return ageMs > maxAgeMs
    ? { ...result, dropped: `${Math.floor(ageMs / 1_000)} seconds old`, isStale: true }
    : result
}

/** Drops what is too far from the median of all that count. */
function tooFar(results: readonly SourceResult[], outlierPpm: bigint): readonly SourceResult[] {
  const values = results.flatMap(({ value, dropped }) =>
    value === undefined || dropped !== undefined ? [] : [value],
  )
  if (values.length === 0) return results
  const median = middle(values)
  return results.map((result) => {
    const { value, dropped } = result
    if (value === undefined || dropped !== undefined) return result
    const distance = value > median ? value - median : median - value
    return distance * PPM > outlierPpm * median
      ? { ...result, dropped: `far from the median ${median}` }
      : result
  })
}

/** Combines the results of a quantity's sources. */
export function combine(quantity: Quantity, read: readonly SourceResult[], nowMs: number): Observed {
  const { sourcesMin, outlierPpm, maxAgeMs } = quantity
  const fresh = read.map((result) => tooOld(result, maxAgeMs, nowMs))
  const alive = fresh.filter(({ dropped }) => dropped === undefined).length
  const sources = tooFar(fresh, outlierPpm)
  const agreed = sources.flatMap(({ value, dropped }) =>
    value === undefined || dropped !== undefined ? [] : [value],
  )
  const total = sources.length
  const why = sources.flatMap(({ name, dropped }) => (dropped === undefined ? [] : [`${name}: ${dropped}`]))
  if (alive < sourcesMin) {
    const text = `${alive} of ${total} sources answer with a fresh number, ${sourcesMin} are needed: ${why.join('; ')}`
    const stale = fresh.filter(({ isStale }) => isStale === true).length
    return { sources, alarm: { code: alive + stale < sourcesMin ? 'sourceDead' : 'sourceStale', text } }
  }
  if (agreed.length < sourcesMin) {
    const text = `${agreed.length} of ${total} sources agree, ${sourcesMin} are needed: ${why.join('; ')}`
    return { sources, alarm: { code: 'sourcesDisagree', text } }
  }
  return { sources, value: middle(agreed) }
}

/** Reads all sources of a quantity and combines them. Never rejects. */
export async function observe(quantity: Quantity, file: SourcesFile, nowMs: number): Promise<Observed> {
  const read = await Promise.all(quantity.sources.map((source) => readSource(source, file)))
  return combine(quantity, read, nowMs)
}
