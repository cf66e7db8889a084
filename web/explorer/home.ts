// The explorer's first page: blocks as they come, the newest transactions, and ways to everything else.
import { html, type TemplateResult } from 'lit'
import type { Json } from '../../base/field.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import type { LiveBlock } from '../node/live.ts'
import { addressOf } from '../routes.ts'
import { address, blockLink, number, time } from '../ui/figures.ts'
import { table } from '../ui/table.ts'
import { bytes } from '../words/format.ts'
import { words } from '../words/language.ts'
import { type ListedTransaction, transactionTable, withActions } from './block.ts'
import { explorerMessages } from './messages.ts'
import { card, listOf, membersOf } from './subview.ts'

const BLOCKS_SHOWN = 12
const TRANSACTIONS_SHOWN = 12

export interface ShortBlock {
  readonly height: number
  readonly timestampMs: number
  readonly proposer: string
  readonly transactionCount: number
  readonly gasUsed: number
  readonly sizeBytes: number
}

export interface Newest {
  readonly blocks: readonly ShortBlock[]
  readonly transactions: readonly ListedTransaction[]
}

function shortBlock(json: Json): ShortBlock {
  const { header, sizeBytes, transactions } = membersOf(json)
  const fields = membersOf(membersOf(header).fields)
  return {
    height: Number(fields.height),
    timestampMs: Number(fields.timestampMs),
    proposer: String(fields.proposer),
    transactionCount: listOf(transactions).length,
    gasUsed: Number(fields.gasUsed),
    sizeBytes: Number(sizeBytes),
  }
}

export async function loadNewest(client: ChainClient): Promise<Newest> {
  const head = membersOf(await client.request('chain_info'))
  const [top, least] = [Number(head.height), Number(head.blockHeightMin ?? 0)]
  const heights = Array.from({ length: BLOCKS_SHOWN }, (_, i) => top - i).filter((height) => height >= least)
  const answers = await Promise.all(heights.map((height) => client.request('chain_block', [height])))
  const found = answers.filter((one) => one !== null)
  const all = found.flatMap((one) => listOf(membersOf(one).transactions).toReversed())
  return {
    blocks: found.map(shortBlock),
    transactions: await withActions(client, all.slice(0, TRANSACTIONS_SHOWN)),
  }
}

/** Blocks that came since, on top of those that were asked for. */
function joined(asked: readonly ShortBlock[], fresh: readonly LiveBlock[]): readonly ShortBlock[] {
  const top = asked[0]?.height ?? -1
  return [...fresh.filter(({ height }) => height > top), ...asked].slice(0, BLOCKS_SHOWN)
}

export function homePage(newest: Newest, fresh: readonly LiveBlock[]): TemplateResult {
  const m = words(explorerMessages)
  const { transactions } = newest
  return html`<div class="stack">
    ${card(
      m.latestBlocks,
      table({
        label: m.latestBlocks,
        columns: [
          { name: m.height, cell: ({ height }) => blockLink(height) },
          { name: m.time, cell: ({ timestampMs }) => time(timestampMs) },
          { name: m.transactions, isNumber: true, cell: ({ transactionCount }) => number(transactionCount) },
          { name: m.gas, isNumber: true, cell: ({ gasUsed }) => number(gasUsed) },
          { name: m.size, isNumber: true, cell: ({ sizeBytes }) => bytes(sizeBytes) },
          { name: m.proposer, cell: ({ proposer }) => address(proposer) },
        ],
        rows: joined(newest.blocks, fresh),
      }),
      { isFlush: true },
    )}
    ${card(
      m.latestTransactions,
      transactions.length === 0
        ? html`<p class="soft pad">${m.noTransactions}</p>`
        : transactionTable(transactions),
      { isFlush: true },
    )}
    ${card(
      m.all,
      html`<ul class="links">
        ${Object.entries(m.lists).map(
          ([name, label]) => html`<li><a href=${addressOf('explorer', [name])}>${label}</a></li>`,
        )}
      </ul>`,
    )}
  </div>`
}
