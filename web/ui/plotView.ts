// An element that uPlot draws in on a canvas. Owns: loading it, the size, and drawing anew when theme or language change.
// Not: the lines (chart.ts, reserves/history.ts).
import type UPlot from 'uplot'
import { adopt } from './sheets/adopt.ts'
import { View } from './view.ts'

/** Renders an element of class `chart`, and says what is drawn in it. */
export abstract class PlotView extends View {
  protected plot: UPlot | undefined
  #uplot: typeof UPlot | undefined
  readonly #resize = new ResizeObserver(() => this.#fit())
  readonly #scheme = matchMedia('(prefers-color-scheme: dark)')
  readonly #repaint = (): void => this.draw()
  readonly #themes = new MutationObserver(this.#repaint)

  protected abstract options(host: HTMLElement): Omit<UPlot.Options, 'width' | 'height'>
  protected abstract columns(): UPlot.AlignedData
  protected abstract readonly height: number

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
    this.plot?.destroy()
    this.plot = undefined
  }

  async #load(): Promise<void> {
    const [{ default: uplot }, { plotSheet }] = await Promise.all([import('uplot'), import('./plotSheet.ts')])
    adopt(plotSheet)
    this.#uplot = uplot
    this.draw()
  }

  #fit(): void {
    const width = this.querySelector('.chart')?.clientWidth ?? 0
    if (this.plot !== undefined && width > 0 && width !== this.plot.width) {
      this.plot.setSize({ width, height: this.height })
    }
  }

  /** Draws once uPlot is there and the element is in the page. */
  protected draw(): void {
    const host = this.querySelector<HTMLElement>('.chart')
    if (this.#uplot === undefined || host === null || !this.isConnected) return
    this.plot?.destroy()
    const size = { width: Math.max(160, host.clientWidth), height: this.height }
    this.plot = new this.#uplot({ ...this.options(host), ...size }, this.columns(), host)
    this.#resize.disconnect()
    this.#resize.observe(host)
  }
}

/** A canvas knows no light-dark(): an element's computed colour does. `value`: any colour of a style sheet. */
export function computedColour(host: HTMLElement, value: string): string {
  const before = host.style.color
  host.style.color = value
  const found = getComputedStyle(host).color
  host.style.color = before
  return found
}

/** An axis in the page's colours. */
export function plotAxis(host: HTMLElement): UPlot.Axis {
  return {
    stroke: computedColour(host, 'var(--soft)'),
    grid: { stroke: computedColour(host, 'var(--line)'), width: 1 },
    ticks: { show: false },
  }
}
