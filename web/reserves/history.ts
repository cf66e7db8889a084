// Lines over time, drawn by uPlot on a canvas. Owns: which lines. Not: the element's life (ui/plotView.ts), asking for
// the points (view.ts).
import { html, type TemplateResult } from 'lit'
import type UPlot from 'uplot'
import { COIN } from '../../base/units.ts'
import { computedColour, PlotView, plotAxis } from '../ui/plotView.ts'
import { coins, compact, dateTime } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Point } from './data.ts'
import { reservesMessages } from './messages.ts'

/** For drawing only: a pixel is wider than what a float loses. */
const drawn = (base: bigint): number => Number(base / (COIN / 1_000n)) / 1_000

class HistoryChart extends PlotView {
  static override properties = { points: { attribute: false } }
  declare points: readonly Point[]
  protected readonly height = 240

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('points')) this.draw()
  }

  protected columns(): [number[], number[], number[], number[]] {
    const of = (value: (point: Point) => number): number[] => this.points.map(value)
    return [
      of(({ timestampMs }) => timestampMs / 1_000),
      of(({ reserve }) => drawn(reserve.capacityBase)),
      of(({ reserve }) => drawn(reserve.supplyBase)),
      of(({ reserve }) => drawn(reserve.lockedInRedemptionBase)),
    ]
  }

  protected options(host: HTMLElement): Omit<UPlot.Options, 'width' | 'height'> {
    const m = words(reservesMessages)
    const axis = plotAxis(host)
    const line = (label: string, name: string) => ({
      label,
      stroke: computedColour(host, `var(${name})`),
      width: 1.75,
      points: { show: false },
      value: (_: unknown, value: number | null) => (value === null ? '' : compact(value)),
    })
    return {
      cursor: { drag: { x: false, y: false } },
      series: [
        { value: (_, seconds) => (seconds === null ? '' : dateTime(seconds * 1_000)) },
        line(m.deliverable, '--plot-1'),
        line(m.supply, '--plot-2'),
        line(m.locked, '--plot-3'),
      ],
      scales: { y: { range: (_, __, max) => [0, max === 0 ? 1 : max * 1.08] } },
      axes: [axis, { ...axis, size: 64, values: (_, values) => values.map((value) => compact(value)) }],
    }
  }

  protected override render(): TemplateResult {
    const m = words(reservesMessages)
    const last = this.points.at(-1)!
    const label = `${m.history}: ${m.supply} ${coins(last.reserve.supplyBase)}, ${m.deliverable} ${coins(last.reserve.capacityBase)}`
    return html`<div class="chart" role="img" aria-label=${label}></div>`
  }
}

customElements.define('su-history', HistoryChart)

export function historyChart(points: readonly Point[]): TemplateResult {
  return html`<su-history .points=${points}></su-history>`
}
