// Verification, step by step. READ FIRST in web/verify/. Owns: the form, the state of each step. Not: checking (verifier.ts).
import { html, nothing, type TemplateResult } from 'lit'
import { addressOf, type Route } from '../routes.ts'
import { amount, badge, fact, hash, moment, sourceAddress } from '../ui/figures.ts'
import { adopt } from '../ui/sheets/adopt.ts'
import { copyButton, toast } from '../ui/states.ts'
import { View } from '../ui/view.ts'
import { ago, coins, coinsExact, count, duration } from '../words/format.ts'
import { words } from '../words/language.ts'
import { verifyMessages } from './messages.ts'
import { type Facts, type Job, type Message, STEPS, type Step } from './protocol.ts'
import { verifySheet } from './sheet.ts'
import { startVerifier } from './worker.ts'

type State = 'waiting' | 'working' | 'proven' | 'refuted'

interface Progress {
  readonly state: State
  readonly ms: number | undefined
  readonly facts: Facts
}

interface Failure {
  readonly check: string | undefined
  readonly reason: string
}

interface Injected {
  request(request: { readonly method: string }): Promise<unknown>
}

const NOT_BEGUN: Progress = { state: 'waiting', ms: undefined, facts: {} }
/** A block older than this is no news. */
const OLD_MS = 120_000

/** The requests of each step, for whoever wants to see the answers. */
const SOURCES: { readonly [S in Step]: string } = {
  start: 'chain_genesis',
  sets: 'chain_epochProofs',
  certificate: 'chain_certificate',
  reserve: 'chain_certificate',
  balance: 'chain_stateProof',
}

class VerifyView extends View {
  static override properties = { route: { attribute: false } }
  declare route: Route
  #job: Job | undefined
  #steps: ReadonlyMap<Step, Progress> = new Map()
  #failure: Failure | undefined
  #totalMs: number | undefined
  #end: (() => void) | undefined

  override connectedCallback(): void {
    super.connectedCallback()
    adopt(verifySheet)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#stop()
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('route')) return
    const address = this.route.query.get('address')
    const trust = this.route.query.get('from') ?? ''
    // A link with an address is a request to check it.
    if (address !== null) this.#start({ address, trust })
  }

  #stop(): void {
    this.#end?.()
    this.#end = undefined
  }

  #start(job: Job): void {
    this.#stop()
    this.#job = job
    this.#steps = new Map()
    this.#failure = undefined
    this.#totalMs = undefined
    this.#end = startVerifier(
      job,
      (message) => this.#take(message),
      () => this.#broken(),
    )
    this.requestUpdate()
  }

  #broken(): void {
    this.#failure = { check: undefined, reason: 'worker' }
    this.#stop()
    this.requestUpdate()
  }

  #set(step: Step, change: Partial<Progress>): void {
    const before = this.#steps.get(step) ?? NOT_BEGUN
    const facts = { ...before.facts, ...change.facts }
    this.#steps = new Map(this.#steps).set(step, { ...before, ...change, facts })
  }

  #take(message: Message): void {
    switch (message.kind) {
      case 'begun':
        this.#set(message.step, { state: 'working' })
        break
      case 'progress':
        this.#set(message.step, { facts: message.facts })
        break
      case 'done':
        this.#set(message.step, { state: 'proven', ms: message.ms, facts: message.facts })
        break
      case 'failed':
        this.#set(message.step, { state: 'refuted', ms: message.ms })
        this.#failure = message
        this.#stop()
        break
      case 'finished':
        this.#totalMs = message.ms
        this.#stop()
    }
    this.requestUpdate()
  }

  readonly #onSubmit = (event: Event): void => {
    event.preventDefault()
    const form = new FormData(event.target as HTMLFormElement)
    const job = { address: String(form.get('address')).trim(), trust: String(form.get('trust')).trim() }
    const query = { address: job.address, ...(job.trust === '' ? {} : { from: job.trust }) }
    history.replaceState(undefined, '', addressOf('verify', [], query))
    this.#start(job)
  }

  readonly #useWallet = async (): Promise<void> => {
    const { ethereum } = globalThis as { readonly ethereum?: Injected }
    const found = await ethereum?.request({ method: 'eth_requestAccounts' }).catch(() => undefined)
    const [account] = Array.isArray(found) ? (found as unknown[]) : []
    if (typeof account !== 'string') toast(words(verifyMessages).noAccount)
    else this.#start({ address: account, trust: this.#job?.trust ?? '' })
  }

  protected override render(): TemplateResult {
    const m = words(verifyMessages)
    return html`<div class="stack">
      <div class="stack tight">
        <h1>${m.title}</h1>
        <p class="lead">${m.lead}</p>
      </div>
      ${this.#form()} ${this.#job === undefined ? nothing : this.#result()} ${this.#compare()}
    </div>`
  }

  #form(): TemplateResult {
    const m = words(verifyMessages)
    const { address = '', trust = '' } = this.#job ?? {}
    const hasWallet = 'ethereum' in globalThis
    const isRunning = this.#end !== undefined
    return html`<form class="card stack" @submit=${this.#onSubmit}>
      <div class="verify-form">
        <div>
          <label for="address">${m.address}</label>
          <input id="address" name="address" class="mono" .value=${address} placeholder="0x…" spellcheck="false"
            autocomplete="off" aria-describedby="address-help" />
          <p id="address-help" class="soft small">${m.addressHelp}</p>
        </div>
        <div>
          <label for="trust">${m.trust}</label>
          <input id="trust" name="trust" class="mono" .value=${trust} spellcheck="false" autocomplete="off"
            aria-describedby="trust-help" />
          <p id="trust-help" class="soft small">${m.trustHelp}</p>
        </div>
      </div>
      <div class="row">
        <button class="primary" type="submit">${m.run}</button>
        ${
          isRunning
            ? html`<button type="button" @click=${() => {
                this.#stop()
                this.requestUpdate()
              }}>${m.stop}</button>`
            : nothing
        }
        ${hasWallet ? html`<button type="button" @click=${this.#useWallet}>${m.wallet}</button>` : nothing}
      </div>
    </form>`
  }

  #result(): TemplateResult {
    const asked = STEPS.filter((step) => step !== 'balance' || this.#job?.address !== '')
    return html`<section class="card" aria-live="polite" aria-busy=${this.#end === undefined ? 'false' : 'true'}>
        <ol class="steps">${asked.map((step) => this.#step(step))}</ol>
      </section>
      ${this.#verdict()}`
  }

  #step(step: Step): TemplateResult {
    const m = words(verifyMessages)
    const { state, ms, facts } = this.#steps.get(step) ?? NOT_BEGUN
    const label = {
      waiting: badge(m.waiting),
      working: badge(m.working, 'info'),
      proven: badge(m.proven, 'good'),
      refuted: badge(this.#failure?.check === undefined ? m.noProof : m.refuted, 'bad'),
    }[state]
    return html`<li class=${state}>
      <div class="row">
        <h2>${m.steps[step]}</h2>
        ${label}
        ${ms === undefined ? nothing : html`<span class="soft small ms">${duration(Math.max(1, ms))}</span>`}
      </div>
      ${state === 'waiting' ? nothing : this.#facts(step, facts)}
      ${
        state === 'waiting'
          ? nothing
          : html`<p class="small no-print"><a class="source soft" href=${sourceAddress({ method: SOURCES[step] })}>${m.source}</a></p>`
      }
    </li>`
  }

  #facts(step: Step, facts: Facts): TemplateResult | typeof nothing {
    const { text } = words(verifyMessages)
    const { genesisHash, changes, signers, height, reserve, balanceBase } = facts
    switch (step) {
      case 'start': {
        if (genesisHash === undefined) return nothing
        const trust = this.#job?.trust ?? ''
        const say =
          trust === '' ? text.startNode : trust.includes(':') ? text.startCheckpoint : text.startGiven
        return html`<p class="soft untrusted">${say(genesisHash)}</p>`
      }
      case 'sets':
        if (changes === undefined) return nothing
        return html`<p class="soft">${changes === 0 ? text.setsNone : text.sets(count(changes))}</p>`
      case 'certificate':
        if (signers === undefined) return nothing
        return html`<p class="soft">
            ${text.certificate(count(signers), count(facts.validators!), count(height!))} ${moment(facts.timestampMs!)}
          </p>
          <dl class="facts small">
            ${fact(text.blockHash, hash(facts.blockHash!, { isFull: true }))}
            ${fact(text.stateRoot, hash(facts.stateRoot!, { isFull: true }))}
          </dl>`
      case 'reserve':
        if (reserve === undefined) return nothing
        return html`<p class="soft">
          ${text.reserve(coins(reserve.supplyBase), coins(reserve.capacityBase))}
          ${reserve.shortfallBase === 0n ? nothing : text.reserveShort(coins(reserve.shortfallBase))}
        </p>`
      case 'balance':
        if (balanceBase === undefined) return nothing
        return html`<p class="soft">
          ${text.balance(coinsExact(balanceBase), count(facts.nonce!))} ${text.balanceAt(count(height!))}
        </p>`
    }
  }

  #verdict(): TemplateResult | typeof nothing {
    const m = words(verifyMessages)
    if (this.#failure !== undefined) {
      const { check, reason } = this.#failure
      const isInput = check === undefined && this.#steps.get('start')?.state === 'refuted'
      return html`<section class="card verdict-card refuted stack tight" role="alert">
        <h2>${check !== undefined ? m.failed : isInput ? m.failedInput : m.failedNode}</h2>
        ${check === undefined ? nothing : html`<p>${m.failedCheck(check)}</p>`}
        <p class="mono small untrusted">${reason.slice(0, 400)}</p>
      </section>`
    }
    if (this.#totalMs === undefined) return nothing
    const { facts } = this.#steps.get('certificate')!
    const { balanceBase } = this.#steps.get('balance')?.facts ?? {}
    const isOld = Date.now() - facts.timestampMs! > OLD_MS
    return html`<section class="card verdict-card proven stack tight" role="status">
        <h2>${m.done(duration(this.#totalMs))}</h2>
        ${balanceBase === undefined ? nothing : html`<p>${amount(balanceBase)}</p>`}
        ${isOld ? html`<p>${m.doneOld(ago(facts.timestampMs!))}</p>` : nothing}
      </section>
      ${
        facts.checkpoint === undefined
          ? nothing
          : html`<section class="card stack tight">
            <h2>${m.checkpoint}</h2>
            <p class="soft">${m.checkpointHelp}</p>
            <p class="mono small untrusted">${facts.checkpoint} ${copyButton(facts.checkpoint)}</p>
          </section>`
      }`
  }

  readonly #onCompare = (event: Event): void => {
    event.preventDefault()
    const node = String(new FormData(event.target as HTMLFormElement).get('node')).trim()
    const { address = '', trust = '' } = this.#job ?? {}
    const genesis = this.#steps.get('start')?.facts.genesisHash ?? ''
    const from = trust === '' ? genesis : trust
    const path = addressOf('verify', [], { address, ...(from === '' ? {} : { from }) })
    let url: URL
    try {
      url = new URL(path, node.includes('://') ? node : `http://${node}`)
    } catch {
      return
    }
    if (url.protocol === 'http:' || url.protocol === 'https:') open(url.href, '_blank', 'noopener')
  }

  #compare(): TemplateResult {
    const m = words(verifyMessages)
    return html`<form class="card stack tight no-print" @submit=${this.#onCompare}>
      <h2>${m.compare}</h2>
      <p class="soft" id="compare-help">${m.compareHelp}</p>
      <label for="node">${m.compareNode}</label>
      <div class="verify-form">
        <input id="node" name="node" required placeholder="http://127.0.0.1:8546" spellcheck="false" autocomplete="off"
          aria-describedby="compare-help" />
        <div><button type="submit">${m.compareOpen}</button></div>
      </div>
    </form>`
  }
}

customElements.define('su-verify', VerifyView)

export const title = (): string => words(verifyMessages).title
export const render = (route: Route): TemplateResult => html`<su-verify .route=${route}></su-verify>`
