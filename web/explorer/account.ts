// One account: what it has, what it redeems, and what concerned it, page by page.
import { html, nothing, type TemplateResult } from 'lit'
import { errorText } from '../../base/errors.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { accountHistoryPage, type HistoryEntry } from '../../client/history.ts'
import { assets, redemption } from '../../client/modules.ts'
import { addressOf } from '../routes.ts'
import {
  amount,
  badge,
  blockLink,
  figure,
  number,
  sourced,
  time,
  transactionLink,
  untrusted,
} from '../ui/figures.ts'
import { table } from '../ui/table.ts'
import { count, units } from '../words/format.ts'
import { words } from '../words/language.ts'
import { explorerMessages } from './messages.ts'
import { card, emptyNote, heading, subview } from './subview.ts'

const HISTORY_SHOWN = 25
const REDEMPTIONS_SHOWN = 10

/** History may be missing here: the rest is shown all the same. */
async function historyOf(client: ChainClient, address: string, cursor: string | null) {
  try {
    const options = cursor === null ? { limit: HISTORY_SHOWN } : { limit: HISTORY_SHOWN, cursor }
    return { page: await accountHistoryPage(client, address, options), error: undefined }
  } catch (error) {
    return { page: undefined, error }
  }
}

async function load(client: ChainClient, text: string, query: URLSearchParams) {
  if (!/^0x[0-9a-f]{40}$/i.test(text)) return undefined
  const id = text as `0x${string}`
  const [account, known, redeemed, history] = await Promise.all([
    client.account(id),
    client.query(assets, 'assets', {}),
    client.query(redemption, 'redemptions', { owner: id, cursor: 0, limit: REDEMPTIONS_SHOWN }),
    historyOf(client, id, query.get('cursor')),
  ])
  const balances = await Promise.all(
    known!.map(({ id: asset }) => client.query(assets, 'balance', { asset, owner: id })),
  )
  return {
    account,
    assets: known!.map((asset, i) => ({ ...asset, amountBase: balances[i] ?? 0n })),
    redemptions: redeemed?.redemptions ?? [],
    history,
  }
}
type Loaded = NonNullable<Awaited<ReturnType<typeof load>>>

function holdings({ account, assets: list }: Loaded, id: string): TemplateResult {
  const m = words(explorerMessages)
  const { balanceBase, nonce, pendingNonce } = account
  const note = pendingNonce === nonce ? nothing : m.waitingToo(count(pendingNonce))
  return html`<dl class="figures">
      ${figure(
        m.balance,
        amount(balanceBase, { method: 'account_get', params: { address: id } }),
        html`<a href=${addressOf('verify', [], { address: id })}>${m.verifyBalance}</a>`,
      )}
      ${list.map(({ id: asset, symbol, name, decimals, amountBase }) =>
        figure(
          untrusted(name),
          sourced(
            { method: 'assets_balance', params: { asset, owner: id } },
            html`${units(amountBase, decimals)} <span class="unit">${untrusted(symbol)}</span>`,
          ),
        ),
      )}
      ${figure(m.nonce, number(nonce), note)}
    </dl>`
}

function redemptionTable(list: Loaded['redemptions']): TemplateResult {
  const m = words(explorerMessages)
  return table({
    label: m.redemptions,
    columns: [
      {
        name: m.redemption,
        cell: ({ id }) => html`<a href=${addressOf('explorer', ['redemption', id])}>#${count(id)}</a>`,
      },
      { name: m.state, cell: ({ state }) => badge(state) },
      { name: m.service, cell: ({ service }) => html`<code>${service}</code>` },
      { name: m.amount, isNumber: true, cell: ({ amountBase }) => amount(amountBase) },
      { name: m.time, cell: ({ requestedAtMs }) => time(requestedAtMs) },
    ],
    rows: list,
  })
}

function historyTable(entries: readonly HistoryEntry[]): TemplateResult {
  const m = words(explorerMessages)
  return table({
    label: m.history,
    columns: [
      {
        name: m.action,
        cell: ({ action }) => (action === undefined ? m.ownDoing : html`<code>${action}</code>`),
      },
      {
        name: m.result,
        cell: ({ succeeded }) => badge(succeeded ? m.succeeded : m.failed, succeeded ? 'good' : 'bad'),
      },
      { name: m.received, isNumber: true, cell: ({ receivedBase }) => amount(receivedBase) },
      { name: m.sent, isNumber: true, cell: ({ sentBase }) => amount(sentBase) },
      { name: m.fee, isNumber: true, cell: ({ feeBase }) => amount(feeBase) },
      { name: m.block, isNumber: true, cell: ({ height }) => blockLink(height) },
      { name: m.time, cell: ({ timestampMs }) => time(timestampMs) },
      {
        name: m.hash,
        cell: ({ transaction }) => (transaction === undefined ? nothing : transactionLink(transaction)),
      },
    ],
    rows: entries,
  })
}

function history({ history: { page, error } }: Loaded, id: string): TemplateResult {
  const m = words(explorerMessages)
  if (page === undefined) return card(m.history, html`<p class="soft untrusted">${errorText(error)}</p>`)
  const { entries, cursor, fromBlock } = page
  return card(
    m.history,
    html`${entries.length === 0 ? emptyNote() : historyTable(entries)}
      <nav class="row spread pager small" aria-label=${m.history}>
        <span class="soft">${m.historyFrom(count(fromBlock))}</span>
        ${
          cursor === undefined
            ? nothing
            : html`<a href=${addressOf('explorer', ['account', id], { cursor })}>${m.older} →</a>`
        }
      </nav>`,
    { isFlush: true },
  )
}

export const accountView = subview({
  title: (id) => `${words(explorerMessages).account} ${id.slice(0, 8)}…`,
  load,
  render(loaded, id) {
    const m = words(explorerMessages)
    return html`<div class="stack">
      ${heading(m.account, html`<span class="mono whole">${id}</span>`, { method: 'account_get', params: [id] })}
      ${holdings(loaded, id)}
      ${
        loaded.redemptions.length === 0
          ? nothing
          : card(m.redemptions, redemptionTable(loaded.redemptions), { isFlush: true })
      }
      ${history(loaded, id)}
    </div>`
  },
})
