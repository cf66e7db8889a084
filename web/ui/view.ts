// What every part of the page that has a state is made of. Owns: rendering into the page itself (one set of styles, one
// set of names for assistive technology), rendering again in another language, and data that is loading, there, or failed.
import { LitElement, type ReactiveController } from 'lit'
import type { ChainClient } from '../../client/chainClient.ts'
import { live } from '../node/live.ts'
import { nodeClient } from '../node/request.ts'
import { onLanguage } from '../words/language.ts'

export abstract class View extends LitElement {
  #endings: (() => void)[] = []

  override connectedCallback(): void {
    super.connectedCallback()
    this.#endings = [onLanguage(() => this.requestUpdate())]
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const end of this.#endings) end()
    this.#endings = []
  }

  /** Renders at each block; call it in `connectedCallback`. */
  protected followBlocks(listener: () => void = () => this.requestUpdate()): void {
    this.#endings.push(live.listen(listener))
  }

  protected override createRenderRoot(): HTMLElement {
    return this
  }
}

/** Data for a view: asked for again at will, given up when the view goes or asks anew. */
export class Ask<T> implements ReactiveController {
  value: T | undefined
  error: unknown
  isLoading = false
  readonly #host: LitElement
  readonly #load: (client: ChainClient, signal: AbortSignal) => Promise<T>
  #ending: AbortController | undefined

  constructor(host: LitElement, load: (client: ChainClient, signal: AbortSignal) => Promise<T>) {
    this.#host = host
    this.#load = load
    host.addController(this)
  }

  hostDisconnected(): void {
    this.cancel()
  }

  cancel(): void {
    this.#ending?.abort()
    this.#ending = undefined
    this.isLoading = false
  }

  /** Asks, unless it is asking already. What was there before stays until the answer comes. */
  refresh(): void {
    if (!this.isLoading) void this.run()
  }

  /** Forgets what was there: it is about something else now. */
  reset(): void {
    this.cancel()
    this.value = undefined
    this.error = undefined
  }

  async run(): Promise<void> {
    this.#ending?.abort()
    const ending = new AbortController()
    this.#ending = ending
    this.isLoading = true
    this.#host.requestUpdate()
    try {
      const value = await this.#load(nodeClient(ending.signal), ending.signal)
      if (this.#ending !== ending) return
      this.value = value
      this.error = undefined
    } catch (error) {
      if (this.#ending !== ending) return
      this.error = error
    }
    this.#ending = undefined
    this.isLoading = false
    this.#host.requestUpdate()
  }
}
