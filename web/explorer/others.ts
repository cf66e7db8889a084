// Hardware classes, series, redemptions and proposals: lists, and one of each.
import { html, nothing, type TemplateResult } from 'lit'
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { catalogue, governance, redemption } from '../../client/modules.ts'
import { addressOf } from '../routes.ts'
import { address, amount, badge, fact, figure, number, sourced, time, untrusted } from '../ui/figures.ts'
import { table } from '../ui/table.ts'
import { compact, count, ppm, quantity } from '../words/format.ts'
import { words } from '../words/language.ts'
import { explorerMessages } from './messages.ts'
import { record, valuePart } from './record.ts'
import { card, emptyNote, heading, listOf, type Members, membersOf, subview } from './subview.ts'

const SERIES_SHOWN = 25
const isId = (text: string): boolean => /^\d{1,12}$/.test(text)

export const classesView = subview({
  title: () => words(explorerMessages).lists.classes,
  load: (client) => client.query(catalogue, 'classes', {}),
  render(list) {
    const m = words(explorerMessages)
    return html`<div class="stack">
      ${heading(m.title, m.lists.classes, { method: 'catalogue_classes', params: [] })}
      ${card(
        m.lists.classes,
        table({
          label: m.lists.classes,
          columns: [
            {
              name: m.class,
              cell: ({ id, vendor, model }) =>
                html`<a href=${addressOf('explorer', ['class', id])}>${untrusted(`${vendor} ${model}`)}</a>`,
            },
            { name: m.memory, isNumber: true, cell: ({ memoryGb }) => `${count(memoryGb)} GB` },
            { name: 'train', isNumber: true, cell: ({ effective }) => ppm(effective.train) },
            { name: 'finetune', isNumber: true, cell: ({ effective }) => ppm(effective.finetune) },
            { name: 'infer', isNumber: true, cell: ({ effective }) => ppm(effective.infer) },
          ],
          rows: list,
        }),
        { isFlush: true },
      )}
    </div>`
  },
})

export const classView = subview({
  title: (id) => `${words(explorerMessages).class} ${id}`,
  async load(client, id) {
    if (!isId(id)) return undefined
    const [found, references] = await Promise.all([
      client.request('catalogue_class', [Number(id)]),
      client.query(catalogue, 'references', {}),
    ])
    if (found === null) return undefined
    return {
      found: membersOf(found),
      references: references!.filter(({ classId }) => classId === Number(id)),
    }
  },
  render({ found, references }, id) {
    const m = words(explorerMessages)
    return html`<div class="stack">
      ${heading(m.class, untrusted(`${String(found.vendor)} ${String(found.model)}`), {
        method: 'catalogue_class',
        params: [Number(id)],
      })}
      ${card(m.ratings, record(found))}
      ${
        references.length === 0
          ? nothing
          : card(
              m.throughput,
              table({
                label: m.throughput,
                columns: [
                  { name: m.model, cell: ({ model }) => untrusted(model) },
                  {
                    name: m.tokensPerHour,
                    isNumber: true,
                    cell: ({ tokensPerHour }) => compact(tokensPerHour),
                  },
                  {
                    name: m.measurement,
                    cell: ({ source }) => html`<bdi class="soft small">${source}</bdi>`,
                  },
                ],
                rows: references,
              }),
              { isFlush: true },
            )
      }
    </div>`
  },
})

export const seriesListView = subview({
  title: () => words(explorerMessages).lists.series,
  async load(client, _, query) {
    const text = query.get('cursor') ?? '0'
    const cursor = isId(text) ? Number(text) : 0
    return membersOf(await client.request('series_list', { cursor, limit: SERIES_SHOWN }))
  },
  render(page) {
    const m = words(explorerMessages)
    const list = listOf(page.series).map(membersOf)
    const next = Number(page.nextCursor ?? 0)
    return html`<div class="stack">
      ${heading(m.title, m.lists.series, { method: 'series_list', params: [0, SERIES_SHOWN] })}
      ${list.length === 0 ? card(m.lists.series, emptyNote()) : list.map((one) => card(m.series, record(one)))}
      ${next === 0 ? nothing : html`<p><a href=${addressOf('explorer', ['series'], { cursor: String(next) })}>${m.older} →</a></p>`}
    </div>`
  },
})

type RedemptionInfo = NonNullable<Awaited<ReturnType<typeof loadRedemption>>>

function loadRedemption(client: Parameters<typeof classView.load>[0], id: string) {
  return isId(id) ? client.query(redemption, 'redemption', { id: Number(id) }) : Promise.resolve(undefined)
}

/** What happened to a redemption, oldest first, and what it waits for. */
function timeline(info: RedemptionInfo): TemplateResult {
  const m = words(explorerMessages)
  const { requestedAtMs, queuedBase, assignments, burnedBase, transferredBase, refundedBase, feesBase } = info
  const steps: TemplateResult[] = [
    html`<li>${m.requested} ${time(requestedAtMs)}: ${amount(info.amountBase)}</li>`,
  ]
  if (queuedBase > 0n) steps.push(html`<li>${m.queued}: ${amount(queuedBase)}</li>`)
  for (const one of assignments) {
    const { provider, window, amountBase, grantedAtMs, voucheredBase } = one
    steps.push(
      html`<li>
        ${m.assigned(count(provider), count(window))}: ${amount(amountBase)},
        ${grantedAtMs === 0 ? m.notGranted : html`${m.granted} ${time(grantedAtMs)}`}, ${m.used} ${amount(voucheredBase)}
      </li>`,
    )
  }
  for (const [text, base] of [
    [m.settled, burnedBase],
    [m.paid, transferredBase],
    [m.refunded, refundedBase],
    [m.fees, feesBase],
  ] as const) {
    if (base > 0n) steps.push(html`<li>${text}: ${amount(base)}</li>`)
  }
  return html`<ol class="timeline">${steps}</ol>`
}

export const redemptionView = subview({
  title: (id) => `${words(explorerMessages).redemption} ${id}`,
  load: loadRedemption,
  render(info, id) {
    const m = words(explorerMessages)
    const source = { method: 'redemption_redemption', params: { id: Number(id) } }
    const hours = quantity(Number(info.deviceMicroHours) / 1_000_000)
    return html`<div class="stack">
      ${heading(m.redemption, `#${count(Number(id))}`, { method: source.method, params: [Number(id)] })}
      <dl class="figures">
        ${figure(m.amount, amount(info.amountBase, source))} ${figure(m.state, sourced(source, badge(info.state)))}
        ${figure(m.buys, sourced(source, m.deviceHours(hours, info.className)), html`<code>${info.service}</code>`)}
      </dl>
      ${card(m.timeline, timeline(info))}
      ${card(m.redemption, html`<dl class="facts">${fact(m.from, address(toHex(info.owner), { isFull: true }))}</dl>`)}
    </div>`
  },
})

export const proposalsView = subview({
  title: () => words(explorerMessages).lists.proposals,
  load: (client) => client.query(governance, 'proposals', {}),
  render(list) {
    const m = words(explorerMessages)
    return html`<div class="stack">
      ${heading(m.title, m.lists.proposals, { method: 'governance_proposals', params: [] })}
      ${card(
        m.lists.proposals,
        list.length === 0
          ? emptyNote()
          : table({
              label: m.lists.proposals,
              columns: [
                {
                  name: m.proposal,
                  cell: ({ id }) =>
                    html`<a href=${addressOf('explorer', ['proposal', id])}>#${count(id)}</a>`,
                },
                { name: m.kind, cell: ({ kind }) => html`<code>${kind}</code>` },
                {
                  name: m.votes,
                  cell: ({ approve, reject }) => `${count(approve.length)} / ${count(reject.length)}`,
                },
              ],
              rows: list,
            }),
        { isFlush: list.length > 0 },
      )}
    </div>`
  },
})

interface Difference {
  readonly module: string
  readonly name: string
  readonly now: Json | undefined
  readonly proposed: Json
}

/** A change names its parameter by module and name, or by their numbers in a later version: then it is shown as it is. */
function differences(changes: readonly Members[], parameters: Members): readonly Difference[] {
  return changes.map(({ module, parameter, name, value }) => {
    const [of, key] = [String(module ?? ''), String(parameter ?? name ?? '')]
    return { module: of, name: key, now: membersOf(parameters[of])[key], proposed: value ?? null }
  })
}

export const proposalView = subview({
  title: (id) => `${words(explorerMessages).proposal} ${id}`,
  async load(client, id) {
    if (!isId(id)) return undefined
    const [proposal, changes, parameters] = await Promise.all([
      client.request('governance_proposal', [Number(id)]),
      client.request('governance_changes', [Number(id)]),
      client.request('chain_parameters', {}),
    ])
    if (proposal === null) return undefined
    const list = differences(listOf(changes).map(membersOf), membersOf(parameters))
    return { proposal: membersOf(proposal), list }
  },
  render({ proposal, list }, id) {
    const m = words(explorerMessages)
    return html`<div class="stack">
      ${heading(m.proposal, html`#${number(Number(id))} <code>${String(proposal.kind ?? '')}</code>`, {
        method: 'governance_proposal',
        params: [Number(id)],
      })}
      ${
        list.length === 0
          ? nothing
          : card(
              m.differences,
              table({
                label: m.differences,
                columns: [
                  { name: m.parameter, cell: (one) => html`<code>${one.module}.${one.name}</code>` },
                  { name: m.now, isNumber: true, cell: ({ name, now }) => valuePart(name, now) },
                  {
                    name: m.proposed,
                    isNumber: true,
                    cell: ({ name, proposed }) => valuePart(name, proposed),
                  },
                ],
                rows: list,
              }),
              { isFlush: true },
            )
      }
      ${card(m.proposal, record(proposal))}
    </div>`
  },
})
