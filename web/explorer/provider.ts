// Providers: all of them, and one with what it has promised, pledged and done.
import { html, nothing } from 'lit'
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { capacity, providers } from '../../client/modules.ts'
import { addressOf } from '../routes.ts'
import { address, badge, fact, providerLink, untrusted } from '../ui/figures.ts'
import { table } from '../ui/table.ts'
import { count } from '../words/format.ts'
import { words } from '../words/language.ts'
import { explorerMessages } from './messages.ts'
import { record } from './record.ts'
import { card, emptyNote, heading, type Members, membersOf, subview } from './subview.ts'

export const providersView = subview({
  title: () => words(explorerMessages).lists.providers,
  load: (client) => client.query(providers, 'providers', {}),
  render(list) {
    const m = words(explorerMessages)
    return html`<div class="stack">
      ${heading(m.title, m.lists.providers, { method: 'providers_providers', params: [] })}
      ${card(
        m.lists.providers,
        table({
          label: m.lists.providers,
          columns: [
            { name: m.provider, cell: ({ id, profile }) => providerLink(id, profile.legalName) },
            { name: m.legalGroup, cell: ({ profile }) => untrusted(profile.legalGroup) },
            { name: m.status, cell: ({ status }) => badge(status) },
            { name: m.operator, cell: ({ operator }) => address(toHex(operator)) },
          ],
          rows: list,
        }),
        { isFlush: true },
      )}
    </div>`
  },
})

async function load(client: ChainClient, text: string) {
  const id = Number(text)
  if (!/^\d{1,9}$/.test(text)) return undefined
  const [provider, standing, quota, lots, bonds] = await Promise.all([
    client.query(providers, 'provider', { id }),
    client.request('default_status', { provider: id }),
    client.request('issuance_quota', { provider: id }),
    client.query(capacity, 'lots', { provider: id }),
    client.request('providers_bonds', { id }),
  ])
  if (provider === undefined) return undefined
  return { provider, standing, quota, lots: lots!, bonds }
}

/** What is asked as JSON is named as the module names it. */
const asRecord = (json: Json): Members => membersOf(json)

export const providerView = subview({
  title: (id) => `${words(explorerMessages).provider} ${id}`,
  load,
  render({ provider, standing, quota, lots, bonds }, id) {
    const m = words(explorerMessages)
    const { profile, operator, status } = provider
    const list = Array.isArray(bonds) ? (bonds as readonly Json[]) : []
    return html`<div class="stack">
      ${heading(
        m.provider,
        html`${untrusted(profile.legalName)} <span class="soft">#${count(Number(id))}</span>`,
        {
          method: 'providers_provider',
          params: [Number(id)],
        },
      )}
      ${card(
        m.profile,
        html`<dl class="facts">
          ${fact(m.status, badge(status))} ${fact(m.legalGroup, untrusted(profile.legalGroup))}
          ${fact(m.operator, address(toHex(operator), { isFull: true }))}
          ${fact(m.website, html`<span class="mono small">${untrusted(profile.url)}</span> <span class="soft small">${m.websiteHelp}</span>`)}
        </dl>`,
      )}
      <div class="columns">
        ${standing === null ? nothing : card(m.standing, record(asRecord(standing)))}
        ${quota === null ? nothing : card(m.limits, record(asRecord(quota)))}
      </div>
      ${card(
        m.lots,
        lots.length === 0
          ? emptyNote()
          : table({
              label: m.lots,
              columns: [
                { name: '#', cell: (lot) => count(lot.id) },
                {
                  name: m.class,
                  cell: ({ classId }) =>
                    html`<a href=${addressOf('explorer', ['class', classId])}>#${count(classId)}</a>`,
                },
                { name: m.devices, isNumber: true, cell: ({ devices }) => count(devices) },
                {
                  name: m.status,
                  cell: (lot) => badge(lot.status, lot.status === 'attested' ? 'good' : 'warn'),
                },
              ],
              rows: lots,
            }),
        { isFlush: true },
      )}
      ${card(m.bonds, list.length === 0 ? emptyNote() : html`${list.map((bond) => record(asRecord(bond)))}`)}
    </div>`
  },
})
