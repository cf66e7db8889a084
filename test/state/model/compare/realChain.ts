// The chain under test: all modules and the driver, blocks built, executed by `executeBlock` and committed.
import assert from 'node:assert/strict'
import { bytesKey, readU64be, toHex } from '../../../../base/bytes.ts'
import type { Address } from '../../../../base/ids.ts'
import { epochAbove, type Header } from '../../../../base/protocol/header.ts'
import type { Receipt } from '../../../../base/protocol/receipt.ts'
import { selectorOf } from '../../../../base/selector.ts'
import { buildGenesis, type GenesisBlock } from '../../../../genesis/build.ts'
import type { Genesis } from '../../../../genesis/schema.ts'
import { failureReader } from '../../../../state/call.ts'
import type { ChainConfig } from '../../../../state/chain.ts'
import type { Log, ReadContext } from '../../../../state/context.ts'
import { blockContextOf } from '../../../../state/engine.ts'
import { buildBlock, executeBlock, type ParentView } from '../../../../state/execute.ts'
import { getAccount } from '../../../../state/modules/accounts/ledger.ts'
import { isCounted } from '../../../../state/modules/capacity/counted.ts'
import { getGroup } from '../../../../state/modules/capacity/groups.ts'
import { getCount } from '../../../../state/modules/capacity/sums.ts'
import { capacityTables } from '../../../../state/modules/capacity/tables.ts'
import { compensationOf } from '../../../../state/modules/issuance/compensations.ts'
import { compensationEscrow } from '../../../../state/modules/issuance/handovers.ts'
import { validatorSet } from '../../../../state/modules/providers/validatorSet.ts'
import { redemptionModule } from '../../../../state/modules/redemption/module.ts'
import { CLOSE_REASONS } from '../../../../state/modules/redemption/shapes.ts'
import { MemoryState } from '../../../../state/overlay.ts'
import { MODULES } from '../../../../state/registry.ts'
import type { Module } from '../../../../state/rules.ts'
import { decodeTransaction, encodeTransaction, type Transaction } from '../../../../state/transaction.ts'
import type { Progress } from '../defaults.ts'
import { driverModule } from './driver.ts'
import { callOf, type Sent } from './operations.ts'
import { walletOf } from './wallets.ts'

/** The signature is fixed; execution takes the sender from the harness. */
const SIGNATURE = new Uint8Array(65).fill(1, 31, 32).fill(1, 63, 64)
export const MAX_FEE = 40_000_000_000n
export const TIP = 1_000n
const GAS_LIMIT = 6_000_000
/** Bytes of a value in a log's data. */
const WORD_BYTES = 32
/** Every so many blocks a verifier executes again what the proposer has built. */
const CHECKED_EVERY = 16

/** What a transaction came to. */
export interface Executed {
  readonly sent: Sent
  readonly txHash: string
  readonly gasUsed: number
  /** Undefined when it succeeded; else the name of its failure. */
  readonly failure: string | undefined
  /** Of a failed batch: the failing call, and the name of its failure. */
  readonly inner: { readonly index: number; readonly failure: string } | undefined
}

export interface ExecutedBlock {
  readonly header: Header
  readonly transactions: readonly Executed[]
  readonly systemLogs: readonly Log[]
  /** Of transactions and of the chain itself. */
  readonly logs: readonly Log[]
  /** Broken invariants. */
  readonly findings: readonly string[]
}

const CHAIN_MODULES: readonly Module[] = [...MODULES, driverModule]

export class RealChain {
  readonly full = new MemoryState()
  readonly chain: ChainConfig
  readonly #genesis: GenesisBlock
  parent: ParentView
  readonly #reader = failureReader(CHAIN_MODULES)

  constructor(document: Genesis) {
    this.#genesis = buildGenesis(document, { areProofsChecked: true })
    this.chain = { ...this.#genesis.chain, modules: CHAIN_MODULES }
    this.full.apply(this.#genesis.changes)
    const { header, hash } = this.#genesis.block
    this.parent = { header, hash, state: this.full, tree: this.#genesis.tree }
  }

  /** The state after the last block, for queries. */
  context(): ReadContext {
    const { header } = this.parent
    const block = blockContextOf(this.chain, { header, state: this.full }, header)
    return { state: this.full, block: { ...block, epoch: header.epoch } }
  }

  /** Members of the validator set, by id. */
  get validatorIds(): readonly number[] {
    return validatorSet(this.full).validators.map(({ id }) => id)
  }

  /** Lot groups that a recount under way has passed, those that have ended among them; undefined while none is. */
  recountedGroups(): ReadonlySet<number> | undefined {
    const { next } = getCount(this.full)
    if (next === undefined) return undefined
    const { lastGroup } = capacityTables.sequence.mustGet(this.full, {})
    const ids = Array.from({ length: lastGroup }, (_, i) => i + 1)
    return new Set(
      ids.filter((id) => {
        const group = getGroup(this.full, id)
        return (
          group === undefined || isCounted(this.full, next, { key: capacityTables.group.key({ id }), group })
        )
      }),
    )
  }

  /** Where a member's compensations are, and what of an asset they are recorded to hold. */
  compensationAddress(provider: number): Address {
    return compensationEscrow(provider)
  }

  compensationOf(provider: number, asset: number): bigint {
    const { assets } = compensationOf(this.full, provider)
    return assets.find((held) => held.asset === asset)?.amountBase ?? 0n
  }

  coinsAt(address: Address): bigint {
    return getAccount(this.full, address).balanceBase
  }

  /** How far the defaults of members have come. */
  defaults(members: readonly number[]): readonly Progress[] {
    return members.flatMap((provider) => {
      const known = this.query<Progress | undefined>('default', 'case', { provider })
      return known === undefined ? [] : [{ provider, stage: known.stage, cursor: known.cursor }]
    })
  }

  /** Whether matching has nothing left to do. */
  rests(): boolean {
    return redemptionModule.rules.hasWork?.(this.full, {} as never) !== true
  }

  /** The highest id that any request has had. */
  lastRequest = 0

  /** Coins of a wallet. */
  balanceOf(wallet: number): bigint {
    return getAccount(this.full, walletOf(wallet)).balanceBase
  }

  query<T>(module: string, name: string, args: object = {}): T {
    const found = CHAIN_MODULES.find(({ definition }) => definition.name === module)!
    const field = found.definition.queries[name]!.returns
    const value = found.rules.queries[name]!(this.context(), args as never)
    assert.equal(field.check(value), undefined, `${module}.${name} answers outside its schema`)
    return value as T
  }

  /** Makes a block; transactions that cannot be in it are left out. */
  next(block: {
    readonly sent: readonly Sent[]
    readonly timestampMs: number
    readonly proposer: number
    readonly reveal: number
    readonly skippedViews?: number
  }): ExecutedBlock {
    const above = this.parent.header
    const nonces = new Map<number, number>()
    const senders = new Map<string, { readonly sent: Sent; readonly sender: Address }>()
    const candidates = block.sent.map((sent) => {
      const sender = walletOf(sent.from)
      const nonce = nonces.get(sent.from) ?? getAccount(this.full, sender).nonce
      nonces.set(sent.from, nonce + 1)
      const transaction = this.#envelope(sent, nonce)
      senders.set(bytesKey(transaction.hash), { sent, sender })
      return { transaction, sender }
    })
    const facts = {
      epoch: epochAbove(above),
      view: (above.endsEpoch ? 1 : above.view + 1) + (block.skippedViews ?? 0),
      timestampMs: block.timestampMs,
      proposer: walletOf(block.proposer),
      randaoReveal: new Uint8Array(96).fill(block.reveal),
    }
    const template = { ...facts, candidates, gasBudget: 120_000_000, bytesBudget: 2 ** 22 }
    const built = buildBlock(this.parent, template, { chain: this.chain })
    const { executed } = built
    if (executed.block.header.height % CHECKED_EVERY === 0) {
      const verdict = executeBlock(this.parent, executed.block, {
        chain: this.chain,
        senderOf: (transaction) => senders.get(bytesKey(transaction.hash))?.sender,
      })
      assert.ok('executed' in verdict, 'rejected' in verdict ? verdict.rejected.detail : '')
      verdict.executed.tree.release()
    }
    this.parent.tree.release()
    this.full.apply(executed.overlay.changes())
    const { header, hash } = executed.block
    this.parent = { header, hash, state: this.full, tree: executed.tree }
    const logs = executed.receipts.flatMap((receipt) => receipt.logs)
    this.lastRequest += this.count(logs, 'redemption', 'Requested')
    return {
      header,
      transactions: executed.receipts.map((receipt, i) => {
        const { sent } = senders.get(bytesKey(executed.ids[i]!))!
        return this.#outcome(sent, toHex(executed.ids[i]!), receipt)
      }),
      systemLogs: executed.systemLogs,
      logs: [...logs, ...executed.systemLogs],
      findings: executed.findings.map(({ invariant, reason }) => `${invariant}: ${reason}`),
    }
  }

  #outcome(sent: Sent, txHash: string, receipt: Receipt): Executed {
    const common = { sent, txHash, gasUsed: receipt.gasUsed }
    if (receipt.succeeded) return { ...common, failure: undefined, inner: undefined }
    const decoded = this.#reader.decode(receipt.failure)
    assert.ok(decoded !== undefined, `undeclared error ${toHex(receipt.failure)}`)
    if (decoded.name !== 'BatchFailed') return { ...common, failure: decoded.name, inner: undefined }
    // The arguments may be cut off; what is asked for comes first: selector, index, offset, length, inner selector.
    const index = readU64be(receipt.failure, 4 + 24)
    const reason = receipt.failure.subarray(4 + 3 * 32)
    const failure = this.#reader.decode(reason)?.name ?? toHex(reason)
    return { ...common, failure: decoded.name, inner: { index, failure } }
  }

  /** How often a module's event is among logs. */
  count(logs: readonly Log[], module: string, event: string): number {
    return this.#logsOf(logs, module, event).length
  }

  /** How many reservations were given up for coins that a fault returned. */
  countUnbooked(logs: readonly Log[]): number {
    const values = Object.entries(redemptionModule.definition.events.Closed!)
    const reason = values
      .filter(([, { indexed }]) => indexed !== true)
      .findIndex(([name]) => name === 'reason')
    const unbooked = CLOSE_REASONS.indexOf('unbooked')
    return this.#logsOf(logs, 'redemption', 'Closed').filter(
      ({ data }) => data[WORD_BYTES * (reason + 1) - 1] === unbooked,
    ).length
  }

  /** Which of a block's reservations, by index, have no bonus. */
  reservedWithoutBonus(logs: readonly Log[]): ReadonlySet<number> {
    // The bonus is the last value.
    const bonusOf = ({ data }: Log): Uint8Array => data.subarray(data.length - WORD_BYTES)
    const reserved = this.#logsOf(logs, 'redemption', 'Assigned')
    return new Set(reserved.flatMap((log, i) => (bonusOf(log).every((byte) => byte === 0) ? [i] : [])))
  }

  #logsOf(logs: readonly Log[], module: string, event: string): readonly Log[] {
    const { definition } = CHAIN_MODULES.find((each) => each.definition.name === module)!
    const selector = toHex(selectorOf(event, definition.events[event]!))
    return logs.filter((log) => log.topics[0] !== undefined && toHex(log.topics[0].slice(0, 4)) === selector)
  }

  #envelope(sent: Sent, nonce: number): Transaction {
    const { chainId, genesisHash } = this.chain
    const raw = encodeTransaction(
      {
        type: 2,
        chainId,
        nonce,
        maxPriorityFeePerGas: TIP,
        maxFeePerGas: MAX_FEE,
        gasLimit: GAS_LIMIT,
        ...callOf({ chainId, genesisHash }, sent.operation),
        // Makes the bytes of two senders differ: all have the same signature.
        accessList: [{ address: walletOf(sent.from), storageKeys: [] }],
      },
      SIGNATURE,
    )
    const decoded = decodeTransaction(raw, chainId)
    assert.ok('transaction' in decoded)
    return decoded.transaction
  }
}
