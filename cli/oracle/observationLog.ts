// The local log of a reporter: for each report the sources that it rests on, with their values and times. Not on the chain.
import { appendFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Observed } from './observe.ts'

export const LOG_FILE = 'reports.jsonl'
/** Then the file before is replaced: two of them at most. */
const LOG_BYTES_MAX = 8 * 2 ** 20

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

/** Appends a line: what was observed for a window, and when. */
export function logObservation(
  folder: string,
  entry: {
    readonly timeMs: number
    readonly window: number
    readonly rating: Observed
    readonly prices: ReadonlyMap<number, Observed>
  },
): void {
  const { timeMs, window, rating, prices } = entry
  const path = join(folder, LOG_FILE)
  const known = statSync(path, { throwIfNoEntry: false })
  if (known !== undefined && known.size > LOG_BYTES_MAX) renameSync(path, `${path}.1`)
  const line = { time: new Date(timeMs).toISOString(), window, rating, prices: Object.fromEntries(prices) }
  appendFileSync(path, `${JSON.stringify(line, plain)}\n`, { mode: 0o600 })
}
