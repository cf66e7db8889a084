// Definition of accounts: coin balances, nonces, supply and the parameters of blocks and fees.
import type { InferFields } from '../../../base/field.ts'
import { defineModule } from '../../../base/moduleDefinition.ts'
import { between, param } from '../../../base/parameters.ts'
import { TX_BYTES_MAX } from '../../../base/protocol/limits.ts'
import { PROTOCOL_VERSION } from '../../../base/protocol/version.ts'
import { indexed, message, t } from '../../../base/schema.ts'

/** Inner calls of one batch. */
export const BATCH_CALLS_MAX = 256
/** Actions of one `execute`. */
export const SIGNED_ACTIONS_MAX = 32
/** Digests of one account that have not expired. */
export const LIVE_DIGESTS_MAX = 64
/** Session keys of one account. */
export const SESSION_KEYS_MAX = 16
/** Actions that one session key may sign. */
export const SESSION_ACTIONS_MAX = 16
/** Bytes of a failure's reason kept in logs and batch errors. */
export const REASON_BYTES_MAX = 256

/** A floor at which a transfer costs 0.021 coins; a higher one could price everybody out for good. */
export const BASE_FEE_FLOOR_MAX = 1_000_000_000_000n

const signedAction = message('SignedAction', {
  to: t.address,
  data: t.bytes(TX_BYTES_MAX),
  /** The account that acts. */
  from: t.address,
  /** Unix seconds. */
  validBefore: t.u64,
  nonce: t.u256,
})

/** An action by the address and the selector of a call. */
const sessionActions = t.list(
  message('SessionAction', { to: t.address, selector: t.fixed(4) }),
  SESSION_ACTIONS_MAX,
)

const liveDigests = t.list(
  message('LiveDigest', { digest: t.hash, /** Unix seconds. */ validBefore: t.u64 }),
  LIVE_DIGESTS_MAX,
)

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
      // Only an upgrade changes it.
      fixed: true,
    }),
    blockGasLimit: param({
      field: t.u64,
      doc: 'Gas of one block over all lanes.',
      // 1,428 plain transfers in the payment half: keeps blocks fast to build and verify.
      main: 60_000_000,
      // Below, a lane has no room for its dearest action; above, no machine executes a block in time.
      check: between(20_000_000, 1_000_000_000, 'gas'),
    }),
    gasTargetPerSecond: param({
      field: t.u64,
      doc: 'Gas per second at which the base fee stays the same.',
      // 5,714 plain transfers per second before the base fee rises.
      main: 120_000_000,
      check: between(1_000_000, 1_000_000_000_000, 'gas a second'),
    }),
    minBaseFeePerGas: param({
      field: t.amount,
      doc: 'Floor of every base fee, at least 1 wei.',
      main: 1n,
      check: between(1n, BASE_FEE_FLOOR_MAX, 'wei per gas'),
    }),
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
    signedDigests: {
      id: 4,
      key: { account: t.address },
      value: { digests: liveDigests },
      doc: 'Digests of an account’s signed actions that may not have expired.',
    },
    digestExpiry: {
      id: 5,
      key: { number: t.u64 },
      value: { account: t.address, validBefore: t.u64 },
      doc: 'Digests to remove, in the order in which they were used.',
    },
    digestQueue: {
      id: 6,
      key: {},
      value: { head: t.u64, tail: t.u64 },
      doc: 'The entries of `digestExpiry` from `head` on, before `tail`.',
    },
    sessionKey: {
      id: 7,
      key: { account: t.address, key: t.address },
      value: { actions: sessionActions, spendMaxBase: t.amount, spentBase: t.amount, validBefore: t.u64 },
      doc: 'What a session key may sign, and what has left the account by it.',
    },
    sessionKeys: {
      id: 8,
      key: { account: t.address },
      value: { keys: t.list(t.address, SESSION_KEYS_MAX) },
      doc: 'The session keys of an account.',
    },
  },
  errors: {
    NestedBatch: { index: t.u32 },
    BatchFailed: { index: t.u32, reason: t.bytes(REASON_BYTES_MAX) },
    /** Each action needs one signature. */
    SignatureCount: { actions: t.u32, signatures: t.u32 },
    /** No action that can be signed, or arguments that are not the canonical encoding. */
    NotSignable: { to: t.address, selector: t.fixed(4) },
    /** Neither the account nor one of its session keys signed; zero bytes when no key did. */
    SignerMismatch: { expected: t.address, recovered: t.address, digest: t.hash },
    SignatureExpired: { validBefore: t.u64, now: t.u64 },
    ValidTooLong: { validBefore: t.u64, latest: t.u64 },
    /** The same action was executed before. */
    DigestUsed: { digest: t.hash },
    /** `until`: when the first of them expires. */
    TooManyDigests: { max: t.u32, until: t.u64 },
    InvalidSessionKey: { key: t.address },
    NoSessionActions: {},
    TooManySessionKeys: { max: t.u32 },
    UnknownSessionKey: { key: t.address },
    SessionExpired: { key: t.address, validBefore: t.u64 },
    SessionNotAllowed: { key: t.address, to: t.address, selector: t.fixed(4) },
    SpendLimit: { key: t.address, neededBase: t.amount, remainingBase: t.amount },
  },
  events: {
    /** One signed action of an `execute`; `reason` is empty or the custom error that undid it. */
    Executed: {
      from: indexed(t.address),
      digest: indexed(t.hash),
      to: indexed(t.address),
      /** The key that signed. */
      signer: t.address,
      succeeded: t.bool,
      reason: t.bytes(REASON_BYTES_MAX),
    },
    SessionKeyAdded: {
      account: indexed(t.address),
      key: indexed(t.address),
      spendMaxBase: t.amount,
      validBefore: t.u64,
    },
    SessionKeyRemoved: { account: indexed(t.address), key: indexed(t.address) },
  },
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
    execute: {
      args: {
        actions: t.list(signedAction, SIGNED_ACTIONS_MAX),
        signatures: t.list(t.bytes(65), SIGNED_ACTIONS_MAX),
      },
      fails: ['SignatureCount'],
      gas: 5_000,
      composite: true,
      doc: 'Runs actions that others signed (EIP-712), each on its own; the sender pays the gas.',
    },
    addSessionKey: {
      args: { key: t.address, actions: sessionActions, spendMax: t.amount, validBefore: t.u64 },
      fails: ['InvalidSessionKey', 'SessionExpired', 'NoSessionActions', 'NotSignable', 'TooManySessionKeys'],
      gas: 40_000,
      doc: 'Lets a key sign some actions for the sender until a time; `spendMax` bounds the coins that leave by them.',
    },
    removeSessionKey: {
      args: { key: t.address },
      fails: ['UnknownSessionKey'],
      gas: 20_000,
      signed: true,
      doc: 'Takes a session key’s rights away.',
    },
  },
  queries: {
    balance: {
      args: { address: t.address },
      returns: message('Balance', { balanceBase: t.amount, nonce: t.u64 }),
      doc: 'Coins and next nonce of an address.',
    },
    supply: { args: {}, returns: t.amount, doc: 'All coins in existence, base units.' },
    sessionKeys: {
      args: { account: t.address },
      returns: t.list(
        message('SessionKey', {
          key: t.address,
          actions: sessionActions,
          spendMaxBase: t.amount,
          spentBase: t.amount,
          validBefore: t.u64,
        }),
        SESSION_KEYS_MAX,
      ),
      doc: 'Session keys of an account, expired ones too.',
    },
    signedDigests: {
      args: { account: t.address },
      returns: liveDigests,
      doc: 'Digests of signed actions that cannot be executed again before they expire.',
    },
    checkSigned: {
      args: { action: signedAction, signature: t.bytes(65) },
      returns: message('SignedCheck', {
        digest: t.hash,
        expected: t.address,
        recovered: t.address,
        /** Empty when the signature would be accepted now, else the custom error. */
        reason: t.bytes(REASON_BYTES_MAX),
      }),
      doc: 'What a signature of an action is worth now: the digest to sign, whose key signed, why it is refused.',
    },
  },
})

/** `nonce` is that of the next transaction. */
export type Account = InferFields<(typeof accountsSchema)['records']['account']['value']>
