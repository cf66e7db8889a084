// The figures of docs/economy.md about primary sales, by the model alone.
import { strict as assert } from 'node:assert'
import { COIN } from './arithmetic.ts'
import { closeSeriesOf, failSeries, lookAtSeries } from './deliveries.ts'
import { trackTail } from './exits.ts'
import { coinsOf, issueUnits, lockEscrow, unitsOf } from './ledger.ts'
import { addBond, addLot, addProvider, begin, emptyWorld } from './newWorld.ts'
import { DEV } from './parameters.ts'
import { setQuote } from './prices.ts'
import { buy, settlePurchases } from './purchases.ts'
import { claim, refund } from './receipts.ts'
import { compensationOf, lockedIn } from './sales.ts'
import { lockNeeded, openSeries, type SeriesTerms, seriesPrice, stopSeries } from './series.ts'
import type { Series, World } from './world.ts'

const ASSET = 1
const PRICE = 3_028_200n
const ISSUER = 'operator 1'
const BUYER = 'buyer'
const units = (amount: number): bigint => BigInt(Math.round(amount * 1_000_000))
const coins = (amount: number): bigint => (BigInt(Math.round(amount * 1_000)) * COIN) / 1_000n

function newWorld(): World {
  const world = emptyWorld(DEV, 0, 1_000_000n)
  world.assets.set(ASSET, { issuer: 'issuer', supplyBase: 0n })
  world.prices.set(ASSET, PRICE)
  const rated = { train: 1_000_000n, finetune: 1_000_000n, infer: 1_000_000n }
  world.classes.set(1, { id: 1, ratingsPpm: rated, specOnly: false })
  for (const id of [1, 2, 3, 4]) {
    const provider = addProvider(world, { id, operator: `operator ${id}`, legalGroup: '' })
    addBond(world, provider, ASSET, units(30_000))
    addLot(world, { provider: id, classId: 1, devices: 256, region: 'tw', countsFrom: 0 })
  }
  for (const to of [ISSUER, BUYER])
    issueUnits(world, 'issuer', { asset: ASSET, to, amountBase: units(10_000) })
  begin(world)
  return world
}

const TERMS: SeriesTerms = {
  series: 'immediate',
  asset: ASSET,
  capBase: coins(2_000),
  startPriceBase: PRICE,
  endPriceBase: 0n,
  opensAt: 0,
  closesAt: 0,
  dueAt: 0,
}
const FUTURE: SeriesTerms = { ...TERMS, series: 'forward', startPriceBase: units(3), dueAt: 10 }

/** Opens a series and sells of it; the next block of another group settles. */
function sell(world: World, terms: SeriesTerms, amountBase: bigint): Series {
  assert.equal(openSeries(world, ISSUER, terms), undefined)
  const place = { txHash: `0x${'01'.repeat(32)}`, proposerGroup: 'a' }
  const wanted = { series: 1, amountBase, payMaxBase: units(10_000) }
  assert.equal(buy(world, BUYER, wanted, place), undefined)
  const mix = `0x${'07'.repeat(32)}`
  settlePurchases(world, { height: ++world.height, proposerGroup: 'b', groups: 2, mix, isCounting: false })
  return world.sales.series.get(1)!
}

/** The look after the next window's recount. */
function nextLook(world: World): void {
  world.window++
  world.counted = { ...world.counted, window: world.window }
  lookAtSeries(world)
}

describe('state.model.series', () => {
  it('locks half of what coins sold at once bring in', () => {
    const world = newWorld()
    sell(world, TERMS, coins(1_000))
    assert.equal(coinsOf(world, BUYER), coins(1_000))
    assert.equal(units(10_000) - unitsOf(world, ASSET, BUYER), units(3_028.2))
    assert.equal(unitsOf(world, ASSET, lockEscrow(1)), units(1_514.1))
    assert.equal(world.floors[0]!.floorBase, units(605.64))
    assert.equal(world.locks[0]!.restBase, units(908.46))
  })

  it('falls from window to window', () => {
    const world = newWorld()
    const falling = { ...TERMS, startPriceBase: units(3.6), endPriceBase: units(3), closesAt: 4 }
    assert.equal(openSeries(world, ISSUER, falling), undefined)
    const series = world.sales.series.get(1)!
    const prices = [0, 1, 2, 3, 4].map((window) => seriesPrice(series, window))
    assert.deepEqual(prices, [3.6, 3.45, 3.3, 3.15, 3].map(units))
  })

  it('turns receipts into coins, in one step for all', () => {
    const world = newWorld()
    const series = sell(world, FUTURE, coins(2_000))
    assert.equal(lockedIn(world, series), units(1_211.28))
    assert.equal(unitsOf(world, ASSET, ISSUER), units(10_000 - 1_211.28))
    nextLook(world)
    assert.equal(series.state, 'converted')
    // Of 6,000 paid half of what the coins are worth is locked, the rest and the lock are the issuer's.
    assert.equal(unitsOf(world, ASSET, lockEscrow(1)), units(3_028.2))
    assert.equal(unitsOf(world, ASSET, ISSUER), units(10_000 + 2_971.8))
    assert.equal(claim(world, BUYER, { series: 1, amountBase: coins(2_000) }), undefined)
    assert.equal(coinsOf(world, BUYER), coins(2_000))
    assert.equal(series.state, 'ended')
  })

  it('pays lock and bond when the hardware does not come', () => {
    const world = newWorld()
    const series = sell(world, FUTURE, coins(2_000))
    const price = { priceBase: units(3.9), bondPriceBase: units(3.9), lockPriceBase: units(3.9) }
    setQuote(world, ASSET, { ...price, renewedWindow: undefined })
    assert.equal(lockNeeded(world, series), units(1_560))
    world.units.set(`${ASSET}/lock of series 1`, units(1_560))
    failSeries(world, series, 'overdue')
    assert.equal(world.providers.get(1)!.bonds.get(ASSET), units(30_000 - 240))
    const before = unitsOf(world, ASSET, BUYER)
    assert.equal(claim(world, BUYER, { series: 1, amountBase: coins(100) }), undefined)
    assert.equal(unitsOf(world, ASSET, BUYER) - before, units(300 + 90))
    assert.equal(world.sales.barredUntil.get(1), DEV.horizonWindows)
  })

  it('gives up a price that has been stale for K windows: whoever wants takes the money, who stays is served', () => {
    const world = newWorld()
    const series = sell(world, { ...FUTURE, closesAt: 5, dueAt: 30 }, coins(1_000))
    const price = { priceBase: PRICE, bondPriceBase: PRICE, lockPriceBase: PRICE }
    setQuote(world, ASSET, { ...price, renewedWindow: 0 })
    const { priceFreshWindows, horizonWindows } = DEV
    while (world.window < priceFreshWindows + horizonWindows) nextLook(world)
    assert.equal(series.state, 'selling')
    nextLook(world)
    assert.equal(series.state, 'blocked')
    assert.equal(refund(world, BUYER, { series: 1, amountBase: coins(400) }), undefined)
    assert.equal(unitsOf(world, ASSET, BUYER), units(10_000 - 1_800))
    setQuote(world, ASSET, { ...price, renewedWindow: world.window })
    nextLook(world)
    assert.equal(series.state, 'converted')
    assert.equal(claim(world, BUYER, { series: 1, amountBase: coins(600) }), undefined)
    assert.equal(coinsOf(world, BUYER), coins(600))
  })

  it('leaves the lock that no receipts wait for to the estate of an issuer that defaults', () => {
    const world = newWorld()
    assert.equal(openSeries(world, ISSUER, FUTURE), undefined)
    const issuer = world.providers.get(1)!
    issuer.status = 'defaulted'
    closeSeriesOf(world, 1)
    assert.equal(world.sales.series.get(1)!.state, 'ended')
    assert.equal(issuer.bonds.get(ASSET), units(30_000 + 1_211.28))
    assert.equal(world.sales.barredUntil.get(1), undefined)
  })

  it('pays holders the lock alone while the bond of a convicted issuer is kept whole, and when it defaults', () => {
    for (const reason of ['suspended', 'defaulted'] as const) {
      const world = newWorld()
      const series = sell(world, FUTURE, coins(2_000))
      const risen = { priceBase: units(3.9), bondPriceBase: units(3.9), lockPriceBase: units(3.9) }
      setQuote(world, ASSET, { ...risen, renewedWindow: undefined })
      const issuer = world.providers.get(1)!
      if (reason === 'suspended') issuer.isFrozen = true
      failSeries(world, series, reason)
      assert.equal(issuer.bonds.get(ASSET), units(30_000))
      assert.equal(unitsOf(world, ASSET, compensationOf(1)), units(1_211.28))
    }
  })

  it('lets nobody leave, and no tail begin, while a series lives', () => {
    const world = newWorld()
    assert.equal(openSeries(world, ISSUER, FUTURE), undefined)
    const issuer = world.providers.get(1)!
    issuer.status = 'retiring'
    issuer.removed = true
    const unlocks = (): number | undefined => issuer.tail?.untilWindow
    trackTail(world, issuer)
    assert.equal(unlocks(), undefined)
    assert.equal(stopSeries(world, ISSUER, 1), undefined)
    nextLook(world)
    trackTail(world, issuer)
    assert.equal(unlocks(), 1 + DEV.tailWindows)
  })
})
