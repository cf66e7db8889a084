// Transactions in Ethereum's form and as bytes, final or pending. Unknown ones are null, not an error.
import { equalBytes, toHex } from '../../base/bytes.ts'
import type { Json, JsonSchema } from '../../base/field.ts'
import type { Address } from '../../base/ids.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import { RPC_CODE, RpcError } from '../errors.ts'
import { defineMethod, type Method } from '../method.ts'
import { DATA_SCHEMA, p } from '../params.ts'
import { type BlockIndexes, mustDecode } from './blockIndex.ts'
import { type Located, locate, OBJECT_OR_NULL } from './blocks.ts'
import { transactionJson } from './format.ts'
import { findBlock, withValue } from './resolve.ts'

const DATA_OR_NULL: JsonSchema = { oneOf: [DATA_SCHEMA, { type: 'null' }] }

/**
 * The final transaction of an account with this nonce; undefined when there is none yet. No index is needed: the nonces
 * in the states that the node holds are searched in halves. Throws RpcError when the block is below those states.
 */
export async function findByNonce(
  backend: Backend,
  sender: Address,
  nonce: number,
): Promise<Located | undefined> {
  const nonceAt = (height: number): number => {
    const view = backend.stateAt(height)
    return view === undefined ? -1 : getAccount(view.state, sender).nonce
  }
  let above = backend.head().header.height
  if (nonceAt(above) <= nonce) return undefined
  let below = Math.max(backend.stateHeightMin(), backend.blockHeightMin() - 1)
  if (nonceAt(below) > nonce) {
    const message = `the transaction is in block ${below} or below, where this node holds no states to find it by`
    throw new RpcError(RPC_CODE.refused, message, { heightMin: below })
  }
  while (above - below > 1) {
    const middle = (above + below) >> 1
    if (nonceAt(middle) > nonce) above = middle
    else below = middle
  }
  const block = await backend.blockByHeight(above)
  // Nonces of one sender are in order, so its first one in the block tells the index of the wanted one.
  const own = block?.transactions.flatMap((known, index) => (equalBytes(known.sender, sender) ? [index] : []))
  const first = nonceAt(above) - (own?.length ?? 0)
  const index = own?.[nonce - first]
  return block === undefined || index === undefined ? undefined : { block, index }
}

/** Methods that answer the bytes of a transaction, as it was received. */
function rawMethods(backend: Backend): readonly Method[] {
  const rawAt = (block: FinalizedBlock | undefined, index: number): Json => {
    const known = block?.transactions[index]
    return known === undefined ? null : toHex(known.raw)
  }
  return [
    defineMethod({
      name: 'eth_getRawTransactionByHash',
      doc: "Returns the bytes of a transaction, final or in this node's mempool.",
      cost: 5,
      params: { hash: p.txId },
      returns: DATA_OR_NULL,
      run: ({ hash }) =>
        withValue(locate(backend, hash), (at) => {
          if (at !== undefined) return rawAt(at.block, at.index)
          const pending = backend.pendingTransaction(hash)
          return pending === undefined ? null : toHex(pending.raw)
        }),
    }),
    defineMethod({
      name: 'eth_getRawTransactionByBlockNumberAndIndex',
      doc: 'Returns the bytes of a transaction by block and index.',
      cost: 5,
      params: { block: p.block, index: p.index },
      returns: DATA_OR_NULL,
      run: (args) => withValue(findBlock(backend, args.block), (block) => rawAt(block, args.index)),
    }),
    defineMethod({
      name: 'eth_getRawTransactionByBlockHashAndIndex',
      doc: 'Returns the bytes of a transaction by block and index.',
      cost: 5,
      params: { hash: p.hash, index: p.index },
      returns: DATA_OR_NULL,
      run: (args) => withValue(backend.blockByHash(args.hash), (block) => rawAt(block, args.index)),
    }),
  ]
}

export function transactionMethods(backend: Backend, indexes: BlockIndexes): readonly Method[] {
  const byIndex = (block: FinalizedBlock | undefined, index: number): Json => {
    const known = block?.transactions[index]
    if (block === undefined || known === undefined) return null
    return transactionJson(indexes.of(block).transaction(index), known.sender, { block, index })
  }
  return [
    ...rawMethods(backend),
    defineMethod({
      name: 'eth_getTransactionByBlockNumberAndIndex',
      doc: 'Returns a transaction by block and index.',
      cost: 5,
      params: { block: p.block, index: p.index },
      returns: OBJECT_OR_NULL,
      run: (args) => withValue(findBlock(backend, args.block), (block) => byIndex(block, args.index)),
    }),
    defineMethod({
      name: 'eth_getTransactionByBlockHashAndIndex',
      doc: 'Returns a transaction by block hash and index.',
      cost: 5,
      params: { hash: p.hash, index: p.index },
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
      name: 'eth_getTransactionBySenderAndNonce',
      doc: "Returns an account's transaction with a nonce, final or in this node's mempool; of final ones, within the states held.",
      cost: 20,
      params: { sender: p.address, nonce: p.index },
      returns: OBJECT_OR_NULL,
      run: async ({ sender, nonce }) => {
        const at = await findByNonce(backend, sender, nonce)
        if (at !== undefined) return byIndex(at.block, at.index)
        for (const { transaction } of backend.pooledTransactions(sender)) {
          if (transaction.nonce === nonce) return transactionJson(transaction, sender, undefined)
        }
        return null
      },
    }),
  ]
}
