// Alarms that hold now, each with its page of the manual.
import { html, type TemplateResult } from 'lit'
import { badge } from '../ui/figures.ts'
import { words } from '../words/language.ts'
import type { Alarm, Status } from './data.ts'
import { operatorMessages } from './messages.ts'

/** A newer node may know alarms that this page has no words for: its own name for it, then. */
function nameOf({ name }: Alarm): string {
  const names: { readonly [name: string]: string } = words(operatorMessages).alarmNames
  return Object.hasOwn(names, name) ? names[name]! : name
}

export function alarmsCard({ alarms }: Status): TemplateResult {
  const m = words(operatorMessages)
  return html`<section class="card" aria-labelledby="alarms">
    <header>
      <h2 id="alarms">${m.alarms}</h2>
      <p class="soft small">${m.alarmsText}</p>
    </header>
    <div aria-live="polite">
      ${
        alarms.length === 0
          ? html`<p>${badge(m.noAlarms, 'good')}</p>`
          : alarms.map(
              (alarm) => html`<div class="alarm">
                ${alarm.isCritical ? badge(m.critical, 'bad') : badge(m.warning, 'warn')}
                <strong>${nameOf(alarm)}</strong>
                <p class="soft"><bdi>${alarm.text}</bdi></p>
                <p class="small">${m.manual(`docs/${alarm.page}`)}</p>
              </div>`,
            )
      }
    </div>
  </section>`
}
