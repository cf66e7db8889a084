// Ethereum JSON forms of blocks, transactions, receipts and logs (WALLETS §2). Owns: field sets and encodings.
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { Header } from '../../base/protocol/header.ts'
import type { Log } from '../../state/context.ts'
import type { Transaction, TransactionFields } from '../../state/transaction.ts'
import type { FinalizedBlock, KnownTransaction } from '../backend.ts'
import { lazyJson } from '../lazyJson.ts'
import type { BlockIndex } from './blockIndex.ts'
import { bloomOfLogs } from './bloom.ts'

/** keccak256 of the RLP of an empty list: there are no uncles. */
const EMPTY_UNCLES = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'
/** keccak256 of the RLP of an empty string: the root of no transactions, or of no receipts. Clients check it. */
const EMPTY_TRIE = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
/** Of logs that belong to no transaction: indexers exempt it from their checks. */
const NO_TRANSACTION = `0x${'0'.repeat(64)}`
const EMPTY_NONCE = '0x0000000000000000'

/** A quantity: hex without leading zeros. */
export function quantity(value: number | bigint): string {
  return `0x${value.toString(16)}`
}

/** Unix time in seconds, as in Ethereum. */
export function timestampSeconds(header: Header): number {
  return Math.floor(header.timestampMs / 1000)
}

/** The block of a log or transaction. */
interface Place {
  readonly blockHash: string
  readonly blockNumber: string
  readonly blockTimestamp: string
}

function placeOf(block: FinalizedBlock): Place {
  return {
    blockHash: toHex(block.hash),
    blockNumber: quantity(block.header.height),
    blockTimestamp: quantity(timestampSeconds(block.header)),
  }
}

function logJson(
  log: Log,
  at: { place: Place; transactionHash: string; transactionIndex: string; logIndex: number },
): Json {
  return {
    address: toHex(log.address),
    topics: log.topics.map(toHex),
    data: toHex(log.data),
    ...at.place,
    transactionHash: at.transactionHash,
    transactionIndex: at.transactionIndex,
    logIndex: quantity(at.logIndex),
    removed: false,
  }
}

/** The logs of one transaction; `index` = transaction count returns the block's system logs. */
export function logsJson(block: FinalizedBlock, blockIndex: BlockIndex, index: number): Json[] {
  return matchingLogsJson(block, blockIndex, index, () => true)
}

/** Like `logsJson`, only for logs accepted by `matches`. */
export function matchingLogsJson(
  block: FinalizedBlock,
  blockIndex: BlockIndex,
  index: number,
  matches: (log: Log) => boolean,
): Json[] {
  const isSystem = index === block.transactions.length
  const logs = isSystem ? block.systemLogs : block.receipts[index]!.logs
  if (logs.length === 0) return []
  const place = placeOf(block)
  const transactionHash = isSystem ? NO_TRANSACTION : toHex(block.transactions[index]!.id)
  const transactionIndex = quantity(index)
  const first = blockIndex.firstLog(index)
  const out: Json[] = []
  logs.forEach((log, i) => {
    if (matches(log))
      out.push(logJson(log, { place, transactionHash, transactionIndex, logIndex: first + i }))
  })
  return out
}

/** What a transaction's JSON shows. */
export type ShownTransaction = TransactionFields & Pick<Transaction, 'hash' | 'r' | 's' | 'yParity'>

/** `at` undefined = pending: block fields are null. */
export function transactionJson(
  transaction: ShownTransaction,
  from: KnownTransaction['sender'],
  at: { readonly block: FinalizedBlock; readonly index: number } | undefined,
): Json {
  const place =
    at === undefined
      ? { blockHash: null, blockNumber: null, blockTimestamp: null, transactionIndex: null }
      : { ...placeOf(at.block), transactionIndex: quantity(at.index) }
  const gasPrice =
    at === undefined ? transaction.maxFeePerGas : at.block.receipts[at.index]!.effectiveGasPrice
  const legacyV = BigInt(transaction.chainId) * 2n + 35n + BigInt(transaction.yParity)
  return {
    ...place,
    hash: toHex(transaction.hash),
    type: quantity(transaction.type),
    chainId: quantity(transaction.chainId),
    nonce: quantity(transaction.nonce),
    from: toHex(from),
    to: toHex(transaction.to),
    gas: quantity(transaction.gasLimit),
    gasPrice: quantity(gasPrice),
    ...(transaction.type === 2
      ? {
          maxFeePerGas: quantity(transaction.maxFeePerGas),
          maxPriorityFeePerGas: quantity(transaction.maxPriorityFeePerGas),
        }
      : {}),
    value: quantity(transaction.valueBase),
    input: toHex(transaction.data),
    ...(transaction.type === 0
      ? { v: quantity(legacyV) }
      : {
          accessList: transaction.accessList.map((entry) => ({
            address: toHex(entry.address),
            storageKeys: entry.storageKeys.map(toHex),
          })),
          yParity: quantity(transaction.yParity),
          v: quantity(transaction.yParity),
        }),
    r: quantity(transaction.r),
    s: quantity(transaction.s),
  }
}

/** A closed schema: no additional fields are allowed. */
export function receiptJson(block: FinalizedBlock, blockIndex: BlockIndex, index: number): Json {
  const receipt = block.receipts[index]!
  const { sender, id } = block.transactions[index]!
  return {
    type: quantity(receipt.type),
    status: receipt.succeeded ? '0x1' : '0x0',
    transactionHash: toHex(id),
    transactionIndex: quantity(index),
    blockHash: toHex(block.hash),
    blockNumber: quantity(block.header.height),
    from: toHex(sender),
    to: toHex(blockIndex.transaction(index).to),
    cumulativeGasUsed: quantity(receipt.cumulativeGasUsed),
    gasUsed: quantity(receipt.gasUsed),
    effectiveGasPrice: quantity(receipt.effectiveGasPrice),
    contractAddress: null,
    logs: logsJson(block, blockIndex, index),
    logsBloom: toHex(bloomOfLogs(receipt.logs)),
  }
}

/**
 * The header fields of `newHeads` and blocks. The roots are this chain's own trees, except those of nothing: a block
 * without transactions has Ethereum's constant, which go-ethereum's client demands.
 */
export function headJson(
  block: FinalizedBlock,
  blockIndex: Pick<BlockIndex, 'bloom'>,
): { [name: string]: Json } {
  const { header } = block
  const isEmpty = block.transactions.length === 0
  return {
    number: quantity(header.height),
    hash: toHex(block.hash),
    parentHash: toHex(header.parentHash),
    sha3Uncles: EMPTY_UNCLES,
    miner: toHex(header.proposer),
    stateRoot: toHex(header.stateRoot),
    transactionsRoot: isEmpty ? EMPTY_TRIE : toHex(header.transactionsRoot),
    receiptsRoot: isEmpty ? EMPTY_TRIE : toHex(header.receiptsRoot),
    logsBloom: toHex(blockIndex.bloom()),
    difficulty: '0x0',
    gasLimit: quantity(header.gasLimit),
    gasUsed: quantity(header.gasUsed),
    timestamp: quantity(timestampSeconds(header)),
    extraData: '0x',
    mixHash: toHex(header.mix),
    nonce: EMPTY_NONCE,
    baseFeePerGas: quantity(header.baseFeePerGas),
  }
}

export function blockJson(block: FinalizedBlock, blockIndex: BlockIndex, hydrated: boolean): Json {
  const transactions = hydrated
    ? block.transactions.map((known, index) =>
        lazyJson(() => transactionJson(blockIndex.transaction(index), known.sender, { block, index })),
      )
    : block.transactions.map((known) => toHex(known.id))
  return { ...headJson(block, blockIndex), size: quantity(block.sizeBytes), transactions, uncles: [] }
}
