// Definition of accounts: coin balances, nonces, supply and the parameters of blocks and fees.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { between, param } from '../../../base/parameters.ts'
import { TX_BYTES_MAX } from '../../../base/protocol/limits.ts'
import { PROTOCOL_VERSION } from '../../../base/protocol/version.ts'
import { message, t } from '../../../base/schema.ts'

/** Inner calls of one batch. */
export const BATCH_CALLS_MAX = 256
/** Bytes of a failure's reason kept in logs and batch errors. */
export const REASON_BYTES_MAX = 256

export const accountsSchema = defineModule({
  name: 'accounts',
  id: 1,
  doc: 'Coin balances and nonces, the supply, and the parameters of blocks and fees.',
  params: {
    protocolVersion: param({
      field: t.u32,
      doc: 'Version of the rules; equals `header.version`.',
      main: 1,
      check: between(1, PROTOCOL_VERSION),
    }),
    blockGasLimit: param({
      field: t.u64,
      doc: 'Gas of one block over all lanes.',
      // 1,428 plain transfers in the payment half: keeps blocks fast to build and verify.
      main: 60_000_000,
    }),
    gasTargetPerSecond: param({
      field: t.u64,
      doc: 'Gas per second at which the base fee stays the same.',
      // 5,714 plain transfers per second before the base fee rises.
      main: 120_000_000,
    }),
    minBaseFeePerGas: param({ field: t.amount, doc: 'Floor of the base fee, at least 1 wei.', main: 1n }),
  },
  records: {
    account: {
      id: 1,
      key: { address: t.address },
      value: { nonce: t.u64, balanceBase: t.amount },
      doc: 'Nonce and coins of an address; absent when both are zero.',
    },
    upgrade: {
      id: 3,
      key: {},
      value: { version: t.u32, module: t.u32, cursor: t.u64 },
      doc: 'Version the state is carried over to, and the module whose step comes next; absent: version 1.',
    },
    supply: { id: 2, key: {}, value: { supplyBase: t.amount }, doc: 'All coins in existence.' },
  },
  errors: {
    NestedBatch: { index: t.u32 },
    BatchFailed: { index: t.u32, reason: t.bytes(REASON_BYTES_MAX) },
  },
  events: {},
  actions: {
    batch: {
      args: {
        calls: t.list(
          message('Call', { to: t.address, value: t.amount, data: t.bytes(TX_BYTES_MAX) }),
          BATCH_CALLS_MAX,
        ),
      },
      fails: ['NestedBatch', 'BatchFailed'],
      gas: 5_000,
      composite: true,
      doc: 'Runs calls in order as the sender, all or nothing.',
    },
  },
  queries: {
    balance: {
      args: { address: t.address },
      returns: message('Balance', { balanceBase: t.amount, nonce: t.u64 }),
      doc: 'Coins and next nonce of an address.',
    },
    supply: { args: {}, returns: t.amount, doc: 'All coins in existence, base units.' },
  },
})

/** `nonce` is that of the next transaction. */
export type Account = InferFields<(typeof accountsSchema)['records']['account']['value']>
