// How many transactions a block has, and its uncles, of which there are none.
import type { Json, JsonSchema } from '../../base/field.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { defineMethod, type Method } from '../method.ts'
import { p, QUANTITY_SCHEMA } from '../params.ts'
import { quantity } from './format.ts'
import { findBlock, withValue } from './resolve.ts'

const COUNT_OR_NULL: JsonSchema = { oneOf: [QUANTITY_SCHEMA, { type: 'null' }] }

export function countMethods(backend: Backend): readonly Method[] {
  const count = (block: FinalizedBlock | undefined): Json =>
    block === undefined ? null : quantity(block.transactions.length)
  return [
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
      name: 'eth_getUncleByBlockNumberAndIndex',
      doc: 'Null: there are no uncles.',
      cost: 1,
      params: { block: p.block, index: p.index },
      returns: { type: 'null' },
      run: () => null,
    }),
    defineMethod({
      name: 'eth_getUncleByBlockHashAndIndex',
      doc: 'Null: there are no uncles.',
      cost: 1,
      params: { hash: p.hash, index: p.index },
      returns: { type: 'null' },
      run: () => null,
    }),
  ]
}
