// A chain in memory with all modules: blocks are built, now and then executed again as a verifier does, and committed.
// Owns: blocks and transactions. Not: its genesis (replayGenesis.ts), what is sent (fleets.ts, demand.ts).
import { assert } from '../../base/assert.ts'
import { bytesKey, EMPTY_BYTES } from '../../base/bytes.ts'
import type { Address } from '../../base/ids.ts'
import { type ModuleDef, moduleAddress } from '../../base/moduleDefinition.ts'
import { epochAbove, type Header } from '../../base/protocol/header.ts'
import { buildGenesis } from '../../genesis/build.ts'
import type { Genesis } from '../../genesis/schema.ts'
import { failureReader } from '../../state/call.ts'
import type { ChainConfig } from '../../state/chain.ts'
import type { ReadContext } from '../../state/context.ts'
import { blockContextOf } from '../../state/engine.ts'
import { buildBlock, type Candidate, executeBlock, type ParentView } from '../../state/execute.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { assetAddress } from '../../state/modules/assets/ledger.ts'
import { erc20Schema } from '../../state/modules/assets/schema.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import type { MemoryState } from '../../state/overlay.ts'
import type { Module } from '../../state/rules.ts'
import { decodeTransaction, recoverSender, signTransaction } from '../../state/transaction.ts'
import { calldata } from '../calldata.ts'
import { checkQueue } from '../economyQueue.ts'
import type { Wallet } from './wallets.ts'

const PRICES = { maxPriorityFeePerGas: 1n, maxFeePerGas: 100_000_000_000n }
const GAS_LIMIT = 3_000_000
/** Most that the fee of one transaction can come to. */
export const FEE_MAX_BASE = PRICES.maxFeePerGas * BigInt(GAS_LIMIT)
const BYTES_BUDGET = 2 ** 22
/** Blocks without transactions that a window's end may take, and the time between them. */
const REST_BLOCKS_MAX = 45
const REST_INTERVAL_MS = 60_000
/** Every so many blocks a verifier executes again what was built, and recovers the signatures. */
const VERIFIED_EVERY = 32

/** One transaction to be. */
export interface Call {
  readonly from: Wallet
  readonly to: Address
  readonly valueBase: bigint
  readonly data: Uint8Array
  /** For the message when it fails. */
  readonly what: string
}

/** A call of a module's action. */
export function act(from: Wallet, definition: ModuleDef, action: string, args: object): Call {
  const data = calldata(definition, action, args as { readonly [name: string]: unknown })
  return {
    from,
    to: moduleAddress(definition),
    valueBase: 0n,
    data,
    what: `${definition.name}.${action} of ${from.name}`,
  }
}

/** A payment in coins. */
export function pay(from: Wallet, to: Wallet, valueBase: bigint): Call {
  return { from, to: to.address, valueBase, data: EMPTY_BYTES, what: `payment of ${from.name}` }
}

/** A payment in a settlement asset. */
export function payAsset(
  from: Wallet,
  payment: { readonly asset: number; readonly to: Wallet; readonly amountBase: bigint },
): Call {
  const args = { to: payment.to.address, value: payment.amountBase }
  return {
    from,
    to: assetAddress(payment.asset),
    valueBase: 0n,
    data: calldata(erc20Schema, 'transfer', args),
    what: `payment of ${from.name} in asset ${payment.asset}`,
  }
}

/** Something that cannot happen in a replay: a broken invariant, a block refused, a transaction failed. */
export class ReplayFault extends Error {
  readonly code = 'ReplayFault'
  readonly height: number
  constructor(height: number, reason: string) {
    super(`block ${height}: ${reason}`)
    this.name = 'ReplayFault'
    this.height = height
  }
}

export class ReplayChain {
  readonly state: MemoryState
  readonly config: ChainConfig
  #parent: ParentView
  #transactions = 0

  constructor(document: Genesis, modules: readonly Module[]) {
    // Nobody signs with the members' keys: blocks are executed, not voted on.
    const genesis = buildGenesis(document, { areProofsChecked: true })
    this.state = genesis.state
    this.config = { ...genesis.chain, modules }
    const { header, hash } = genesis.block
    this.#parent = { header, hash, state: genesis.state, tree: genesis.tree }
  }

  /** The header of the last block. */
  get header(): Header {
    return this.#parent.header
  }

  /** Transactions so far. */
  get transactions(): number {
    return this.#transactions
  }

  /** For queries, as of the last block. */
  context(): ReadContext {
    const { header } = this.#parent
    return { state: this.state, block: blockContextOf(this.config, { header, state: this.state }, header) }
  }

  /** Makes a block of calls, in their order. Throws a `ReplayFault` unless all succeed and every invariant holds. */
  next(calls: readonly Call[], timestampMs: number): void {
    const parent = this.#parent
    const above = parent.header
    const height = above.height + 1
    const { validators } = validatorSet(this.state)
    const template = {
      epoch: epochAbove(above),
      view: above.endsEpoch ? 1 : above.view + 1,
      timestampMs,
      proposer: validators[height % validators.length]!.operator,
      randaoReveal: new Uint8Array(96).fill(height & 255),
      candidates: this.#candidates(calls),
      gasBudget: above.gasLimit,
      bytesBudget: BYTES_BUDGET,
    }
    const { executed, skipped } = buildBlock(parent, template, { chain: this.config })
    if (skipped.length > 0) throw new ReplayFault(height, `a transaction does not fit: ${skipped[0]!.detail}`)
    const failed = executed.receipts.findIndex((receipt) => !receipt.succeeded)
    if (failed >= 0) {
      const reason = failureReader(this.config.modules).describe(executed.receipts[failed]!.failure)
      throw new ReplayFault(height, `${calls[failed]!.what} fails: ${reason}`)
    }
    const [finding] = executed.findings
    if (finding !== undefined)
      throw new ReplayFault(height, `invariant ${finding.invariant}: ${finding.reason}`)
    if (height % VERIFIED_EVERY === 0) this.#verify(executed.block)
    this.state.apply(executed.overlay.changes())
    parent.tree.release()
    this.#parent = {
      header: executed.block.header,
      hash: executed.block.hash,
      state: this.state,
      tree: executed.tree,
    }
    this.#transactions += calls.length
  }

  /**
   * Makes empty blocks, a minute apart, while a module has work: a window's end takes several, and a node makes them at once.
   * Throws a `ReplayFault` when it does not come to rest.
   */
  rest(): void {
    for (let blocks = 0; this.#hasWork(); blocks++) {
      if (blocks === REST_BLOCKS_MAX)
        throw new ReplayFault(this.header.height, 'the chain does not come to rest')
      this.next([], this.header.timestampMs + REST_INTERVAL_MS)
    }
  }

  #hasWork(): boolean {
    const next = { height: this.header.height + 1, parentEndsEpoch: this.header.endsEpoch }
    return this.config.modules.some(({ rules }) => rules.hasWork?.(this.state, next) === true)
  }

  #verify(block: Parameters<typeof executeBlock>[1]): void {
    const verdict = executeBlock(this.#parent, block, { chain: this.config, senderOf: recoverSender })
    if ('rejected' in verdict) throw new ReplayFault(block.header.height, verdict.rejected.detail)
    verdict.executed.tree.release()
  }

  #candidates(calls: readonly Call[]): readonly Candidate[] {
    const nonces = new Map<string, number>()
    return calls.map(({ from, to, valueBase, data }) => {
      const key = bytesKey(from.address)
      const nonce = nonces.get(key) ?? getAccount(this.state, from.address).nonce
      nonces.set(key, nonce + 1)
      const { chainId } = this.config
      const fields = { type: 2, chainId, nonce, ...PRICES, gasLimit: GAS_LIMIT, accessList: [] } as const
      const raw = signTransaction({ ...fields, to, valueBase, data }, from.secretKey)
      const decoded = decodeTransaction(raw, chainId)
      assert('transaction' in decoded, 'an own transaction is well formed')
      return { transaction: decoded.transaction, sender: from.address }
    })
  }

  /** Recounts every invariant over the whole state. */
  recount(): void {
    const { block } = this.context()
    checkQueue(this.state, block, this.config.modules)
  }

  close(): void {
    this.#parent.tree.release()
  }
}
