// account_history: what concerned an account, newest first. Owns: pages, and what an item says. Not: the index (node/).
import { equalBytes, toHex } from '../../base/bytes.ts'
import type { Json, JsonSchema } from '../../base/field.ts'
import type { Address } from '../../base/ids.ts'
import type { AccountIndexReader, AccountPlace, Backend, FinalizedBlock } from '../backend.ts'
import { invalidParams, RPC_CODE, RpcError } from '../errors.ts'
import { mustFindBlock } from '../eth/resolve.ts'
import { coinTransferOf } from '../eth/transfers.ts'
import { defineMethod, type Method } from '../method.ts'
import {
  ADDRESS_SCHEMA,
  type BlockSelector,
  HASH_SCHEMA,
  invalidWhen,
  optional,
  p,
  withDefault,
} from '../params.ts'
import { TimeSlice } from '../timeSlice.ts'
import { actionName, type TxOptions } from './tx.ts'

const ITEMS_DEFAULT = 25
const ITEMS_MAX = 100
/** Above every index in a block. */
const INDEX_MAX = 0xff_ff_ff
const CURSOR = /^(\d{1,15})\.(\d{1,15})\.(\d{1,8})$/

const INTEGER: JsonSchema = { type: 'integer', minimum: 0 }
const AMOUNT: JsonSchema = { type: 'string', pattern: '^(0|[1-9][0-9]*)$' }
const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] })
const objectOf = (properties: { readonly [name: string]: JsonSchema }): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
})

const ITEM = objectOf({
  height: INTEGER,
  timestampMs: INTEGER,
  index: INTEGER,
  hash: orNull(HASH_SCHEMA),
  from: orNull(ADDRESS_SCHEMA),
  to: orNull(ADDRESS_SCHEMA),
  action: orNull({ type: 'string' }),
  succeeded: { type: 'boolean' },
  receivedBase: AMOUNT,
  sentBase: AMOUNT,
  feeBase: AMOUNT,
})

interface Page {
  /** The block that the pages are pinned to. */
  readonly atBlock: number
  readonly before: AccountPlace
}

function parseCursor(cursor: string): Page {
  const [, atBlock, height, index] = CURSOR.exec(cursor) ?? []
  if (index === undefined)
    throw invalidParams('invalid argument 1 (cursor): expected the cursor of an earlier page')
  return { atBlock: Number(atBlock), before: { height: Number(height), index: Number(index) } }
}

class History {
  readonly #options: TxOptions
  readonly #backend: Backend

  constructor(options: TxOptions) {
    this.#options = options
    this.#backend = options.backend
  }

  async page(args: {
    readonly address: Address
    readonly cursor: string | undefined
    readonly limit: number
    readonly atBlock: BlockSelector
  }): Promise<Json> {
    const index = this.#backend.accountIndex
    if (index === undefined) {
      throw new RpcError(
        RPC_CODE.refused,
        'this node keeps no index of accounts: ask one that is started with --index, or search with eth_getLogs',
      )
    }
    const range = index.range()
    if (range === undefined)
      throw new RpcError(RPC_CODE.refused, 'the index of accounts is being made: try later')
    const fromBlock = Math.max(range.from, this.#backend.blockHeightMin())
    const page =
      args.cursor === undefined ? await this.#first(args.atBlock, range.to) : parseCursor(args.cursor)
    if (page.atBlock > range.to) {
      throw new RpcError(
        RPC_CODE.refused,
        `the index of accounts has blocks ${fromBlock} to ${range.to} yet: try later`,
      )
    }
    const { address, limit } = args
    const { items, before } = await this.#items(index, { address, limit, fromBlock, before: page.before })
    return {
      atBlock: page.atBlock,
      fromBlock,
      items,
      cursor: before === undefined ? null : `${page.atBlock}.${before.height}.${before.index}`,
    }
  }

  /** The newest page of an index that is behind shows what it has. */
  async #first(selector: BlockSelector, indexedTo: number): Promise<Page> {
    const { height } = (await mustFindBlock(this.#backend, selector)).header
    const atBlock =
      selector.kind === 'latest' || selector.kind === 'pending' ? Math.min(height, indexedTo) : height
    return { atBlock, before: { height: atBlock, index: INDEX_MAX } }
  }

  async #items(
    index: AccountIndexReader,
    query: {
      readonly address: Address
      readonly limit: number
      readonly fromBlock: number
      readonly before: AccountPlace
    },
  ): Promise<{ readonly items: Json[]; readonly before: AccountPlace | undefined }> {
    const { address, limit, fromBlock, before } = query
    const found = await index.places({ address, before, fromHeight: fromBlock, countMax: limit })
    const slice = new TimeSlice()
    const items: Json[] = []
    let last = before
    for (const place of found.places) {
      if (items.length > 0 && !(await slice.next())) return { items, before: last }
      const block = await this.#backend.blockByHeight(place.height)
      // Pruned since the range was read: what is older is pruned too.
      if (block === undefined) return { items, before: undefined }
      items.push(this.#item(block, place.index, address))
      last = place
    }
    return { items, before: found.before }
  }

  #item(block: FinalizedBlock, index: number, address: Address): Json {
    const known = block.transactions[index]
    const receipt = block.receipts[index]
    const { height, timestampMs } = block.header
    let [receivedBase, sentBase] = [0n, 0n]
    for (const log of receipt?.logs ?? block.systemLogs) {
      const moved = coinTransferOf(log)
      if (moved === undefined) continue
      if (equalBytes(moved.to, address)) receivedBase += moved.valueBase
      if (equalBytes(moved.from, address)) sentBase += moved.valueBase
    }
    const amounts = { receivedBase: receivedBase.toString(), sentBase: sentBase.toString() }
    if (known === undefined || receipt === undefined) {
      const nobody = { hash: null, from: null, to: null, action: null }
      return { height, timestampMs, index, ...nobody, succeeded: true, ...amounts, feeBase: '0' }
    }
    const transaction = this.#options.indexes.of(block).transaction(index)
    const isPayer = equalBytes(known.sender, address)
    const feeBase = isPayer ? BigInt(receipt.gasUsed) * receipt.effectiveGasPrice : 0n
    return {
      height,
      timestampMs,
      index,
      hash: toHex(known.id),
      from: toHex(known.sender),
      to: toHex(transaction.to),
      action: actionName(this.#options, transaction),
      succeeded: receipt.succeeded,
      ...amounts,
      feeBase: feeBase.toString(),
    }
  }
}

export function historyMethods(options: TxOptions): readonly Method[] {
  const history = new History(options)
  const limit = invalidWhen(p.count, (count) =>
    count >= 1 && count <= ITEMS_MAX ? undefined : `expected 1 to ${ITEMS_MAX}`,
  )
  return [
    defineMethod({
      name: 'account_history',
      doc: "Returns the transactions that concern an account, and the block's own acts, newest first, up to `atBlock` and down to `fromBlock`, on nodes that keep an index.",
      cost: 200,
      params: {
        address: p.address,
        cursor: optional(p.text(48)),
        limit: withDefault(limit, ITEMS_DEFAULT),
        atBlock: p.atBlock,
      },
      returns: objectOf({
        atBlock: INTEGER,
        fromBlock: INTEGER,
        items: { type: 'array', items: ITEM },
        cursor: orNull({ type: 'string' }),
      }),
      run: (args) => history.page(args),
    }),
  ]
}
