// An in-memory chain with the modules up to the market, for tests of its auctions: traders with units of everything, blocks with
// chosen times and mixes. Not: providers, and coins that anything backs (nobody mints here).
import assert from 'node:assert/strict'
import { concatBytes, u64be, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Address, Hash32, TxId } from '../../base/ids.ts'
import type { Failure } from '../../base/moduleDefinition.ts'
import { COIN, PPM } from '../../base/units.ts'
import { type Parameters, TEST_PARAMETERS } from '../../genesis/parameters.ts'
import { newBlockWork } from '../../state/blockWork.ts'
import type { ActionContext, BlockContext, DebitRefused, Log, WriteContext } from '../../state/context.ts'
import { COIN_ASSET, ledger } from '../../state/ledger.ts'
import { issueAsset, registerAsset } from '../../state/modules/assets/ledger.ts'
import { getClock, openWindows } from '../../state/modules/capacity/windows.ts'
import { getTotals } from '../../state/modules/market/books.ts'
import { marketModule } from '../../state/modules/market/module.ts'
import type { Order } from '../../state/modules/market/schema.ts'
import type { OrderKind, Side } from '../../state/modules/market/shapes.ts'
import { marketTables } from '../../state/modules/market/tables.ts'
import { openOracle } from '../../state/modules/oracle/anchor.ts'
import { MemoryState, Overlay } from '../../state/overlay.ts'
import { writeParameters } from '../../state/parameters.ts'
import { recountNow } from '../../state/recount.ts'
import { modulesThrough } from './modules.ts'

const MODULES = modulesThrough('market')
/** Blocks that an auction may take in a test. */
const BLOCKS_MAX = 10_000
const GENESIS_MS = 1_700_000_000_000
/** A settlement asset with six decimals, and one with two. */
export const USD = 1
export const CENT = 2
/** Of each asset, to each trader. */
export const FUNDS = 10n ** 24n

/** The address of a trader. */
export const traderAt = (n: number): Address => sha256(u64be(n)).slice(0, 20)
export const hundredths = (n: number): bigint => (BigInt(n) * COIN) / 100n
/** A price of so many ticks of a ten-thousandth. */
export const price = (ticks: number): bigint => BigInt(ticks) * 100n

/** The tests' parameters with some of the market's changed. */
export function withMarket(market: Partial<Parameters['market']>): Parameters {
  return { ...TEST_PARAMETERS, market: { ...TEST_PARAMETERS.market, ...market } }
}

export interface OrderTerms {
  readonly side: Side
  readonly ticks: number
  /** In hundredths of a coin, the lot. */
  readonly lots: number
  readonly kind?: OrderKind
  readonly base?: number
  readonly quote?: number
  /** Names the transaction; by default it is the chain's next. */
  readonly tx?: string
}

export class MarketChain {
  readonly committed = new MemoryState()
  logs: Log[] = []
  #overlay = new Overlay(this.committed)
  #height = 0
  #timeMs = GENESIS_MS
  #tx = 0
  readonly #funded = new Set<number>()
  /** Mix of the running block, where a test chooses it. */
  mix: Hash32 | undefined
  /** Accounts that may not give anything up. */
  readonly frozen = new Set<number>()
  /** Steps that the block's other work leaves. */
  usedSteps = 0
  /** Calls the end of each block; a benchmark takes its time. */
  measure: (end: () => void) => void = (end) => end()
  /** Whether invariants are recounted after every block. */
  isChecked = true

  constructor(parameters: Parameters = TEST_PARAMETERS) {
    const state = this.#overlay
    writeParameters(state, MODULES, parameters)
    openOracle(state, PPM)
    openWindows(state, GENESIS_MS)
    const issuer = traderAt(999_999)
    registerAsset(this.ctx(), { id: USD, issuer, name: 'Development dollar', symbol: 'dUSD', decimals: 6 })
    registerAsset(this.ctx(), { id: CENT, issuer, name: 'Two digits', symbol: 'dCENT', decimals: 2 })
    this.#commit()
  }

  get state(): Overlay {
    return this.#overlay
  }

  get block(): BlockContext {
    return {
      chainId: 7357,
      genesisHash: sha256(utf8('genesis of the tests')),
      protocolVersion: 1,
      epoch: 0,
      view: this.#height,
      height: this.#height,
      timestampMs: this.#timeMs,
      parentTimestampMs: this.#timeMs,
      proposer: traderAt(0),
      mix: this.mix ?? sha256(concatBytes(utf8('mix'), u64be(this.#height))),
      baseFeePerGas: 1n,
      modules: MODULES,
    }
  }

  ctx(): WriteContext {
    const emit = (log: Log): void => void this.logs.push(log)
    return {
      state: this.#overlay,
      block: this.block,
      emit,
      work: { ...newBlockWork(), usedSteps: this.usedSteps },
    }
  }

  /** Runs one block of the market alone: `transactions`, its end, invariants. */
  run(transactions: () => void = () => {}, afterMs = 50): void {
    this.#height++
    this.#timeMs += afterMs
    transactions()
    this.measure(() => marketModule.rules.endBlock?.(this.ctx()))
    if (this.isChecked) this.checkInvariants()
    this.#commit()
  }

  /** Runs blocks until no auction is under way. Returns how many. */
  settle(): number {
    for (let blocks = 0; blocks < BLOCKS_MAX; blocks++) {
      const next = { height: this.#height + 1, parentEndsEpoch: false }
      if (marketModule.rules.hasWork?.(this.#overlay, next) !== true) return blocks
      this.run()
    }
    return assert.fail(`auctions are not over after ${BLOCKS_MAX} blocks`)
  }

  /** Moves the window clock on by so many windows, and lets the market see each end. */
  endWindows(count: number): void {
    for (let i = 0; i < count; i++) {
      const clock = getClock(this.#overlay)
      this.#timeMs = Math.max(this.#timeMs + 1, clock.endsAtMs)
      const hooks = MODULES.find(({ rules }) => rules.endWindow !== undefined)!
      const ended = hooks.rules.endWindow!(this.ctx())!
      marketModule.rules.onWindowEnd?.(this.ctx(), ended)
      this.run()
    }
  }

  #commit(): void {
    this.committed.apply(this.#overlay.changes())
    this.#overlay = new Overlay(this.committed)
  }

  fund(trader: number): void {
    if (this.#funded.has(trader)) return
    this.#funded.add(trader)
    for (const asset of [COIN_ASSET, USD, CENT])
      ledger.mint(this.ctx(), { asset, to: traderAt(trader), amountBase: FUNDS })
  }

  /** Gives a trader units of an asset that is not one of the three. */
  give(trader: number, asset: number, amountBase: bigint): void {
    issueAsset(this.ctx(), { asset, to: traderAt(trader), amountBase })
  }

  act(action: 'place' | 'cancel', trader: number, args: object, tx = `${++this.#tx}`): Failure | undefined {
    const mark = this.#overlay.savepoint()
    const refused: DebitRefused = { code: 'DebitRefused', fields: { reason: 'frozen' } }
    const ctx: ActionContext = {
      ...this.ctx(),
      sender: traderAt(trader),
      valueBase: 0n,
      txId: sha256(utf8(tx)) as Uint8Array as TxId,
      txIndex: 0,
      refuseDebit: () => (this.frozen.has(trader) ? refused : undefined),
    }
    const failure = marketModule.rules.actions[action]!(ctx, args as never)
    if (failure === undefined) return undefined
    assert.equal(this.#overlay.touchedSince(mark), false, `${action} failed after writing`)
    if (failure.code === 'DebitRefused') return failure
    const { definition } = marketModule
    assert.ok(definition.actions[action]!.fails.includes(failure.code), `undeclared ${failure.code}`)
    for (const [name, field] of Object.entries(definition.errors[failure.code]!))
      assert.equal(field.check(failure.fields[name]), undefined, `${failure.code}.${name}`)
    return failure
  }

  tryPlace(trader: number, terms: OrderTerms): Failure | undefined {
    const { side, ticks, lots, kind = 'goodTillCancelled', base = COIN_ASSET, quote = USD, tx } = terms
    this.fund(trader)
    const args = { base, quote, side, priceBase: price(ticks), amountBase: hundredths(lots), kind }
    return this.act('place', trader, args, tx)
  }

  /** Places an order, which must succeed; returns its number. */
  place(trader: number, terms: OrderTerms): number {
    const id = getTotals(this.#overlay).nextOrder
    assert.deepEqual(this.tryPlace(trader, terms), undefined)
    return id
  }

  cancel(trader: number, order: number): Failure | undefined {
    return this.act('cancel', trader, { order })
  }

  order(id: number): Order {
    return marketTables.order.mustGet(this.#overlay, { id })
  }

  /** How much a trader has of an asset more than it was given. */
  gained(trader: number, asset: number): bigint {
    return ledger.balanceOf(this.#overlay, { asset, owner: traderAt(trader) }) - FUNDS
  }

  query<T>(name: string, args: object = {}): T {
    const field = marketModule.definition.queries[name]!.returns
    const value = marketModule.rules.queries[name]!(
      { state: this.#overlay, block: this.block },
      args as never,
    )
    assert.equal(field.check(value), undefined, `${name} answers outside its schema`)
    return value as T
  }

  /** The first broken invariant of the market, if any. */
  broken(): string | undefined {
    const full = new MemoryState()
    full.apply(new Map(this.committed.entries('')))
    full.apply(this.#overlay.changes())
    const ctx = { state: this.#overlay, block: this.block }
    for (const invariant of marketModule.rules.invariants ?? []) {
      const reason = recountNow(invariant, full, ctx)
      if (reason !== undefined) return `${invariant.id}: ${reason}`
    }
    return undefined
  }

  checkInvariants(): void {
    assert.equal(this.broken(), undefined)
  }
}

export const code = (failure: Failure | undefined): string | undefined => failure?.code
