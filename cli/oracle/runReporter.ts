// Runs a reporter until it is ended, or does once what is due. Owns: the pace, the output and the exit code. Not: what is due
// (reporter.ts).

import { OperatorError } from '../../base/errors.ts'
import { pause } from '../../client/waiting.ts'
import { makeFolder } from '../../storage/durableFile.ts'
import { EXIT } from '../exitCode.ts'
import { Reporter, type ReporterOptions, type Step } from './reporter.ts'

export interface RunOptions extends Omit<ReporterOptions, 'nowMs'> {
  readonly isOnce: boolean
  readonly isJson: boolean
  /** Longest pause between two looks at the chain. */
  readonly pollMs: number
  readonly signal: AbortSignal
  /** Writes a line that is no alarm, with `isJson` every line. */
  readonly print: (line: string) => void
}

/** An eighth of what is left of a phase, and no less than this. */
const PAUSE = { leastMs: 200, share: 8 } as const
/** A phase without a report is tried again soon, without asking the sources too often. */
const RETRY_MS_MAX = 10_000

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

function pauseAfter({ leftMs = 0, alarms }: Step, pollMs: number): number {
  const most = alarms.length > 0 ? Math.min(RETRY_MS_MAX, pollMs) : pollMs
  return Math.min(most, Math.max(PAUSE.leastMs, Math.floor(leftMs / PAUSE.share)))
}

/** Prints steps: what was done, and each alarm once a window, however often it is tried again. */
class Output {
  readonly #isJson: boolean
  readonly #print: (line: string) => void
  #last = ''
  #window: number | undefined
  #said = new Set<string>()

  constructor(isJson: boolean, print: (line: string) => void) {
    this.#isJson = isJson
    this.#print = print
  }

  show(step: Step): void {
    const { window, text, alarms } = step
    if (window !== this.#window) {
      this.#window = window
      this.#said = new Set()
    }
    const time = new Date().toISOString()
    for (const alarm of alarms) {
      const key = `${alarm.code} ${alarm.text}`
      if (this.#said.has(key)) continue
      this.#said.add(key)
      if (this.#isJson)
        this.#print(JSON.stringify({ time, alarm: alarm.code, ...alarm, code: undefined }, plain))
      else process.stderr.write(`${time} ALARM ${alarm.code}: ${alarm.text}\n`)
    }
    const { did, report } = step
    if (text === this.#last && did === 'nothing') return
    this.#last = text
    if (this.#isJson) this.#print(JSON.stringify({ time, did, window, text, ...report }, plain))
    else
      this.#print(
        `${time} ${text}${report === undefined ? '' : `: rating ${report.rating} ppm${pricesText(report.prices)}`}`,
      )
  }
}

function pricesText(prices: readonly { readonly asset: number; readonly priceBase: bigint }[]): string {
  return prices.map(({ asset, priceBase }) => `, price ${priceBase} in asset ${asset}`).join('')
}

function folderOf(folder: string): void {
  try {
    makeFolder(folder, 0o700)
  } catch (cause) {
    throw new OperatorError(`${folder} cannot be made: ${(cause as Error).message}`)
  }
}

/** Resolves with the exit code: 0, or 1 and 4 (the node is away) when `isOnce` and something was amiss. */
export async function runReporter(options: RunOptions): Promise<number> {
  const { isOnce, isJson, pollMs, signal, print, ...rest } = options
  folderOf(rest.folder)
  const reporter = new Reporter({ ...rest, nowMs: Date.now })
  const output = new Output(isJson, print)
  for (;;) {
    const step = await reporter.step()
    output.show(step)
    if (isOnce) return exitCodeOf(step)
    if (!signal.aborted) await pause(pauseAfter(step, pollMs), signal)
    if (signal.aborted) return 0
  }
}

function exitCodeOf({ alarms }: Step): number {
  if (alarms.length === 0) return 0
  return alarms.some(({ code }) => code === 'nodeUnreachable') ? EXIT.unreachable : EXIT.failed
}
