// A gateway's figures in Prometheus' text. Owns: their names, and counting. Not: the port (http/metricsServer.ts).
// Nothing of a customer is in a label: no key, no redemption, no prompt.

const COUNTERS = {
  requests_total: 'Requests answered, by path and status.',
  prompt_tokens_total: 'Prompt tokens charged, cached ones included.',
  completion_tokens_total: 'Tokens generated and charged.',
  metered_coins_total: 'Coins metered.',
  refused_total: 'Requests refused before a backend saw them, by reason.',
  backend_failures_total: 'Answers of backends that failed, by backend and kind.',
  usage_doubts_total: 'Answers whose usage was missing, malformed or beyond what the request allowed.',
  streams_broken_total: 'Streams that did not come to their end, by who broke them.',
  vouchers_total: 'Vouchers, by outcome.',
} as const
export type CounterName = keyof typeof COUNTERS

export interface Gauge {
  readonly name: string
  readonly help: string
  readonly read: () => readonly { readonly labels?: Labels; readonly value: number }[]
}
export type Labels = Readonly<Record<string, string>>

/** Label sets of one counter; more come from no request that is not counted under `other`. */
const SERIES_MAX = 512

const PREFIX = 'suanli_gateway_'
const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

function seriesText(name: string, labels: Labels, value: number): string {
  const list = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
  return `${PREFIX}${name}${list.length === 0 ? '' : `{${list.join(',')}}`} ${value}`
}

export class GatewayMetrics {
  readonly #counters = new Map<CounterName, Map<string, { readonly labels: Labels; value: number }>>()
  readonly #gauges: Gauge[] = []

  add(name: CounterName, labels: Labels = {}, by = 1): void {
    let series = this.#counters.get(name)
    if (series === undefined) this.#counters.set(name, (series = new Map()))
    const key = Object.values(labels).join('\0')
    const known = series.get(key)
    if (known !== undefined) known.value += by
    else if (series.size < SERIES_MAX) series.set(key, { labels, value: by })
  }

  value(name: CounterName, labels: Labels = {}): number {
    return this.#counters.get(name)?.get(Object.values(labels).join('\0'))?.value ?? 0
  }

  gauge(gauge: Gauge): void {
    this.#gauges.push(gauge)
  }

  text(): string {
    const lines: string[] = []
    for (const [name, help] of Object.entries(COUNTERS)) {
      lines.push(`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} counter`)
      const series = this.#counters.get(name as CounterName)?.values() ?? []
      for (const { labels, value } of series) lines.push(seriesText(name, labels, value))
    }
    for (const { name, help, read } of this.#gauges) {
      lines.push(`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} gauge`)
      for (const { labels = {}, value } of read()) lines.push(seriesText(name, labels, value))
    }
    return `${lines.join('\n')}\n`
  }
}
