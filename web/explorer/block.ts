// One block: its header, its transactions, what it did by itself, and why it is final.
import { html, nothing, type TemplateResult } from 'lit'
import type { Json } from '../../base/field.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { addressOf } from '../routes.ts'
import { address, badge, blockLink, fact, hash, moment, number, transactionLink } from '../ui/figures.ts'
import { table } from '../ui/table.ts'
import { bytes, count } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { LogLike } from './decode.ts'
import { eventList } from './events.ts'
import { explorerMessages } from './messages.ts'
import { card, emptyNote, heading, listOf, type Members, membersOf, subview } from './subview.ts'

/** Of one block, on one page; the others by their address. */
const TRANSACTIONS_MAX = 100

export interface ListedTransaction {
  readonly hash: string
  readonly sender: string
  readonly action: string
  readonly succeeded: boolean
}

/** Adds what each transaction did. */
export async function withActions(
  client: ChainClient,
  transactions: readonly Json[],
): Promise<readonly ListedTransaction[]> {
  return Promise.all(
    transactions.map(async (json) => {
      const { hash: id, sender } = membersOf(json)
      const status = membersOf(await client.request('tx_status', [String(id)]))
      return {
        hash: String(id),
        sender: String(sender),
        action: String(status.action ?? ''),
        succeeded: status.succeeded !== false,
      }
    }),
  )
}

export function transactionTable(rows: readonly ListedTransaction[]): TemplateResult {
  const m = words(explorerMessages)
  return table({
    label: m.transactions,
    columns: [
      { name: m.hash, cell: (row) => transactionLink(row.hash) },
      { name: m.action, cell: ({ action }) => html`<code>${action}</code>` },
      { name: m.from, cell: ({ sender }) => address(sender) },
      {
        name: m.result,
        cell: ({ succeeded }) => badge(succeeded ? m.succeeded : m.failed, succeeded ? 'good' : 'bad'),
      },
    ],
    rows,
  })
}

async function heightOf(client: ChainClient, id: string): Promise<number | undefined> {
  if (/^\d{1,15}$/.test(id)) return Number(id)
  if (!/^0x[0-9a-f]{64}$/i.test(id)) return undefined
  const found = membersOf(await client.request('eth_getBlockByHash', [id, false]))
  return typeof found.number === 'string' ? Number(found.number) : undefined
}

async function load(client: ChainClient, id: string) {
  const height = await heightOf(client, id)
  if (height === undefined) return undefined
  const answer = await client.request('chain_block', [height])
  if (answer === null) return undefined
  const block = membersOf(answer)
  const all = listOf(block.transactions)
  const [transactions, certificate] = await Promise.all([
    withActions(client, all.slice(0, TRANSACTIONS_MAX)),
    height === 0 ? null : client.request('chain_certificate', [height]),
  ])
  const { hash: id32, fields } = membersOf(block.header)
  return {
    height,
    hash: String(id32),
    header: membersOf(fields),
    sizeBytes: Number(block.sizeBytes),
    transactionCount: all.length,
    transactions,
    logs: listOf(block.systemLogs) as unknown as readonly LogLike[],
    certificate: membersOf(membersOf(certificate).certificate),
  }
}
type Loaded = NonNullable<Awaited<ReturnType<typeof load>>>

/** Bits set in the certificate's bitmap: how many signed. */
function signersIn({ bitmap }: Members): number {
  const digits = typeof bitmap === 'string' ? [...bitmap.slice(2)] : []
  return digits.reduce(
    (sum, digit) => sum + [...Number.parseInt(digit, 16).toString(2)].filter((bit) => bit === '1').length,
    0,
  )
}

function finality({ certificate, height }: Loaded): string {
  const m = words(explorerMessages)
  if (height === 0) return m.finalGenesis
  const above = listOf(certificate.path).length
  const fields = membersOf(certificate.fields)
  const signers = count(signersIn(fields))
  if (above > 0) return m.finalAbove(signers, count(above))
  return m.finalBy(signers, count(Number(membersOf(fields.subject).view)))
}

function facts(block: Loaded): TemplateResult {
  const m = words(explorerMessages)
  const { header, height } = block
  return html`<dl class="facts">
    ${fact(m.hash, hash(block.hash, { isFull: true }))} ${fact(m.time, moment(Number(header.timestampMs)))}
    ${fact(m.finality, finality(block))} ${fact(m.proposer, address(String(header.proposer), { isFull: true }))}
    ${fact(m.transactions, number(block.transactionCount))}
    ${fact(m.gas, m.gasOf(count(Number(header.gasUsed)), count(Number(header.gasLimit))))}
    ${fact(m.size, bytes(block.sizeBytes))}
    ${fact(m.epochView, html`${number(Number(header.epoch))}, ${number(Number(header.view))}`)}
    ${height === 0 ? nothing : fact(m.parent, html`${blockLink(height - 1)} ${hash(String(header.parentHash))}`)}
    ${fact(m.stateRoot, hash(String(header.stateRoot), { isFull: true }))}
  </dl>`
}

export const blockView = subview({
  title: (id) => `${words(explorerMessages).block} ${id}`,
  load,
  render(block) {
    const m = words(explorerMessages)
    const { height, transactions, logs } = block
    return html`<div class="stack">
      <div class="row spread">
        ${heading(m.block, count(height), { method: 'chain_block', params: [height] })}
        <nav class="row small no-print" aria-label=${m.block}>
          ${height === 0 ? nothing : html`<a href=${addressOf('explorer', ['block', height - 1])}>← ${m.previous}</a>`}
          <a href=${addressOf('explorer', ['block', height + 1])}>${m.next} →</a>
        </nav>
      </div>
      ${card(m.block, facts(block))}
      ${card(m.transactions, transactions.length === 0 ? emptyNote() : transactionTable(transactions), { isFlush: true })}
      ${logs.length === 0 ? nothing : card(m.systemEvents, eventList(logs))}
    </div>`
  },
})
