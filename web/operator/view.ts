// The operator's view: finality, alarms, validators, peers. READ FIRST in web/operator/. Owns: what is asked and when. Not:
// the parts (the other files), what only an operator may see (the node decides: rpc/native/status.ts).
import { html, type TemplateResult } from 'lit'
import { live } from '../node/live.ts'
import { adopt } from '../ui/sheets/adopt.ts'
import { shown } from '../ui/states.ts'
import { Ask, View } from '../ui/view.ts'
import { words } from '../words/language.ts'
import { alarmsCard } from './alarms.ts'
import {
  type HistoryPoint,
  loadHistory,
  loadProposers,
  loadStatus,
  type Proposers,
  type Status,
} from './data.ts'
import { historyCard, SPANS, type SpanName } from './history.ts'
import { membersCard } from './members.ts'
import { operatorMessages } from './messages.ts'
import { nodeCard } from './node.ts'
import { nowFigures } from './now.ts'
import { peersCard } from './peers.ts'
import { operatorSheet } from './sheet.ts'

const STATUS_MS = 3_000
/** Counts over many blocks, and charts, change slowly. */
const SLOW_MS = 15_000
const POINTS = 400
const BLOCKS_COUNTED = 256

class OperatorView extends View {
  #span: SpanName = 'day'
  #timer: ReturnType<typeof setInterval> | undefined
  #slowMs = 0
  readonly #status = new Ask<Status>(this, loadStatus)
  readonly #proposers = new Ask<Proposers>(this, (client) => loadProposers(client, BLOCKS_COUNTED))
  readonly #history = new Ask<readonly HistoryPoint[]>(this, (client) =>
    loadHistory(client, POINTS, SPANS[this.#span]),
  )

  override connectedCallback(): void {
    super.connectedCallback()
    adopt(operatorSheet)
    this.followBlocks()
    this.#timer = setInterval(() => this.#refresh(), STATUS_MS)
    this.#refresh()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearInterval(this.#timer)
  }

  #refresh(): void {
    if (document.visibilityState === 'hidden') return
    this.#status.refresh()
    if (this.#slowMs !== 0 && performance.now() - this.#slowMs < SLOW_MS) return
    this.#slowMs = performance.now()
    this.#proposers.refresh()
    this.#history.refresh()
  }

  protected override render(): TemplateResult {
    const m = words(operatorMessages)
    const onSpan = (span: SpanName): void => {
      this.#span = span
      void this.#history.run()
    }
    return html`<div class="stack">
      <div class="stack tight">
        <h1 tabindex="-1">${m.title}</h1>
        <p class="lead">${m.lead}</p>
      </div>
      ${shown(this.#status, (status) => html`${alarmsCard(status)} ${nowFigures(status, live.blocks[0])}`, 6)}
      ${historyCard(this.#history, { span: this.#span, onSpan })}
      ${membersCard(this.#proposers, this.#status.value)}
      ${this.#status.value === undefined ? '' : html`${peersCard(this.#status.value)} ${nodeCard(this.#status.value)}`}
    </div>`
  }
}

customElements.define('su-operator', OperatorView)

export const title = (): string => words(operatorMessages).title
export const render = (): TemplateResult => html`<su-operator></su-operator>`
