// Lines over time, drawn by uPlot on a canvas. Owns: the chart's element, its size and colours. Not: asking for the points (view.ts).
import { html, type TemplateResult } from 'lit'
import type UPlot from 'uplot'
import { COIN } from '../../base/units.ts'
import { adopt } from '../ui/sheets/adopt.ts'
import { View } from '../ui/view.ts'
import { coins, compact, dateTime } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Point } from './data.ts'
import { reservesMessages } from './messages.ts'

/** For drawing only: a pixel is wider than what a float loses. */
const drawn = (base: bigint): number => Number(base / (COIN / 1_000n)) / 1_000

const HEIGHT = 240

class HistoryChart extends View {
  static override properties = { points: { attribute: false } }
  declare points: readonly Point[]
  #plot: UPlot | undefined
  #uplot: typeof UPlot | undefined
  readonly #resize = new ResizeObserver(() => this.#fit())
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)')
  readonly #repaint = (): void => this.#draw()
  readonly #themes = new MutationObserver(this.#repaint)

  override connectedCallback(): void {
    super.connectedCallback()
    this.#scheme.addEventListener('change', this.#repaint)
    this.#themes.observe(document.documentElement, { attributeFilter: ['data-theme', 'lang'] })
    void this.#load()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#scheme.removeEventListener('change', this.#repaint)
    this.#themes.disconnect()
    this.#resize.disconnect()
    this.#plot?.destroy()
    this.#plot = undefined
  }

  async #load(): Promise<void> {
    const [{ default: uplot }, { plotSheet }] = await Promise.all([import('uplot'), import('./plotSheet.ts')])
    adopt(plotSheet)
    this.#uplot = uplot
    this.#draw()
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('points')) this.#draw()
  }

  #columns(): [number[], number[], number[], number[]] {
    const of = (value: (point: Point) => number): number[] => this.points.map(value)
    return [
      of(({ timestampMs }) => timestampMs / 1_000),
      of(({ reserve }) => drawn(reserve.capacityBase)),
      of(({ reserve }) => drawn(reserve.supplyBase)),
      of(({ reserve }) => drawn(reserve.lockedInRedemptionBase)),
    ]
  }

  #fit(): void {
    const width = this.querySelector('.chart')?.clientWidth ?? 0
    if (this.#plot !== undefined && width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: HEIGHT })
    }
  }

  #draw(): void {
    const host = this.querySelector<HTMLElement>('.chart')
    if (this.#uplot === undefined || host === null || !this.isConnected) return
    this.#plot?.destroy()
    const m = words(reservesMessages)
    const style = getComputedStyle(document.documentElement)
    const colour = (name: string): string => resolved(host, style.getPropertyValue(name))
    const axis = {
      stroke: colour('--soft'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    }
    const line = (label: string, name: string) => ({
      label,
      stroke: colour(name),
      width: 1.75,
      points: { show: false },
      value: (_: unknown, value: number | null) => (value === null ? '' : compact(value)),
    })
    this.#plot = new this.#uplot(
      {
        width: Math.max(200, host.clientWidth),
        height: HEIGHT,
        cursor: { drag: { x: false, y: false } },
        series: [
          { value: (_, seconds) => (seconds === null ? '' : dateTime(seconds * 1_000)) },
          line(m.deliverable, '--plot-1'),
          line(m.supply, '--plot-2'),
          line(m.locked, '--plot-3'),
        ],
        scales: { y: { range: (_, __, max) => [0, max === 0 ? 1 : max * 1.08] } },
        axes: [axis, { ...axis, size: 64, values: (_, values) => values.map((value) => compact(value)) }],
      },
      this.#columns(),
      host,
    )
    this.#resize.disconnect()
    this.#resize.observe(host)
  }

  protected override render(): TemplateResult {
    const m = words(reservesMessages)
    const last = this.points.at(-1)!
    const label = `${m.history}: ${m.supply} ${coins(last.reserve.supplyBase)}, ${m.deliverable} ${coins(last.reserve.capacityBase)}`
    return html`<div class="chart" role="img" aria-label=${label}></div>`
  }
}

/** A canvas knows no light-dark(): an element's computed colour does. */
function resolved(host: HTMLElement, value: string): string {
  const before = host.style.color
  host.style.color = value
  const found = getComputedStyle(host).color
  host.style.color = before
  return found
}

customElements.define('su-history', HistoryChart)

export function historyChart(points: readonly Point[]): TemplateResult {
  return html`<su-history .points=${points}></su-history>`
}
