// A small in-memory chain for execution tests: ledger modules only, unsigned envelopes with known senders.
import { bytesKey } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { type Address, ZERO_HASH } from '../../base/ids.ts'
import { epochAbove, type Header, headerHash, type SealedBlock } from '../../base/protocol/header.ts'
import { validatorSetHash } from '../../base/protocol/validators.ts'
import { DEV_PARAMETERS } from '../../genesis/parameters.ts'
import type { ChainConfig } from '../../state/chain.ts'
import type { BlockContext, Log, WriteContext } from '../../state/context.ts'
import {
  type BlockTemplate,
  buildBlock,
  type ExecutedBlock,
  executeBlock,
  type ParentView,
} from '../../state/execute.ts'
import { mintCoins } from '../../state/modules/accounts/ledger.ts'
import { issueAsset, registerAsset } from '../../state/modules/assets/ledger.ts'
import { addClass } from '../../state/modules/catalogue/classes.ts'
import { openOracle } from '../../state/modules/oracle/anchor.ts'
import { addProvider } from '../../state/modules/providers/members.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import { MemoryState } from '../../state/overlay.ts'
import { writeParameters } from '../../state/parameters.ts'
import { recountNow } from '../../state/recount.ts'
import { MODULES } from '../../state/registry.ts'
import { readReserve } from '../../state/reserve.ts'
import type { Module } from '../../state/rules.ts'
import { decodeTransaction, encodeTransaction, type Transaction } from '../../state/transaction.ts'
import { TreeVersion } from '../../state/tree/tree.ts'
import { modulesAt, protocolVersionOf } from '../../state/versions.ts'
import { modulesThrough } from './modules.ts'

export const CHAIN_ID = 7357
export const LEDGER_MODULES = modulesThrough('providers')
export const CHAIN: ChainConfig = { chainId: CHAIN_ID, genesisHash: ZERO_HASH, modules: LEDGER_MODULES }
export const COIN = 10n ** 18n
export const DOLLAR = 1
export const BASE_FEE = 1_000_000_000n

/** A distinct address per name. */
export function addressOf(name: string): Address {
  return keccak256(new TextEncoder().encode(name)).slice(12)
}

export function blockContext(over: Partial<BlockContext> = {}): BlockContext {
  return {
    chainId: CHAIN_ID,
    genesisHash: ZERO_HASH,
    protocolVersion: 1,
    epoch: 0,
    view: 0,
    height: 0,
    timestampMs: 0,
    parentTimestampMs: 0,
    proposer: addressOf('operator1'),
    mix: ZERO_HASH,
    baseFeePerGas: BASE_FEE,
    modules: LEDGER_MODULES,
    ...over,
  }
}

export interface GenesisOptions {
  /** Name to coins in base units. */
  readonly balances?: { readonly [name: string]: bigint }
  readonly epochBlocksMax?: number
  readonly validators?: number
  readonly blockGasLimit?: number
  /** Default: the ledger modules. */
  readonly modules?: readonly Module[]
}

const H100 = {
  slug: 'h100-sxm',
  vendor: 'NVIDIA',
  model: 'H100 SXM',
  memoryGb: 80,
  trainPpm: 1_000_000n,
  finetunePpm: 1_000_000n,
  inferPpm: 1_000_000n,
  specOnly: false,
  evidenceHash: ZERO_HASH,
}

export function profileOf(id: number) {
  return {
    legalName: `Provider ${id}`,
    legalGroup: `group${id}`,
    jurisdiction: 'TW',
    url: `https://provider${id}.example`,
    termsHash: ZERO_HASH,
  }
}

function fillState(state: MemoryState, logs: Log[], options: GenesisOptions): void {
  const ctx: WriteContext = { state, block: blockContext(), emit: (log) => void logs.push(log) }
  const { accounts } = DEV_PARAMETERS
  writeParameters(state, MODULES, {
    ...DEV_PARAMETERS,
    accounts: {
      ...accounts,
      blockGasLimit: options.blockGasLimit ?? 120_000_000,
      gasTargetPerSecond: 60_000_000,
    },
    providers: {
      epochBlocksMax: options.epochBlocksMax ?? 1000,
      minBlockIntervalMs: 10,
      rotationIntervalMs: 1_000,
      evidenceWindowMs: 10_000,
    },
  })
  openOracle(state, 1_000_000n)
  registerAsset(ctx, { id: DOLLAR, issuer: addressOf('issuer'), name: 'Dollar', symbol: 'USDX', decimals: 6 })
  addClass(ctx, 1, H100)
  for (let id = 1; id <= (options.validators ?? 4); id++) {
    const operator = addressOf(`operator${id}`)
    addProvider(ctx, {
      id,
      operator,
      consensusKey: new Uint8Array(48).fill(id),
      peerId: new Uint8Array([id]),
      profile: profileOf(id),
    })
    issueAsset(ctx, { asset: DOLLAR, to: operator, amountBase: 1_000_000n })
  }
  for (const [name, amountBase] of Object.entries(options.balances ?? {})) {
    mintCoins(ctx, { to: addressOf(name), amountBase })
  }
}

const NO_SIGNATURE = new Uint8Array(65).fill(1, 31, 32).fill(1, 63, 64)

/** The fields of a transaction that a test sets; the rest have defaults. */
export interface Draft {
  readonly from: string
  readonly nonce: number
  readonly to: Address
  readonly valueBase?: bigint
  readonly data?: Uint8Array
  readonly gasLimit?: number
  readonly maxFeePerGas?: bigint
  readonly maxPriorityFeePerGas?: bigint
}

/** A chain of executed blocks; keeps a full copy of the state for recounts. */
export class TestChain {
  readonly chain: ChainConfig
  readonly full = new MemoryState()
  readonly genesisLogs: Log[] = []
  readonly senders = new Map<string, Address>()
  parent: ParentView

  constructor(options: GenesisOptions = {}) {
    const { full } = this
    this.chain = { ...CHAIN, modules: options.modules ?? LEDGER_MODULES }
    fillState(full, this.genesisLogs, options)
    const tree = TreeVersion.empty().update(new Map(full.entries('')))
    const header: Header = {
      version: 1,
      epoch: 0,
      view: 0,
      height: 0,
      parentHash: ZERO_HASH,
      timestampMs: 1_000_000,
      proposer: addressOf('operator1'),
      randaoReveal: new Uint8Array(0),
      mix: ZERO_HASH,
      stateRoot: tree.rootHash,
      receiptsRoot: ZERO_HASH,
      transactionsRoot: ZERO_HASH,
      gasUsed: 0,
      gasLimit: options.blockGasLimit ?? 120_000_000,
      baseFeePerGas: BASE_FEE,
      reserve: readReserve(this.chain.modules, full),
      setHash: validatorSetHash(validatorSet(full)),
      endsEpoch: false,
    }
    this.parent = { header, hash: headerHash(header), state: full, tree }
  }

  /** An envelope with a known sender; execution takes the sender from here, so the signature is fixed. */
  draft(draft: Draft): { readonly transaction: Transaction; readonly sender: Address } {
    const sender = addressOf(draft.from)
    const raw = encodeTransaction(
      {
        type: 2,
        chainId: CHAIN_ID,
        nonce: draft.nonce,
        maxPriorityFeePerGas: draft.maxPriorityFeePerGas ?? 1_000_000_000n,
        maxFeePerGas: draft.maxFeePerGas ?? 100_000_000_000n,
        gasLimit: draft.gasLimit ?? 1_000_000,
        to: draft.to,
        valueBase: draft.valueBase ?? 0n,
        // Include the sender in the bytes, so that equal drafts of two senders differ.
        data: draft.data ?? new Uint8Array(0),
        accessList: [{ address: sender, storageKeys: [] }],
      },
      NO_SIGNATURE,
    )
    const decoded = decodeTransaction(raw, CHAIN_ID)
    if ('failure' in decoded) throw new Error(decoded.failure.message)
    this.senders.set(bytesKey(decoded.transaction.hash), sender)
    return { transaction: decoded.transaction, sender }
  }

  senderOf = (transaction: Transaction): Address | undefined => this.senders.get(bytesKey(transaction.hash))

  template(drafts: readonly Draft[], over: Partial<BlockTemplate> = {}): BlockTemplate {
    const { header } = this.parent
    return {
      epoch: epochAbove(header),
      view: header.endsEpoch ? 1 : header.view + 1,
      timestampMs: header.timestampMs + 100,
      proposer: addressOf('operator1'),
      randaoReveal: new Uint8Array(96).fill(7),
      candidates: drafts.map((draft) => this.draft(draft)),
      gasBudget: 120_000_000,
      bytesBudget: 4 * 1024 * 1024,
      ...over,
    }
  }

  build(drafts: readonly Draft[], over: Partial<BlockTemplate> = {}) {
    return buildBlock(this.parent, this.template(drafts, over), { chain: this.chain })
  }

  execute(block: SealedBlock) {
    return executeBlock(this.parent, block, { chain: this.chain, senderOf: this.senderOf })
  }

  /** Makes an executed block the parent of the next one. */
  commit(executed: ExecutedBlock): void {
    this.full.apply(executed.overlay.changes())
    this.parent.tree.release()
    const { header, hash } = executed.block
    this.parent = { header, hash, state: this.full, tree: executed.tree }
  }

  /** Builds a block, verifies it, compares, commits. Throws when the verifier disagrees. */
  next(drafts: readonly Draft[], over: Partial<BlockTemplate> = {}) {
    const built = this.build(drafts, over)
    const verified = this.execute(built.executed.block)
    if ('rejected' in verified) throw new Error(`${verified.rejected.code}: ${verified.rejected.detail}`)
    built.executed.tree.release()
    this.commit(verified.executed)
    return { ...verified.executed, skipped: built.skipped }
  }

  /** All broken invariants by full recount; empty when all hold. */
  recount(): readonly string[] {
    const ctx = { state: this.full, block: blockContext({ height: this.parent.header.height }) }
    const { modules } = this.chain
    return modulesAt(modules, protocolVersionOf(this.full)).flatMap((module) =>
      (module.rules.invariants ?? []).flatMap((invariant) => {
        const reason = recountNow(invariant, this.full, ctx) ?? invariant.check?.(ctx)
        return reason === undefined ? [] : [`${invariant.id}: ${reason}`]
      }),
    )
  }
}
