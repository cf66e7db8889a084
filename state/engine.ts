// Runs one block on an overlay: hooks, transactions, fees, invariants. Proposer and verifier use the same engine.
// Owns: the running block. Not: header rules (execute.ts), calls (dispatch.ts).
import { AssertionFailed, assert, mustExist } from '../base/assert.ts'
import type { Address, Hash32 } from '../base/ids.ts'
import { type Lane, laneBytesMax, laneGasMax, type PerLane, perLane } from '../base/lanes.ts'
import type { Header, Reserve } from '../base/protocol/header.ts'
import { TX_OVERHEAD_BYTES } from '../base/protocol/limits.ts'
import { RECEIPT_LOGS_MAX, type Receipt, SYSTEM_LOGS_MAX } from '../base/protocol/receipt.ts'
import type { Recovery } from '../base/protocol/recovery.ts'
import { nextMix } from '../base/protocol/vote.ts'
import { newBlockWork } from './blockWork.ts'
import type { ChainConfig } from './chain.ts'
import type { BlockContext, Log, WriteContext } from './context.ts'
import { costOf, type Dispatcher, dispatcherOf, failedLog, runCall } from './dispatch.ts'
import {
  type BlockParams,
  type Cost,
  checkTransaction,
  gasPrice,
  type InvalidCode,
  nextBaseFees,
} from './fees.ts'
import { beginBlock, endBlock } from './hooks.ts'
import { creditCoins, FEES_ADDRESS, getAccount, setAccount } from './modules/accounts/ledger.ts'
import { REASON_BYTES_MAX } from './modules/accounts/schema.ts'
import { accountsParams } from './modules/accounts/tables.ts'
import { stopMinting } from './modules/issuance/minting.ts'
import { Overlay } from './overlay.ts'
import type { KnownPrecheck } from './precheck.ts'
import { applyRecovery } from './recovery.ts'
import { readReserve } from './reserve.ts'
import type { Invariant, Module, Severity } from './rules.ts'
import type { Steps } from './steps.ts'
import { BYTE_GAS, TRANSFER_GAS, type Transaction } from './transaction.ts'
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

/** Why a transaction cannot be in this block; `detail` names the lane and its fee or room where they decide. */
export interface Refusal {
  readonly code: InvalidCode | 'LaneFull' | 'LaneBytesFull' | 'BlockGasExceeded'
  readonly detail: string
}

/** After this many transactions that did not fit, a lane counts as full: the rest of its queue is not looked at. */
const LANE_MISFITS_MAX = 64

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
    ...(parent.header.epoch === facts.epoch ? { parentView: parent.header.view } : {}),
    height,
    timestampMs: facts.timestampMs,
    parentTimestampMs: parent.header.timestampMs,
    proposer: facts.proposer,
    mix: nextMix(parent.header.mix, height, facts.randaoReveal),
    baseFeePerGas: nextBaseFees(parent.header, facts.timestampMs, params).general,
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
  /** Base fee of each lane in this block. */
  readonly baseFees: PerLane<bigint>
  readonly #laneGas: Record<Lane, number> = { ...perLane(() => 0) }
  readonly #work = newBlockWork()
  readonly #laneBytes: Record<Lane, number> = { ...perLane(() => 0) }
  readonly #misfits: Record<Lane, number> = { ...perLane(() => 0) }
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
    this.baseFees = nextBaseFees(parent.header, facts.timestampMs, this.params)
  }

  /** The header's reserve, once the block is finished. */
  get reserve(): Reserve {
    return readReserve(this.#modules, this.overlay)
  }

  get gasUsed(): number {
    return this.#gasUsed
  }

  get laneGas(): PerLane<number> {
    return this.#laneGas
  }

  /** Whether a further transaction of a lane may fit. */
  hasRoom(lane: Lane): boolean {
    const room = this.#laneRoom(lane)
    return room >= TRANSFER_GAS && this.#misfits[lane] < LANE_MISFITS_MAX
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
    const cost = costOf(this.#dispatcher, transaction)
    const account = getAccount(this.overlay, sender)
    const invalid = checkTransaction(transaction, { account, baseFees: this.baseFees, cost })
    if (invalid !== undefined) return this.#refusal(invalid, transaction, cost)
    const { gas } = cost
    const lane = mustExist(cost.lane, 'a valid transaction has one lane')
    const { blockGasLimit } = this.params
    if (this.#gasUsed + gas > Math.min(blockGasLimit, gasBudget)) {
      return this.#refusal('BlockGasExceeded', transaction, cost)
    }
    if (this.#laneGas[lane] + gas > laneGasMax(lane, blockGasLimit)) {
      this.#misfits[lane]++
      return this.#refusal('LaneFull', transaction, cost)
    }
    const sizeBytes = transaction.raw.length + TX_OVERHEAD_BYTES
    if (this.#laneBytes[lane] + sizeBytes > laneBytesMax(lane)) {
      this.#misfits[lane]++
      return this.#refusal('LaneBytesFull', transaction, cost)
    }
    // After this point the transaction is in the block: nonce and fee are charged even if its call fails.
    const baseFeePerGas = this.baseFees[lane]
    const { price, tip } = gasPrice(transaction, baseFeePerGas)
    const gasBase = BigInt(gas)
    setAccount(this.overlay, sender, {
      nonce: account.nonce + 1,
      balanceBase: account.balanceBase - gasBase * price,
    })
    this.#baseFeesBase += gasBase * baseFeePerGas
    this.#tipsBase += gasBase * tip
    this.#laneGas[lane] += gas
    this.#laneBytes[lane] += sizeBytes
    this.#gasUsed += gas
    this.#runTransaction(transaction, { sender, gas, price, lane })
    return undefined
  }

  #refusal(code: Refusal['code'], transaction: Transaction, { gas, lane }: Cost): Refusal {
    if (lane === undefined) return { code, detail: 'its calls are in different lanes' }
    switch (code) {
      case 'FeeCapTooLow':
        return {
          code,
          detail: `maxFeePerGas ${transaction.maxFeePerGas} is below ${this.baseFees[lane]}, the base fee of the ${lane} lane`,
        }
      case 'LaneBytesFull':
        return {
          code,
          detail: `${transaction.raw.length} bytes do not fit: the ${lane} lane has ${laneBytesMax(lane) - this.#laneBytes[lane]} left`,
        }
      case 'LaneFull': {
        const room = this.#laneRoom(lane)
        return {
          code,
          detail: `${gas} gas do not fit: the ${lane} lane, at a base fee of ${this.baseFees[lane]}, has ${room} left`,
        }
      }
      default:
        return { code, detail: `${gas} gas in the ${lane} lane` }
    }
  }

  #runTransaction(
    transaction: Transaction,
    paid: { readonly sender: Address; readonly gas: number; readonly price: bigint; readonly lane: Lane },
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
      lane: paid.lane,
    })
    this.senders.push(paid.sender)
  }

  /** Pays the fees, runs the hooks after the transactions and checks the invariants. Throws when a `halt` invariant is broken. */
  *finish(): Steps<void> {
    creditCoins(this.overlay, FEES_ADDRESS, this.#baseFeesBase)
    creditCoins(this.overlay, this.block.proposer, this.#tipsBase)
    const ctx = { ...this.#systemContext(), laneRoom: (lane: Lane) => this.#laneRoom(lane) }
    endBlock(ctx, this.#modules)
    assert(this.systemLogs.length <= SYSTEM_LOGS_MAX, 'logs of the hooks within the bound')
    yield* this.#checkInvariants()
    this.overlay.settle()
  }

  /** Gas that a lane has left; bytes that it has left count as the gas of that much calldata. */
  #laneRoom(lane: Lane): number {
    const bytesLeft = laneBytesMax(lane) - this.#laneBytes[lane]
    return Math.min(laneGasMax(lane, this.params.blockGasLimit) - this.#laneGas[lane], BYTE_GAS * bytesLeft)
  }

  #systemContext(): WriteContext {
    const emit = (log: Log): void => void this.systemLogs.push(log)
    return { state: this.overlay, block: this.block, emit, work: this.#work }
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
