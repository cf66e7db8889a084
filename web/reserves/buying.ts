// What a coin is worth in compute, and what the chain takes its price to be.
import { html, nothing, type TemplateResult } from 'lit'
import { figure, sourced, untrusted } from '../ui/figures.ts'
import { shown } from '../ui/states.ts'
import { table } from '../ui/table.ts'
import type { Ask } from '../ui/view.ts'
import { compact, count, ppm, quantity, units } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Buying, Reserves } from './data.ts'
import { reservesMessages } from './messages.ts'

const CLASSES_SHOWN = 6

interface Bought {
  readonly id: number
  readonly name: string
  /** Device-hours of one coin. */
  readonly hours: number
  readonly references: readonly { readonly model: string; readonly tokens: number }[]
}

/** Classes that count at the anchor, those with a published throughput first, the fastest first. */
function boughtBy({ classes, references }: Buying, anchor: bigint): readonly Bought[] {
  return classes
    .filter(({ effective }) => effective.infer > 0n)
    .sort((a, b) => Number(b.effective.infer - a.effective.infer))
    .map(({ id, vendor, model, effective }) => {
      const hours = Number(anchor) / Number(effective.infer)
      const own = references.filter(({ classId }) => classId === id)
      return {
        id,
        name: `${vendor} ${model}`,
        hours,
        references: own.map((one) => ({ model: one.model, tokens: one.tokensPerHour * hours })),
      }
    })
    .sort((a, b) => Math.sign(b.references.length) - Math.sign(a.references.length))
}

function classTable(rows: readonly Bought[], label: string): TemplateResult {
  const m = words(reservesMessages)
  const tokens = ({ references }: Bought): TemplateResult | string =>
    references.length === 0
      ? m.noReference
      : html`${references
          .slice(0, 2)
          .map(({ model, tokens }) => m.tokensOf(compact(Math.round(tokens)), model))
          .join(' · ')}`
  return table({
    label,
    columns: [
      { name: m.class, cell: ({ name }) => untrusted(name) },
      {
        name: m.hours,
        isNumber: true,
        cell: ({ hours, id }) => sourced({ method: 'catalogue_class', params: { id } }, quantity(hours)),
      },
      {
        name: m.tokens,
        cell: (row) =>
          html`<span class="soft">${sourced({ method: 'catalogue_references' }, tokens(row))}</span>`,
      },
    ],
    rows,
  })
}

export function buyingCard(ask: Ask<Buying>, { anchor }: Reserves): TemplateResult {
  const m = words(reservesMessages)
  return html`<section class="card flush">
    <header>
      <h2 id="buys">${m.buys}</h2>
      <p class="soft">
        ${m.buysBefore} ${sourced({ method: 'oracle_anchor' }, m.buysAnchor(ppm(anchor.anchor)))}. ${m.buysAfter}
      </p>
    </header>
    ${shown(ask, (buying) => {
      const rows = boughtBy(buying, anchor.anchor)
      const rest = rows.slice(CLASSES_SHOWN)
      return html`${classTable(rows.slice(0, CLASSES_SHOWN), m.buys)}
      ${
        rest.length === 0
          ? nothing
          : html`<details class="more">
            <summary>${m.moreClasses(count(rest.length))}</summary>
            ${classTable(rest, m.moreClasses(count(rest.length)))}
          </details>`
      }`
    })}
  </section>`
}

export function priceCard({ status, assets }: Reserves): TemplateResult {
  const m = words(reservesMessages)
  const { reporters, providers } = status
  return html`<section class="card" aria-labelledby="price">
    <header><h2 id="price">${m.price}</h2></header>
    <div class="stack">
      <dl class="figures">
        ${status.prices.map(({ asset, priceBase, renewedWindow, staleSince }) => {
          const known = assets.find(({ id }) => id === asset)
          const value = units(priceBase, known?.decimals ?? 0, 4)
          const age =
            staleSince !== undefined
              ? m.priceStale(count(staleSince))
              : renewedWindow !== undefined
                ? m.priceAge(count(renewedWindow))
                : m.priceGenesis
          const text = html`${value} <span class="unit">${untrusted(known?.symbol ?? `#${asset}`)}</span>`
          return figure(age, sourced({ method: 'oracle_price', params: { asset } }, text), m.priceNote)
        })}
      </dl>
      <p class="soft small">
        ${sourced(
          { method: 'oracle_status' },
          m.sourcesText(
            count(reporters.members),
            count(reporters.quorum),
            count(providers.members),
            count(providers.quorum),
          ),
        )}
      </p>
    </div>
  </section>`
}
