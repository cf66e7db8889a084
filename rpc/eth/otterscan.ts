// ots_*: what Otterscan's block, transaction and account pages ask for. Owns: their forms.
// Not: finding an account's transactions (accountSearch.ts).
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { hasCode } from '../../state/dispatch.ts'
import type { Module } from '../../state/rules.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { RPC_CODE, RpcError } from '../errors.ts'
import { lazyJson } from '../lazyJson.ts'
import { defineMethod, type Method } from '../method.ts'
import { invalidWhen, p } from '../params.ts'
import { AccountSearch, PAGE_MAX } from './accountSearch.ts'
import type { BlockIndexes } from './blockIndex.ts'
import { type Located, locate, OBJECT_OR_NULL } from './blocks.ts'
import { headJson, quantity, receiptJson, timestampSeconds, transactionJson } from './format.ts'
import { findBlock, mustFindState, withValue } from './resolve.ts'
import { findByNonce } from './transactions.ts'
import { type CallTrace, callTraceOf } from './transfers.ts'

/** The version of these methods that Otterscan's current pages need. */
const API_LEVEL = 8
/** Otterscan's number for a movement of coins. */
const TRANSFER_OPERATION = 0

interface OtsOptions {
  readonly backend: Backend
  readonly modules: readonly Module[]
  readonly indexes: BlockIndexes
}

/** A block without its bloom and list, which a page does not show, and with what it does. */
function blockHead(block: FinalizedBlock, indexes: BlockIndexes): { [name: string]: Json } {
  return {
    ...headJson(block, indexes.of(block)),
    logsBloom: null,
    totalDifficulty: '0x0',
    size: quantity(block.sizeBytes),
    transactionCount: block.transactions.length,
    uncles: [],
  }
}

function detailsJson(block: FinalizedBlock, indexes: BlockIndexes): Json {
  const fees = block.receipts.reduce((sum, one) => sum + BigInt(one.gasUsed) * one.effectiveGasPrice, 0n)
  return {
    block: blockHead(block, indexes),
    // No coins are made for proposing a block.
    issuance: { blockReward: '0x0', uncleReward: '0x0', issuance: '0x0' },
    totalFees: quantity(fees),
  }
}

function transactionOf({ block, index }: Located, indexes: BlockIndexes): { [name: string]: Json } {
  const { sender } = block.transactions[index]!
  const transaction = indexes.of(block).transaction(index)
  return transactionJson(transaction, sender, { block, index }) as { [name: string]: Json }
}

/** A receipt without logs, which the lists do not show. */
function receiptOf({ block, index }: Located, indexes: BlockIndexes): { [name: string]: Json } {
  const receipt = receiptJson(block, indexes.of(block), index) as { [name: string]: Json }
  return { ...receipt, logs: null, logsBloom: null }
}

/** The page of a block's transactions, counted from its end, as Otterscan shows the newest first. */
function pageJson(options: {
  readonly block: FinalizedBlock
  readonly indexes: BlockIndexes
  readonly page: number
  readonly pageSize: number
}): Json {
  const { block, indexes, page, pageSize } = options
  const end = Math.max(0, block.transactions.length - page * pageSize)
  const places = block.transactions.map((_, index): Located => ({ block, index }))
  const shown = places.slice(Math.max(0, end - pageSize), end)
  const transactions = shown.map((at) =>
    lazyJson(() => {
      const transaction = transactionOf(at, indexes)
      // The selector is all that a list shows.
      return { ...transaction, input: (transaction.input as string).slice(0, 10) }
    }),
  )
  return {
    fullblock: { ...blockHead(block, indexes), transactions },
    receipts: shown.map((at) => lazyJson(() => receiptOf(at, indexes))),
  }
}

function traceList({ from, to, valueBase, input, transfers, failure }: CallTrace): Json {
  const top = { type: 'CALL', depth: 0, from: toHex(from), to: toHex(to), value: quantity(valueBase) }
  const below = transfers.map((one) => ({
    type: 'CALL',
    depth: 1,
    from: toHex(one.from),
    to: toHex(one.to),
    value: quantity(one.valueBase),
    input: '0x',
    output: '0x',
  }))
  return [{ ...top, input: toHex(input), output: failure === undefined ? '0x' : toHex(failure) }, ...below]
}

function blockPages({ backend, indexes }: OtsOptions): readonly Method[] {
  const details = (block: FinalizedBlock | undefined): Json =>
    block === undefined ? null : detailsJson(block, indexes)
  return [
    defineMethod({
      name: 'ots_getApiLevel',
      doc: 'Version of the ots_ methods.',
      cost: 1,
      params: {},
      returns: { type: 'integer' },
      run: () => API_LEVEL,
    }),
    defineMethod({
      name: 'ots_getBlockDetails',
      doc: "Returns a block's header, number of transactions and fees, by height or tag.",
      cost: 20,
      params: { block: p.atBlock },
      returns: OBJECT_OR_NULL,
      run: (args) => withValue(findBlock(backend, args.block), details),
    }),
    defineMethod({
      name: 'ots_getBlockDetailsByHash',
      doc: "Returns a block's header, number of transactions and fees, by hash.",
      cost: 20,
      params: { hash: p.hash },
      returns: OBJECT_OR_NULL,
      run: ({ hash }) => withValue(backend.blockByHash(hash), details),
    }),
    defineMethod({
      name: 'ots_getBlockTransactions',
      doc: "Returns a page of a block's transactions and receipts, without logs; page 0 is the last of the block.",
      cost: 50,
      params: { block: p.atBlock, page: p.uintOrInteger, pageSize: pageSizeParam },
      returns: OBJECT_OR_NULL,
      run: ({ block: selector, page, pageSize }) =>
        withValue(findBlock(backend, selector), (block) =>
          block === undefined ? null : pageJson({ block, indexes, page, pageSize }),
        ),
    }),
  ]
}

const pageSizeParam = invalidWhen(p.uintOrInteger, (value) =>
  value >= 1 && value <= PAGE_MAX ? undefined : `expected 1 to ${PAGE_MAX}`,
)

function transactionPages({ backend, indexes }: OtsOptions): readonly Method[] {
  const traced = (hash: Located['block']['transactions'][number]['id'], show: (trace: CallTrace) => Json) =>
    withValue(locate(backend, hash), (at): Json => {
      if (at === undefined) throw new RpcError(RPC_CODE.refused, 'transaction not found')
      return show(callTraceOf(at.block, indexes.of(at.block), at.index))
    })
  return [
    defineMethod({
      name: 'ots_traceTransaction',
      doc: 'Returns the call of a transaction and the movements of coins below it.',
      cost: 20,
      params: { hash: p.txId },
      returns: { type: 'array' },
      run: ({ hash }) => traced(hash, traceList),
    }),
    defineMethod({
      name: 'ots_getInternalOperations',
      doc: 'Returns the movements of coins of a transaction beside its own value.',
      cost: 20,
      params: { hash: p.txId },
      returns: { type: 'array' },
      run: ({ hash }) =>
        traced(hash, ({ transfers }) =>
          transfers.map(({ from, to, valueBase }) => ({
            type: TRANSFER_OPERATION,
            from: toHex(from),
            to: toHex(to),
            value: quantity(valueBase),
          })),
        ),
    }),
    defineMethod({
      name: 'ots_getTransactionError',
      doc: "Returns the custom error's first bytes of a failed transaction, 0x of any other.",
      cost: 10,
      params: { hash: p.txId },
      returns: { type: 'string' },
      run: ({ hash }) => traced(hash, ({ failure }) => (failure === undefined ? '0x' : toHex(failure))),
    }),
  ]
}

function accountPages(options: OtsOptions): readonly Method[] {
  const { backend, modules, indexes } = options
  const search = new AccountSearch(backend, indexes)
  const found = ({ places, firstPage, lastPage }: Awaited<ReturnType<AccountSearch['before']>>): Json => ({
    txs: places.map((at) => lazyJson(() => transactionOf(at, indexes))),
    receipts: places.map((at) =>
      lazyJson(() => ({ ...receiptOf(at, indexes), timestamp: timestampSeconds(at.block.header) })),
    ),
    firstPage,
    lastPage,
  })
  const params = { address: p.address, height: p.uintOrInteger, pageSize: pageSizeParam }
  return [
    defineMethod({
      name: 'ots_hasCode',
      doc: 'Whether an address has native code.',
      cost: 1,
      params: { address: p.address, block: p.atBlock },
      returns: { type: 'boolean' },
      run: ({ address, block }) =>
        withValue(mustFindState(backend, block), ({ state }): Json => hasCode(modules, state, address)),
    }),
    defineMethod({
      name: 'ots_searchTransactionsBefore',
      doc: "Returns an account's transactions below a height, newest first; 0 = from the latest block on.",
      cost: 500,
      params,
      returns: { type: 'object' },
      run: async ({ address, height, pageSize }) => found(await search.before(address, height, pageSize)),
    }),
    defineMethod({
      name: 'ots_searchTransactionsAfter',
      doc: "Returns an account's transactions above a height, newest first; 0 = from the first block on.",
      cost: 500,
      params,
      returns: { type: 'object' },
      run: async ({ address, height, pageSize }) => found(await search.after(address, height, pageSize)),
    }),
    defineMethod({
      name: 'ots_getTransactionBySenderAndNonce',
      doc: "Returns the hash of an account's final transaction with a nonce, within the states held.",
      cost: 20,
      params: { sender: p.address, nonce: p.uintOrInteger },
      returns: { oneOf: [{ type: 'string' }, { type: 'null' }] },
      run: async ({ sender, nonce }) => {
        const at = await findByNonce(backend, sender, nonce)
        return at === undefined ? null : toHex(at.block.transactions[at.index]!.id)
      },
    }),
    defineMethod({
      name: 'ots_getContractCreator',
      doc: 'Null: there are no contracts.',
      cost: 1,
      params: { address: p.address },
      returns: { type: 'null' },
      run: () => null,
    }),
  ]
}

export function otterscanMethods(options: OtsOptions): readonly Method[] {
  return [...blockPages(options), ...transactionPages(options), ...accountPages(options)]
}
