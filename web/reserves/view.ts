// The first page: is my coin backed? READ FIRST in web/reserves/. Owns: what is asked and when. Not: the parts (the other files).
import { html, type TemplateResult } from 'lit'
import { live } from '../node/live.ts'
import { adopt } from '../ui/sheets/adopt.ts'
import { shown, skeleton } from '../ui/states.ts'
import { Ask, View } from '../ui/view.ts'
import { words } from '../words/language.ts'
import { answer, keyFigures, tonight } from './answer.ts'
import { buyingCard, priceCard } from './buying.ts'
import {
  type Buying,
  loadBuying,
  loadHistory,
  loadProviders,
  loadReserves,
  type Point,
  type ProviderFigures,
  type Reserves,
} from './data.ts'
import { historyChart } from './history.ts'
import { reservesMessages } from './messages.ts'
import { orderOf, PROVIDERS_SHOWN, providersCard } from './providersTable.ts'
import { reservesSheet } from './sheet.ts'
import { queueCard, windowsCard } from './windows.ts'

/** Figures that are in no header are asked for this often while blocks come. */
const REFRESH_MS = 10_000
const POINTS = 200

class ReservesView extends View {
  #first = 0
  #askedMs = 0
  readonly #reserves = new Ask<Reserves>(this, loadReserves)
  readonly #buying = new Ask<Buying>(this, loadBuying)
  readonly #history = new Ask<readonly Point[]>(this, (client) => loadHistory(client, POINTS))
  readonly #figures = new Ask<ReadonlyMap<number, ProviderFigures>>(this, (client) =>
    loadProviders(client, this.#ids()),
  )

  override connectedCallback(): void {
    super.connectedCallback()
    adopt(reservesSheet)
    this.followBlocks(() => this.#onBlock())
    void this.#load()
  }

  async #load(): Promise<void> {
    this.#askedMs = performance.now()
    await this.#reserves.run()
    if (this.#reserves.value === undefined) return
    this.#figures.refresh()
    if (this.#buying.value === undefined) this.#buying.refresh()
    this.#history.refresh()
  }

  #onBlock(): void {
    if (document.visibilityState === 'hidden') return
    this.requestUpdate()
    if (live.state === 'live' && performance.now() - this.#askedMs >= REFRESH_MS) void this.#load()
  }

  #ids(): readonly number[] {
    const { value } = this.#reserves
    return value === undefined ? [] : orderOf(value).slice(this.#first, this.#first + PROVIDERS_SHOWN)
  }

  protected override render(): TemplateResult {
    const m = words(reservesMessages)
    return html`<div class="stack">
      ${shown(this.#reserves, (data) => this.#ready(data), 6)}
      <section class="card" aria-labelledby="not-proven">
        <header><h2 id="not-proven">${m.notProven}</h2></header>
        <ul class="stack tight">
          ${Object.values(m.notProvenItems).map((text) => html`<li>${text}</li>`)}
        </ul>
      </section>
    </div>`
  }

  #ready(data: Reserves): TemplateResult {
    const [newest] = live.blocks
    const isNewer = newest !== undefined && newest.height > data.height
    const reserve = isNewer ? newest.reserve : data.reserve
    const height = isNewer ? newest.height : data.height
    const onMove = (first: number): void => {
      this.#first = first
      this.#figures.reset()
      void this.#figures.run()
    }
    return html`
      ${answer(data, reserve, height)} ${keyFigures(data, reserve)}
      <div class="columns">${tonight(data)} ${windowsCard(data)}</div>
      ${providersCard({
        data,
        buying: this.#buying.value,
        figures: this.#figures.value,
        first: this.#first,
        onMove,
      })}
      ${buyingCard(this.#buying, data)}
      <div class="columns">${queueCard(data)} ${priceCard(data)}</div>
      ${this.#historyCard()}
    `
  }

  #historyCard(): TemplateResult {
    const m = words(reservesMessages)
    return html`<section class="card" aria-labelledby="history">
      <header>
        <h2 id="history">${m.history}</h2>
        <p class="soft small">${m.historyText}</p>
      </header>
      ${
        this.#history.value === undefined && this.#history.error === undefined
          ? skeleton(5)
          : shown(this.#history, (points) =>
              points.length < 2 ? html`<p>${m.historyNone}</p>` : historyChart(points),
            )
      }
    </section>`
  }
}

customElements.define('su-reserves', ReservesView)

export const title = (): string => words(reservesMessages).title
export const render = (): TemplateResult => html`<su-reserves></su-reserves>`
