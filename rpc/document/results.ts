// What methods answer, in full, where their definitions say only "an object" or "a list". Owns: these schemas, by method.
import type { JsonSchema } from '../../base/field.ts'
import { ADDRESS_SCHEMA, DATA_SCHEMA, HASH_SCHEMA, QUANTITY_SCHEMA } from '../params.ts'
import {
  AMOUNT,
  BLOCK,
  BOOLEAN,
  HEAD_OBJECT,
  INTEGER,
  LOG,
  listOf,
  mapOf,
  NULL,
  objectOf,
  orNull,
  RECEIPT,
  SHAPES,
  TEXT,
  TRANSACTION,
} from './shapes.ts'

const NUMBER: JsonSchema = { type: 'number', minimum: 0 }

/** A tree without end, one level a step: written out for two, then free. */
const CALL_FRAME_MEMBERS = {
  type: TEXT,
  from: ADDRESS_SCHEMA,
  to: ADDRESS_SCHEMA,
  value: QUANTITY_SCHEMA,
  gas: QUANTITY_SCHEMA,
  gasUsed: QUANTITY_SCHEMA,
  input: DATA_SCHEMA,
  'output?': DATA_SCHEMA,
  'error?': TEXT,
  'revertReason?': TEXT,
} as const
const TRACE_LOG = objectOf({
  address: ADDRESS_SCHEMA,
  topics: listOf(HASH_SCHEMA),
  data: DATA_SCHEMA,
  index: QUANTITY_SCHEMA,
  position: QUANTITY_SCHEMA,
})
const CALL_FRAME = objectOf({
  ...CALL_FRAME_MEMBERS,
  'calls?': listOf(objectOf(CALL_FRAME_MEMBERS)),
  'logs?': listOf(TRACE_LOG),
})
const NO_TRACE = objectOf({
  gas: INTEGER,
  failed: BOOLEAN,
  returnValue: DATA_SCHEMA,
  structLogs: listOf(NULL),
})

const PARITY_TRACE = objectOf({
  action: objectOf({
    from: ADDRESS_SCHEMA,
    callType: TEXT,
    gas: QUANTITY_SCHEMA,
    input: DATA_SCHEMA,
    to: ADDRESS_SCHEMA,
    value: QUANTITY_SCHEMA,
  }),
  blockHash: HASH_SCHEMA,
  blockNumber: INTEGER,
  transactionHash: HASH_SCHEMA,
  transactionPosition: INTEGER,
  result: objectOf({ gasUsed: QUANTITY_SCHEMA, output: DATA_SCHEMA }),
  'error?': TEXT,
  subtraces: INTEGER,
  traceAddress: listOf(INTEGER),
  type: TEXT,
})

const OTS_TRACE = objectOf({
  type: TEXT,
  depth: INTEGER,
  from: ADDRESS_SCHEMA,
  to: ADDRESS_SCHEMA,
  value: QUANTITY_SCHEMA,
  input: DATA_SCHEMA,
  output: DATA_SCHEMA,
})
const OTS_OPERATION = objectOf({
  type: INTEGER,
  from: ADDRESS_SCHEMA,
  to: ADDRESS_SCHEMA,
  value: QUANTITY_SCHEMA,
})
/** A block or a receipt with members that its page does not show. */
const OTS_BLOCK = objectOf({
  number: QUANTITY_SCHEMA,
  hash: HASH_SCHEMA,
  timestamp: QUANTITY_SCHEMA,
  transactionCount: { anyOf: [INTEGER, QUANTITY_SCHEMA] },
})
const OTS_RECEIPT = objectOf({
  transactionHash: HASH_SCHEMA,
  blockNumber: QUANTITY_SCHEMA,
  status: TEXT,
  gasUsed: QUANTITY_SCHEMA,
  logs: NULL,
  logsBloom: NULL,
  'timestamp?': INTEGER,
})
const OTS_DETAILS = orNull(
  objectOf({
    block: OTS_BLOCK,
    issuance: objectOf({
      blockReward: QUANTITY_SCHEMA,
      uncleReward: QUANTITY_SCHEMA,
      issuance: QUANTITY_SCHEMA,
    }),
    totalFees: QUANTITY_SCHEMA,
  }),
)
const OTS_PAGE = objectOf({
  txs: listOf(TRANSACTION),
  receipts: listOf(OTS_RECEIPT),
  firstPage: BOOLEAN,
  lastPage: BOOLEAN,
})

const POOLED = mapOf(TRANSACTION)
const SYNCING = objectOf({
  startingBlock: QUANTITY_SCHEMA,
  currentBlock: QUANTITY_SCHEMA,
  highestBlock: QUANTITY_SCHEMA,
})
const FEE_HISTORY = objectOf({
  oldestBlock: QUANTITY_SCHEMA,
  baseFeePerGas: listOf(QUANTITY_SCHEMA),
  gasUsedRatio: listOf(NUMBER),
  'reward?': listOf(listOf(QUANTITY_SCHEMA)),
})
const SIMULATED_CALL = objectOf({
  returnData: DATA_SCHEMA,
  gasUsed: QUANTITY_SCHEMA,
  logs: listOf(LOG),
  status: TEXT,
  'error?': objectOf({ code: { type: 'integer' }, message: TEXT, data: DATA_SCHEMA }),
})

const ETH: { readonly [method: string]: JsonSchema } = {
  eth_accounts: listOf(ADDRESS_SCHEMA),
  eth_syncing: { anyOf: [{ const: false }, SYNCING] },
  eth_feeHistory: FEE_HISTORY,
  eth_getBlockByNumber: orNull(BLOCK),
  eth_getBlockByHash: orNull(BLOCK),
  eth_getHeaderByNumber: orNull(HEAD_OBJECT),
  eth_getHeaderByHash: orNull(HEAD_OBJECT),
  eth_getBlockReceipts: orNull(listOf(RECEIPT)),
  eth_getTransactionByHash: orNull(TRANSACTION),
  eth_getTransactionBySenderAndNonce: orNull(TRANSACTION),
  eth_getTransactionByBlockNumberAndIndex: orNull(TRANSACTION),
  eth_getTransactionByBlockHashAndIndex: orNull(TRANSACTION),
  eth_getTransactionReceipt: orNull(RECEIPT),
  eth_sendRawTransactionSync: RECEIPT,
  eth_pendingTransactions: listOf(TRANSACTION),
  eth_getLogs: listOf(LOG),
  eth_getFilterLogs: listOf(LOG),
  eth_getFilterChanges: { anyOf: [listOf(HASH_SCHEMA), listOf(LOG)] },
  eth_createAccessList: objectOf({
    accessList: listOf(objectOf({ address: ADDRESS_SCHEMA, storageKeys: listOf(HASH_SCHEMA) })),
    gasUsed: QUANTITY_SCHEMA,
    'error?': TEXT,
  }),
  eth_fillTransaction: objectOf({ raw: DATA_SCHEMA, tx: mapOf({}) }),
  eth_simulateV1: listOf(
    objectOf({
      number: QUANTITY_SCHEMA,
      hash: HASH_SCHEMA,
      timestamp: QUANTITY_SCHEMA,
      transactions: { anyOf: [listOf(HASH_SCHEMA), listOf(TRANSACTION)] },
      calls: listOf(SIMULATED_CALL),
    }),
  ),
  rpc_modules: mapOf(TEXT),
  txpool_status: objectOf({ pending: QUANTITY_SCHEMA, queued: QUANTITY_SCHEMA }),
  txpool_content: objectOf({ pending: mapOf(POOLED), queued: mapOf(POOLED) }),
  txpool_contentFrom: objectOf({ pending: POOLED, queued: POOLED }),
  txpool_inspect: objectOf({ pending: mapOf(mapOf(TEXT)), queued: mapOf(mapOf(TEXT)) }),
  debug_traceTransaction: { anyOf: [CALL_FRAME, NO_TRACE, mapOf(NULL)] },
  trace_block: orNull(listOf(PARITY_TRACE)),
  ots_getBlockDetails: OTS_DETAILS,
  ots_getBlockDetailsByHash: OTS_DETAILS,
  ots_getBlockTransactions: orNull(objectOf({ fullblock: OTS_BLOCK, receipts: listOf(OTS_RECEIPT) })),
  ots_traceTransaction: orNull(listOf(OTS_TRACE)),
  ots_getInternalOperations: orNull(listOf(OTS_OPERATION)),
  ots_getTransactionError: orNull(DATA_SCHEMA),
  ots_searchTransactionsBefore: OTS_PAGE,
  ots_searchTransactionsAfter: OTS_PAGE,
  ots_getTransactionBySenderAndNonce: orNull(HASH_SCHEMA),
}

const SYNC_PROGRESS = objectOf({ startingHeight: INTEGER, currentHeight: INTEGER, highestHeight: INTEGER })

const NATIVE: { readonly [method: string]: JsonSchema } = {
  chain_info: objectOf({
    chainId: INTEGER,
    genesisHash: HASH_SCHEMA,
    clientVersion: TEXT,
    protocolVersion: INTEGER,
    protocolVersionMax: INTEGER,
    height: INTEGER,
    hash: HASH_SCHEMA,
    timestampMs: INTEGER,
    epoch: INTEGER,
    view: INTEGER,
    nextBaseFeePerGas: AMOUNT,
    stateHeightMin: INTEGER,
    blockHeightMin: INTEGER,
    coin: objectOf({ symbol: TEXT, decimals: INTEGER }),
  }),
  chain_genesis: { ...objectOf({ chainId: INTEGER }), additionalProperties: true },
  chain_block: orNull(
    objectOf({
      header: SHAPES.Header!,
      sizeBytes: INTEGER,
      transactions: listOf(
        objectOf({
          hash: HASH_SCHEMA,
          sender: ADDRESS_SCHEMA,
          'raw?': DATA_SCHEMA,
          'receipt?': SHAPES.NativeReceipt!,
        }),
      ),
      systemLogs: listOf(SHAPES.NativeLog!),
    }),
  ),
  node_health: objectOf({
    live: BOOLEAN,
    'halted?': TEXT,
    'validatorIndex?': INTEGER,
    'signer?': { enum: ['ready', 'observing', 'away'] },
    epoch: INTEGER,
    view: INTEGER,
    finalizedHeight: INTEGER,
    finalizedAgeMs: NUMBER,
    heartbeatMs: INTEGER,
    peerCount: INTEGER,
    mempoolCount: INTEGER,
    mempoolBytes: INTEGER,
    loopLagMaxMs: NUMBER,
    loopLagMeanMs: NUMBER,
    syncing: orNull(SYNC_PROGRESS),
  }),
  tx_status: objectOf({
    status: { enum: ['unknown', 'pending', 'included', 'dropped'] },
    'sentence?': TEXT,
    'executable?': BOOLEAN,
    'baseFeePerGas?': AMOUNT,
    'reason?': TEXT,
    'height?': INTEGER,
    'blockHash?': HASH_SCHEMA,
    'index?': INTEGER,
    'action?': TEXT,
    'succeeded?': BOOLEAN,
    'gasUsed?': INTEGER,
    'lane?': TEXT,
    'feeBase?': AMOUNT,
    'failure?': orNull(objectOf({ name: orNull(TEXT), arguments: orNull(mapOf({})), reason: DATA_SCHEMA })),
  }),
  'rpc.discover': {
    ...objectOf({ openrpc: TEXT, info: mapOf({}), methods: listOf(mapOf({})) }),
    additionalProperties: true,
  },
}

/** By method; absent where the definition's own schema is the whole truth. */
export const RESULTS: { readonly [method: string]: JsonSchema } = { ...ETH, ...NATIVE }
