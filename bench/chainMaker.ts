// Grows a chain without a network: real blocks of real transfers, certified by development validators, imported by the
// real importer. Owns: proposers, signers, transfers. Not: directories and options (makeChain.ts).
import { mustExist } from '../base/assert.ts'
import { bigintToFixed, bytesKey, bytesToBigint, u64be } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Address } from '../base/ids.ts'
import { epochAbove, type SealedBlock } from '../base/protocol/header.ts'
import { quorum } from '../base/protocol/validators.ts'
import {
  type Certificate,
  leaderPermutation,
  randaoBytes,
  type Subject,
  signersBitmap,
  voteBytes,
} from '../base/protocol/vote.ts'
import { buildGenesis } from '../genesis/build.ts'
import { developmentValidator } from '../genesis/devKeys.ts'
import type { Genesis } from '../genesis/schema.ts'
import type { Importer } from '../node/chain/importerTypes.ts'
import { type OpenedChain, openChain } from '../node/openChain.ts'
import type { ChainConfig } from '../state/chain.ts'
import { buildBlock } from '../state/execute.ts'
import { validatorSet } from '../state/modules/providers/validatorSet.ts'
import { decodeTransaction, signTransaction, type Transaction } from '../state/transaction.ts'
import { openChainStore } from '../storage/chainStore.ts'
import type { ChainStore, ChainStoreOptions } from '../storage/types.ts'
import { payersOf, spreadAddress, withAccounts } from './manyAccounts.ts'

const MAX_FEE_PER_GAS = 1_000_000_000_000n
const TRANSFER_BASE = 1_000_000n
/** Every second transfer goes to a new account, so that the state grows with the chain. */
const FRESH_EVERY = 2

export interface ChainMakerOptions {
  /** Directory of the chain's store, as `startNode` opens it. */
  readonly dir: string
  readonly genesis: Genesis
  /** Maximum number of development validators; the set comes from state. */
  readonly validators: number
  /** Time between block timestamps, ms. */
  readonly blockTimeMs: number
  readonly store?: ChainStoreOptions
  /** Accounts in genesis besides the document's; then transfers go from the first of them to all others. Default 0. */
  readonly accounts?: number
}

export interface GrowOptions {
  readonly blocks: number
  /** Time between the timestamps of these blocks, ms; default as for the maker. */
  readonly blockTimeMs?: number
  readonly transactionsPerBlock?: number
  /** Blocks between stored certificates; default 1. A boundary always has one. */
  readonly certifyEvery?: number
}

/** Commits that may wait for the disk. */
const COMMITS_MAX = 16
/** Prime, so that successive transfers reach accounts all over the state. */
const SPREAD_STEP = 7_919
/** Order of the BLS12-381 groups. */
const BLS_ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n

interface Payer {
  readonly address: Address
  readonly secretKey: Uint8Array
  nonce: number
}

export class ChainMaker {
  readonly store: ChainStore
  readonly importer: Importer
  readonly chain: ChainConfig
  readonly #options: ChainMakerOptions
  readonly #opened: OpenedChain
  readonly #secrets = new Map<string, Uint8Array>()
  readonly #senders = new WeakMap<Transaction, Address>()
  readonly #payers: Payer[]
  #transfers = 0
  /** View of the parent of the newest block; 0 for an epoch's floor. */
  #view = 0
  #last: SealedBlock | undefined

  private constructor(options: ChainMakerOptions, opened: OpenedChain) {
    this.#options = options
    this.store = opened.store
    this.importer = opened.importer
    this.chain = opened.chain
    this.#opened = opened
    for (let i = 0; i < options.validators; i++) {
      const { consensusSecret } = developmentValidator(i)
      this.#secrets.set(bytesKey(bls.publicKey(consensusSecret)), consensusSecret)
    }
    this.#payers = payersOf(options.accounts ?? 0).map((payer) => ({ ...payer, nonce: 0 }))
    const { header } = this.importer.head()
    this.#view = header.endsEpoch ? 0 : header.view
  }

  static async open(options: ChainMakerOptions): Promise<ChainMaker> {
    const { accounts = 0 } = options
    const plain = buildGenesis(options.genesis)
    plain.tree.release()
    const built = accounts === 0 ? plain : withAccounts(plain, accounts)
    const opened = await openChain({
      genesis: built,
      openStore: () => openChainStore(options.dir, options.store),
    })
    return new ChainMaker(options, opened)
  }

  async close(): Promise<void> {
    await this.#opened.close()
  }

  /** Adds blocks. Transfers need an empty store, because nonces are counted from genesis. */
  async grow(options: GrowOptions): Promise<void> {
    const { blocks, transactionsPerBlock = 0, certifyEvery = 1 } = options
    let path: SealedBlock[] = []
    const commits: Promise<void>[] = []
    for (let i = 1; i <= blocks; i++) {
      const block = this.#build(path.at(-1) ?? this.#last, {
        transactionCount: transactionsPerBlock,
        blockTimeMs: options.blockTimeMs ?? this.#options.blockTimeMs,
      })
      path.push(block)
      this.#last = block
      const isCertified = i % certifyEvery === 0 || i === blocks || block.header.endsEpoch
      if (!isCertified) continue
      // Disk writes overlap with building the next blocks.
      const hashes = path.map(({ hash }) => hash)
      commits.push(this.importer.finalize(hashes, this.certify(block)))
      if (commits.length >= COMMITS_MAX || block.header.endsEpoch) await Promise.all(commits.splice(0))
      path = []
    }
    await Promise.all(commits)
  }

  #build(
    parentBlock: SealedBlock | undefined,
    { transactionCount, blockTimeMs }: { transactionCount: number; blockTimeMs: number },
  ): SealedBlock {
    const { importer, chain } = this
    const parent = mustExist(
      importer.parentView(parentBlock?.hash ?? importer.head().hash),
      'the parent was executed',
    )
    const { header, state } = parent
    const epoch = epochAbove(header)
    const view = (header.endsEpoch ? 0 : header.view) + 1
    const height = header.height + 1
    const { validators } = validatorSet(state)
    const floorHeight = epoch === 0 ? 0 : mustExist(this.store.boundaryHeightOf(epoch - 1), 'a boundary')
    const floor =
      floorHeight === header.height ? header : mustExist(this.store.headerAt(floorHeight), 'a floor').header
    const order = leaderPermutation({
      genesisHash: chain.genesisHash,
      epoch,
      floorMix: floor.mix,
      validatorCount: validators.length,
    })
    const proposer = validators[order[view % validators.length]!]!
    const secret = this.#secretOf(proposer.consensusKey)
    const { executed, skipped } = buildBlock(
      parent,
      {
        epoch,
        view,
        timestampMs: header.timestampMs + blockTimeMs,
        proposer: proposer.operator,
        randaoReveal: bls.sign(secret, randaoBytes(chain.genesisHash, epoch, height)),
        candidates: Array.from({ length: transactionCount }, () => this.#transfer()),
        gasBudget: header.gasLimit,
        bytesBudget: 4 * 1024 * 1024,
      },
      { chain },
    )
    // A transfer left out would leave a gap in its sender's nonces, and later blocks would be empty.
    if (skipped.length > 0) throw new Error(`own block ${height}: ${skipped.length} transfers do not fit`)
    const verdict = importer.adopt(executed)
    if (verdict.kind !== 'valid') throw new Error(`own block ${height} is ${verdict.kind}`)
    this.#view = header.endsEpoch ? 0 : header.view
    return executed.block
  }

  /** F of a block by a quorum of its set. */
  certify(block: SealedBlock): Certificate {
    const { epoch, view, height } = block.header
    const parent = mustExist(this.importer.parentView(block.header.parentHash), `parent of ${height}`)
    const { validators } = validatorSet(parent.state)
    const subject: Subject = { kind: 'finalize', epoch, view, parentView: this.#view, digest: block.hash }
    const signers = validators.map((_, i) => i).slice(0, quorum(validators.length))
    const message = voteBytes(this.chain.genesisHash, subject)
    // Aggregated signatures over one message equal one signature by the sum of the keys: sign once instead of q times.
    const sum = signers.reduce(
      (total, i) => total + bytesToBigint(this.#secretOf(validators[i]!.consensusKey)),
      0n,
    )
    const signature = bls.sign(bigintToFixed(sum % BLS_ORDER, 32), message)
    return { subject, bitmap: signersBitmap(signers, validators.length), signature }
  }

  #secretOf(consensusKey: Uint8Array): Uint8Array {
    return mustExist(this.#secrets.get(bytesKey(consensusKey)), 'a development validator')
  }

  #recipient(count: number): Address {
    const { accounts = 0 } = this.#options
    if (accounts > 0) return spreadAddress((count * SPREAD_STEP) % accounts)
    if (count % FRESH_EVERY === 0) return sha256(u64be(count)).slice(0, 20)
    return this.#payers[(count + 1) % this.#payers.length]!.address
  }

  #transfer(): { readonly transaction: Transaction; readonly sender: Address } {
    const count = this.#transfers++
    const from = this.#payers[count % this.#payers.length]!
    const to = this.#recipient(count)
    const raw = signTransaction(
      {
        type: 2,
        chainId: this.chain.chainId,
        nonce: from.nonce++,
        maxPriorityFeePerGas: 1n,
        maxFeePerGas: MAX_FEE_PER_GAS,
        gasLimit: 21_000,
        to: to as Address,
        valueBase: TRANSFER_BASE,
        data: new Uint8Array(0),
        accessList: [],
      },
      from.secretKey,
    )
    const decoded = decodeTransaction(raw, this.chain.chainId)
    if ('failure' in decoded) throw new Error(`own transfer: ${decoded.failure.message}`)
    this.#senders.set(decoded.transaction, from.address)
    return { transaction: decoded.transaction, sender: from.address }
  }
}
