// Figures in Prometheus' text format. Owns: the format. Not: which figures (rpcMeter.ts, node/watch/metrics.ts).
import { assert } from '../base/assert.ts'

export type Labels = { readonly [name: string]: string }
/** One value, or one for each set of labels; what is not known has none. */
export type Samples = number | undefined | Iterable<readonly [Labels, number]>

/** Upper bounds and their counts, and the sum of what was observed. */
export interface Histogram {
  readonly labels: Labels
  /** How many fell into each bucket alone; the last has no upper bound. */
  readonly counts: readonly number[]
  readonly sum: number
}

/** The media type of the text. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const NAME = /^[a-z][a-z\d]*(?:_[a-z\d]+)*$/
const ESCAPES: { readonly [character: string]: string } = { '\\': '\\\\', '\n': '\\n', '"': '\\"' }

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\\n"]/g, (character) => ESCAPES[character]!)}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

export class MetricsText {
  readonly #lines: string[] = []
  readonly #names = new Set<string>()

  /** What goes up and down. */
  gauge(name: string, help: string, samples: Samples): void {
    this.#write('gauge', name, help, samples)
  }

  /** What only grows while the process runs; its name ends in `_total`. */
  counter(name: string, help: string, samples: Samples): void {
    assert(name.endsWith('_total'), 'a counter is named so')
    this.#write('counter', name, help, samples)
  }

  /** `bounds`: of the buckets but the last, ascending. */
  histogram(name: string, help: string, bounds: readonly number[], found: Iterable<Histogram>): void {
    this.#head('histogram', name, help)
    for (const { labels, counts, sum } of found) {
      let count = 0
      for (const [i, inBucket] of counts.entries()) {
        count += inBucket
        const le = i < bounds.length ? String(bounds[i]) : '+Inf'
        this.#lines.push(`${name}_bucket${labelText({ ...labels, le })} ${count}`)
      }
      this.#lines.push(`${name}_sum${labelText(labels)} ${sum}`, `${name}_count${labelText(labels)} ${count}`)
    }
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`
  }

  #write(type: string, name: string, help: string, samples: Samples): void {
    this.#head(type, name, help)
    if (samples === undefined) return
    const all = typeof samples === 'number' ? [[{}, samples] as const] : samples
    for (const [labels, value] of all) this.#lines.push(`${name}${labelText(labels)} ${value}`)
  }

  #head(type: string, name: string, help: string): void {
    assert(NAME.test(name) && !this.#names.has(name), 'a metric has one well-formed name')
    this.#names.add(name)
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }
}
