// An in-memory node behind the RPC: real execution, tree and mempool, no consensus. Blocks are mined on demand.

import { publicKeyAddress } from '../../base/address.ts'
import { bytesKey, utf8 } from '../../base/bytes.ts'
import { keccak256, sha256 } from '../../base/crypto/hash.ts'
import { publicKeyOf } from '../../base/crypto/secp256k1.ts'
import type { Address, Hash32, TxId } from '../../base/ids.ts'
import type { PerLane } from '../../base/lanes.ts'
import type { EpochProof } from '../../base/protocol/epochProof.ts'
import { baseFeesOf, type Header, headerHash } from '../../base/protocol/header.ts'
import { signersBitmap } from '../../base/protocol/vote.ts'
import { Mempool } from '../../node/pool/mempool.ts'
import type {
  Backend,
  Finality,
  FinalizedBlock,
  KnownTransaction,
  PendingEvidence,
  PooledTransaction,
  SeriesReader,
  StateProof,
  StateSelector,
  StateView,
  SubmitResult,
  SyncProgress,
  TransactionStatus,
} from '../../rpc/backend.ts'
import { envelopeRejection } from '../../rpc/errors.ts'
import { costOf, dispatcherOf } from '../../state/dispatch.ts'
import { buildBlock, type Candidate } from '../../state/execute.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { MemoryState } from '../../state/overlay.ts'
import { decodeTransaction, recoverSender, type Transaction } from '../../state/transaction.ts'
import { proveKey } from '../../state/tree/proof.ts'
import { TreeVersion } from '../../state/tree/tree.ts'
import type { StateKey } from '../../state/view.ts'
import { addressOf, CHAIN, CHAIN_ID, type Draft, TestChain } from './chainHarness.ts'

export interface Account {
  readonly secretKey: Uint8Array
  readonly address: Address
}

/** A distinct key per name. */
export function accountOf(name: string): Account {
  const secretKey = sha256(utf8(`rpc test ${name}`))
  return { secretKey, address: publicKeyAddress(publicKeyOf(secretKey)) }
}

interface Kept {
  readonly block: FinalizedBlock
  readonly state: MemoryState
  readonly tree: TreeVersion
}

function copyOf(state: MemoryState): MemoryState {
  const copy = new MemoryState()
  copy.apply(new Map(state.entries('')))
  return copy
}

export class FakeBackend implements Backend {
  /** Lowest available block. */
  lowestBlock = 1
  readonly identity = {
    chainId: CHAIN_ID,
    genesisHash: CHAIN.genesisHash,
    genesisJson: { chainId: CHAIN_ID },
    clientVersion: 'suanli/0.1.0/test/node',
  }
  readonly chain = new TestChain({ balances: { faucet: 10n ** 24n } })
  readonly pool: Mempool
  /** Mine each accepted transaction at once. */
  automine = true
  /** State below this height counts as pruned. */
  heightMin = 0
  progress: SyncProgress | undefined
  pendingEvidence: readonly PendingEvidence[] = []
  series?: SeriesReader
  readonly #kept: Kept[] = []
  readonly #places = new Map<string, { height: number; index: number }>()
  readonly #finalizedListeners = new Set<(block: FinalizedBlock) => void>()
  readonly #pendingListeners = new Set<(transaction: KnownTransaction) => void>()

  constructor() {
    const { chain } = this
    const { header, hash } = chain.parent
    const tree = TreeVersion.empty().update(new Map(chain.full.entries('')))
    const block = { header, hash, sizeBytes: 600, transactions: [], receipts: [], systemLogs: [] }
    this.#kept.push({ block, state: copyOf(chain.full), tree })
    chain.parent = { header, hash, state: chain.full, tree }
    this.pool = new Mempool({
      account: (address) => getAccount(chain.full, address),
      baseFees: () => this.nextBaseFees(),
      costOf: (transaction: Transaction) => costOf(dispatcherOf(CHAIN.modules, 1), transaction),
      gasMax: () => this.head().header.gasLimit / 2,
      nowMs: () => 0,
    })
  }

  /** Funds accounts, in one block. */
  fund(accounts: readonly Account[], amountBase: bigint): void {
    const nonce = getAccount(this.chain.full, addressOf('faucet')).nonce
    this.mine(
      accounts.map(({ address }, i) => ({
        from: 'faucet',
        nonce: nonce + i,
        to: address,
        valueBase: amountBase,
        gasLimit: 30_000,
      })),
    )
  }

  /** Mines a block of the executable pool and unsigned `drafts`. */
  mine(drafts: readonly Draft[] = []): FinalizedBlock {
    const { chain } = this
    const pooled = [...this.pool.entries()].map(({ transaction, sender }) => ({ transaction, sender }))
    const template = chain.template(drafts)
    const candidates = [
      ...(template.candidates as Iterable<Candidate>),
      ...pooled.sort((a, b) => a.transaction.nonce - b.transaction.nonce),
    ]
    const { executed, skipped } = buildBlock(chain.parent, { ...template, candidates }, { chain: CHAIN })
    if (skipped.length > 0) throw new Error(`a transaction was not included: ${skipped[0]!.reason}`)
    chain.full.apply(executed.overlay.changes())
    const { header, hash, bytes } = executed.block
    const senders = new Map(candidates.map((c) => [bytesKey(c.transaction.hash), c.sender]))
    const transactions = executed.block.transactions.map((raw): KnownTransaction => {
      const id: TxId = keccak256(raw) as Uint8Array
      return { id, raw, sender: senders.get(bytesKey(id))! }
    })
    const { receipts, systemLogs } = executed
    const block = { header, hash, sizeBytes: bytes.length, transactions, receipts, systemLogs }
    chain.parent = { header, hash, state: chain.full, tree: executed.tree }
    this.#kept.push({ block, state: copyOf(chain.full), tree: executed.tree as TreeVersion })
    transactions.forEach(({ id }, index) => {
      this.#places.set(bytesKey(id), { height: header.height, index })
    })
    this.pool.onIncluded(transactions.map((transaction) => transaction.id))
    this.pool.onFinalized(transactions.map((transaction) => transaction.sender))
    for (const listener of this.#finalizedListeners) listener(block)
    return block
  }

  head(): FinalizedBlock {
    return this.#kept.at(-1)!.block
  }
  async blockByHeight(height: number): Promise<FinalizedBlock | undefined> {
    return height < this.heightMin ? undefined : this.#kept[height]?.block
  }
  async blockByHash(hash: Hash32): Promise<FinalizedBlock | undefined> {
    return this.#kept.find(({ block }) => bytesKey(block.hash) === bytesKey(hash))?.block
  }
  /** Every second block is certified only through its child, as can happen. */
  async finalityOf(height: number): Promise<Finality | undefined> {
    if (height === 0) return undefined
    const child = this.#kept[height + 1]?.block.header
    const headers = height % 2 === 1 && child !== undefined ? [child] : []
    const certified: Header = headers[0] ?? this.#kept[height]!.block.header
    const { epoch, view } = certified
    return {
      headers,
      certificate: {
        subject: { kind: 'finalize', epoch, view, parentView: view - 1, digest: headerHash(certified) },
        bitmap: signersBitmap([0, 1, 2], 4),
        signature: new Uint8Array(96).fill(9),
      },
    }
  }
  /** Proofs of completed epochs, set by tests. */
  readonly epochProofs = new Map<number, EpochProof>()
  epochProof(epoch: number): EpochProof | undefined {
    return this.epochProofs.get(epoch)
  }
  async validatorsAt(height: number) {
    const kept = this.#kept[height]
    return kept === undefined ? undefined : validatorSet(kept.state)
  }
  locateTransaction(id: TxId) {
    return this.#places.get(bytesKey(id))
  }
  pendingTransaction(id: TxId): KnownTransaction | undefined {
    const entry = this.pool.get(id)
    return entry === undefined ? undefined : { id, raw: entry.transaction.raw, sender: entry.sender }
  }
  pooledTransactions(sender?: Address): Iterable<PooledTransaction> {
    return sender === undefined ? this.pool.entries() : this.pool.entriesOf(sender)
  }
  async transactionStatus(id: TxId): Promise<TransactionStatus> {
    const place = this.#places.get(bytesKey(id))
    if (place !== undefined) return { status: 'included', ...place }
    const entry = this.pool.get(id)
    if (entry !== undefined) {
      const { lane } = entry
      return { status: 'pending', executable: true, lane, baseFeePerGas: this.nextBaseFees()[lane] }
    }
    const reason = this.pool.dropReason(id)
    return reason === undefined ? { status: 'unknown' } : { status: 'dropped', reason }
  }
  pendingNonce(address: Address): number {
    return this.pool.pendingNonce(address)
  }

  async submit(raw: Uint8Array): Promise<SubmitResult> {
    const decoded = decodeTransaction(raw, CHAIN_ID)
    if ('failure' in decoded) return { ok: false, rejection: envelopeRejection(decoded.failure) }
    const { transaction } = decoded
    const sender = recoverSender(transaction)
    if (sender === undefined) {
      return { ok: false, rejection: { code: 'invalidSignature', message: 'invalid sender' } }
    }
    const rejection = this.pool.add(transaction, sender)
    if (rejection !== undefined) return { ok: false, rejection }
    const known = { id: transaction.hash, raw: transaction.raw, sender }
    for (const listener of this.#pendingListeners) listener(known)
    if (this.automine) this.mine()
    return { ok: true, id: transaction.hash }
  }

  stateAt(selector: StateSelector): StateView | undefined {
    const height = typeof selector === 'number' ? selector : this.head().header.height
    const kept = this.#kept[height]
    if (kept === undefined || height < this.heightMin) return undefined
    const { header, hash } = kept.block
    return {
      header,
      hash,
      state: kept.state,
      context: {
        chainId: CHAIN_ID,
        genesisHash: CHAIN.genesisHash,
        protocolVersion: header.version,
        epoch: header.epoch,
        view: header.view + 1,
        height: header.height + 1,
        timestampMs: header.timestampMs + 100,
        parentTimestampMs: header.timestampMs,
        proposer: header.proposer,
        mix: header.mix,
        baseFeePerGas: header.baseFeePerGas,
        modules: CHAIN.modules,
      },
    }
  }
  blockHeightMin(): number {
    return this.lowestBlock
  }

  stateHeightMin(): number {
    return this.heightMin
  }
  async prove(key: StateKey, height: number): Promise<StateProof | undefined> {
    const kept = this.#kept[height]
    if (kept === undefined || height < this.heightMin) return undefined
    return proveKey(kept.tree, key, kept.state)
  }

  nextBaseFees(): PerLane<bigint> {
    return baseFeesOf(this.head().header)
  }
  evidence(): readonly PendingEvidence[] {
    return this.pendingEvidence
  }

  syncing(): SyncProgress | undefined {
    return this.progress
  }
  health() {
    const { header } = this.head()
    return {
      live: true,
      epoch: header.epoch,
      view: header.view,
      finalizedHeight: header.height,
      finalizedAgeMs: 5,
      heartbeatMs: 15_000,
      peerCount: 3,
      mempoolCount: this.pool.size,
      mempoolBytes: this.pool.bytes,
      loopLagMaxMs: 12,
      loopLagMeanMs: 0.4,
    }
  }

  onFinalized(listener: (block: FinalizedBlock) => void): () => void {
    this.#finalizedListeners.add(listener)
    return () => this.#finalizedListeners.delete(listener)
  }
  onPending(listener: (transaction: KnownTransaction) => void): () => void {
    this.#pendingListeners.add(listener)
    return () => this.#pendingListeners.delete(listener)
  }
  get listenerCount(): number {
    return this.#finalizedListeners.size + this.#pendingListeners.size
  }
}
