// The validator set, and what each made of its turns.
import { html, type TemplateResult } from 'lit'
import { bar } from '../ui/bar.ts'
import { address, badge, number, providerLink } from '../ui/figures.ts'
import { longTable } from '../ui/longTable.ts'
import { shown } from '../ui/states.ts'
import { type Column, table } from '../ui/table.ts'
import type { Ask } from '../ui/view.ts'
import { count, percent } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Member, Proposers, Status } from './data.ts'
import { operatorMessages } from './messages.ts'

/** More rows than this are shown a screen at a time. */
const SHORT = 40

function connectionOf({ index }: Member, status: Status | undefined): TemplateResult | string {
  const m = words(operatorMessages)
  if (index === status?.validatorIndex) return badge(m.thisNode, 'info')
  if (status?.inside === undefined) return badge(m.unknown)
  const peer = status.inside.peers.find(({ validator }) => validator === index)
  return peer?.isConnected === true ? badge(m.connected, 'good') : badge(m.away, 'warn')
}

function turns({ proposed, missed }: Member): TemplateResult | string {
  const all = proposed + missed
  if (all === 0) return '–'
  const ratio = proposed / all
  const text = percent(ratio)
  return html`<span class="row"><span class="turns">${bar({ label: text, segments: [{ ratio, fill: '1' }] })}</span> ${text}</span>`
}

export function membersCard(ask: Ask<Proposers>, status: Status | undefined): TemplateResult {
  const m = words(operatorMessages)
  const { columns: c } = m
  const source = { method: 'chain_proposers' }
  const names = new Map(status?.inside?.peers.map(({ provider, legalName }) => [provider, legalName]))
  const columns: readonly Column<Member>[] = [
    { name: c.index, cell: ({ index }) => count(index) },
    { name: c.provider, cell: ({ provider }) => providerLink(provider, names.get(provider)) },
    { name: c.operator, cell: ({ operator }) => address(operator) },
    { name: c.proposed, isNumber: true, cell: ({ proposed }) => number(proposed, source) },
    { name: c.missed, isNumber: true, cell: ({ missed }) => number(missed, source) },
    { name: c.share, cell: turns },
    { name: c.connection, cell: (member) => connectionOf(member, status) },
  ]
  return html`<section class="card flush">
    ${shown(
      ask,
      ({ members, fromHeight, height, skipped }) => html`<header>
          <h2 id="validators">${m.validators}</h2>
          <p class="soft small">${m.validatorsText(count(Math.max(0, height - fromHeight + 1)), count(skipped))}</p>
        </header>
        ${(members.length > SHORT ? longTable : table)({ label: m.validators, columns, rows: members })}`,
      5,
    )}
  </section>`
}
