// Counts JSON-RPC calls and their durations by class of method: `eth`, `chain`, a module's name. Not: the calls (dispatch.ts).
import type { Histogram, MetricsText } from './metricsText.ts'

/** `refused`: the caller's mistake, a limit, or what the chain refuses; `failed`: a bug of this node. */
export type CallOutcome = 'ok' | 'refused' | 'failed'

/** Upper bounds of the buckets, seconds. */
const BOUNDS_SECONDS = [0.0001, 0.0005, 0.002, 0.01, 0.05, 0.2, 1, 5, 30] as const
/** Methods that do not exist, whatever their names. */
const UNKNOWN = 'unknown'

interface Series {
  readonly name: string
  readonly calls: { [O in CallOutcome]: number }
  readonly buckets: number[]
  sumSeconds: number
}

const classOf = (method: string): string => method.split(/[_.]/, 1)[0]!.toLowerCase()

function newSeries(name: string): Series {
  const buckets = new Array<number>(BOUNDS_SECONDS.length + 1).fill(0)
  return { name, calls: { ok: 0, refused: 0, failed: 0 }, buckets, sumSeconds: 0 }
}

export class RpcMeter {
  /** By method, those of one class share theirs: as many as there are methods, so callers cannot make more. */
  readonly #ofMethod = new Map<string, Series>()
  readonly #unknown = newSeries(UNKNOWN)
  readonly #all: readonly Series[]

  constructor(methods: Iterable<string>) {
    const ofClass = new Map<string, Series>()
    for (const method of methods) {
      const name = classOf(method)
      const series = ofClass.get(name) ?? newSeries(name)
      ofClass.set(name, series)
      this.#ofMethod.set(method, series)
    }
    this.#all = [...ofClass.values(), this.#unknown].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** One call that took `ms` until its result was known. */
  note(method: string, outcome: CallOutcome, ms: number): void {
    const series = this.#ofMethod.get(method) ?? this.#unknown
    const seconds = ms / 1_000
    let bucket = 0
    while (bucket < BOUNDS_SECONDS.length && seconds > BOUNDS_SECONDS[bucket]!) bucket++
    series.calls[outcome]++
    series.buckets[bucket]!++
    series.sumSeconds += seconds
  }

  write(out: MetricsText): void {
    out.counter(
      'suanli_rpc_requests_total',
      'JSON-RPC calls by class of method and result.',
      this.#all.flatMap(({ name, calls }) =>
        Object.entries(calls).map(([result, count]) => [{ class: name, result }, count] as const),
      ),
    )
    // Twelve lines each: only of classes that somebody calls.
    const called = this.#all.filter(({ buckets }) => buckets.some((count) => count > 0))
    const histograms = called.map(
      ({ name, buckets, sumSeconds }): Histogram => ({
        labels: { class: name },
        counts: buckets,
        sum: sumSeconds,
      }),
    )
    out.histogram(
      'suanli_rpc_request_duration_seconds',
      'Time until the result of a JSON-RPC call was known, by class of method.',
      BOUNDS_SECONDS,
      histograms,
    )
  }
}
