// tx_status: the status of a transaction, and in words why it failed or was dropped.
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { selectorNumber } from '../../state/abiTable.ts'
import { dispatcherOf, targetOf } from '../../state/dispatch.ts'
import type { Module } from '../../state/rules.ts'
import type { Transaction } from '../../state/transaction.ts'
import { protocolVersionOf } from '../../state/versions.ts'
import type { Backend, FinalizedBlock, TransactionStatus } from '../backend.ts'
import type { BlockIndexes } from '../eth/blockIndex.ts'
import { failureWords } from '../failures.ts'
import { defineMethod, type Method } from '../method.ts'
import { p } from '../params.ts'

export interface TxOptions {
  readonly backend: Backend
  readonly modules: readonly Module[]
  readonly indexes: BlockIndexes
}

/** `issuance.mint`, `transfer`, or the called selector. */
export function actionName(options: TxOptions, transaction: Transaction): string {
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
    lane: receipt.lane,
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

/** What a pool's reasons mean for the sender. */
const DROP_WORDS: { readonly [reason: string]: string } = {
  replaced: 'another transaction with the same nonce pays more',
  evicted: 'the pool was full and others tip more; send it again with a higher tip',
  evictedAboveFloor: 'the pool was full, and others of the same account come before it; send it again',
  expired: 'it waited ten minutes for an earlier nonce or a lower base fee',
  nonceUsed: 'another transaction with the same nonce is in a block',
  insufficientFunds: 'the account can no longer pay for it',
}

function pendingSentence(known: Extract<TransactionStatus, { readonly status: 'pending' }>): string {
  const { executable, missingNonce, lane, baseFeePerGas } = known
  if (executable) return `waits for a block with room in the ${lane} lane`
  if (missingNonce !== undefined) return `waits for nonce ${missingNonce} of the same account: send it first`
  return `waits for a base fee of the ${lane} lane below ${baseFeePerGas}`
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
              missingNonce: known.missingNonce ?? null,
              lane: known.lane,
              baseFeePerGas: known.baseFeePerGas.toString(),
              sentence: pendingSentence(known),
            }
          case 'dropped':
            return {
              status: 'dropped',
              reason: known.reason,
              sentence: `dropped: ${DROP_WORDS[known.reason] ?? known.reason}`,
            }
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
