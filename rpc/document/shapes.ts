// The names of what answers are made of, as rpc.discover lists them. Owns: schemas shared by methods. Not: methods.
import type { JsonSchema } from '../../base/field.ts'
import { logSchema, receiptSchema } from '../../base/protocol/receipt.ts'
import { FINALITY_JSON_SCHEMA, HEADER_JSON_SCHEMA, KEY_PROOF_JSON_SCHEMA } from '../native/json.ts'
import { PROVEN_SCHEMA } from '../native/proven.ts'
import { ADDRESS_SCHEMA, BLOCK_SCHEMA, DATA_SCHEMA, HASH_SCHEMA, p, QUANTITY_SCHEMA } from '../params.ts'

export const INTEGER: JsonSchema = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }
export const AMOUNT: JsonSchema = { type: 'string', pattern: '^(0|[1-9][0-9]{0,77})$' }
export const TEXT: JsonSchema = { type: 'string' }
export const BOOLEAN: JsonSchema = { type: 'boolean' }
export const NULL: JsonSchema = { type: 'null' }

export function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items }
}

export function orNull(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, NULL] }
}

/** Members ending in `?` may be absent; further ones may come with later versions. */
export function objectOf(members: { readonly [name: string]: JsonSchema }): JsonSchema {
  const entries = Object.entries(members).map(([name, schema]) => [name.replace(/\?$/, ''), schema] as const)
  const required = Object.keys(members).filter((name) => !name.endsWith('?'))
  return {
    type: 'object',
    properties: Object.fromEntries(entries),
    ...(required.length === 0 ? {} : { required }),
  }
}

/** An object whose members have names that are data. */
export function mapOf(value: JsonSchema): JsonSchema {
  return { type: 'object', additionalProperties: value }
}

const PLACE = { blockHash: HASH_SCHEMA, blockNumber: QUANTITY_SCHEMA, transactionIndex: QUANTITY_SCHEMA }

export const LOG: JsonSchema = objectOf({
  address: ADDRESS_SCHEMA,
  topics: listOf(HASH_SCHEMA),
  data: DATA_SCHEMA,
  ...PLACE,
  blockTimestamp: QUANTITY_SCHEMA,
  transactionHash: HASH_SCHEMA,
  logIndex: QUANTITY_SCHEMA,
  removed: BOOLEAN,
})

export const TRANSACTION: JsonSchema = objectOf({
  blockHash: orNull(HASH_SCHEMA),
  blockNumber: orNull(QUANTITY_SCHEMA),
  'blockTimestamp?': orNull(QUANTITY_SCHEMA),
  transactionIndex: orNull(QUANTITY_SCHEMA),
  hash: HASH_SCHEMA,
  type: QUANTITY_SCHEMA,
  chainId: QUANTITY_SCHEMA,
  nonce: QUANTITY_SCHEMA,
  from: ADDRESS_SCHEMA,
  to: ADDRESS_SCHEMA,
  gas: QUANTITY_SCHEMA,
  gasPrice: QUANTITY_SCHEMA,
  'maxFeePerGas?': QUANTITY_SCHEMA,
  'maxPriorityFeePerGas?': QUANTITY_SCHEMA,
  value: QUANTITY_SCHEMA,
  input: DATA_SCHEMA,
  'accessList?': listOf(objectOf({ address: ADDRESS_SCHEMA, storageKeys: listOf(HASH_SCHEMA) })),
  'yParity?': QUANTITY_SCHEMA,
  v: QUANTITY_SCHEMA,
  r: QUANTITY_SCHEMA,
  s: QUANTITY_SCHEMA,
})

export const RECEIPT: JsonSchema = objectOf({
  type: QUANTITY_SCHEMA,
  status: { enum: ['0x0', '0x1'] },
  transactionHash: HASH_SCHEMA,
  ...PLACE,
  from: ADDRESS_SCHEMA,
  to: ADDRESS_SCHEMA,
  cumulativeGasUsed: QUANTITY_SCHEMA,
  gasUsed: QUANTITY_SCHEMA,
  effectiveGasPrice: QUANTITY_SCHEMA,
  contractAddress: NULL,
  logs: listOf(LOG),
  logsBloom: DATA_SCHEMA,
})

const HEAD = {
  number: QUANTITY_SCHEMA,
  hash: HASH_SCHEMA,
  parentHash: HASH_SCHEMA,
  sha3Uncles: HASH_SCHEMA,
  miner: ADDRESS_SCHEMA,
  stateRoot: HASH_SCHEMA,
  transactionsRoot: HASH_SCHEMA,
  receiptsRoot: HASH_SCHEMA,
  logsBloom: DATA_SCHEMA,
  difficulty: QUANTITY_SCHEMA,
  gasLimit: QUANTITY_SCHEMA,
  gasUsed: QUANTITY_SCHEMA,
  timestamp: QUANTITY_SCHEMA,
  extraData: DATA_SCHEMA,
  mixHash: HASH_SCHEMA,
  nonce: DATA_SCHEMA,
  baseFeePerGas: QUANTITY_SCHEMA,
} as const

export const HEAD_OBJECT: JsonSchema = objectOf(HEAD)

export const BLOCK: JsonSchema = objectOf({
  ...HEAD,
  size: QUANTITY_SCHEMA,
  transactions: { anyOf: [listOf(HASH_SCHEMA), listOf(TRANSACTION)] },
  uncles: listOf(HASH_SCHEMA),
})

export const CALL: JsonSchema = objectOf({
  'from?': ADDRESS_SCHEMA,
  'to?': orNull(ADDRESS_SCHEMA),
  'gas?': QUANTITY_SCHEMA,
  'gasPrice?': QUANTITY_SCHEMA,
  'maxFeePerGas?': QUANTITY_SCHEMA,
  'maxPriorityFeePerGas?': QUANTITY_SCHEMA,
  'value?': QUANTITY_SCHEMA,
  'nonce?': QUANTITY_SCHEMA,
  'data?': DATA_SCHEMA,
  'input?': DATA_SCHEMA,
})

export const FILTER: JsonSchema = objectOf({
  'fromBlock?': BLOCK_SCHEMA,
  'toBlock?': BLOCK_SCHEMA,
  'blockHash?': HASH_SCHEMA,
  'address?': { anyOf: [ADDRESS_SCHEMA, listOf(ADDRESS_SCHEMA)] },
  'topics?': listOf({ anyOf: [NULL, HASH_SCHEMA, listOf(orNull(HASH_SCHEMA))] }),
})

/** The shapes that methods refer to by name. */
export const SHAPES: { readonly [name: string]: JsonSchema } = {
  Quantity: QUANTITY_SCHEMA,
  Data: DATA_SCHEMA,
  Hash: HASH_SCHEMA,
  Address: ADDRESS_SCHEMA,
  Integer: INTEGER,
  Amount: AMOUNT,
  BlockReference: BLOCK_SCHEMA,
  HeightOrBlock: p.atBlock.schema,
  Log: LOG,
  Transaction: TRANSACTION,
  Receipt: RECEIPT,
  Head: HEAD_OBJECT,
  Block: BLOCK,
  CallObject: CALL,
  LogFilter: FILTER,
  NativeLog: logSchema.jsonSchema,
  NativeReceipt: receiptSchema.jsonSchema,
  Header: HEADER_JSON_SCHEMA,
  Finality: FINALITY_JSON_SCHEMA,
  KeyProof: KEY_PROOF_JSON_SCHEMA,
  Proven: PROVEN_SCHEMA,
}
