// Logs as events of the modules, with their arguments by name.
import { html, nothing, type TemplateResult } from 'lit'
import { address, number } from '../ui/figures.ts'
import { words } from '../words/language.ts'
import { decodeLog, type LogLike } from './decode.ts'
import { explorerMessages } from './messages.ts'
import { record } from './record.ts'

/** Of one transaction or block on a page. */
const EVENTS_MAX = 100

export function eventList(logs: readonly LogLike[]): TemplateResult {
  const m = words(explorerMessages)
  const rest = logs.length - EVENTS_MAX
  return html`<ul class="events">
    ${logs.slice(0, EVENTS_MAX).map((log) => {
      const event = decodeLog(log)
      if (event === undefined) {
        return html`<li>
          <p>${address(log.address)} <span class="soft">${m.undecoded}</span></p>
          <p class="mono small untrusted">${log.topics.join(' ')} ${log.data.slice(0, 200)}</p>
        </li>`
      }
      return html`<li>
        <h3><code>${event.name}</code></h3>
        ${record(event.args)}
      </li>`
    })}
    ${rest > 0 ? html`<li class="soft">+ ${number(rest)}</li>` : nothing}
  </ul>`
}
