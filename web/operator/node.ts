// Facts about this node's process.
import { html, type TemplateResult } from 'lit'
import { fact, moment } from '../ui/figures.ts'
import { bytes, count } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Status } from './data.ts'
import { operatorMessages } from './messages.ts'

/** A newer node may have more of them than this page has words for. */
function wordOf(known: { readonly [name: string]: string }, name: string): string {
  return Object.hasOwn(known, name) ? known[name]! : name
}

export function nodeCard({ clientVersion, validatorIndex, signer, inside }: Status): TemplateResult {
  const m = words(operatorMessages)
  const listed = (entries: readonly (readonly [string, string])[]): TemplateResult =>
    html`<ul class="legend">${entries.map(([name, value]) => html`<li><span class="soft">${name}</span> ${value}</li>`)}</ul>`
  return html`<section class="card" aria-labelledby="node">
    <header><h2 id="node">${m.node}</h2></header>
    <dl class="facts">
      ${fact(m.version, html`<span class="mono">${clientVersion}</span>`)}
      ${fact(m.role, validatorIndex === undefined ? m.follower : m.validator(count(validatorIndex)))}
      ${fact(m.signer, signer === undefined ? m.noSigner : wordOf(m.signers, signer))}
      ${
        inside === undefined
          ? ''
          : html`
            ${fact(m.started, moment(inside.startedAtMs))}
            ${fact(m.memory, html`${bytes(inside.residentBytes)} <span class="soft">(${m.memoryNote(bytes(inside.heapBytes))})</span>`)}
            ${inside.diskFreeBytes === undefined ? '' : fact(m.disk, bytes(inside.diskFreeBytes))}
            ${
              inside.diskParts.length === 0
                ? ''
                : fact(m.diskParts, listed(inside.diskParts.map(([name, size]) => [name, bytes(size)])))
            }
            ${
              inside.lanes.length === 0
                ? ''
                : fact(
                    m.lanes,
                    listed(inside.lanes.map(([lane, n]) => [wordOf(m.laneNames, lane), count(n)])),
                  )
            }
          `
      }
    </dl>
  </section>`
}
