// Random histories of one pool on the module's own rules, beside brute force: a list of backers, every income and loss divided over
// all of them in fractions so fine that nothing is rounded. Used by backingModel.test.ts and, for long runs, main.ts.
import assert from 'node:assert/strict'
import type { Failure } from '../../../base/moduleDefinition.ts'
import { minBigint, mulDivCeil, PPM } from '../../../base/units.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import type { ActionContext, WriteContext } from '../../../state/context.ts'
import { COIN_ASSET, ledger } from '../../../state/ledger.ts'
import { mintCoins } from '../../../state/modules/accounts/ledger.ts'
import { issueAsset } from '../../../state/modules/assets/ledger.ts'
import { getIncome, shareIncome } from '../../../state/modules/backing/income.ts'
import { backingModule } from '../../../state/modules/backing/module.ts'
import {
  atRisk,
  getPool,
  holdUnbonding,
  poolAddressOf,
  takeLoss,
} from '../../../state/modules/backing/pools.ts'
import { backingParams, backingTables } from '../../../state/modules/backing/tables.ts'
import { capacityTables } from '../../../state/modules/capacity/tables.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { GUARANTEE_FUND } from '../../../state/modules/providers/external.ts'
import { MemoryState } from '../../../state/overlay.ts'
import { recountNow } from '../../../state/recount.ts'
import { accountOf, EconomyChain, SETTLEMENT_ASSET } from '../../support/economyFixture.ts'
import { Random } from '../../support/random.ts'

const PROVIDER = 1
const ASSETS = [COIN_ASSET, SETTLEMENT_ASSET]
/** A base unit in the model: finer than any rounding of a history. */
const FINE = 2n ** 256n
const UNBOND_WINDOWS = 3
const UNBONDINGS_MAX = 3

let started: MemoryState | undefined
/** The state that every history begins with: one provider and nobody behind it. */
function beginning(): MemoryState {
  if (started === undefined) {
    const chain = new EconomyChain(TEST_PARAMETERS)
    chain.addProvider(PROVIDER)
    const params = { unbondWindows: UNBOND_WINDOWS, minimumBase: 1n, unbondingsMax: UNBONDINGS_MAX }
    backingParams.set(chain.state, params)
    started = new MemoryState()
    started.apply(chain.state.changes())
  }
  const state = new MemoryState()
  state.apply(new Map(started.entries('')))
  return state
}

interface Backer {
  readonly account: number
  /** All in parts of 1/FINE. */
  coins: bigint
  readonly income: Map<number, bigint>
  /** `left`: windows until they are free, of those in which the provider is not at fault. */
  unbondings: { left: number; coins: bigint }[]
}

/** The pool as the pages describe it: no units, no running sums, a loop over everybody for everything. */
class BruteForce {
  readonly backers: Backer[]
  sharePpm = 0n
  isHeld = false
  lower: { readonly sharePpm: bigint; readonly fromWindow: number } | undefined

  constructor(count: number) {
    this.backers = Array.from({ length: count }, (_, i) => ({
      account: 100 + i,
      coins: 0n,
      income: new Map(ASSETS.map((asset) => [asset, 0n])),
      unbondings: [],
    }))
  }

  get coins(): bigint {
    return this.backers.reduce((sum, { coins }) => sum + coins, 0n)
  }

  atWindow(window: number): void {
    if (!this.isHeld)
      for (const entry of this.backers.flatMap(({ unbondings }) => unbondings)) entry.left -= 1
    if (this.lower === undefined || this.lower.fromWindow > window) return
    this.sharePpm = this.lower.sharePpm
    this.lower = undefined
  }

  setShare(sharePpm: bigint, window: number): void {
    const isLower = sharePpm < this.sharePpm
    this.lower = isLower ? { sharePpm, fromWindow: window + 1 + UNBOND_WINDOWS } : undefined
    if (!isLower) this.sharePpm = sharePpm
  }

  receive(asset: number, amountBase: bigint): void {
    const total = this.coins
    for (const backer of this.backers)
      backer.income.set(asset, backer.income.get(asset)! + (amountBase * FINE * backer.coins) / total)
  }

  lose(lossBase: bigint): void {
    const all = this.backers.flatMap((backer) => [
      backer,
      ...backer.unbondings.filter(({ left }) => left > 0),
    ])
    const total = all.reduce((sum, { coins }) => sum + coins, 0n)
    const lost = lossBase * FINE
    for (const part of all)
      part.coins = part.coins <= 0n ? 0n : (part.coins * (total > lost ? total - lost : 0n)) / total
  }
}

/** Kinds of histories: what amounts are like, and how much of a pool a loss takes. */
const SCALES = [1n, 10n ** 6n, 10n ** 18n, 10n ** 24n]

class History {
  readonly state = beginning()
  readonly random: Random
  readonly model: BruteForce
  readonly #scale: bigint
  #acts = 0
  /** How far coins may differ from brute force by rounding: a unit or two of each act. */
  get #coinsOff(): bigint {
    return 2n * BigInt(this.#acts) + 2n
  }
  readonly #incomeOff = new Map(ASSETS.map((asset) => [asset, 2n]))
  readonly paid = new Map(ASSETS.map((asset) => [asset, 0n]))
  #backedBase = 0n
  #lostBase = 0n
  #withdrawnBase = 0n

  constructor(seed: number) {
    this.random = new Random(seed)
    this.model = new BruteForce(this.random.between(1, 6))
    this.#scale = this.random.pick(SCALES)
  }

  #ctx(): WriteContext {
    return { state: this.state, block: BLOCK, emit: () => {} }
  }

  #act(action: string, account: number, args: object): Failure | undefined {
    const sender = accountOf(account)
    const ctx: ActionContext = { ...this.#ctx(), sender, valueBase: 0n, txId: TX_ID, txIndex: 0 }
    return backingModule.rules.actions[action]!(ctx, args as never)
  }

  get #window(): number {
    return currentWindow(this.state)
  }

  #amount(): bigint {
    return this.#scale * BigInt(this.random.between(1, 1_000)) + BigInt(this.random.between(0, 9))
  }

  #position(account: number): Position | undefined {
    const at = { provider: PROVIDER, account: accountOf(account) }
    return backingModule.rules.queries.position!({ state: this.state, block: BLOCK }, at as never) as Position
  }

  #back(backer: Backer): void {
    const amountBase = this.#amount()
    mintCoins(this.#ctx(), { to: accountOf(backer.account), amountBase })
    const others = this.#worthOfOthers(backer)
    const failure = this.#act('back', backer.account, { provider: PROVIDER, amountBase })
    if (failure !== undefined) {
      assert.equal(failure.code, 'PoolLost')
      const { backedBase, unitsBase } = getPool(this.state, PROVIDER)
      assert.ok(unitsBase > 0n && (backedBase === 0n || unitsBase / backedBase > 2n ** 40n))
      return
    }
    this.#mustNotLose(backer, others)
    backer.coins += amountBase * FINE
    this.#backedBase += amountBase
  }

  #unback(backer: Backer, all: boolean): void {
    const worthBase = this.#position(backer.account)?.backedBase ?? 0n
    if (worthBase === 0n) return
    const amountBase = all ? worthBase : minBigint(worthBase, this.#amount())
    const others = this.#worthOfOthers(backer)
    const failure = this.#act('unback', backer.account, { provider: PROVIDER, amountBase })
    const left = 1 + UNBOND_WINDOWS
    if (failure !== undefined) {
      const isFull = backer.unbondings.filter((entry) => entry.left !== left).length >= UNBONDINGS_MAX
      assert.equal(failure.code, isFull ? 'UnbondingsFull' : 'PoolLost')
      return
    }
    this.#mustNotLose(backer, others)
    backer.coins = amountBase === worthBase ? 0n : backer.coins - minBigint(backer.coins, amountBase * FINE)
    const known = backer.unbondings.find((entry) => entry.left === left)
    if (known !== undefined) known.coins += amountBase * FINE
    else backer.unbondings.push({ left, coins: amountBase * FINE })
  }

  #worthOfOthers(backer: Backer): readonly bigint[] {
    const others = this.model.backers.filter((other) => other !== backer)
    return others.map(({ account }) => this.#position(account)?.backedBase ?? 0n)
  }

  /** Whoever comes or goes pays the rounding. */
  #mustNotLose(backer: Backer, before: readonly bigint[]): void {
    const after = this.#worthOfOthers(backer)
    assert.ok(
      after.every((worthBase, i) => worthBase >= before[i]!),
      'nobody loses by what another does',
    )
  }

  #claim(backer: Backer): void {
    const before = this.#position(backer.account)
    const balances = ASSETS.map((asset) => this.#balance(asset, backer.account))
    const failure = this.#act('claim', backer.account, { provider: PROVIDER })
    const freeBase = (before?.unbondings ?? []).reduce((sum, u) => sum + (u.atRisk ? 0n : u.amountBase), 0n)
    if (failure !== undefined) {
      assert.equal(failure.code, 'NothingToClaim')
      assert.equal(freeBase, 0n)
      return
    }
    ASSETS.forEach((asset, i) => {
      const incomeBase = before?.claimable.find((entry) => entry.asset === asset)?.amountBase ?? 0n
      const wantedBase = incomeBase + (asset === COIN_ASSET ? freeBase : 0n)
      assert.equal(
        this.#balance(asset, backer.account) - balances[i]!,
        wantedBase,
        'claims pay what the query says',
      )
      backer.income.set(asset, backer.income.get(asset)! - incomeBase * FINE)
      this.paid.set(asset, this.paid.get(asset)! + incomeBase)
    })
    this.#withdrawnBase += freeBase
    backer.unbondings = backer.unbondings.filter(({ left }) => left > 0)
    if (getPool(this.state, PROVIDER).backedBase === 0n) backer.coins = 0n
  }

  #balance(asset: number, account: number): bigint {
    return ledger.balanceOf(this.state, { asset, owner: accountOf(account) })
  }

  #receive(): void {
    const asset = this.random.pick(ASSETS)
    const amountBase = this.#amount()
    const payment = { asset, to: GUARANTEE_FUND, amountBase }
    if (asset === COIN_ASSET) mintCoins(this.#ctx(), payment)
    else issueAsset(this.#ctx(), payment)
    const { backedBase } = getPool(this.state, PROVIDER)
    const income = { provider: PROVIDER, asset, from: GUARANTEE_FUND, amountBase }
    const sharedBase = shareIncome(this.#ctx(), income)
    assert.equal(sharedBase, backedBase === 0n ? 0n : mulDivCeil(amountBase, this.model.sharePpm, PPM))
    if (sharedBase === 0n) return
    // Parts of coins that differ by rounding make income differ in proportion.
    const off = (sharedBase * this.#coinsOff * BigInt(this.model.backers.length + 1)) / backedBase
    this.#incomeOff.set(asset, this.#incomeOff.get(asset)! + minBigint(sharedBase, off + 1n))
    if (this.model.coins > 0n) this.model.receive(asset, sharedBase)
    else this.#incomeOff.set(asset, this.#incomeOff.get(asset)! + sharedBase)
  }

  #lose(): void {
    const { backedBase, unbondingBase } = atRisk(this.state, PROVIDER)
    const riskBase = backedBase + unbondingBase
    if (riskBase === 0n) return
    const lossBase = this.random.chance(0.1)
      ? riskBase
      : (riskBase * BigInt(this.random.between(0, 999))) / 1_000n
    takeLoss(this.#ctx(), PROVIDER, lossBase)
    const burn = { asset: COIN_ASSET, from: poolAddressOf(PROVIDER), amountBase: lossBase }
    assert.equal(ledger.burn(this.#ctx(), burn), undefined)
    this.model.lose(lossBase)
    this.#lostBase += lossBase
  }

  passWindow(): void {
    const clock = capacityTables.clock.mustGet(this.state, {})
    capacityTables.clock.set(this.state, {}, { ...clock, windowIndex: clock.windowIndex + 1 })
    this.model.atWindow(this.#window)
  }

  #setShare(): void {
    const sharePpm = BigInt(this.random.between(0, 4)) * 250_000n
    const failure = this.#act('setShare', PROVIDER, { sharePpm })
    const announced = this.model.lower?.sharePpm ?? this.model.sharePpm
    assert.equal(failure?.code, sharePpm === announced ? 'SameShare' : undefined)
    if (failure === undefined) this.model.setShare(sharePpm, this.#window)
  }

  /** The provider is at fault, or no longer. */
  #hold(): void {
    const isHeld = !this.model.isHeld
    holdUnbonding(this.#ctx(), PROVIDER, isHeld)
    this.model.isHeld = getPool(this.state, PROVIDER).heldSince !== undefined
    // Nobody has backed it yet: there is no clock to stop.
    assert.equal(this.model.isHeld, isHeld && backingTables.pool.has(this.state, { provider: PROVIDER }))
  }

  step(): void {
    this.#acts++
    const backer = this.random.pick(this.model.backers)
    const at = this.random.between(0, 99)
    if (at < 22) this.#back(backer)
    else if (at < 40) this.#unback(backer, this.random.chance(0.3))
    else if (at < 52) this.#claim(backer)
    else if (at < 76) this.#receive()
    else if (at < 82) this.#lose()
    else if (at < 86) this.#setShare()
    else if (at < 89) this.#hold()
    else this.passWindow()
  }

  #near(what: string, base: bigint, fine: bigint, offBase: bigint): void {
    const off = base * FINE - fine
    assert.ok(
      (off < 0n ? -off : off) <= offBase * FINE,
      `${what}: ${base}, brute force ${fine / FINE}, ±${offBase}`,
    )
  }

  /** Every position against brute force, and the module's invariants by full recount. */
  compare(): void {
    for (const backer of this.model.backers) {
      const position = this.#position(backer.account)
      this.#near('backed', position?.backedBase ?? 0n, backer.coins, this.#coinsOff)
      for (const { left, coins } of backer.unbondings) {
        const known = position?.unbondings.find((entry) => entry.untilWindow === this.#window + left)
        assert.equal(known?.atRisk ?? left > 0, left > 0)
        this.#near('unbonding', known?.amountBase ?? 0n, coins, this.#coinsOff)
      }
      for (const asset of ASSETS) {
        const claimable = position?.claimable.find((entry) => entry.asset === asset)?.amountBase ?? 0n
        this.#near(
          `income in ${asset}`,
          claimable,
          backer.income.get(asset)!,
          this.#incomeOff.get(asset)! + this.#coinsOff,
        )
      }
    }
    const ctx = { state: this.state, block: BLOCK }
    for (const invariant of backingModule.rules.invariants ?? [])
      assert.equal(recountNow(invariant, this.state, ctx), undefined, invariant.id)
  }

  /** Everybody leaves and takes all: what nobody can take any more is rounding. */
  windUp(): void {
    const { backers } = this.model
    if (this.model.isHeld) this.#hold()
    for (let round = 0; round < 2; round++) {
      for (let window = 0; window <= UNBOND_WINDOWS; window++) this.passWindow()
      for (const backer of backers) this.#claim(backer)
      if (round === 0) for (const backer of backers) this.#unback(backer, true)
    }
    const roundings = 2n * BigInt(this.#acts + 4 * backers.length)
    for (const asset of ASSETS) {
      const { receivedBase, withdrawnBase } = getIncome(this.state, { provider: PROVIDER, asset })
      assert.equal(withdrawnBase, this.paid.get(asset)!)
      assert.ok(
        withdrawnBase <= receivedBase && receivedBase - withdrawnBase <= roundings,
        'only dust is left',
      )
    }
    const { backedBase, unbondingBase, lostBase } = getPool(this.state, PROVIDER)
    assert.equal(lostBase, this.#lostBase)
    assert.equal(this.#backedBase, this.#withdrawnBase + this.#lostBase + backedBase + unbondingBase)
    assert.ok(backedBase + unbondingBase <= roundings, 'only dust is left in the pool')
    this.compare()
  }
}

interface Position {
  readonly backedBase: bigint
  readonly unbondings: readonly {
    readonly untilWindow: number
    readonly amountBase: bigint
    readonly atRisk: boolean
  }[]
  readonly claimable: readonly { readonly asset: number; readonly amountBase: bigint }[]
}

const BLOCK = new EconomyChain(TEST_PARAMETERS).block
const TX_ID = new Uint8Array(32)

/** Plays the history of a seed, of 10 to 60 acts, and asserts that it equals brute force on its way and when it is wound up. */
export function playHistory(seed: number): void {
  const history = new History(seed)
  const acts = history.random.between(10, 60)
  for (let act = 1; act <= acts; act++) {
    history.step()
    if (act % 20 === 0) history.compare()
  }
  history.compare()
  history.windUp()
}
