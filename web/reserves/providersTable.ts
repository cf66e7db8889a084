// Who stands behind the coins: one line a provider, a page of them at a time.
import { html, nothing, type TemplateResult } from 'lit'
import { amount, badge, number, providerLink, sourced, type Tone, untrusted } from '../ui/figures.ts'
import { skeleton } from '../ui/states.ts'
import { type Column, table } from '../ui/table.ts'
import { count, ppm } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Buying, ProviderFigures, Reserves } from './data.ts'
import { reservesMessages } from './messages.ts'

export const PROVIDERS_SHOWN = 20

interface Row {
  readonly id: number
  readonly member: Reserves['members'][number]
  readonly capacityBase: bigint
  readonly figures: ProviderFigures | undefined
}

const TONES: Readonly<Record<Reserves['members'][number]['status'], Tone>> = {
  active: 'good',
  amortizing: 'info',
  curing: 'warn',
  retiring: 'info',
  jailed: 'bad',
  defaulted: 'bad',
  left: '',
}
const PPM_WHOLE = 1_000_000n

/** Ids by capacity, the largest first. */
export function orderOf({ members, totals }: Reserves): readonly number[] {
  const of = new Map(totals.summaries.map(({ provider, capacityBase }) => [provider, capacityBase]))
  const ids = members.filter(({ status }) => status !== 'left').map(({ id }) => id)
  return ids.sort((a, b) => {
    const [first, second] = [of.get(a) ?? 0n, of.get(b) ?? 0n]
    return first === second ? a - b : first < second ? 1 : -1
  })
}

function hardware({ lots }: ProviderFigures, buying: Buying | undefined): TemplateResult | string {
  const m = words(reservesMessages)
  const devices = new Map<number, number>()
  for (const { classId, devices: more } of lots) devices.set(classId, (devices.get(classId) ?? 0) + more)
  if (devices.size === 0) return m.noHardware
  const nameOf = (id: number): string => buying?.classes.find((one) => one.id === id)?.slug ?? `#${id}`
  return html`${[...devices].map(
    ([id, sum], i) => html`${i > 0 ? ', ' : ''}${count(sum)} × ${untrusted(nameOf(id))}`,
  )}`
}

function seen({ lots }: ProviderFigures): TemplateResult | typeof nothing {
  const m = words(reservesMessages)
  if (lots.length === 0) return nothing
  const pending = lots.filter(({ status }) => status === 'pending').length
  const ends = lots.flatMap(({ lastWindow, renewable }) =>
    renewable && lastWindow !== undefined ? [lastWindow] : [],
  )
  const least = lots.reduce((low, { auditPpm }) => (auditPpm < low ? auditPpm : low), PPM_WHOLE)
  const text = ends.length === 0 ? m.attested : m.attestedUntil(count(Math.min(...ends)))
  return html`${pending > 0 ? badge(`${count(pending)} ${m.pending}`, 'warn') : badge(text, 'good')}
  ${least < PPM_WHOLE ? badge(m.auditCut(ppm(least)), 'warn') : nothing}`
}

function faults({ faults: list }: ProviderFigures): TemplateResult | string {
  const m = words(reservesMessages)
  const counted = list.filter(({ count: times }) => times > 0)
  if (counted.length === 0) return html`<span class="soft">${m.noFaults}</span>`
  return html`${counted.map(
    ({ kind, count: times, lastHeight }) =>
      html`<div>${m.faultsAt(count(times), m.faultKinds[kind], count(lastHeight))}</div>`,
  )}`
}

function columns(buying: Buying | undefined): readonly Column<Row>[] {
  const m = words(reservesMessages)
  const of = (cell: (figures: ProviderFigures) => ReturnType<Column<Row>['cell']>) => ({
    cell: ({ figures }: Row) =>
      figures === undefined ? html`<span class="skeleton"></span>` : cell(figures),
  })
  const security = (provider: number) => ({ method: 'issuance_security', params: { provider } })
  return [
    { name: m.provider, cell: ({ member }) => providerLink(member.id, member.profile.legalName) },
    { name: m.status, cell: ({ member }) => badge(m.statuses[member.status], TONES[member.status]) },
    {
      name: m.liability,
      isNumber: true,
      ...of(({ security: { liabilityBase, provider } }) => amount(liabilityBase, security(provider))),
    },
    {
      name: m.capacity,
      isNumber: true,
      cell: ({ capacityBase, id }) =>
        amount(capacityBase, { method: 'capacity_summary', params: { provider: id } }),
    },
    { name: m.hardware, ...of((figures) => hardware(figures, buying)) },
    {
      name: m.bond,
      isNumber: true,
      ...of(({ security: { bondValueBase, provider } }) => amount(bondValueBase, security(provider))),
    },
    {
      name: m.lockedCoins,
      isNumber: true,
      ...of(({ security: { lockedBase, provider } }) => amount(lockedBase, security(provider))),
    },
    {
      name: m.unsecured,
      isNumber: true,
      ...of(({ security: { unsecuredBase, provider } }) => amount(unsecuredBase, security(provider))),
    },
    { name: m.audits, ...of(seen) },
    { name: m.faults, ...of(faults) },
  ]
}

export function providersCard(options: {
  readonly data: Reserves
  readonly buying: Buying | undefined
  readonly figures: ReadonlyMap<number, ProviderFigures> | undefined
  readonly first: number
  readonly onMove: (first: number) => void
}): TemplateResult {
  const { data, buying, figures, first, onMove } = options
  const m = words(reservesMessages)
  const order = orderOf(data)
  const ids = order.slice(first, first + PROVIDERS_SHOWN)
  const capacityOf = new Map(
    data.totals.summaries.map(({ provider, capacityBase }) => [provider, capacityBase]),
  )
  const rows = ids.map((id) => ({
    id,
    member: data.members.find((one) => one.id === id)!,
    capacityBase: capacityOf.get(id) ?? 0n,
    figures: figures?.get(id),
  }))
  const last = first + rows.length
  return html`<section class="card flush">
    <header>
      <h2 id="providers">${m.providers} <span class="soft">${number(order.length, { method: 'providers_providers' })}</span></h2>
      <p class="soft small">${sourced(undefined, `${m.unsecured}: ${m.unsecuredHelp}`)}</p>
    </header>
    ${rows.length === 0 ? skeleton() : table({ label: m.providers, columns: columns(buying), rows })}
    ${
      order.length <= PROVIDERS_SHOWN
        ? nothing
        : html`<nav class="row pager" aria-label=${m.providers}>
          <button ?disabled=${first === 0} @click=${() => onMove(Math.max(0, first - PROVIDERS_SHOWN))}>${m.previous}</button>
          <span class="soft small">${m.page(count(first + 1), count(last), count(order.length))}</span>
          <button ?disabled=${last >= order.length} @click=${() => onMove(last)}>${m.next}</button>
        </nav>`
    }
  </section>`
}
