// Delivery in time: what each window can still take, and who waits.
import { html, nothing, svg, type TemplateResult } from 'lit'
import { amount, figure, type Source } from '../ui/figures.ts'
import { ago, coins, count, duration, ratioOf } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Reserves, WindowFigure } from './data.ts'
import { reservesMessages } from './messages.ts'

function column({ windowIndex, freeBase, countedBase }: WindowFigure, mostBase: bigint): TemplateResult {
  const m = words(reservesMessages)
  const height = (base: bigint): number => ratioOf(base, mostBase) * 100
  const [free, counted] = [height(freeBase), height(countedBase)]
  return html`<svg role="img" aria-label=${m.windowLabel(count(windowIndex), coins(freeBase))}>
    <title>${m.windowLabel(count(windowIndex), coins(freeBase))}</title>
    ${svg`<rect width="100%" height="100%" class="fill-rest" opacity="0.35"></rect>
      <rect width="100%" y=${`${100 - free}%`} height=${`${free}%`} class="fill-free"></rect>
      <rect width="100%" y=${`${100 - counted}%`} height=${`${counted}%`} class="fill-1"></rect>`}
  </svg>`
}

export function windowsCard({ windows, windowsOf, members, clock }: Reserves): TemplateResult {
  const m = words(reservesMessages)
  const mostBase = windows.reduce((most, { freeBase }) => (freeBase > most ? freeBase : most), 0n)
  return html`<section class="card" aria-labelledby="windows">
    <header><h2 id="windows">${m.windows}</h2></header>
    <div class="stack">
      <div class="windows">${windows.map((one) => column(one, mostBase))}</div>
      <p class="soft small">
        ${m.windowsText(duration(clock.endsAtMs - clock.startedAtMs), ago(clock.endsAtMs))}
        ${windowsOf < members.length ? m.windowsPart(count(windowsOf)) : nothing}
      </p>
    </div>
  </section>`
}

export function queueCard({ queue }: Reserves): TemplateResult {
  const m = words(reservesMessages)
  const source: Source = { method: 'redemption_queue' }
  return html`<section class="card" aria-labelledby="queue">
    <header><h2 id="queue">${m.queue}</h2></header>
    <div class="stack">
      <p class="soft">${queue.queuedBase === 0n ? m.queueEmpty : m.queueText(count(queue.expectedWindows))}</p>
      <dl class="figures">
        ${figure(m.queued, amount(queue.queuedBase, source), m.queuedNote(count(queue.queuedCount)))}
        ${figure(m.assigned, amount(queue.assignedBase, source), m.assignedNote)}
        ${figure(m.free, amount(queue.freeBase, source), m.freeNote)}
        ${figure(m.least, amount(queue.minimumBase, source), m.leastNote)}
      </dl>
    </div>
  </section>`
}
