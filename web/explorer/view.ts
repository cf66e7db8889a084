// The explorer. READ FIRST in web/explorer/. Owns: which subview an address names, the search, asking. Not: the subviews.
import { html, type TemplateResult } from 'lit'
import { live } from '../node/live.ts'
import { nodeClient } from '../node/request.ts'
import { addressOf, type Route } from '../routes.ts'
import { adopt } from '../ui/sheets/adopt.ts'
import { shown, toast } from '../ui/states.ts'
import { Ask, View } from '../ui/view.ts'
import { words } from '../words/language.ts'
import { accountView } from './account.ts'
import { blockView } from './block.ts'
import { homePage, loadNewest, type Newest } from './home.ts'
import { explorerMessages } from './messages.ts'
import {
  classesView,
  classView,
  proposalsView,
  proposalView,
  redemptionView,
  seriesListView,
} from './others.ts'
import { providersView, providerView } from './provider.ts'
import { find } from './search.ts'
import { explorerSheet } from './sheet.ts'
import type { Subview } from './subview.ts'
import { transactionView } from './transaction.ts'

const SUBVIEWS: { readonly [name: string]: Subview } = {
  block: blockView,
  tx: transactionView,
  account: accountView,
  provider: providerView,
  providers: providersView,
  class: classView,
  classes: classesView,
  series: seriesListView,
  redemption: redemptionView,
  proposal: proposalView,
  proposals: proposalsView,
}

function subviewOf({ rest }: Route): Subview | undefined {
  const [name = ''] = rest
  return Object.hasOwn(SUBVIEWS, name) ? SUBVIEWS[name] : undefined
}

/** Wraps what was found, as nothing may have been. */
interface Found {
  readonly value: unknown
}

const REFRESH_MS = 5_000

class ExplorerView extends View {
  static override properties = { route: { attribute: false } }
  declare route: Route
  #askedMs = 0
  readonly #newest = new Ask<Newest>(this, loadNewest)
  readonly #found = new Ask<Found>(this, async (client) => {
    const { rest, query } = this.route
    return { value: await subviewOf(this.route)?.load(client, rest[1] ?? '', query) }
  })
  readonly #searching = new AbortController()

  override connectedCallback(): void {
    super.connectedCallback()
    adopt(explorerSheet)
    this.followBlocks(() => this.#onBlock())
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#searching.abort()
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('route')) return
    this.#found.reset()
    if (this.route.rest.length === 0) {
      this.#askedMs = performance.now()
      void this.#newest.run()
    } else void this.#found.run()
  }

  #onBlock(): void {
    if (this.route.rest.length > 0 || document.visibilityState === 'hidden') return
    this.requestUpdate()
    // Transactions are asked for only where a block has some.
    const hasNew = live.blocks.some(
      ({ heardMs, transactionCount }) => transactionCount > 0 && heardMs > this.#askedAtMs,
    )
    if (hasNew && performance.now() - this.#askedMs >= REFRESH_MS) {
      this.#askedMs = performance.now()
      this.#newest.refresh()
    }
  }

  get #askedAtMs(): number {
    return performance.timeOrigin + this.#askedMs
  }

  readonly #onSearch = async (event: Event): Promise<void> => {
    event.preventDefault()
    const text = String(new FormData(event.target as HTMLFormElement).get('search'))
    const path = await find(nodeClient(this.#searching.signal), text).catch(() => undefined)
    if (path === undefined) {
      toast(words(explorerMessages).searchNone(text.trim()))
      return
    }
    const link = document.createElement('a')
    link.href = path
    this.append(link)
    link.click()
    link.remove()
  }

  protected override render(): TemplateResult {
    const m = words(explorerMessages)
    return html`<div class="stack">
      <form class="search no-print" role="search" @submit=${this.#onSearch}>
        <input name="search" type="search" aria-label=${m.searchHelp} placeholder=${m.searchHelp} autocomplete="off" spellcheck="false" />
        <button type="submit">${m.search}</button>
      </form>
      ${this.#content()}
    </div>`
  }

  #content(): TemplateResult {
    const m = words(explorerMessages)
    const { rest, query } = this.route
    const subview = subviewOf(this.route)
    if (rest.length === 0) {
      return html`<h1>${m.title}</h1>
        ${shown(this.#newest, (newest) => homePage(newest, live.blocks), 8)}`
    }
    if (subview === undefined) return nothingFound()
    return shown(
      this.#found,
      ({ value }) => (value === undefined ? nothingFound() : subview.render(value, rest[1] ?? '', query)),
      8,
    )
  }
}

function nothingFound(): TemplateResult {
  const m = words(explorerMessages)
  return html`<div class="stack tight">
    <h1>${m.notFound}</h1>
    <p class="lead">${m.notFoundHelp}</p>
    <p><a href=${addressOf('explorer')}>${m.title}</a></p>
  </div>`
}

customElements.define('su-explorer', ExplorerView)

export const title = (route: Route): string =>
  subviewOf(route)?.title(route.rest[1] ?? '') ?? words(explorerMessages).title
export const render = (route: Route): TemplateResult => html`<su-explorer .route=${route}></su-explorer>`
