// What the node answered, what a subscription has brought, the request for other programs, and requests that were saved.
import { html, type TemplateResult } from 'lit'
import { addressOf } from '../routes.ts'
import { badge } from '../ui/figures.ts'
import { copyButton, failure } from '../ui/states.ts'
import { bytes, clockTime, count, duration } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Followed } from './follow.ts'
import { consoleMessages } from './messages.ts'
import { copiesOf, type Params } from './request.ts'
import { forget, savedRequests } from './saved.ts'

export type Answer =
  | { readonly tookMs: number; readonly text: string }
  | { readonly error: unknown }
  | { readonly isCancelled: true }

/** Text of an answer that is shown: laying out megabytes would stop the page. */
const SHOWN_MAX = 100_000

export function answerCard(answer: Answer | undefined, isRunning: boolean): TemplateResult | string {
  const m = words(consoleMessages)
  if (isRunning) return html`<p role="status" class="soft">${m.running}</p>`
  if (answer === undefined) return ''
  if ('error' in answer) return failure(answer.error)
  if ('isCancelled' in answer) return html`<p role="status" class="soft">${m.cancelled}</p>`
  const { text, tookMs } = answer
  const size = bytes(text.length)
  return html`<div class="stack tight" role="region" aria-labelledby="answer">
    <div class="row spread">
      <h3 id="answer">${m.answer}</h3>
      <span class="row"><span class="soft small" role="status">${m.took(duration(tookMs), size)}</span>${copyButton(text)}</span>
    </div>
    ${text.length > SHOWN_MAX ? html`<p class="soft small">${m.cut(size)}</p>` : ''}
    <pre class="answer" tabindex="0"><bdi>${text.slice(0, SHOWN_MAX)}</bdi></pre>
  </div>`
}

export function copyRow(method: string, params: Params): TemplateResult {
  const m = words(consoleMessages)
  const { curl, viem, cast } = copiesOf(method, params, location.origin)
  return html`<div class="row no-print" role="group" aria-label=${m.copyAs}>
    <span class="soft small">${m.copyAs}</span>
    ${copyButton(curl, 'curl')} ${copyButton(viem, 'viem')} ${copyButton(cast, 'cast')}
  </div>`
}

const TONES = { connecting: 'warn', live: 'good', ended: '' } as const

export function followCard(followed: Followed): TemplateResult {
  const m = words(consoleMessages)
  const { state, messages, error } = followed
  return html`<div class="stack tight">
    <div class="row spread">
      <span class="row">
        ${badge(m.followStates[state], TONES[state])}
        <span class="soft small" role="status">${m.messages(count(followed.count))}</span>
      </span>
      ${state === 'ended' ? '' : html`<button @click=${() => followed.stop()}>${m.stop}</button>`}
    </div>
    ${error === undefined ? '' : failure(error)}
    ${
      messages.length === 0
        ? ''
        : html`<ol class="log" tabindex="0" aria-label=${m.messages(count(followed.count))}>
            ${messages.map(
              ({ number, heardMs, text }) =>
                html`<li><span class="soft">${count(number)} · ${clockTime(heardMs)}</span><br /><bdi>${text}</bdi></li>`,
            )}
          </ol>`
    }
  </div>`
}

export function savedCard(onChange: () => void): TemplateResult {
  const m = words(consoleMessages)
  const saved = savedRequests()
  return html`<section class="card" aria-labelledby="saved">
    <header><h2 id="saved">${m.saved}</h2></header>
    ${
      saved.length === 0
        ? html`<p class="soft">${m.noSaved}</p>`
        : html`<ul class="stack tight">
            ${saved.map((one) => {
              const params = JSON.stringify(one.params)
              const onForget = (): void => {
                forget(one)
                onChange()
              }
              return html`<li>
                <span class="row spread">
                  <a class="clip mono" href=${addressOf('console', [one.method], { params })} title=${params}
                    >${one.method} ${params === '[]' ? '' : params.slice(0, 120)}</a
                  >
                  <button class="plain small" aria-label=${m.forget(one.method)} @click=${onForget}>✕</button>
                </span>
              </li>`
            })}
          </ul>`
    }
  </section>`
}
