// What `subscribe` tells of a block. Owns: the topics, their items, and the keys by which a subscription may choose.
// Not: who is told (followers.ts), the parameters of `subscribe` (followMethods.ts).
import { assert } from '../base/assert.ts'
import { bytesKey, equalBytes, toHex } from '../base/bytes.ts'
import { eventReader } from '../base/eventLog.ts'
import type { Json, JsonSchema } from '../base/field.ts'
import { moduleAddress } from '../base/moduleDefinition.ts'
import { headerSchema } from '../base/protocol/header.ts'
import type { Log } from '../state/context.ts'
import type { Module } from '../state/rules.ts'
import type { FinalizedBlock } from './backend.ts'
import type { BlockIndex } from './eth/blockIndex.ts'
import { coinTransferOf } from './eth/transfers.ts'

/** One thing that happened in a block. */
export interface Item {
  readonly json: Json
  /** What it may be chosen by: keys of addresses, or of the event's name and its book. */
  readonly keys: readonly string[]
}

export interface Topic {
  readonly name: string
  readonly doc: string
  /** How a subscription may narrow it. */
  readonly choice: 'address' | 'event' | undefined
  /** Names of events, when it is chosen by them. */
  readonly events: readonly string[]
  /** Whether it may be narrowed to order books: its events name theirs. */
  readonly hasBooks: boolean
  /** In the order of the block. */
  items(block: FinalizedBlock, index: BlockIndex): Iterable<Item>
}

/** Each log of a block with its transaction, null for those of the block itself, and its index in the block. */
function* logsOf(
  block: FinalizedBlock,
): Generator<{ readonly log: Log; readonly transaction: Json; readonly logIndex: number }> {
  let logIndex = 0
  for (let i = 0; i < block.receipts.length; i++) {
    const { logs } = block.receipts[i]!
    if (logs.length === 0) continue
    const transaction = toHex(block.transactions[i]!.id)
    for (const log of logs) yield { log, transaction, logIndex: logIndex++ }
  }
  for (const log of block.systemLogs) yield { log, transaction: null, logIndex: logIndex++ }
}

const BLOCKS: Topic = {
  name: 'blocks',
  doc: 'one item a block: its header',
  choice: undefined,
  events: [],
  hasBooks: false,
  items: ({ header, sizeBytes, transactions }) => [
    {
      json: { header: headerSchema.toJson(header), sizeBytes, transactionCount: transactions.length },
      keys: [],
    },
  ],
}

const TRANSACTIONS: Topic = {
  name: 'transactions',
  doc: 'an item for each transaction, from or to `address`',
  choice: 'address',
  events: [],
  hasBooks: false,
  *items({ transactions, receipts }, blockIndex) {
    for (let index = 0; index < transactions.length; index++) {
      const { id, sender } = transactions[index]!
      const { nonce, to, valueBase } = blockIndex.transaction(index)
      const { succeeded, gasUsed, effectiveGasPrice } = receipts[index]!
      yield {
        json: {
          hash: toHex(id),
          index,
          from: toHex(sender),
          nonce,
          to: toHex(to),
          valueBase: valueBase.toString(),
          succeeded,
          gasUsed,
          feeBase: (BigInt(gasUsed) * effectiveGasPrice).toString(),
        },
        keys: keysOf(sender, to),
      }
    }
  },
}

const TRANSFERS: Topic = {
  name: 'transfers',
  doc: 'an item for each movement of coins, from or to `address`',
  choice: 'address',
  events: [],
  hasBooks: false,
  *items(block) {
    for (const { log, transaction, logIndex } of logsOf(block)) {
      const moved = coinTransferOf(log)
      if (moved === undefined) continue
      const { from, to, valueBase } = moved
      yield {
        json: {
          from: toHex(from),
          to: toHex(to),
          amountBase: valueBase.toString(),
          transaction,
          logIndex,
        },
        keys: keysOf(from, to),
      }
    }
  },
}

function keysOf(from: Uint8Array, to: Uint8Array): readonly string[] {
  const [first, second] = [bytesKey(from), bytesKey(to)]
  return first === second ? [first] : [first, second]
}

/** The keys of an event: its name, its book if it has one, and both, so that a subscription may choose by either or both. */
export function eventKeys(name: string, book: unknown): readonly string[] {
  return typeof book === 'number' ? [name, `book ${book}`, `${name} book ${book}`] : [name]
}

function moduleTopic({ definition }: Module): Topic {
  const hasBooks = Object.values(definition.events).some((fields) => 'book' in fields)
  const address = moduleAddress(definition)
  const read = eventReader(definition)
  return {
    name: definition.name,
    doc: `an item for each event of the module ${definition.name}, or those that \`event\` names${hasBooks ? ' or of a `book`' : ''}`,
    choice: 'event',
    events: Object.keys(definition.events),
    hasBooks,
    *items(block) {
      for (const { log, transaction, logIndex } of logsOf(block)) {
        const found = equalBytes(log.address, address) ? read(log.topics, log.data) : undefined
        if (found === undefined) continue
        const { name, fields, args } = found
        const known = Object.entries(fields).filter(([field]) => args[field] !== undefined)
        yield {
          json: {
            event: name,
            arguments: Object.fromEntries(known.map(([field, type]) => [field, type.toJson(args[field])])),
            transaction,
            logIndex,
          },
          keys: eventKeys(name, args.book),
        }
      }
    },
  }
}

/** By name: blocks, transactions, transfers, and one topic for each module with events. */
export function topicsOf(modules: readonly Module[]): ReadonlyMap<string, Topic> {
  const topics = new Map([BLOCKS, TRANSACTIONS, TRANSFERS].map((topic) => [topic.name, topic]))
  for (const module of modules) {
    const topic = moduleTopic(module)
    if (topic.events.length === 0) continue
    assert(!topics.has(topic.name), `${topic.name} is one topic`)
    topics.set(topic.name, topic)
  }
  return topics
}

/** What is to be passed to `subscribe` again so that the next message continues. */
export const RESUME_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    fromBlock: { type: 'integer', minimum: 0 },
    fromIndex: { type: 'integer', minimum: 0 },
    sequence: { type: 'integer', minimum: 1 },
  },
  required: ['fromBlock', 'fromIndex', 'sequence'],
}
