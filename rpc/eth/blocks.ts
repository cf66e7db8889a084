// Blocks, transactions and receipts in Ethereum's form. Unknown ones are null, not an error.

import type { Json, JsonSchema } from '../../base/field.ts'
import type { TxId } from '../../base/ids.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { lazyJson } from '../lazyJson.ts'
import { defineMethod, type Method } from '../method.ts'
import { p, QUANTITY_SCHEMA, withDefault } from '../params.ts'
import { type BlockIndexes, mustDecode } from './blockIndex.ts'
import { blockJson, quantity, receiptJson, transactionJson } from './format.ts'
import { findBlock, withValue } from './resolve.ts'

const OBJECT_OR_NULL: JsonSchema = { oneOf: [{ type: 'object' }, { type: 'null' }] }
const LIST_OR_NULL: JsonSchema = { oneOf: [{ type: 'array' }, { type: 'null' }] }
const COUNT_OR_NULL: JsonSchema = { oneOf: [QUANTITY_SCHEMA, { type: 'null' }] }

type Located = { readonly block: FinalizedBlock; readonly index: number }

/** A finalized transaction with its block. */
export function locate(backend: Backend, id: TxId): Promise<Located | undefined> | Located | undefined {
  return withValue(backend.locateTransaction(id), (at) => {
    if (at === undefined) return undefined
    return withValue(backend.blockByHeight(at.height), (block) =>
      block === undefined ? undefined : { block, index: at.index },
    ) as Located | undefined
  }) as Promise<Located | undefined> | Located | undefined
}

export function blockMethods(backend: Backend, indexes: BlockIndexes): readonly Method[] {
  const byIndex = (block: FinalizedBlock | undefined, index: number): Json => {
    const known = block?.transactions[index]
    if (block === undefined || known === undefined) return null
    return transactionJson(indexes.of(block).transaction(index), known.sender, { block, index })
  }
  const count = (block: FinalizedBlock | undefined): Json =>
    block === undefined ? null : quantity(block.transactions.length)
  const whole = (block: FinalizedBlock | undefined, hydrated: boolean): Json =>
    block === undefined ? null : blockJson(block, indexes.of(block), hydrated)
  const hydrated = withDefault(p.bool, false)
  return [
    defineMethod({
      name: 'eth_getBlockByNumber',
      doc: 'Returns a block by height or tag; latest, safe, finalized and pending are the finalized tip.',
      cost: 10,
      params: { block: p.block, hydrated },
      returns: OBJECT_OR_NULL,
      run: (args) => withValue(findBlock(backend, args.block), (block) => whole(block, args.hydrated)),
    }),
    defineMethod({
      name: 'eth_getBlockByHash',
      doc: 'Returns a block by its hash, the SHA-256 of the canonical header.',
      cost: 10,
      params: { hash: p.hash, hydrated },
      returns: OBJECT_OR_NULL,
      run: (args) => withValue(backend.blockByHash(args.hash), (block) => whole(block, args.hydrated)),
    }),
    defineMethod({
      name: 'eth_getBlockTransactionCountByNumber',
      doc: 'Number of transactions in a block.',
      cost: 5,
      params: { block: p.block },
      returns: COUNT_OR_NULL,
      run: (args) => withValue(findBlock(backend, args.block), count),
    }),
    defineMethod({
      name: 'eth_getBlockTransactionCountByHash',
      doc: 'Number of transactions in a block.',
      cost: 5,
      params: { hash: p.hash },
      returns: COUNT_OR_NULL,
      run: (args) => withValue(backend.blockByHash(args.hash), count),
    }),
    defineMethod({
      name: 'eth_getUncleCountByBlockNumber',
      doc: 'Zero: there are no uncles.',
      cost: 5,
      params: { block: p.block },
      returns: COUNT_OR_NULL,
      run: (args) =>
        withValue(findBlock(backend, args.block), (block) => (block === undefined ? null : '0x0')),
    }),
    defineMethod({
      name: 'eth_getUncleCountByBlockHash',
      doc: 'Zero: there are no uncles.',
      cost: 5,
      params: { hash: p.hash },
      returns: COUNT_OR_NULL,
      run: (args) =>
        withValue(backend.blockByHash(args.hash), (block) => (block === undefined ? null : '0x0')),
    }),
    defineMethod({
      name: 'eth_getTransactionByBlockNumberAndIndex',
      doc: 'Returns a transaction by block and index.',
      cost: 5,
      params: { block: p.block, index: p.uint },
      returns: OBJECT_OR_NULL,
      run: (args) => withValue(findBlock(backend, args.block), (block) => byIndex(block, args.index)),
    }),
    defineMethod({
      name: 'eth_getTransactionByBlockHashAndIndex',
      doc: 'Returns a transaction by block hash and index.',
      cost: 5,
      params: { hash: p.hash, index: p.uint },
      returns: OBJECT_OR_NULL,
      run: (args) => withValue(backend.blockByHash(args.hash), (block) => byIndex(block, args.index)),
    }),
    defineMethod({
      name: 'eth_getTransactionByHash',
      doc: "Returns a transaction, final or in this node's mempool (then its block fields are null).",
      cost: 5,
      params: { hash: p.txId },
      returns: OBJECT_OR_NULL,
      run: ({ hash }) =>
        withValue(locate(backend, hash), (at) => {
          if (at !== undefined) return byIndex(at.block, at.index)
          const pending = backend.pendingTransaction(hash)
          if (pending === undefined) return null
          const transaction = mustDecode(pending.raw, backend.identity.chainId)
          return transactionJson(transaction, pending.sender, undefined)
        }),
    }),
    defineMethod({
      name: 'eth_getTransactionReceipt',
      doc: 'Returns the receipt of a final transaction; null while it is pending.',
      cost: 5,
      params: { hash: p.txId },
      returns: OBJECT_OR_NULL,
      run: ({ hash }) =>
        withValue(locate(backend, hash), (at) =>
          at === undefined ? null : receiptJson(at.block, indexes.of(at.block), at.index),
        ),
    }),
    defineMethod({
      name: 'eth_getBlockReceipts',
      doc: 'Returns all receipts of a block.',
      cost: 20,
      params: { block: p.block },
      returns: LIST_OR_NULL,
      run: (args) =>
        withValue(findBlock(backend, args.block), (block) => {
          if (block === undefined) return null
          const index = indexes.of(block)
          return block.transactions.map((_, i) => lazyJson(() => receiptJson(block, index, i)))
        }),
    }),
  ]
}
