// tx_status: the status of a transaction, and in words why it failed or was dropped.
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { selectorNumber } from '../../state/abiTable.ts'
import { dispatcherOf, targetOf } from '../../state/dispatch.ts'
import type { Module } from '../../state/rules.ts'
import type { Transaction } from '../../state/transaction.ts'
import { protocolVersionOf } from '../../state/versions.ts'
import type { Backend, FinalizedBlock } from '../backend.ts'
import type { BlockIndexes } from '../eth/blockIndex.ts'
import { failureWords } from '../failures.ts'
import { defineMethod, type Method } from '../method.ts'
import { p } from '../params.ts'

interface TxOptions {
  readonly backend: Backend
  readonly modules: readonly Module[]
  readonly indexes: BlockIndexes
}

/** `issuance.mint`, `transfer`, or the called selector. */
function actionName(options: TxOptions, transaction: Transaction): string {
  const view = options.backend.stateAt('latest')
  if (view === undefined) return 'transaction'
  const dispatcher = dispatcherOf(options.modules, protocolVersionOf(view.state))
  const target = targetOf(dispatcher, view.state, transaction.to)
  const table =
    target.kind === 'module' ? target.table : target.kind === 'asset' ? dispatcher.erc20 : undefined
  if (table === undefined) return 'transfer'
  const selector = selectorNumber(transaction.data)
  const entry = selector === undefined ? undefined : table.bySelector.get(selector)
  return entry === undefined ? `call of ${table.definition.name}` : `${table.definition.name}.${entry.name}`
}

function includedJson(options: TxOptions, block: FinalizedBlock, index: number): Json {
  const receipt = block.receipts[index]!
  const transaction = options.indexes.of(block).transaction(index)
  const action = actionName(options, transaction)
  const place = {
    status: 'included',
    height: block.header.height,
    blockHash: toHex(block.hash),
    index,
    action,
    succeeded: receipt.succeeded,
    gasUsed: receipt.gasUsed,
    feeBase: (BigInt(receipt.gasUsed) * receipt.effectiveGasPrice).toString(),
  }
  if (receipt.succeeded) return { ...place, failure: null, sentence: `${action} succeeded` }
  const words = failureWords(options.modules, receipt.failure)
  return {
    ...place,
    failure: { name: words.name, arguments: words.arguments, reason: toHex(receipt.failure) },
    sentence: `${action} failed: ${words.sentence}`,
  }
}

export function txMethods(options: TxOptions): readonly Method[] {
  const { backend } = options
  return [
    defineMethod({
      name: 'tx_status',
      doc: 'Returns the status: unknown, pending, included (with any failure) or dropped (with the reason).',
      cost: 5,
      params: { hash: p.txId },
      returns: { type: 'object', required: ['status'] },
      run: async ({ hash }) => {
        const known = await backend.transactionStatus(hash)
        switch (known.status) {
          case 'unknown':
            return { status: 'unknown', sentence: 'this node has not seen the transaction' }
          case 'pending':
            return {
              status: 'pending',
              executable: known.executable,
              sentence: known.executable
                ? 'waits for a block'
                : 'waits for an earlier nonce or a lower base fee',
            }
          case 'dropped':
            return { status: 'dropped', reason: known.reason, sentence: `dropped: ${known.reason}` }
          case 'included': {
            const block = await backend.blockByHeight(known.height)
            if (block === undefined) return { status: 'included', height: known.height, index: known.index }
            return includedJson(options, block, known.index)
          }
        }
      },
    }),
  ]
}
