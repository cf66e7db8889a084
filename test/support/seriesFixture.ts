// An in-memory chain of native modules for tests of primary sales: blocks with begin and end, buyers with units to pay.
import assert from 'node:assert/strict'
import { EMPTY_BYTES, u32be, u64be, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { type Address, type Hash32, ZERO_HASH } from '../../base/ids.ts'
import type { Failure } from '../../base/moduleDefinition.ts'
import { COIN, PPM } from '../../base/units.ts'
import { type Parameters, TEST_PARAMETERS } from '../../genesis/parameters.ts'
import { newBlockWork } from '../../state/blockWork.ts'
import type { ActionContext, BlockContext, Log, WriteContext } from '../../state/context.ts'
import { beginBlock, endBlock } from '../../state/hooks.ts'
import { ledger } from '../../state/ledger.ts'
import { getAccount } from '../../state/modules/accounts/ledger.ts'
import { issueAsset, receiptAsset, registerAsset } from '../../state/modules/assets/ledger.ts'
import { nextLotId } from '../../state/modules/capacity/lots.ts'
import { attestLot, pledgeLot } from '../../state/modules/capacity/pledges.ts'
import { countAll } from '../../state/modules/capacity/recount.ts'
import { ALL_SERVICES } from '../../state/modules/capacity/schema.ts'
import { currentWindow, getClock, openWindows } from '../../state/modules/capacity/windows.ts'
import { addClass } from '../../state/modules/catalogue/classes.ts'
import { judgeMint, leastLimit } from '../../state/modules/issuance/limits.ts'
import { issuanceModule } from '../../state/modules/issuance/module.ts'
import { openOracle } from '../../state/modules/oracle/anchor.ts'
import { renewPrice, setPrice } from '../../state/modules/oracle/prices.ts'
import { addBond } from '../../state/modules/providers/bonds.ts'
import { bondAddress } from '../../state/modules/providers/external.ts'
import { addProvider } from '../../state/modules/providers/members.ts'
import { providersTables } from '../../state/modules/providers/tables.ts'
import { getTotals } from '../../state/modules/series/books.ts'
import { seriesModule } from '../../state/modules/series/module.ts'
import type { Purchase, Series } from '../../state/modules/series/schema.ts'
import { seriesTables } from '../../state/modules/series/tables.ts'
import { MemoryState, Overlay } from '../../state/overlay.ts'
import { writeParameters } from '../../state/parameters.ts'
import { recountNow } from '../../state/recount.ts'
import type { Module } from '../../state/rules.ts'
import { modulesThrough } from './modules.ts'

const MODULES = modulesThrough('series')
export const ASSET = 1
/** 3 units of a six-decimal asset per coin. */
export const PRICE = 3_000_000n
export const K = TEST_PARAMETERS.capacity.horizonWindows
const GENESIS_MS = 1_700_000_000_000
/** Of the settlement asset, to each account of a test. */
const FUNDS = 10n ** 14n

export const coins = (amount: number): bigint => (BigInt(Math.round(amount * 1_000)) * COIN) / 1_000n
/** Units of the settlement asset, six decimals. */
export const units = (amount: number): bigint => BigInt(Math.round(amount * 1_000_000))
/** The address of a number; operators are accounts 1, 2, 3 …, buyers come from 20 on. */
export const accountOf = (n: number): Address => sha256(u64be(n)).slice(0, 20)
export const BUYER = 20

export interface OpenTerms {
  readonly kind?: 'immediate' | 'forward'
  readonly capBase?: bigint
  readonly startPriceBase?: bigint
  readonly endPriceBase?: bigint
  readonly opensAt?: number
  readonly closesAt?: number
  readonly dueAt?: number
  readonly asset?: number
}

export class SeriesChain {
  readonly committed = new MemoryState()
  readonly logs: Log[] = []
  #overlay = new Overlay(this.committed)
  #height = 0
  #timeMs = GENESIS_MS
  #tx = 0
  readonly #providers: number
  readonly #funded = new Set<string>()
  /** Renews the price in each window, as reporters would; undefined: the price of genesis, or a dead feed. */
  livePrice: bigint | undefined
  /** Mix of the running block, where a test chooses it. */
  mix: Hash32 | undefined

  constructor(
    options: {
      readonly devices?: readonly number[]
      readonly groups?: readonly string[]
      readonly bondBase?: bigint
      readonly parameters?: Parameters
    } = {},
  ) {
    const { devices = [100, 100, 100, 100], parameters = TEST_PARAMETERS } = options
    const state = this.#overlay
    this.#providers = devices.length
    writeParameters(state, MODULES, parameters)
    openOracle(state, PPM)
    setPrice(state, { asset: ASSET, priceBase: PRICE })
    openWindows(state, GENESIS_MS)
    const facts = { id: ASSET, name: 'Development dollar', symbol: 'dUSD', decimals: 6 }
    registerAsset(this.ctx(), { ...facts, issuer: accountOf(999) })
    const rated = { trainPpm: 2n * PPM, finetunePpm: 2n * PPM, inferPpm: 2n * PPM }
    const names = { slug: 'class', vendor: 'vendor', model: 'model', memoryGb: 80 }
    addClass(this.ctx(), 1, { ...names, ...rated, specOnly: false, evidenceHash: ZERO_HASH })
    devices.forEach((count, i) => {
      this.#addProvider(i + 1, options.groups?.[i] ?? '', options.bondBase ?? 10n ** 15n)
      if (count > 0) this.addLot(i + 1, count)
    })
    countAll(this.ctx())
    this.#commit()
    this.checkInvariants()
  }

  #addProvider(id: number, legalGroup: string, amountBase: bigint): void {
    const ctx = this.ctx()
    const operator = accountOf(id)
    const consensusKey = new Uint8Array(48)
    consensusKey.set(u64be(id))
    const profile = { legalName: `${id}`, legalGroup, jurisdiction: 'TW', url: '', termsHash: ZERO_HASH }
    addProvider(ctx, { id, operator, consensusKey, peerId: EMPTY_BYTES, profile })
    issueAsset(ctx, { asset: ASSET, to: operator, amountBase })
    assert.ok(addBond(ctx, { provider: id, asset: ASSET, from: operator, amountBase }))
  }

  /** An attested lot: in genesis it counts at once, later from the next window on. */
  addLot(provider: number, devices: number): number {
    const deviceRoot = sha256(u64be(nextLotId(this.state)))
    const firstWindow = this.window + (this.#height === 0 ? 0 : 1)
    const terms = { deviceRoot, region: 'tw-north', services: ALL_SERVICES, firstWindow }
    const outcome = pledgeLot(this.ctx(), { provider, classId: 1, devices, ...terms })
    assert.ok(outcome.lot !== undefined, outcome.refusal?.code)
    attestLot(this.ctx(), { lot: outcome.lot, auditPpm: PPM, countsFrom: firstWindow })
    return outcome.lot
  }

  get state(): Overlay {
    return this.#overlay
  }

  get window(): number {
    return currentWindow(this.#overlay)
  }

  get height(): number {
    return this.#height
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
      // Each block is another group's, so that purchases are drawn in the next block.
      proposer: accountOf(1 + (this.#height % this.#providers)),
      mix: this.mix ?? sha256(u64be(this.#height)),
      baseFeePerGas: 1n,
      modules: MODULES,
    }
  }

  ctx(): WriteContext {
    const emit = (log: Log): void => void this.logs.push(log)
    return { state: this.#overlay, block: this.block, emit, work: newBlockWork() }
  }

  /** Runs one block: begin, `transactions`, end, invariants. */
  run(transactions: () => void = () => {}, afterMs = 50): void {
    this.#height++
    this.#timeMs += afterMs
    beginBlock(this.ctx(), MODULES)
    transactions()
    endBlock(this.ctx(), MODULES)
    this.checkInvariants()
    this.#commit()
  }

  /** Runs a block that ends the current window; then the price is renewed where the feed lives. */
  endWindow(transactions?: () => void): void {
    if (this.livePrice !== undefined) this.setPrice(this.livePrice)
    this.run(transactions, Math.max(1, getClock(this.#overlay).endsAtMs - this.#timeMs))
  }

  endWindows(count: number): void {
    for (let i = 0; i < count; i++) this.endWindow()
  }

  /** Renews the price in the running window. */
  setPrice(
    priceBase: bigint,
    more: { readonly bondPriceBase?: bigint; readonly lockPriceBase?: bigint } = {},
  ): void {
    const { bondPriceBase = priceBase, lockPriceBase = priceBase } = more
    renewPrice(this.#overlay, { asset: ASSET, window: this.window, priceBase, bondPriceBase, lockPriceBase })
  }

  #commit(): void {
    this.committed.apply(this.#overlay.changes())
    this.#overlay = new Overlay(this.committed)
  }

  /** Gives an account units to pay with, once. */
  fund(account: number): void {
    const owner = accountOf(account)
    if (this.#funded.has(String(account))) return
    this.#funded.add(String(account))
    issueAsset(this.ctx(), { asset: ASSET, to: owner, amountBase: FUNDS })
  }

  /** Runs one action; asserts that a failure is declared and has written nothing. */
  act(action: string, account: number, args: object, module: Module = seriesModule): Failure | undefined {
    const mark = this.#overlay.savepoint()
    const txId: Uint8Array = sha256(u32be(++this.#tx))
    const sender = accountOf(account)
    const ctx: ActionContext = { ...this.ctx(), sender, valueBase: 0n, txId, txIndex: 0 }
    const failure = module.rules.actions[action]!(ctx, args as never)
    if (failure === undefined) return undefined
    assert.equal(this.#overlay.touchedSince(mark), false, `${action} failed after writing`)
    assert.ok(module.definition.actions[action]!.fails.includes(failure.code), `undeclared ${failure.code}`)
    for (const [name, field] of Object.entries(module.definition.errors[failure.code]!))
      assert.equal(field.check(failure.fields[name]), undefined, `${failure.code}.${name}`)
    return failure
  }

  /** Opens a series of a provider from the running window on; returns its failure. */
  tryOpen(provider: number, terms: OpenTerms = {}): Failure | undefined {
    const { kind = 'immediate', startPriceBase = PRICE, opensAt = this.window, asset = ASSET } = terms
    const { closesAt = opensAt + 1 } = terms
    this.fund(provider)
    return this.act('open', provider, {
      kind,
      asset,
      capBase: terms.capBase ?? coins(100),
      startPriceBase,
      endPriceBase: terms.endPriceBase ?? startPriceBase,
      opensAt,
      closesAt,
      dueAt: terms.dueAt ?? (kind === 'forward' ? closesAt + 4 : 0),
    })
  }

  /** Like `tryOpen`, and must succeed; returns the number of the series. */
  open(provider: number, terms: OpenTerms = {}): number {
    const id = getTotals(this.#overlay).nextSeries
    assert.deepEqual(this.tryOpen(provider, terms), undefined)
    return id
  }

  buy(account: number, series: number, amountBase: bigint, payMaxBase = 2n ** 100n): Failure | undefined {
    this.fund(account)
    return this.act('buy', account, { series, amountBase, payMaxBase })
  }

  /** Buys in a block of its own and runs the next one, which settles it; returns the purchase. */
  bought(account: number, series: number, amountBase: bigint): Purchase {
    const id = getTotals(this.#overlay).nextPurchase
    this.run(() => assert.deepEqual(this.buy(account, series, amountBase), undefined))
    this.run()
    return this.purchase(id)
  }

  purchase(id: number): Purchase {
    return seriesTables.purchase.mustGet(this.#overlay, { id })
  }

  series(id: number): Series {
    return seriesTables.series.mustGet(this.#overlay, { id })
  }

  claim(account: number, series: number, amountBase = this.receipts(account, series)): Failure | undefined {
    return this.act('claim', account, { series, amountBase })
  }

  mint(provider: number, amountBase: bigint): Failure | undefined {
    return this.act('mint', provider, { to: accountOf(provider), amountBase }, issuanceModule)
  }

  /** Most that a provider could mint by the limits alone. */
  roomOf(provider: number): bigint {
    return leastLimit(judgeMint(this.#overlay, provider).limits)
  }

  coinsOf(account: number): bigint {
    return getAccount(this.#overlay, accountOf(account)).balanceBase
  }

  unitsOf(account: number): bigint {
    return ledger.balanceOf(this.#overlay, { asset: ASSET, owner: accountOf(account) })
  }

  /** What an account has paid since it was funded. */
  paidBy(account: number): bigint {
    return FUNDS - this.unitsOf(account)
  }

  receipts(account: number, series: number): bigint {
    return ledger.balanceOf(this.#overlay, { asset: receiptAsset(series), owner: accountOf(account) })
  }

  /** Moves receipts as a wallet would. */
  transfer(
    series: number,
    move: { readonly from: number; readonly to: number; readonly amountBase: bigint },
  ): void {
    const { from, to, amountBase } = move
    const asset = receiptAsset(series)
    const refusal = ledger.move(this.ctx(), { asset, from: accountOf(from), to: accountOf(to), amountBase })
    assert.equal(refusal, undefined)
  }

  /** Replaces a provider's bond; the units beyond it leave the escrow, those missing are issued to it. */
  setBond(provider: number, amountBase: bigint): void {
    const known = providersTables.bond.mustGet(this.#overlay, { provider, asset: ASSET }).amountBase
    const ctx = this.ctx()
    if (amountBase > known) {
      issueAsset(ctx, { asset: ASSET, to: accountOf(998), amountBase: amountBase - known })
      assert.ok(
        addBond(ctx, { provider, asset: ASSET, from: accountOf(998), amountBase: amountBase - known }),
      )
      return
    }
    const owner = bondAddress(provider)
    const move = { asset: ASSET, from: owner, to: accountOf(997), amountBase: known - amountBase }
    assert.equal(ledger.move(ctx, move), undefined)
    providersTables.bond.set(this.#overlay, { provider, asset: ASSET }, { amountBase })
  }

  query<T>(name: string, args: object = {}, module: Module = seriesModule): T {
    const field = module.definition.queries[name]!.returns
    const value = module.rules.queries[name]!({ state: this.#overlay, block: this.block }, args as never)
    assert.equal(field.check(value), undefined, `${name} answers outside its schema`)
    return value as T
  }

  /** The first broken invariant of the modules, if any. */
  broken(): string | undefined {
    const full = new MemoryState()
    full.apply(new Map(this.committed.entries('')))
    full.apply(this.#overlay.changes())
    const ctx = { state: this.#overlay, block: this.block }
    for (const { rules } of MODULES)
      for (const invariant of rules.invariants ?? []) {
        const reason =
          invariant.check?.(ctx) ??
          invariant.checkChanges?.(this.#overlay.changes(), this.committed, ctx) ??
          recountNow(invariant, full, ctx)
        if (reason !== undefined) return `${invariant.id}: ${reason}`
      }
    return undefined
  }

  checkInvariants(): void {
    assert.equal(this.broken(), undefined)
  }
}

export const code = (failure: Failure | undefined): string | undefined => failure?.code
