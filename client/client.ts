// What others import as `suanli/client`. Inside this repository everybody imports the files themselves.
export { checksumAddress, parseChecksumAddress } from '../base/address.ts'
export { parseHex, toHex } from '../base/bytes.ts'
export type { Json } from '../base/field.ts'
export type { Address, Hash32, TxId } from '../base/ids.ts'
export { parseHash32 } from '../base/ids.ts'
export {
  type BoundaryCheckpoint as Checkpoint,
  formatBoundaryCheckpoint as formatCheckpoint,
} from '../base/protocol/checkpoint.ts'
export type { ProofCheck, ProofFailure, TrustedSet, Verified } from '../base/protocol/finalityProof.ts'
export type { Header, Reserve } from '../base/protocol/header.ts'
export type { Receipt } from '../base/protocol/receipt.ts'
export type { RecordCodec } from '../base/record.ts'
export { recordsOf } from '../base/record.ts'
export { formatCoins, parseCoins } from '../base/units.ts'
export { schemas } from '../state/schemas.ts'
export type { Account, LocalAccount, WalletAccount } from './accounts/account.ts'
export { formatAddress, parseAddress, privateKeyAccount, walletAccount } from './accounts/account.ts'
export type { KeystoreOptions, KeystoreV3, Scrypt } from './accounts/keystore.ts'
export { decryptKeystore, encryptKeystore } from './accounts/keystore.ts'
export type { MnemonicOptions } from './accounts/mnemonic.ts'
export { mnemonicAccount, mnemonicKey, newMnemonic } from './accounts/mnemonic.ts'
export type { Call, CallOptions, NativeModule } from './calls.ts'
export { encodeCall, nativeModule, transfer } from './calls.ts'
export type { AccountState, SendOptions, SentReceipt, TransactionStatus } from './chainClient.ts'
export { ChainClient, createClient } from './chainClient.ts'
export type { ChainDefinition } from './chainDefinition.ts'
export { chainDefinition } from './chainDefinition.ts'
export type { CallFailure, ClientErrorCode } from './clientError.ts'
export { ClientError } from './clientError.ts'
export type { ClientState } from './clientState.ts'
export { parseClientState } from './clientState.ts'
export type { Conflict } from './conflict.ts'
export { conflictJson } from './conflict.ts'
export type { LightClientErrorCode } from './errors.ts'
export { LightClientError } from './errors.ts'
export type { HistoryEntry, HistoryOptions, HistoryPage } from './history.ts'
export { accountHistory, accountHistoryPage } from './history.ts'
export type { Input, InputOf } from './input.ts'
export type { LightClientOptions, Origin, Progress, ProvenBalance, ProvenBlock } from './lightClient.ts'
export { LightClient } from './lightClient.ts'
export type { EventOf, LogJson } from './logs.ts'
export { eventsOf } from './logs.ts'
export type {
  BlockItem,
  ChainMessage,
  EventItem,
  ItemOf,
  ResumePoint,
  SubscriptionTopic,
  TransactionItem,
  TransferItem,
} from './messages.ts'
export {
  accounts,
  assets,
  capacity,
  catalogue,
  defaults,
  evidence,
  governance,
  issuance,
  market,
  oracle,
  providers,
  redemption,
  series,
} from './modules.ts'
export type { Provider } from './provider.ts'
export { httpProvider, transportProvider } from './provider.ts'
export type { SeriesOptions, SeriesPoint } from './series.ts'
export { chainSeries } from './series.ts'
export type { ChainSubscription, SubscribeOptions } from './subscription.ts'
export { subscribe } from './subscription.ts'
export type { Fetch, HttpOptions } from './transports/http.ts'
export { httpTransport } from './transports/http.ts'
export type { InjectedProvider } from './transports/injected.ts'
export { injectedTransport } from './transports/injected.ts'
export type { RequestOptions, RpcParams, Transport } from './transports/transport.ts'
export type {
  Subscription,
  SubscriptionMessage,
  WebSocketLike,
  WebSocketOptions,
  WebSocketTransport,
} from './transports/webSocket.ts'
export { webSocketTransport } from './transports/webSocket.ts'
export { parseCheckpoint, trustGenesis } from './trust.ts'
export type { WitnessVerdict } from './witness.ts'
