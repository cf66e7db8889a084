// Blocks and receipts in Ethereum's form. Unknown ones are null, not an error.

import { bytesKey } from '../../base/bytes.ts'
import type { Json, JsonSchema } from '../../base/field.ts'
import type { TxId } from '../../base/ids.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { lazyJson, writtenJson } from '../lazyJson.ts'
import { defineMethod, type Method } from '../method.ts'
import { p, withDefault } from '../params.ts'
import { TextCache } from '../textCache.ts'
import type { BlockIndexes } from './blockIndex.ts'
import { blockJson, headJson, receiptJson } from './format.ts'
import { findBlock, withValue } from './resolve.ts'

export const OBJECT_OR_NULL: JsonSchema = { oneOf: [{ type: 'object' }, { type: 'null' }] }
const LIST_OR_NULL: JsonSchema = { oneOf: [{ type: 'array' }, { type: 'null' }] }

/** Characters of the receipts that are kept as text: who waits for a transaction asks again and again, and so do indexers. */
const RECEIPTS_LENGTH_MAX = 4 * 1024 * 1024

/** A transaction's place. */
export type Located = { readonly block: FinalizedBlock; readonly index: number }

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
  const whole = (block: FinalizedBlock | undefined, hydrated: boolean): Json =>
    block === undefined ? null : blockJson(block, indexes.of(block), hydrated)
  const head = (block: FinalizedBlock | undefined): Json =>
    block === undefined ? null : headJson(block, indexes.of(block))
  const hydrated = withDefault(p.bool, false)
  // Final, so they never change.
  const receipts = new TextCache(RECEIPTS_LENGTH_MAX)
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
      name: 'eth_getHeaderByNumber',
      doc: 'Returns the header fields of a block by height or tag.',
      cost: 5,
      params: { block: p.block },
      returns: OBJECT_OR_NULL,
      run: (args) => withValue(findBlock(backend, args.block), head),
    }),
    defineMethod({
      name: 'eth_getHeaderByHash',
      doc: 'Returns the header fields of a block by its hash.',
      cost: 5,
      params: { hash: p.hash },
      returns: OBJECT_OR_NULL,
      run: (args) => withValue(backend.blockByHash(args.hash), head),
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
      name: 'eth_getTransactionReceipt',
      doc: 'Returns the receipt of a final transaction; null while it is pending.',
      cost: 5,
      params: { hash: p.txId },
      returns: OBJECT_OR_NULL,
      run: ({ hash }) => {
        const key = bytesKey(hash)
        const known = receipts.get(key)
        if (known !== undefined && known.height >= backend.blockHeightMin()) return writtenJson(known.text)
        return withValue(locate(backend, hash), (at): Json => {
          if (at === undefined) return null
          const text = JSON.stringify(receiptJson(at.block, indexes.of(at.block), at.index))
          receipts.set(key, { height: at.block.header.height, text })
          return writtenJson(text)
        })
      },
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
