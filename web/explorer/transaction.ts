// One transaction: what it asked for, in the words of its module, and what became of it.
import { html, nothing, type TemplateResult } from 'lit'
import type { ChainClient } from '../../client/chainClient.ts'
import { address, amount, badge, blockLink, fact, hash, number, type Tone } from '../ui/figures.ts'
import { count } from '../words/format.ts'
import { words } from '../words/language.ts'
import { decodeCall, type LogLike } from './decode.ts'
import { eventList } from './events.ts'
import { explorerMessages } from './messages.ts'
import { record } from './record.ts'
import { card, heading, listOf, type Members, membersOf, subview } from './subview.ts'

const INPUT_SHOWN = 2_000

async function load(client: ChainClient, id: string) {
  if (!/^0x[0-9a-f]{64}$/i.test(id)) return undefined
  const [status, transaction, receipt] = await Promise.all([
    client.request('tx_status', [id]),
    client.request('eth_getTransactionByHash', [id]),
    client.request('eth_getTransactionReceipt', [id]),
  ])
  if (transaction === null && membersOf(status).status === 'unknown') return undefined
  return { status: membersOf(status), transaction: membersOf(transaction), receipt: membersOf(receipt) }
}
type Loaded = NonNullable<Awaited<ReturnType<typeof load>>>

function outcome({ status, succeeded }: Members): TemplateResult {
  const m = words(explorerMessages)
  const [text, tone]: [string, Tone] =
    status === 'included'
      ? succeeded === false
        ? [m.failed, 'bad']
        : [m.succeeded, 'good']
      : status === 'pending'
        ? [m.pending, 'info']
        : status === 'dropped'
          ? [m.dropped, 'warn']
          : [m.unknown, '']
  return badge(text, tone)
}

const quantity = (json: unknown): bigint =>
  typeof json === 'string' && /^0x[0-9a-f]+$/i.test(json) ? BigInt(json) : 0n

function facts({ status, transaction }: Loaded, id: string): TemplateResult {
  const m = words(explorerMessages)
  const { height, sentence, feeBase, gasUsed, lane, index } = status
  const { from, to, value, nonce } = transaction
  return html`<dl class="facts">
    ${fact(m.hash, hash(id, { isFull: true }))}
    ${fact(m.result, html`${outcome(status)} <bdi class="soft">${String(sentence ?? '')}</bdi>`)}
    ${typeof height === 'number' ? fact(m.block, html`${blockLink(height)}`) : nothing}
    ${typeof index === 'number' ? fact(m.index, number(index)) : nothing}
    ${typeof from === 'string' ? fact(m.from, address(from, { isFull: true })) : nothing}
    ${typeof to === 'string' ? fact(m.to, address(to, { isFull: true })) : nothing}
    ${fact(m.value, amount(quantity(value)))} ${fact(m.nonce, number(quantity(nonce)))}
    ${typeof feeBase === 'string' ? fact(m.fee, amount(BigInt(feeBase))) : nothing}
    ${typeof gasUsed === 'number' ? fact(m.gas, html`${count(gasUsed)} <span class="soft">${String(lane ?? '')}</span>`) : nothing}
  </dl>`
}

function call({ transaction }: Loaded): TemplateResult | typeof nothing {
  const m = words(explorerMessages)
  const { to, input } = transaction
  if (typeof to !== 'string' || typeof input !== 'string' || input === '0x') return nothing
  const decoded = decodeCall(to, input)
  if (decoded === undefined) {
    return card(
      m.input,
      html`<p class="soft">${m.undecoded}</p><pre class="wrap">${input.slice(0, INPUT_SHOWN)}</pre>`,
    )
  }
  return card(html`<code>${decoded.name}</code>`, record(decoded.args))
}

export const transactionView = subview({
  title: (id) => `${words(explorerMessages).transaction} ${id.slice(0, 10)}…`,
  load,
  render(loaded, id) {
    const m = words(explorerMessages)
    const { status, receipt } = loaded
    const logs = listOf(receipt.logs) as unknown as readonly LogLike[]
    const failure = membersOf(status.failure)
    const name = typeof status.action === 'string' ? status.action : m.transaction
    return html`<div class="stack">
      ${heading(m.transaction, html`<code>${name}</code>`, { method: 'tx_status', params: [id] })}
      ${card(m.transaction, facts(loaded, id))}
      ${
        failure.name === undefined
          ? nothing
          : card(
              m.failure,
              html`<p><code>${String(failure.name)}</code></p>${record(membersOf(failure.arguments))}`,
            )
      }
      ${call(loaded)} ${logs.length === 0 ? nothing : card(m.events, eventList(logs))}
    </div>`
  },
})
