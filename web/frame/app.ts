// The frame around every view: navigation, state of the connection, language and theme. Owns: which view is shown, and moving
// between views without loading the page again. Not: the views, the connection (node/live.ts).
import { html, nothing, type TemplateResult } from 'lit'
import { live } from '../node/live.ts'
import { addressOf, type Route, type RouteName, routeOf } from '../routes.ts'
import { adopt } from '../ui/sheets/adopt.ts'
import { failure, toast } from '../ui/states.ts'
import { View } from '../ui/view.ts'
import { LANGUAGES, type Language } from '../words/catalogue.ts'
import { count } from '../words/format.ts'
import { language, setLanguage, words } from '../words/language.ts'
import { frameMessages } from './messages.ts'
import { frameSheet } from './sheet.ts'
import { setTheme, THEMES, type Theme, theme } from './theme.ts'
import { VIEWS, type ViewEntry, type ViewModule } from './views.ts'

const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', 'zh-Hant': '繁體中文' }

class App extends View {
  #route: Route | undefined = routeOf(location)
  #shown: ViewModule | undefined
  #failed: unknown
  #wasLost = false

  override connectedCallback(): void {
    super.connectedCallback()
    adopt(frameSheet)
    this.followBlocks(() => this.#onLive())
    addEventListener('popstate', this.#onMove)
    document.addEventListener('click', this.#onClick)
    live.start()
    void this.#load()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    removeEventListener('popstate', this.#onMove)
    document.removeEventListener('click', this.#onClick)
  }

  #onLive(): void {
    const isLost = live.state === 'lost'
    if (this.#wasLost && live.state === 'live') toast(words(frameMessages).live.back)
    this.#wasLost = isLost || (this.#wasLost && live.state !== 'live')
    this.requestUpdate()
  }

  readonly #onMove = (): void => {
    this.#route = routeOf(location)
    void this.#load()
  }

  /** Links to views stay in the page; all others are the browser's. */
  readonly #onClick = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const link = (event.target as Element).closest?.('a')
    if (
      link == null ||
      link.target !== '' ||
      link.hasAttribute('download') ||
      link.origin !== location.origin
    )
      return
    if (link.hash !== '' && link.pathname === location.pathname) return
    if (routeOf(link) === undefined || link.pathname.startsWith('/assets/')) return
    event.preventDefault()
    if (link.href !== location.href) history.pushState(undefined, '', link.href)
    scrollTo(0, 0)
    this.#route = routeOf(link)
    void this.#load(true)
  }

  async #load(isByLink = false): Promise<void> {
    const route = this.#route
    const entry: ViewEntry | undefined = route && VIEWS[route.name]
    this.#failed = undefined
    if (entry === undefined) this.#shown = undefined
    else {
      try {
        const module = await entry.load()
        if (this.#route !== route) return
        this.#shown = module
      } catch (error) {
        this.#failed = error
      }
    }
    this.requestUpdate()
    await this.updateComplete
    // Whoever listens to the page hears that another view is there.
    if (isByLink) this.querySelector<HTMLElement>('main')?.focus({ preventScroll: true })
  }

  protected override updated(): void {
    const { name, notFound } = words(frameMessages)
    const title = this.#route && this.#shown ? this.#shown.title(this.#route) : notFound
    document.title = this.#route !== undefined && this.#shown === undefined ? name : `${title} · ${name}`
  }

  protected override render(): TemplateResult {
    const m = words(frameMessages)
    return html`
      <a class="skip" href="#content">${m.skip}</a>
      <header class="frame no-print">
        <a class="brand" href="/" aria-label=${m.name}>${mark()}<span>${m.name}</span></a>
        <nav aria-label=${m.navigation}>${this.#links()}</nav>
        ${this.#settings()}
      </header>
      ${live.state === 'lost' ? html`<p class="lost no-print" role="alert">${m.live.lostHelp}</p>` : nothing}
      <main id="content" tabindex="-1">${this.#content()}</main>
      <footer class="frame">
        <p>${m.footer}</p>
        <p class="no-print"><a href="/assets/licences.txt" target="_blank">${m.licences}</a></p>
      </footer>
    `
  }

  #links(): TemplateResult[] {
    const { pages } = words(frameMessages)
    return Object.entries(VIEWS).map(([name, { label }]) => {
      const isCurrent = this.#route?.name === name
      return html`<a href=${addressOf(name as RouteName)} aria-current=${isCurrent ? 'page' : nothing}
        >${pages[label]}</a
      >`
    })
  }

  #settings(): TemplateResult {
    const m = words(frameMessages)
    const height = live.blocks[0]?.height
    const onLanguage = (event: Event): void =>
      setLanguage((event.target as HTMLSelectElement).value as Language)
    const onTheme = (event: Event): void => {
      setTheme((event.target as HTMLSelectElement).value as Theme)
      this.requestUpdate()
    }
    return html`<div class="settings" role="group" aria-label=${m.settings}>
      <a
        class="live ${live.state}"
        href=${height === undefined || VIEWS.explorer === undefined ? '/' : addressOf('explorer')}
      >
        <span class="dot"></span><span class="hidden">${m.live.open(m.live[live.state])}</span>
        ${live.state === 'live' && height !== undefined ? m.live.block(count(height)) : m.live[live.state]}
      </a>
      <select aria-label=${m.language} @change=${onLanguage}>
        ${LANGUAGES.map(
          (one) =>
            html`<option value=${one} lang=${one} ?selected=${one === language()}>${LANGUAGE_NAMES[one]}</option>`,
        )}
      </select>
      <select aria-label=${m.theme} @change=${onTheme}>
        ${THEMES.map((one) => html`<option value=${one} ?selected=${one === theme()}>${m.themes[one]}</option>`)}
      </select>
    </div>`
  }

  #content(): TemplateResult | typeof nothing {
    const m = words(frameMessages)
    // A browser may remember that a script did not come: only loading the page again asks for it again.
    if (this.#failed !== undefined) return failure(this.#failed, () => location.reload())
    if (this.#route !== undefined && this.#shown !== undefined) return this.#shown.render(this.#route)
    if (this.#route !== undefined && VIEWS[this.#route.name] !== undefined) return nothing
    return html`<div class="stack">
      <h1>${m.notFound}</h1>
      <p class="lead">${m.notFoundHelp}</p>
      <p><a href="/">${m.home}</a></p>
    </div>`
  }
}

function mark(): TemplateResult {
  return html`<svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="7" class="mark-ground"></rect>
    <path d="M8 10.5h16M8 16h16M8 21.5h16" class="mark-rods"></path>
    <circle cx="12.5" cy="10.5" r="3" class="mark-bead"></circle>
    <circle cx="20" cy="16" r="3" class="mark-bead"></circle>
    <circle cx="14.5" cy="21.5" r="3" class="mark-bead"></circle>
  </svg>`
}

export function startApp(): void {
  customElements.define('su-app', App)
  document.body.append(document.createElement('su-app'))
}
