// Charts of blocks over time. Owns: which there are, and over which span.
import { html, type TemplateResult } from 'lit'
import { COIN } from '../../base/units.ts'
import { type ChartData, chart } from '../ui/chart.ts'
import { shown } from '../ui/states.ts'
import type { Ask } from '../ui/view.ts'
import { bytes, compact, duration } from '../words/format.ts'
import { words } from '../words/language.ts'
import { CHARTED, type Charted, type HistoryPoint } from './data.ts'
import { operatorMessages } from './messages.ts'

const HOUR_MS = 3_600_000
/** Undefined: all that the node has. */
export const SPANS = { hour: HOUR_MS, day: 24 * HOUR_MS, week: 168 * HOUR_MS, all: undefined } as const
export type SpanName = keyof typeof SPANS

const whole = (value: number): string => compact(Math.round(value))
const FORMATS: { readonly [name in Charted]: (value: number) => string } = {
  blockTimeMs: duration,
  transactions: whole,
  gasUsed: whole,
  skippedViews: whole,
  sizeBytes: bytes,
  feesBase: compact,
}

/** For drawing only: a pixel is wider than what a float loses. */
function drawn(name: Charted, value: bigint | undefined): number | null {
  if (value === undefined) return null
  return name === 'feesBase' ? Number(value) / Number(COIN) : Number(value)
}

export function columnsOf(points: readonly HistoryPoint[], name: Charted, label: string): ChartData {
  const of = (part: 'least' | 'greatest' | 'last'): (number | null)[] =>
    points.map(({ figures }) => drawn(name, figures[name][part]))
  return {
    isWhole: name !== 'feesBase',
    timesMs: points.map(({ timestampMs }) => timestampMs),
    lines: [
      { name: label, colour: '--plot-1', values: of('last'), least: of('least'), greatest: of('greatest') },
    ],
  }
}

/** Points change as a whole: each chart gets its columns once, however often the page renders. */
const made = new WeakMap<readonly HistoryPoint[], Map<string, ChartData>>()

function dataOf(points: readonly HistoryPoint[], name: Charted, label: string): ChartData {
  const known = made.get(points) ?? new Map<string, ChartData>()
  made.set(points, known)
  const key = `${name} ${label}`
  const data = known.get(key) ?? columnsOf(points, name, label)
  known.set(key, data)
  return data
}

function one(points: readonly HistoryPoint[], name: Charted): TemplateResult {
  const m = words(operatorMessages)
  const label = m.charts[name]
  const format = FORMATS[name]
  const data = dataOf(points, name, label)
  const [{ values, greatest }] = data.lines as [ChartData['lines'][number]]
  const most = (greatest ?? []).reduce<number>((max, value) => Math.max(max, value ?? 0), 0)
  const text = m.chartLabel(label, format(values.at(-1) ?? 0), format(most))
  return html`<figure>
    <figcaption>${label}</figcaption>
    ${chart(data, text, format)}
  </figure>`
}

export function historyCard(
  ask: Ask<readonly HistoryPoint[]>,
  { span, onSpan }: { readonly span: SpanName; readonly onSpan: (span: SpanName) => void },
): TemplateResult {
  const m = words(operatorMessages)
  return html`<section class="card" aria-labelledby="blocks">
    <header>
      <h2 id="blocks">${m.history}</h2>
      <div class="choice no-print" role="group" aria-label=${m.span}>
        ${(Object.keys(SPANS) as SpanName[]).map(
          (name) =>
            html`<button aria-pressed=${name === span ? 'true' : 'false'} @click=${() => onSpan(name)}>
              ${m.spans[name]}
            </button>`,
        )}
      </div>
    </header>
    <div class="stack">
      <p class="soft small">${m.historyText}</p>
      ${shown(
        ask,
        (points) =>
          points.length < 2
            ? html`<p>${m.historyNone}</p>`
            : html`<div class="charts">${CHARTED.map((name) => one(points, name))}</div>`,
        8,
      )}
    </div>
  </section>`
}
