// The console: every method of the node, made from the node's own description. READ FIRST in web/console/. Owns: which method is
// shown, and what the reader has typed. Not: forms (form.ts), requests (request.ts), the parts below the form (answer.ts).
import { html, type TemplateResult } from 'lit'
import type { Json } from '../../base/field.ts'
import { nodeClient } from '../node/request.ts'
import type { Route } from '../routes.ts'
import { adopt } from '../ui/sheets/adopt.ts'
import { failure, shown, toast } from '../ui/states.ts'
import { Ask, View } from '../ui/view.ts'
import { count } from '../words/format.ts'
import { words } from '../words/language.ts'
import { type Answer, answerCard, copyRow, followCard, savedCard } from './answer.ts'
import { type Draft, DraftError } from './draft.ts'
import { Followed } from './follow.ts'
import { fieldOf } from './form.ts'
import { methodList } from './list.ts'
import { consoleMessages } from './messages.ts'
import { type Description, loadDescription, type MethodText } from './openrpc.ts'
import { draftsOf, type Params, paramsOf } from './request.ts'
import { save } from './saved.ts'
import { consoleSheet } from './sheet.ts'

/** Methods that only a WebSocket answers. */
const FOLLOWED: ReadonlySet<string> = new Set(['subscribe', 'eth_subscribe'])

class ConsoleView extends View {
  static override properties = { route: { attribute: false } }
  declare route: Route
  #search = ''
  /** What was typed, for the method that is shown. */
  #drafts: readonly Draft[] = []
  /** Typed as JSON instead; undefined while the form is used. */
  #text: string | undefined
  #typedFor: string | undefined
  #problem: unknown
  #answer: Answer | undefined
  #running: AbortController | undefined
  #followed: Followed | undefined
  readonly #description = new Ask<Description>(this, loadDescription)

  override connectedCallback(): void {
    super.connectedCallback()
    adopt(consoleSheet)
    this.#description.refresh()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#end()
  }

  #end(): void {
    this.#running?.abort()
    this.#running = undefined
    this.#followed?.stop()
    this.#followed = undefined
  }

  /** Another address is another request. */
  #take(description: Description): MethodText | undefined {
    const [name] = this.route.rest
    const method = name === undefined ? undefined : description.methods.get(name)
    const params = this.route.query.get('params')
    const key = `${name} ${params}`
    if (method === undefined || key === this.#typedFor) return method
    this.#end()
    this.#typedFor = key
    this.#answer = undefined
    this.#problem = undefined
    this.#text = undefined
    try {
      this.#fill(method, params === null ? [] : (JSON.parse(params) as Json), description)
    } catch (error) {
      this.#drafts = []
      this.#problem = error
    }
    return method
  }

  #fill(method: MethodText, params: Json, description: Description): void {
    this.#drafts = draftsOf(method, params, description)
  }

  /** What would be sent now; the reason that nothing can be is shown. */
  #params(method: MethodText, description: Description): Params | undefined {
    try {
      if (this.#text === undefined) return paramsOf(method, this.#drafts, description)
      const json = JSON.parse(this.#text === '' ? '[]' : this.#text) as Json
      if (typeof json === 'object' && json !== null) return json as Params
      throw new DraftError(['params'], 'json')
    } catch (error) {
      this.#problem = error instanceof DraftError ? error : new DraftError(['params'], 'json')
      this.requestUpdate()
      return undefined
    }
  }

  async #run(method: MethodText, description: Description): Promise<void> {
    this.#problem = undefined
    const params = this.#params(method, description)
    if (params === undefined) return
    this.#end()
    if (FOLLOWED.has(method.name)) return this.#follow(method, params)
    const running = new AbortController()
    this.#running = running
    this.#answer = undefined
    this.requestUpdate()
    const beganMs = performance.now()
    let answer: Answer
    try {
      const result = await nodeClient(running.signal).request(method.name, params)
      answer = { tookMs: performance.now() - beganMs, text: JSON.stringify(result, undefined, 2) }
    } catch (error) {
      answer = running.signal.aborted ? { isCancelled: true } : { error }
    }
    if (this.#running !== running) return
    this.#running = undefined
    this.#answer = answer
    this.requestUpdate()
  }

  #follow(method: MethodText, params: Params): void {
    const list = Array.isArray(params) ? (params as readonly Json[]) : Object.values(params as object)
    const followed = new Followed(() => this.requestUpdate())
    this.#followed = followed
    void followed.start(method.name, list)
    this.requestUpdate()
  }

  #cancel(): void {
    this.#running?.abort()
  }

  protected override render(): TemplateResult {
    const m = words(consoleMessages)
    return html`<div class="stack">
      <div class="stack tight">
        <h1 tabindex="-1">${m.title}</h1>
        <p class="lead">${m.lead}</p>
      </div>
      ${shown(this.#description, (description) => this.#ready(description), 8)}
    </div>`
  }

  #ready(description: Description): TemplateResult {
    const method = this.#take(description)
    const onSearch = (text: string): void => {
      this.#search = text
      this.requestUpdate()
    }
    return html`<div class="console">
      ${methodList({ description, current: method?.name, search: this.#search, onSearch })}
      <div class="stack">
        ${method === undefined ? this.#nothing() : this.#method(method, description)}
        ${savedCard(() => this.requestUpdate())}
      </div>
    </div>`
  }

  #nothing(): TemplateResult {
    const m = words(consoleMessages)
    const [name] = this.route.rest
    return html`<p class="card">${name === undefined ? m.choose : m.unknown(name.slice(0, 80))}</p>`
  }

  #method(method: MethodText, description: Description): TemplateResult {
    const m = words(consoleMessages)
    const isFollowed = FOLLOWED.has(method.name)
    const onSubmit = (event: Event): void => {
      event.preventDefault()
      void this.#run(method, description)
    }
    return html`<section class="card" aria-labelledby="method">
      <header>
        <h2 id="method" class="mono">${method.name}</h2>
        <span class="soft small">${m.cost(count(method.cost))}</span>
      </header>
      <div class="stack">
        <p lang="en">${method.summary}</p>
        <form @submit=${onSubmit} novalidate>
          ${this.#fields(method, description)} ${this.#problemText()}
          <div class="row">
            <button class="primary" type="submit" ?disabled=${this.#running !== undefined}>
              ${isFollowed ? m.follow : m.run}
            </button>
            ${this.#running === undefined ? '' : html`<button type="button" @click=${() => this.#cancel()}>${m.cancel}</button>`}
            ${this.#formButtons(method, description)}
          </div>
        </form>
        ${this.#copies(method, description)}
        ${isFollowed ? html`<p class="soft small">${m.followText}</p>` : ''}
        ${this.#followed === undefined ? '' : followCard(this.#followed)}
        ${answerCard(this.#answer, this.#running !== undefined)}
      </div>
    </section>`
  }

  #fields(method: MethodText, description: Description): TemplateResult {
    const m = words(consoleMessages)
    if (this.#text !== undefined) {
      const onInput = (event: Event): void => {
        this.#text = (event.target as HTMLTextAreaElement).value
        this.requestUpdate()
      }
      return html`<div class="field">
        <label for="params">${m.paramsJson}</label>
        <textarea id="params" class="mono" rows="8" spellcheck="false" .value=${this.#text} @input=${onInput}></textarea>
      </div>`
    }
    if (method.parameters.length === 0) return html`<p class="soft">${m.noParameters}</p>`
    return html`${method.parameters.map(({ name, isRequired, schema }, i) =>
      fieldOf(
        {
          id: `p-${name}`,
          name,
          isRequired,
          schema,
          draft: this.#drafts[i],
          depth: 1,
          onChange: (draft) => {
            this.#drafts = method.parameters.map((_, at) => (at === i ? draft : this.#drafts[at]))
            this.requestUpdate()
          },
        },
        description.resolve,
      ),
    )}`
  }

  #problemText(): TemplateResult | string {
    const m = words(consoleMessages)
    if (this.#problem === undefined) return ''
    if (!(this.#problem instanceof DraftError)) return failure(this.#problem)
    const { path, reason } = this.#problem
    return html`<p class="notice bad" role="alert">${m.errors[reason](path.join('.'))}</p>`
  }

  #formButtons(method: MethodText, description: Description): TemplateResult {
    const m = words(consoleMessages)
    const change = (act: () => void) => (): void => {
      this.#problem = undefined
      act()
      this.requestUpdate()
    }
    const onExample = change(() => {
      this.#text = undefined
      this.#fill(method, method.example, description)
    })
    const onForm = change(() => {
      const params = this.#params(method, description)
      if (params === undefined) return
      if (this.#text === undefined) this.#text = JSON.stringify(params, undefined, 2)
      else {
        this.#fill(method, params as Json, description)
        this.#text = undefined
      }
    })
    const onSave = change(() => {
      const params = this.#params(method, description)
      if (params !== undefined)
        toast(save({ method: method.name, params: params as Json }) ? m.savedDone : m.savedNot)
    })
    const hasParameters = method.parameters.length > 0
    return html`
      ${hasParameters ? html`<button type="button" @click=${onExample}>${m.example}</button>` : ''}
      ${hasParameters ? html`<button type="button" @click=${onForm}>${this.#text === undefined ? m.asJson : m.asForm}</button>` : ''}
      <button type="button" @click=${onSave}>${m.save}</button>
    `
  }

  #copies(method: MethodText, description: Description): TemplateResult | string {
    try {
      const params =
        this.#text === undefined
          ? paramsOf(method, this.#drafts, description)
          : (JSON.parse(this.#text === '' ? '[]' : this.#text) as Params)
      return copyRow(method.name, params)
    } catch {
      // Nothing to copy while the form is not whole.
      return ''
    }
  }
}

customElements.define('su-console', ConsoleView)

export const title = (route: Route): string => {
  const m = words(consoleMessages)
  const [name] = route.rest
  return name === undefined ? m.title : m.titleOf(name.slice(0, 80))
}
export const render = (route: Route): TemplateResult => html`<su-console .route=${route}></su-console>`
