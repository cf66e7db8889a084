// A coin on the prices of 2022 to 2026: traders that value it at anything between half and twice an hour's rent, and a provider that mints
// what they overpay and redeems what they undersell. Everything is an action of the native modules; only rents come from outside.
// Used by arbitrage.test.ts and, for all years, main.ts. Not: how wide the band is (band.ts).
import assert from 'node:assert/strict'
import { COIN, maxBigint, mulDivCeil, mulDivFloor, PPM } from '../../../../base/units.ts'
import { DAYS } from '../../../../bench/replay/calendar.ts'
import { readHistory } from '../../../../bench/replay/history.ts'
import { Prices } from '../../../../bench/replay/prices.ts'
import { WorldStock } from '../../../../bench/replay/stock.ts'
import { TEST_PARAMETERS } from '../../../../genesis/parameters.ts'
import { COIN_ASSET } from '../../../../state/ledger.ts'
import { issuanceModule } from '../../../../state/modules/issuance/module.ts'
import { marketModule } from '../../../../state/modules/market/module.ts'
import { setPrice } from '../../../../state/modules/oracle/prices.ts'
import { redemptionTables } from '../../../../state/modules/redemption/tables.ts'
import { ASSET, coins, DefaultChain, walletOf } from '../../../support/defaultFixture.ts'
import { Random } from '../../../support/random.ts'
import { type Costs, lowerPpm, upperPpm } from './band.ts'

/** The provider that keeps the coin in its band, with its own account. */
const BOT = 1
const TRADERS = [40, 41, 42, 43]
const FUNDS = 10n ** 15n
/** A tick of a coin in dollars of six decimals. */
const TICK = 100n
/** More than the traders of a block can ask for together. */
const SIZE = coins(400)
const TRADE_MOST = 20
const BLOCKS_A_WINDOW = 2
/** About 11 % a year. */
const MONEY_PPM = 300n
/** Assigned one window ahead, delivered in it. */
const WAIT_WINDOWS = 3

/** Rent of a reference hour on each day, millionths of a dollar. */
function readRents(): readonly bigint[] {
  const history = readHistory()
  const prices = new Prices(history, new WorldStock(history))
  return Array.from({ length: DAYS }, (_, day) => prices.referenceRent(day))
}

/** The most that rents have ever fallen in so many days, ppm. */
function largestFall(rents: readonly bigint[], days: number): bigint {
  return rents.slice(days).reduce((most, rent, i) => {
    const fallen = rents[i]! - rent
    return fallen > 0n ? maxBigint(most, mulDivCeil(fallen, PPM, rents[i]!)) : most
  }, 0n)
}

export interface Outcome {
  readonly windows: number
  readonly auctions: number
  /** Prices of auctions against the day's rent, ppm: the lowest and the highest, and the band. */
  readonly lowestPpm: bigint
  readonly highestPpm: bigint
  readonly fromPpm: bigint
  readonly toPpm: bigint
  /** Auctions outside of the band by more than a tick. */
  readonly outside: number
  readonly mintedBase: bigint
  readonly redeemedBase: bigint
  /** What the bot paid for what it redeemed, and what those hours rented for when they were delivered, millionths of a dollar. */
  readonly paid: bigint
  readonly worth: bigint
}

class Story {
  readonly #chain: DefaultChain
  readonly #random: Random
  readonly #isKept: boolean
  readonly #below: bigint
  readonly #above: bigint
  #rent = 0n
  /** -3 to 3: whether the traders are afraid or greedy. */
  #mood = 0
  #lowest = 10n ** 12n
  #highest = 0n
  #auctions = 0
  #outside = 0
  #minted = 0n
  #redeemed = 0n
  #paid = 0n
  #worth = 0n

  constructor(options: { readonly seed: number; readonly isKept: boolean; readonly costs: Costs }) {
    this.#random = new Random(options.seed)
    this.#isKept = options.isKept
    this.#below = lowerPpm(options.costs)
    this.#above = upperPpm(options.costs)
    this.#chain = new DefaultChain({
      providers: Array.from({ length: 4 }, () => ({ devices: 400, bondBase: FUNDS })),
      economy: TEST_PARAMETERS,
    })
    this.#chain.recountEveryBlock = false
    this.#chain.run(() => {
      for (const wallet of [BOT, ...TRADERS]) this.#chain.give(wallet, FUNDS)
      assert.equal(this.#chain.list(BOT), undefined)
      // What traders begin with, so that they can sell too.
      for (const wallet of TRADERS) this.#chain.owe(BOT, coins(100), { to: wallet })
    })
  }

  /** Rounded so that a bid is never above its edge of the band, an offer never below. */
  get #bid(): bigint {
    return (mulDivFloor(this.#rent, PPM - this.#below, PPM) / TICK) * TICK
  }

  get #ask(): bigint {
    return mulDivCeil(mulDivCeil(this.#rent, PPM + this.#above, PPM), 1n, TICK) * TICK
  }

  #place(
    wallet: number,
    side: 'buy' | 'sell',
    priceBase: bigint,
    amountBase: bigint,
    isNow: boolean,
  ): boolean {
    const kind = isNow ? 'immediateOrCancel' : 'goodTillCancelled'
    const args = { base: COIN_ASSET, quote: ASSET, side, priceBase, amountBase, kind }
    return this.#chain.act('place', walletOf(wallet), args, marketModule) === undefined
  }

  #ordersOf(wallet: number): readonly { readonly id: number; readonly side: string }[] {
    return this.#chain.query('orders', { owner: walletOf(wallet) }, marketModule)
  }

  /** The bot renews its two orders: coins that it mints as far as its quota goes, and dollars. */
  #quote(): void {
    for (const { id } of this.#ordersOf(BOT))
      this.#chain.act('cancel', walletOf(BOT), { order: id }, marketModule)
    const missing = SIZE - this.#chain.balance(BOT)
    if (missing > 0n) this.#mint(missing)
    const lot = COIN / 100n
    const offered = this.#chain.balance(BOT) < SIZE ? this.#chain.balance(BOT) : SIZE
    assert.ok(this.#place(BOT, 'sell', this.#ask, (offered / lot) * lot, false), 'it has coins to offer')
    assert.ok(this.#place(BOT, 'buy', this.#bid, SIZE, false), 'it has dollars to bid')
  }

  /** Mints so that, with what of it is locked, so many coins are free. */
  #mint(freeBase: bigint): void {
    const { retainPpm } = TEST_PARAMETERS.issuance
    const amountBase = mulDivCeil(freeBase, PPM, PPM - retainPpm)
    const args = { to: walletOf(BOT), amountBase }
    if (this.#chain.act('mint', walletOf(BOT), args, issuanceModule) === undefined) this.#minted += amountBase
  }

  #trade(): void {
    const wallet = this.#random.pick(TRADERS)
    const isBuyer = this.#random.between(0, 6) < 3 + this.#mood
    const amountBase = coins(this.#random.between(1, TRADE_MOST))
    // Buyers value it at up to twice the rent, sellers let it go from half of it.
    const valuePpm = BigInt(this.#random.between(500_000, 2_000_000))
    const priceBase = (mulDivFloor(this.#rent, valuePpm, PPM) / TICK) * TICK
    const free = this.#chain.balance(wallet)
    if (isBuyer) this.#place(wallet, 'buy', priceBase, amountBase, true)
    else if (free >= amountBase) this.#place(wallet, 'sell', priceBase, amountBase, true)
  }

  /** The auctions of the last block, beside the day's rent. */
  #note(before: number): void {
    const all = this.#chain.query<readonly { readonly height: number; readonly priceBase: bigint }[]>(
      'trades',
      { base: COIN_ASSET, quote: ASSET, limit: 1 },
      marketModule,
    )
    const [last] = all
    if (last === undefined || last.height <= before) return
    this.#auctions++
    const ppm = mulDivFloor(last.priceBase, PPM, this.#rent)
    if (ppm < this.#lowest) this.#lowest = ppm
    if (ppm > this.#highest) this.#highest = ppm
    if (last.priceBase < this.#bid || last.priceBase > this.#ask) this.#outside++
  }

  /** What the bot has bought beyond what it offers goes into hours of compute. */
  #redeem(): void {
    const spare = this.#chain.balance(BOT) - SIZE
    if (spare < coins(10)) return
    if (this.#chain.request(BOT, spare) !== undefined) return
    this.#redeemed += spare
    this.#paid += mulDivCeil(spare, this.#bid, COIN)
  }

  /** Grants what is assigned, and signs for what is delivered in this window. */
  #serve(): void {
    const { window } = this.#chain
    for (const [id, assignment] of this.#chain.openAssignments()) {
      const known = redemptionTables.assignment.get(this.#chain.state, { id, assignment })
      if (known === undefined) continue
      if (known.grantedAtMs === 0) assert.equal(this.#chain.grant(id, assignment), undefined)
      else if (known.window === window) {
        const deliveredBase = known.amountBase
        const settled = { id, assignment, deliveredBase, signer: BOT }
        assert.equal(this.#chain.settle(settled), undefined)
        this.#worth += mulDivFloor(deliveredBase, this.#rent, COIN)
      }
    }
  }

  window(rent: bigint): void {
    this.#rent = rent
    this.#mood = Math.min(3, Math.max(-3, this.#mood + this.#random.between(-1, 1)))
    this.#chain.run(() => {
      setPrice(this.#chain.state, { asset: ASSET, priceBase: rent })
      if (this.#isKept) {
        this.#redeem()
        this.#quote()
      }
      this.#serve()
    })
    for (let block = 0; block < BLOCKS_A_WINDOW; block++) {
      const before = this.#chain.block.height
      this.#chain.run(() => {
        for (let n = this.#random.between(1, 6); n > 0; n--) this.#trade()
        this.#serve()
      })
      this.#note(before)
    }
    this.#chain.endWindow(() => this.#serve())
  }

  outcome(windows: number): Outcome {
    return {
      windows,
      auctions: this.#auctions,
      lowestPpm: this.#lowest,
      highestPpm: this.#highest,
      fromPpm: PPM - this.#below,
      toPpm: PPM + this.#above,
      outside: this.#outside,
      mintedBase: this.#minted,
      redeemedBase: this.#redeemed,
      paid: this.#paid,
      worth: this.#worth,
    }
  }

  assertWhole(): void {
    assert.deepEqual(this.#chain.brokenInvariants(), [])
  }
}

/** Plays so many days from one on, with the provider that keeps the band or without it. */
export function playArbitrage(options: {
  readonly seed: number
  readonly firstDay: number
  readonly days: number
  readonly isKept: boolean
}): Outcome {
  const { seed, firstDay, days, isKept } = options
  const rents = readRents()
  const { retainPpm, bondPpm } = TEST_PARAMETERS.issuance
  const costs: Costs = {
    moneyPpm: MONEY_PPM,
    retainPpm,
    bondPpm,
    boundWindows: TEST_PARAMETERS.capacity.horizonWindows,
    waitWindows: WAIT_WINDOWS,
    fallPpm: largestFall(rents, WAIT_WINDOWS),
  }
  const story = new Story({ seed, isKept, costs })
  for (let day = firstDay; day < firstDay + days; day++) story.window(rents[day]!)
  story.assertWhole()
  return story.outcome(days)
}
