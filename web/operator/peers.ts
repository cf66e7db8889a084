// The peers of this node, where the operator lets them be seen.
import { html, type TemplateResult } from 'lit'
import { badge, hash, providerLink } from '../ui/figures.ts'
import { longTable } from '../ui/longTable.ts'
import { type Column, table } from '../ui/table.ts'
import { count, duration } from '../words/format.ts'
import { words } from '../words/language.ts'
import type { Peer, Status } from './data.ts'
import { operatorMessages } from './messages.ts'

const SHORT = 40

export function peersCard({ inside }: Status): TemplateResult {
  const m = words(operatorMessages)
  if (inside === undefined) {
    return html`<section class="notice stack tight" aria-labelledby="peers">
      <h2 id="peers">${m.private}</h2>
      <p class="soft">${m.privateText}</p>
    </section>`
  }
  const { peers, peerCount } = inside
  const { columns: c } = m
  const columns: readonly Column<Peer>[] = [
    { name: c.peer, cell: ({ peer }) => hash(peer) },
    {
      name: c.provider,
      cell: ({ provider, legalName, isNamed }) =>
        provider === undefined ? badge(isNamed ? m.named : m.unknown) : providerLink(provider, legalName),
    },
    {
      name: c.connection,
      cell: ({ isConnected }) => (isConnected ? badge(m.connected, 'good') : badge(m.away, 'warn')),
    },
    {
      name: c.address,
      cell: ({ address }) =>
        html`<span class="address"><bdi>${address?.replace(/\/p2p\/\w+$/, '') ?? '–'}</bdi></span>`,
    },
    { name: c.points, isNumber: true, cell: ({ penaltyPoints }) => count(Math.round(penaltyPoints)) },
    {
      name: c.trip,
      isNumber: true,
      cell: ({ roundTripMs }) => (roundTripMs === undefined ? '–' : duration(roundTripMs)),
    },
  ]
  return html`<section class="card flush">
    <header>
      <h2 id="peers">${m.peersTitle}</h2>
      ${peerCount > peers.length ? html`<p class="soft small">${m.peersText(count(peers.length), count(peerCount))}</p>` : ''}
    </header>
    ${
      peers.length === 0
        ? html`<p class="pager">${m.noPeers}</p>`
        : (peers.length > SHORT ? longTable : table)({ label: m.peersTitle, columns, rows: peers })
    }
  </section>`
}
