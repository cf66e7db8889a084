// Runs one block on an overlay: hooks, transactions, fees, invariants. Proposer and verifier use the same engine.
// Owns: the running block. Not: header rules (execute.ts), calls (dispatch.ts).
import { AssertionFailed, assert } from '../base/assert.ts'
import type { Address, Hash32 } from '../base/ids.ts'
import { LANES, type Lane } from '../base/moduleDefinition.ts'
import type { Header, Reserve } from '../base/protocol/header.ts'
import { RECEIPT_LOGS_MAX, type Receipt, SYSTEM_LOGS_MAX } from '../base/protocol/receipt.ts'
import type { Recovery } from '../base/protocol/recovery.ts'
import { nextMix } from '../base/protocol/vote.ts'
import type { ChainConfig } from './chain.ts'
import type { BlockContext, Log, WriteContext } from './context.ts'
import { type Dispatcher, dispatcherOf, failedLog, gasOf, laneOf, runCall } from './dispatch.ts'
import {
  type BlockParams,
  checkTransaction,
  gasPrice,
  type InvalidCode,
  laneGasMax,
  nextBaseFee,
} from './fees.ts'
import { beginBlock, endBlock } from './hooks.ts'
import { creditCoins, FEE_POOL_ADDRESS, getAccount, setAccount } from './modules/accounts/ledger.ts'
import { REASON_BYTES_MAX } from './modules/accounts/schema.ts'
import { accountsParams } from './modules/accounts/tables.ts'
import { stopMinting } from './modules/issuance/minting.ts'
import { Overlay } from './overlay.ts'
import type { KnownPrecheck } from './precheck.ts'
import { applyRecovery } from './recovery.ts'
import { readReserve } from './reserve.ts'
import type { Invariant, Module, Severity } from './rules.ts'
import type { Steps } from './steps.ts'
import type { Transaction } from './transaction.ts'
import { modulesAt } from './versions.ts'
import type { StateReader } from './view.ts'

/** With more changes than this, each invariant over the changes is a step of its own. */
const CHANGES_PER_STEP = 512

/** What the proposer decides about a block besides its transactions. */
export interface BlockFacts {
  readonly epoch: number
  readonly view: number
  readonly timestampMs: number
  readonly proposer: Address
  readonly randaoReveal: Uint8Array
}

/** A broken invariant that does not halt the node. */
export interface Finding {
  readonly invariant: string
  readonly severity: Severity
  readonly reason: string
}

/** Why a transaction cannot be in this block. */
export type Refusal = InvalidCode | 'LaneFull' | 'BlockGasExceeded'

/** The context in which a block on top of `parent` runs. */
export function blockContextOf(
  chain: ChainConfig,
  parent: { readonly header: Header; readonly state: StateReader },
  facts: BlockFacts,
): BlockContext {
  const params = accountsParams.get(parent.state)
  const height = parent.header.height + 1
  return {
    chainId: chain.chainId,
    genesisHash: chain.genesisHash,
    protocolVersion: params.protocolVersion,
    epoch: facts.epoch,
    view: facts.view,
    height,
    timestampMs: facts.timestampMs,
    parentTimestampMs: parent.header.timestampMs,
    proposer: facts.proposer,
    mix: nextMix(parent.header.mix, height, facts.randaoReveal),
    baseFeePerGas: nextBaseFee(parent.header, facts.timestampMs, params),
    modules: modulesAt(chain.modules, params.protocolVersion),
  }
}

/** One block being executed: `begin`, then `apply` per transaction, then `finish`. Never changes the parent. */
export class BlockRun {
  readonly overlay: Overlay
  readonly block: BlockContext
  readonly params: BlockParams
  readonly receipts: Receipt[] = []
  /** Signer of each transaction. */
  readonly senders: Address[] = []
  readonly systemLogs: Log[] = []
  readonly findings: Finding[] = []
  /** Those of the block's version, in registry order. */
  readonly #modules: readonly Module[]
  readonly #dispatcher: Dispatcher
  readonly #knownPrecheck: KnownPrecheck | undefined
  readonly #parentState: StateReader
  /** Set when a recovery begins the epoch with this block. */
  readonly #recovery: Recovery | undefined
  readonly #laneGas = new Map<Lane, number>(LANES.map((lane) => [lane, 0]))
  #gasUsed = 0
  #baseFeesBase = 0n
  #tipsBase = 0n

  constructor(
    chain: ChainConfig,
    parent: { readonly header: Header; readonly hash: Hash32; readonly state: StateReader },
    facts: BlockFacts,
  ) {
    this.#recovery = chain.recoveryOn?.(parent.hash)
    this.#knownPrecheck = chain.knownPrecheck
    this.#parentState = parent.state
    this.overlay = new Overlay(parent.state)
    this.block = blockContextOf(chain, parent, facts)
    this.#modules = modulesAt(chain.modules, this.block.protocolVersion)
    this.#dispatcher = dispatcherOf(chain.modules, this.block.protocolVersion)
    this.params = accountsParams.get(parent.state)
  }

  /** The header's reserve, once the block is finished. */
  get reserve(): Reserve {
    return readReserve(this.#modules, this.overlay)
  }

  get gasUsed(): number {
    return this.#gasUsed
  }

  /** Applies the recovery that begins this epoch, if any, then the hooks before the transactions. */
  begin(): void {
    const ctx = this.#systemContext()
    if (this.#recovery !== undefined) applyRecovery(ctx, this.#recovery)
    beginBlock(ctx, this.#modules)
    this.overlay.settle()
  }

  /** Runs one transaction; a rejected one changes nothing. `gasBudget`: a proposer's own limit below the block's. */
  apply(
    transaction: Transaction,
    sender: Address,
    gasBudget: number = this.params.blockGasLimit,
  ): Refusal | undefined {
    const gas = gasOf(this.#dispatcher, transaction)
    const account = getAccount(this.overlay, sender)
    const { baseFeePerGas } = this.block
    const invalid = checkTransaction(transaction, { account, baseFeePerGas, gas })
    if (invalid !== undefined) return invalid
    const lane = laneOf(this.#dispatcher, transaction)
    const laneGas = this.#laneGas.get(lane)! + gas
    const { blockGasLimit } = this.params
    if (this.#gasUsed + gas > Math.min(blockGasLimit, gasBudget)) return 'BlockGasExceeded'
    if (laneGas > laneGasMax(lane, blockGasLimit)) return 'LaneFull'
    // After this point the transaction is in the block: nonce and fee are charged even if its call fails.
    const { price, tip } = gasPrice(transaction, baseFeePerGas)
    const gasBase = BigInt(gas)
    setAccount(this.overlay, sender, {
      nonce: account.nonce + 1,
      balanceBase: account.balanceBase - gasBase * price,
    })
    this.#baseFeesBase += gasBase * baseFeePerGas
    this.#tipsBase += gasBase * tip
    this.#laneGas.set(lane, laneGas)
    this.#gasUsed += gas
    this.#runTransaction(transaction, { sender, gas, price })
    return undefined
  }

  #runTransaction(
    transaction: Transaction,
    paid: { readonly sender: Address; readonly gas: number; readonly price: bigint },
  ): void {
    const { type, to, valueBase, data, hash } = transaction
    this.overlay.settle()
    const logs: Log[] = []
    const outcome = runCall(
      {
        dispatcher: this.#dispatcher,
        state: this.overlay,
        block: this.block,
        sender: paid.sender,
        txId: hash,
        txIndex: this.receipts.length,
        logs,
        knownPrecheck: this.#knownPrecheck,
      },
      { to, valueBase, data },
    )
    assert(logs.length <= RECEIPT_LOGS_MAX, 'logs of one transaction within the bound')
    this.overlay.settle()
    const failure = outcome.failed ? outcome.reason.slice(0, REASON_BYTES_MAX) : outcome.output.subarray(0, 0)
    this.receipts.push({
      type,
      succeeded: !outcome.failed,
      cumulativeGasUsed: this.#gasUsed,
      gasUsed: paid.gas,
      effectiveGasPrice: paid.price,
      logs: outcome.failed ? [failedLog({ to, data }, failure)] : logs,
      failure,
    })
    this.senders.push(paid.sender)
  }

  /** Pays the fees, runs the hooks after the transactions and checks the invariants. Throws when a `halt` invariant is broken. */
  *finish(): Steps<void> {
    creditCoins(this.overlay, FEE_POOL_ADDRESS, this.#baseFeesBase)
    creditCoins(this.overlay, this.block.proposer, this.#tipsBase)
    const ctx = this.#systemContext()
    endBlock(ctx, this.#modules)
    assert(this.systemLogs.length <= SYSTEM_LOGS_MAX, 'logs of the hooks within the bound')
    yield* this.#checkInvariants()
    this.overlay.settle()
  }

  #systemContext(): WriteContext {
    return { state: this.overlay, block: this.block, emit: (log) => void this.systemLogs.push(log) }
  }

  *#checkInvariants(): Steps<void> {
    const ctx = { state: this.overlay, block: this.block }
    const changes = this.overlay.changes()
    const isLarge = changes.size > CHANGES_PER_STEP
    const reasonOf = (invariant: Invariant): string | undefined =>
      invariant.check?.(ctx) ?? invariant.checkChanges?.(changes, this.#parentState, ctx)
    for (const module of this.#modules) {
      for (const invariant of module.rules.invariants ?? []) {
        if (isLarge && invariant.checkChanges !== undefined) yield
        const reason = reasonOf(invariant)
        if (reason === undefined) continue
        const { id, severity } = invariant
        if (severity === 'halt') {
          throw new AssertionFailed(`block ${this.block.height}: invariant ${id} is broken: ${reason}`)
        }
        this.findings.push({ invariant: id, severity, reason })
      }
    }
    const stop = this.findings.find((finding) => finding.severity === 'stopMinting')
    if (stop !== undefined) stopMinting(this.#systemContext(), `invariant ${stop.invariant}`)
  }
}
