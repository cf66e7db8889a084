// Lines over time with the range that each point stands for, drawn by uPlot on a canvas. Owns: the lines, and how long
// drawing took. Not: the element's life (plotView.ts), asking for the points.
import { html, type TemplateResult } from 'lit'
import type UPlot from 'uplot'
import { dateTime } from '../words/format.ts'
import { language } from '../words/language.ts'
import { computedColour, PlotView, plotAxis } from './plotView.ts'

/** Columns of equal length; null where a value is not known. */
export interface ChartData {
  /** Whole numbers: no lines between them. */
  readonly isWhole?: boolean
  readonly timesMs: readonly number[]
  readonly lines: readonly {
    readonly name: string
    /** `--plot-1` */
    readonly colour: string
    readonly values: readonly (number | null)[]
    /** Least and greatest behind each value. */
    readonly least?: readonly (number | null)[]
    readonly greatest?: readonly (number | null)[]
  }[]
}

const DAY_SECONDS = 86_400
const WHOLE_STEPS = Array.from({ length: 16 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat()
/** What the performance timeline calls a drawing. */
const MEASURE = 'suanli-chart'
/** Kept of them, so that a page that is open for days holds no list of them. */
const MEASURES_MAX = 50

class Chart extends PlotView {
  static override properties = {
    data: { attribute: false },
    label: { attribute: false },
    format: { attribute: false },
  }
  declare data: ChartData
  declare label: string
  declare format: (value: number) => string
  protected readonly height = 170
  /** When the points were given that are not drawn yet. */
  #beganMs: number | undefined

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('data')) return
    // The same lines with other points need no new plot.
    const before = changed.get('data') as ChartData | undefined
    if (this.plot !== undefined && before?.lines.length === this.data.lines.length) {
      this.#beganMs = performance.now()
      this.plot.setData(this.columns())
    } else this.draw()
  }

  protected columns(): UPlot.AlignedData {
    const columns: (readonly (number | null)[])[] = [this.data.timesMs.map((ms) => ms / 1_000)]
    for (const { values, least, greatest } of this.data.lines) {
      columns.push(values)
      if (least !== undefined && greatest !== undefined) columns.push(least, greatest)
    }
    return columns as unknown as UPlot.AlignedData
  }

  protected override draw(): void {
    this.#beganMs = performance.now()
    super.draw()
  }

  protected options(host: HTMLElement): Omit<UPlot.Options, 'width' | 'height'> {
    const colour = (name: string): string => computedColour(host, `var(${name})`)
    const axis = plotAxis(host)
    const series: UPlot.Series[] = [{}]
    const bands: UPlot.Band[] = []
    for (const { colour: token, least, greatest } of this.data.lines) {
      series.push({ stroke: colour(token), width: 1.5, points: { show: false } })
      if (least === undefined || greatest === undefined) continue
      const edge = { stroke: 'transparent', width: 0, points: { show: false } }
      series.push(edge, edge)
      const fill = computedColour(host, `color-mix(in srgb, var(${token}) 22%, transparent)`)
      bands.push({ series: [series.length - 1, series.length - 2], fill })
    }
    const whole = this.data.isWhole === true ? { incrs: WHOLE_STEPS } : {}
    return {
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      legend: { show: false },
      hooks: {
        setCursor: [(plot) => this.#tell(plot.cursor.idx ?? undefined)],
        // uPlot draws after the call that gave it the points.
        draw: [() => this.#drawn()],
      },
      series,
      bands,
      scales: { y: { range: (_, __, max) => [0, max === null || max <= 0 ? 1 : max * 1.08] } },
      axes: [
        { ...axis, space: 70, values: (_, times) => this.#timeLabels(times) },
        { ...axis, ...whole, size: 68, values: (_, values) => values.map((value) => this.format(value)) },
      ],
    }
  }

  #drawn(): void {
    if (this.#beganMs !== undefined) note(this.#beganMs)
    this.#beganMs = undefined
  }

  #timeLabels(times: readonly number[]): string[] {
    const [first = 0, last = 0] = [times[0], times.at(-1)]
    const span = last - first
    const form: Intl.DateTimeFormatOptions =
      span > 2 * DAY_SECONDS
        ? { month: 'numeric', day: 'numeric' }
        : {
            hour: '2-digit',
            minute: '2-digit',
            hourCycle: 'h23',
            ...(span < 300 ? { second: '2-digit' } : {}),
          }
    const format = new Intl.DateTimeFormat(language(), form)
    return times.map((seconds) => format.format(seconds * 1_000))
  }

  /** What the pointer is at, in words below the picture; the newest while it is elsewhere. */
  #tell(pointed: number | undefined): void {
    const out = this.querySelector('.chart-value')
    if (out !== null) out.textContent = this.#textAt(pointed)
  }

  #textAt(pointed: number | undefined): string {
    const { timesMs, lines } = this.data
    const at = pointed ?? timesMs.length - 1
    const [line] = lines
    const value = line?.values[at]
    const timeMs = timesMs[at]
    if (line === undefined || timeMs === undefined || value === null || value === undefined) return ''
    const [least, greatest] = [line.least?.[at] ?? value, line.greatest?.[at] ?? value]
    const range = least === greatest ? '' : ` (${this.format(least)} – ${this.format(greatest)})`
    return `${this.format(value)}${range} · ${dateTime(timeMs)}`
  }

  protected override render(): TemplateResult {
    return html`<div class="chart" role="img" aria-label=${this.label}></div>
      <p class="chart-value soft small" aria-hidden="true">${this.#textAt(undefined)}</p>`
  }
}

/** Notes in the performance timeline how long a drawing took. */
function note(start: number): void {
  if (performance.getEntriesByName(MEASURE).length >= MEASURES_MAX) performance.clearMeasures(MEASURE)
  performance.measure(MEASURE, { start, end: performance.now() })
}

customElements.define('su-chart', Chart)

/** `label` says in words what the picture shows. */
export function chart(data: ChartData, label: string, format: (value: number) => string): TemplateResult {
  return html`<su-chart .data=${data} .label=${label} .format=${format}></su-chart>`
}
