// What providers, their friends and proposers could try with primary sales, in figures.
import assert from 'node:assert/strict'
import { mulDivFloor, PPM } from '../../../base/units.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { lockedProceeds } from '../../../state/modules/issuance/proceeds.ts'
import { getBond } from '../../../state/modules/providers/bonds.ts'
import { suspendProvider } from '../../../state/modules/providers/suspension.ts'
import { ASSET, BUYER, code, coins, PRICE, SeriesChain, units } from '../../support/seriesFixture.ts'

/** What of a thousand units an issuer gains when it fails a series on purpose at a price, the coins being sold then instead. */
function gainOfFailing(
  pricePpm: number,
  way: 'overdue' | 'lockTooSmall' | 'suspended',
  bond: 'ample' | 'bare' | 'enough' = 'ample',
): bigint {
  const chain = new SeriesChain({ devices: [40, 100, 100, 100] })
  chain.mint(1, chain.roomOf(1))
  const id = chain.open(1, { kind: 'forward', closesAt: 0, dueAt: way === 'lockTooSmall' ? 9 : 1 })
  chain.bought(BUYER, id, coins(100))
  const operator = chain.unitsOf(1)
  const priceBase = (PRICE * BigInt(pricePpm)) / PPM
  chain.setPrice(priceBase)
  const neededBase = priceBase * 20n
  if (way !== 'lockTooSmall' && neededBase > units(60))
    chain.act('secure', 1, { series: id, amountBase: neededBase - units(60) })
  const ofCoins = (getLiability(chain.state, 1).liabilityBase * priceBase) / (5n * 10n ** 18n)
  // Enough for a doubling: b·L, and 0.6 of the price paid above it.
  if (bond !== 'ample') chain.setBond(1, bond === 'bare' ? ofCoins : ofCoins + units(180) + 1n)
  const before = getBond(chain.state, { provider: 1, asset: ASSET })
  chain.livePrice = priceBase
  if (way === 'suspended') chain.run(() => suspendProvider(chain.ctx(), 1, chain.window))
  chain.endWindow()
  chain.endWindow()
  assert.equal(chain.series(id).failReason, way)
  const lostBase =
    operator + units(60) - chain.unitsOf(1) + before - getBond(chain.state, { provider: 1, asset: ASSET })
  // All that the issuer lost went to the holder.
  assert.equal(chain.series(id).compensationBase, lostBase)
  // It keeps the capacity, whose coins it could have sold at 300 and now sells at the new price.
  return priceBase * 100n - units(300) - lostBase
}

describe('series: failing on purpose', () => {
  it('never pays up to a doubling of the price, while the bond has enough above b·L', () => {
    for (const price of [500_000, 1_000_000, 1_200_000, 1_500_000, 1_800_000, 2_000_000])
      assert.ok(gainOfFailing(price, 'overdue') <= 0n, `at ${price}: ${gainOfFailing(price, 'overdue')}`)
    assert.equal(gainOfFailing(2_000_000, 'overdue'), 0n)
    assert.equal(gainOfFailing(2_500_000, 'overdue'), 0n)
    // Three locks are all that there is: beyond 2.5 times the price it pays.
    assert.equal(gainOfFailing(3_000_000, 'overdue'), units(900 - 300 - 540))
  })

  it('is no cheaper by being suspended, or by letting the lock fall short', () => {
    assert.equal(gainOfFailing(2_000_000, 'suspended'), 0n)
    // The lock is looked at every window and the price moves little in one: it is short long before a doubling.
    assert.ok(gainOfFailing(1_040_000, 'lockTooSmall') <= -units(45))
    assert.equal(gainOfFailing(1_500_000, 'lockTooSmall'), 0n)
  })

  it('pays from a quarter above the price on when the bond has nothing above b·L', () => {
    assert.ok(gainOfFailing(1_250_000, 'overdue', 'bare') <= 0n)
    const gain = gainOfFailing(2_000_000, 'overdue', 'bare')
    assert.ok(gain > units(179) && gain <= units(180), `${gain}`)
    assert.ok(gainOfFailing(2_000_000, 'overdue', 'enough') <= 1n)
    assert.ok(gainOfFailing(2_100_000, 'overdue', 'enough') > 0n)
  })
})

describe('series: a friend', () => {
  it('that buys coins as cheaply as it may leaves as much locked as an own mint', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { startPriceBase: PRICE / 2n })
    const paid = chain.bought(BUYER, id, coins(100))
    assert.equal(paid.filledBase, coins(100))
    // All that it paid is locked; at the oracle's price half of the coins, as if the provider had minted for itself.
    const locked = lockedProceeds(chain.state, 1)[0]!.amountBase
    assert.equal(locked, units(150))
    assert.equal(mulDivFloor(locked, 10n ** 18n, PRICE), coins(50))
    const security = (provider: number) =>
      chain.query<{ lockedBase: bigint; liabilityBase: bigint }>('security', { provider }, issuanceModule)
    assert.equal(chain.mint(2, coins(100)), undefined)
    assert.equal(security(1).lockedBase, security(2).lockedBase)
  })

  it('that buys receipts at half the price gets from the bond at most twice the lock', () => {
    const chain = new SeriesChain({ devices: [40, 100, 100, 100] })
    chain.mint(1, chain.roomOf(1))
    const id = chain.open(1, { kind: 'forward', startPriceBase: PRICE / 2n, closesAt: 0, dueAt: 1 })
    chain.bought(BUYER, id, coins(100))
    const bond = getBond(chain.state, { provider: 1, asset: ASSET })
    chain.endWindow()
    chain.endWindow()
    assert.equal(chain.series(id).state, 'failed')
    // Worth 300, paid 150, lock 60: 90 from the bond, and only what it has above b·L.
    assert.equal(bond - getBond(chain.state, { provider: 1, asset: ASSET }), units(90))
    assert.equal(code(chain.tryOpen(2, { kind: 'forward', startPriceBase: PRICE / 2n - 1n })), 'PriceTooLow')
  })
})

describe('series: washing', () => {
  it('through an own buyer locks as much as minting, and costs what is locked', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { capBase: coins(1_000) })
    const operator = chain.unitsOf(1)
    for (let round = 0; round < 4; round++) chain.bought(BUYER, id, coins(100))
    const gained = chain.unitsOf(1) - operator
    assert.equal(chain.paidBy(BUYER) - gained, units(600))
    assert.equal(lockedProceeds(chain.state, 1)[0]!.amountBase, units(600))
    assert.equal(getLiability(chain.state, 1).liabilityBase, coins(400))
  })
})

describe('series: splitting', () => {
  it('a forward series in ten locks, sells and converts as one', () => {
    const outcome = (parts: number) => {
      const chain = new SeriesChain({ devices: [40, 100, 100, 100] })
      chain.mint(1, chain.roomOf(1))
      chain.fund(1)
      const operator = chain.unitsOf(1)
      const ids = Array.from({ length: parts }, () =>
        chain.open(1, { kind: 'forward', capBase: coins(80 / parts), closesAt: 0, dueAt: 9 }),
      )
      const lock = operator - chain.unitsOf(1)
      chain.run(() => {
        for (const id of ids) assert.equal(chain.buy(BUYER, id, coins(80 / parts)), undefined)
      })
      chain.run()
      chain.run(() => chain.addLot(1, 1))
      chain.endWindow()
      const states = ids.map((id) => chain.series(id).state)
      return { lock, left: operator - chain.unitsOf(1), states: [...new Set(states)] }
    }
    assert.deepEqual(outcome(8), outcome(1))
  })

  it('a purchase in ten gets what one gets when all of it fits', () => {
    const filled = (parts: number) => {
      const chain = new SeriesChain()
      const id = chain.open(1)
      chain.run(() => {
        for (let i = 0; i < parts; i++) assert.equal(chain.buy(BUYER, id, coins(50 / parts)), undefined)
      })
      chain.run()
      return { coins: chain.coinsOf(BUYER), paid: chain.paidBy(BUYER) }
    }
    assert.deepEqual(filled(10), filled(1))
  })
})

describe('series: a falling price', () => {
  it('is one price in a window: whoever comes first or last in it pays the same, and what was bought keeps its price', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { startPriceBase: 2n * PRICE, endPriceBase: PRICE, closesAt: 3 })
    chain.run(() => assert.equal(chain.buy(20, id, coins(1)), undefined))
    for (let i = 0; i < 5; i++) chain.run()
    chain.endWindow(() => assert.equal(chain.buy(21, id, coins(1)), undefined))
    // Settled in the next window, at the price of the one it was bought in.
    chain.run(() => assert.equal(chain.buy(22, id, coins(1)), undefined))
    chain.run()
    assert.deepEqual(
      [1, 2, 3].map((purchase) => chain.purchase(purchase).priceBase),
      [6_000_000n, 6_000_000n, 5_000_000n],
    )
    assert.deepEqual(
      [20, 21, 22].map((account) => chain.paidBy(account)),
      [units(6), units(6), units(5)],
    )
    assert.equal(code(chain.buy(23, id, coins(1), units(5) - 1n)), 'PriceAboveLimit')
  })
})
