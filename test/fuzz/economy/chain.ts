// The chain that is fuzzed: all modules on an in-memory state, blocks built and verified by `executeBlock`, every invariant
// recounted. Owns: making blocks and judging them. Not: what is in them (actors/), when (history.ts).
import assert from 'node:assert/strict'
import { bytesKey } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import { epochAbove } from '../../../base/protocol/header.ts'
import type { Receipt } from '../../../base/protocol/receipt.ts'
import type { GenesisBlock } from '../../../genesis/build.ts'
import { failureReader } from '../../../state/call.ts'
import type { ChainConfig } from '../../../state/chain.ts'
import type { ReadContext } from '../../../state/context.ts'
import { blockContextOf } from '../../../state/engine.ts'
import { buildBlock, type ExecutedBlock, executeBlock, type ParentView } from '../../../state/execute.ts'
import { hasWork } from '../../../state/hooks.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { capacityParams } from '../../../state/modules/capacity/tables.ts'
import { currentWindow, getClock } from '../../../state/modules/capacity/windows.ts'
import { getProvider } from '../../../state/modules/providers/members.ts'
import { canValidate, validatorSet } from '../../../state/modules/providers/validatorSet.ts'
import { MemoryState } from '../../../state/overlay.ts'
import { recountNow } from '../../../state/recount.ts'
import { MODULES } from '../../../state/registry.ts'
import { decodeTransaction, encodeTransaction, type Transaction } from '../../../state/transaction.ts'
import { type Act, describeAct } from './act.ts'
import { driverModule, lastWork } from './driver.ts'
import { addressOf } from './wallets.ts'

/** The signature is fixed; execution takes the sender from here. */
const SIGNATURE = new Uint8Array(65).fill(1, 31, 32).fill(1, 63, 64)
export const GAS_LIMIT = 8_000_000
const GAS_BUDGET = 60_000_000
const GWEI = 1_000_000_000n
/** Beyond its budget a block may begin an act for each walk whose turn it is, and what has a number of its own. */
const STEPS_OVER_BUDGET = 20_000
/** A verifier executes every so-manieth block again. */
const VERIFIED_EVERY = 5
const CHAIN_MODULES = [...MODULES, driverModule]
const READER = failureReader(CHAIN_MODULES)
/** Why a transaction of a real sender may have to wait for a later block. */
const WAITS =
  /^(InsufficientFunds|NonceTooHigh|LaneFull|LaneBytesFull|BlockGasExceeded|BlockBytesExceeded|FeeCapTooLow)$/

export interface Played {
  readonly act: Act
  /** Name of the failure; undefined when it succeeded. */
  readonly failure: string | undefined
  readonly detail: string | undefined
}

export class EconomyChain {
  readonly full = new MemoryState()
  readonly chain: ChainConfig
  readonly genesis: GenesisBlock
  parent: ParentView
  /** Most steps that a block took by itself, and most beyond its budget. */
  stepsMost = 0
  stepsOver = 0

  constructor(genesis: GenesisBlock) {
    this.genesis = genesis
    this.chain = { ...genesis.chain, modules: CHAIN_MODULES }
    this.full.apply(genesis.changes)
    const { header, hash } = genesis.block
    this.parent = { header, hash, state: this.full, tree: genesis.tree.retain() }
  }

  get window(): number {
    return currentWindow(this.full)
  }

  get clock() {
    return getClock(this.full)
  }

  /** Whether a node would make a block without any transaction. */
  get isBusy(): boolean {
    const { height, endsEpoch } = this.parent.header
    return hasWork(MODULES, this.full, { height: height + 1, parentEndsEpoch: endsEpoch })
  }

  get nowMs(): number {
    return this.parent.header.timestampMs
  }

  balanceOf(number: number): bigint {
    return getAccount(this.full, addressOf(number)).balanceBase
  }

  context(): ReadContext {
    const { header } = this.parent
    const block = blockContextOf(this.chain, { header, state: this.full }, header)
    return { state: this.full, block: { ...block, epoch: header.epoch } }
  }

  query<T>(module: string, name: string, args: object = {}): T {
    const found = CHAIN_MODULES.find(({ definition }) => definition.name === module)!
    const value = found.rules.queries[name]!(this.context(), args as never)
    const fault = found.definition.queries[name]!.returns.check(value)
    assert.equal(fault, undefined, `${module}.${name} answers outside its schema: ${fault}`)
    return value as T
  }

  close(): void {
    this.parent.tree.release()
  }

  /** Makes a block of these, at least one interval later; those that do not fit are left out. `proposer` chooses the leader. */
  next(acts: readonly Act[], pauseMs: number, proposer: number): readonly Played[] {
    const above = this.parent.header
    const nonces = new Map<string, number>()
    const senders = new Map<string, { readonly act: Act; readonly sender: Address }>()
    const candidates = acts.map((each) => {
      const sender = addressOf(each.from)
      const key = bytesKey(sender)
      const nonce = nonces.get(key) ?? getAccount(this.full, sender).nonce
      nonces.set(key, nonce + 1)
      const transaction = this.#envelope(each, nonce)
      senders.set(bytesKey(transaction.hash), { act: each, sender })
      return { transaction, sender }
    })
    const { validators } = validatorSet(this.full)
    const able = validators.filter(({ id }) => canValidate(getProvider(this.full, id)!.status))
    const leaders = able.length > 0 ? able : validators
    const facts = {
      epoch: epochAbove(above),
      view: above.endsEpoch ? 1 : above.view + 1,
      timestampMs: above.timestampMs + pauseMs,
      proposer: leaders[proposer % leaders.length]!.operator,
      randaoReveal: new Uint8Array(96).fill((above.height + 7 * proposer) & 255),
    }
    const template = { ...facts, candidates, gasBudget: GAS_BUDGET, bytesBudget: 2 ** 22 }
    const { executed, skipped } = buildBlock(this.parent, template, { chain: this.chain })
    this.#judgeWork()
    for (const { reason, detail } of skipped)
      assert.match(reason, WAITS, `a candidate was refused: ${detail}`)
    if (executed.block.header.height % VERIFIED_EVERY === 0)
      this.#verify(executed, (transaction) => senders.get(bytesKey(transaction.hash))?.sender)
    this.parent.tree.release()
    this.full.apply(executed.overlay.changes())
    const { header, hash } = executed.block
    this.parent = { header, hash, state: this.full, tree: executed.tree }
    assert.deepEqual(executed.findings, [], 'an invariant is broken')
    return executed.receipts.map((receipt, i) =>
      played(senders.get(bytesKey(executed.ids[i]!))!.act, receipt),
    )
  }

  #judgeWork(): void {
    const { usedSteps } = lastWork
    const { blockStepsMax } = capacityParams.get(this.full)
    this.stepsMost = Math.max(this.stepsMost, usedSteps)
    this.stepsOver = Math.max(this.stepsOver, usedSteps - blockStepsMax)
    const over = `a block took ${usedSteps} steps of its own; it has ${blockStepsMax}`
    assert.ok(usedSteps <= blockStepsMax + STEPS_OVER_BUDGET, over)
  }

  #verify(executed: ExecutedBlock, senderOf: (transaction: Transaction) => Address | undefined): void {
    const verdict = executeBlock(this.parent, executed.block, { chain: this.chain, senderOf })
    assert.ok('executed' in verdict, 'rejected' in verdict ? verdict.rejected.detail : '')
    verdict.executed.tree.release()
  }

  /** Every invariant by full recount. */
  recount(): void {
    const ctx = this.context()
    const broken = MODULES.flatMap((module) =>
      (module.rules.invariants ?? []).flatMap((invariant) => {
        const reason = recountNow(invariant, this.full, ctx) ?? invariant.check?.(ctx)
        return reason === undefined ? [] : [`${invariant.id}: ${reason}`]
      }),
    )
    assert.deepEqual(broken, [], 'an invariant is broken by full recount')
  }

  #envelope(each: Act, nonce: number): Transaction {
    const { chainId } = this.chain
    const raw = encodeTransaction(
      {
        type: 2,
        chainId,
        nonce,
        maxPriorityFeePerGas: GWEI / 1_000n,
        maxFeePerGas: 20n * GWEI,
        gasLimit: GAS_LIMIT,
        to: each.to,
        valueBase: each.valueBase,
        data: each.data,
        // Makes the bytes of two senders differ: all have the same signature.
        accessList: [{ address: addressOf(each.from), storageKeys: [] }],
      },
      SIGNATURE,
    )
    const decoded = decodeTransaction(raw, chainId)
    assert.ok('transaction' in decoded)
    return decoded.transaction
  }
}

/** Reads a receipt; the engine itself refuses failures that an action does not declare. */
function played(each: Act, receipt: Receipt): Played {
  if (receipt.succeeded) return { act: each, failure: undefined, detail: undefined }
  const decoded = READER.decode(receipt.failure)
  const detail = READER.describe(receipt.failure)
  assert.ok(decoded !== undefined, `${describeAct(each)} failed with unknown bytes ${detail}`)
  return { act: each, failure: decoded.name, detail }
}
