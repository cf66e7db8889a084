import assert from 'node:assert/strict'
import { sha256 } from '../../../base/crypto/hash.ts'
import { mulDivCeil } from '../../../base/units.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getIncome } from '../../../state/modules/backing/income.ts'
import { backingModule } from '../../../state/modules/backing/module.ts'
import { getLiability, issueCoins, liabilityBurn } from '../../../state/modules/issuance/ledger.ts'
import { stopMinting } from '../../../state/modules/issuance/minting.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { lockedProceeds } from '../../../state/modules/issuance/proceeds.ts'
import { setProviderStatus } from '../../../state/modules/providers/members.ts'
import { suspendProvider } from '../../../state/modules/providers/suspension.ts'
import type { Purchase } from '../../../state/modules/series/schema.ts'
import {
  ASSET,
  accountOf,
  BUYER,
  code,
  coins,
  K,
  PRICE,
  SeriesChain,
  units,
} from '../../support/seriesFixture.ts'

const outcome = ({ state, reason }: Purchase): string => (reason === 'none' ? state : `${state} ${reason}`)

describe('series.buy', () => {
  it('escrows the price, and a later block of another group mints: half locked, half the issuer’s', () => {
    const chain = new SeriesChain()
    const id = chain.open(1)
    const operator = chain.unitsOf(1)
    chain.run(() => assert.equal(chain.buy(BUYER, id, coins(40)), undefined))
    assert.equal(chain.paidBy(BUYER), units(120))
    assert.equal(chain.series(id).waitingBase, units(120))
    assert.equal(chain.purchase(1).state, 'waiting')
    assert.equal(chain.coinsOf(BUYER), 0n)
    chain.run()
    assert.equal(outcome(chain.purchase(1)), 'filled')
    assert.equal(chain.coinsOf(BUYER), coins(40))
    assert.equal(chain.unitsOf(1) - operator, units(60))
    assert.deepEqual(lockedProceeds(chain.state, 1), [{ asset: ASSET, amountBase: units(60) }])
    assert.equal(getLiability(chain.state, 1).lockedBase, 0n)
    assert.equal(getLiability(chain.state, 1).liabilityBase, coins(40))
  })

  it('is not settled by a block of the group that ordered it', () => {
    const chain = new SeriesChain({ groups: ['one', 'one', 'two', 'two'] })
    const id = chain.open(1)
    // Blocks 4 and 5 are made by members 1 and 2.
    chain.run()
    chain.run()
    chain.run()
    chain.run(() => assert.equal(chain.buy(BUYER, id, coins(1)), undefined))
    assert.equal(chain.block.proposer.join(), accountOf(1).join())
    chain.run()
    assert.equal(chain.purchase(1).state, 'waiting')
    chain.run()
    assert.equal(chain.purchase(1).state, 'filled')
  })

  it('is refused at once by the rule that one unit more breaks', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { capBase: coins(10) })
    const later = chain.open(1, { opensAt: 1, closesAt: 1 })
    const buy = (amountBase: bigint, payMaxBase?: bigint) =>
      code(chain.buy(BUYER, id, amountBase, payMaxBase))
    assert.equal(code(chain.buy(BUYER, 9, coins(1))), 'UnknownSeries')
    assert.equal(code(chain.buy(BUYER, later, coins(1))), 'SaleNotOpen')
    assert.equal(buy(coins(0.01) - 1n), 'BelowMinimum')
    assert.equal(buy(coins(10) + 1n), 'CapReached')
    assert.equal(buy(coins(1), units(3) - 1n), 'PriceAboveLimit')
    assert.equal(buy(coins(1), units(3)), undefined)
    assert.equal(buy(coins(0.01)), undefined)
    const poor = 77
    assert.equal(
      code(chain.act('buy', poor, { series: id, amountBase: coins(1), payMaxBase: units(3) })),
      'InsufficientAsset',
    )
    for (let i = 2; i < TEST_PARAMETERS.series.waitingMax; i++) assert.equal(buy(coins(0.01)), undefined)
    assert.equal(buy(coins(0.01)), 'TooManyWaiting')
    chain.run()
    chain.run()
    chain.endWindows(2)
    assert.equal(buy(coins(1)), 'SaleNotOpen')
  })

  it('is taken through the last window of the sale, and settled after it', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { closesAt: 0 })
    chain.endWindow(() => assert.equal(chain.buy(BUYER, id, coins(2)), undefined))
    assert.equal(chain.window, 1)
    chain.run()
    assert.equal(outcome(chain.purchase(1)), 'filled')
    assert.equal(code(chain.buy(BUYER, id, coins(2))), 'SaleNotOpen')
  })

  it('fills what the cap leaves and refunds the rest, with the reason', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { capBase: coins(10) })
    chain.run(() => {
      for (const buyer of [20, 21, 22]) assert.equal(chain.buy(buyer, id, coins(4)), undefined)
    })
    chain.run()
    const filled = [1, 2, 3].map((purchase) => chain.purchase(purchase))
    assert.deepEqual(filled.map((p) => p.filledBase).sort(), [coins(2), coins(4), coins(4)].sort())
    const last = filled.find((p) => p.filledBase === coins(2))!
    assert.equal(outcome(last), 'partly CapReached')
    assert.equal(last.refundedBase, units(6))
    assert.equal(code(chain.buy(BUYER, id, coins(0.01))), 'CapReached')
  })

  it('settles in the order of the later block’s mix, whatever the order in the block', () => {
    const winners = (order: readonly number[], mix: number): readonly bigint[] => {
      const chain = new SeriesChain()
      const id = chain.open(1, { capBase: coins(4) })
      chain.run(() => {
        for (const buyer of order) assert.equal(chain.buy(buyer, id, coins(4)), undefined)
      })
      chain.mix = sha256(Uint8Array.of(mix))
      chain.run()
      return order.map((_, i) => chain.purchase(i + 1).filledBase)
    }
    const places = new Set<number>()
    for (let mix = 0; mix < 24; mix++) places.add(winners([20, 21, 22], mix).indexOf(coins(4)))
    assert.deepEqual([...places].sort(), [0, 1, 2])
  })

  it('mints to the limit of each rule, and names it', () => {
    const chain = new SeriesChain()
    const roomBase = chain.roomOf(1)
    const id = chain.open(1, { capBase: coins(100_000) })
    const purchase = chain.bought(BUYER, id, coins(50_000))
    assert.equal(purchase.filledBase, roomBase)
    assert.equal(outcome(purchase), 'partly QuotaExceeded')
    assert.equal(code(chain.buy(BUYER, id, coins(1))), 'NothingFits')
    const small = new SeriesChain()
    small.setBond(1, units(30))
    const other = small.open(1, { capBase: coins(1_000) })
    // A bond of 30 units secures 10 coins, a fifth of 50.
    const bonded = small.bought(BUYER, other, coins(60))
    assert.equal(outcome(bonded), 'partly BondTooSmall')
    assert.equal(bonded.filledBase, coins(50))
  })

  it('is refunded with the reason when the state has changed until it is settled', () => {
    const changes: readonly (readonly [string, (chain: SeriesChain) => void])[] = [
      ['MintingStopped', (chain) => stopMinting(chain.ctx(), 'a test', 'governance')],
      ['ProviderSuspended', (chain) => suspendProvider(chain.ctx(), 1, chain.window)],
      ['ProviderNotActive', (chain) => setProviderStatus(chain.ctx(), 1, 'amortizing')],
      ['PriceTooLow', (chain) => chain.setPrice(2n * PRICE + 2n)],
    ]
    for (const [reason, change] of changes) {
      const chain = new SeriesChain()
      const id = chain.open(1)
      chain.run(() => {
        assert.equal(chain.buy(BUYER, id, coins(4)), undefined)
        change(chain)
      })
      chain.run()
      assert.equal(outcome(chain.purchase(1)), `refunded ${reason}`)
      assert.equal(chain.purchase(1).refundedBase, units(12))
      assert.equal(chain.paidBy(BUYER), 0n)
      assert.equal(chain.coinsOf(BUYER), 0n)
    }
  })

  it('is refused while the price is stale, refunded if it becomes so, and the sale lasts as much longer', () => {
    const chain = new SeriesChain()
    chain.livePrice = PRICE
    chain.endWindow()
    const id = chain.open(1, { closesAt: 3 })
    chain.livePrice = undefined
    // Renewed in window 0: fresh through window 2.
    chain.endWindow()
    chain.endWindow(() => assert.equal(chain.buy(BUYER, id, coins(1)), undefined))
    chain.run()
    assert.equal(chain.window, 3)
    assert.equal(outcome(chain.purchase(1)), 'refunded OracleStale')
    assert.equal(code(chain.buy(BUYER, id, coins(1))), 'OracleStale')
    chain.endWindows(3)
    chain.setPrice(PRICE)
    // Windows 3 to 6 began with a stale price: the last one of the sale is now 7.
    assert.equal(chain.query<{ closesAt: number }>('show', { series: id }).closesAt, 7)
    assert.equal(chain.buy(BUYER, id, coins(1)), undefined)
    chain.livePrice = PRICE
    chain.endWindow()
    assert.equal(chain.window, 7)
    assert.equal(chain.buy(BUYER, id, coins(1)), undefined)
    chain.endWindow()
    assert.equal(code(chain.buy(BUYER, id, coins(1))), 'SaleNotOpen')
  })

  it('locks of what the coins are worth when that is more than the price', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { startPriceBase: 2_000_000n })
    const operator = chain.unitsOf(1)
    chain.bought(BUYER, id, coins(10))
    // Paid 20, worth 30 at the oracle: 15 are locked, 5 are the issuer's.
    assert.equal(lockedProceeds(chain.state, 1)[0]!.amountBase, units(15))
    assert.equal(chain.unitsOf(1) - operator, units(5))
    const dear = chain.open(2, { startPriceBase: 6_000_000n })
    chain.bought(BUYER, dear, coins(10))
    assert.equal(lockedProceeds(chain.state, 2)[0]!.amountBase, units(30))
  })

  it('keeps settled purchases readable for a while, newest first, then forgets them', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { closesAt: 0 })
    for (let i = 0; i < 3; i++) chain.bought(BUYER, id, coins(1))
    const page = (cursor: number, limit: number) =>
      chain.query<{ purchases: readonly { id: number }[]; nextCursor: number }>('purchases', {
        buyer: accountOf(BUYER),
        cursor,
        limit,
      })
    assert.deepEqual(
      page(0, 2).purchases.map((p) => p.id),
      [3, 2],
    )
    assert.equal(page(0, 2).nextCursor, 1)
    assert.deepEqual(
      page(1, 2).purchases.map((p) => p.id),
      [1],
    )
    chain.endWindows(TEST_PARAMETERS.series.tailWindows)
    assert.deepEqual(page(0, 0).purchases, [])
    assert.equal(chain.query('purchase', { id: 1 }), undefined)
    chain.endWindows(2)
    assert.equal(chain.query('show', { series: id }), undefined)
    assert.deepEqual(chain.query('list', { cursor: 0, limit: 0 }), { series: [], nextCursor: 0 })
  })

  it('quotes what an amount costs and how much of it would be filled', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { capBase: coins(5) })
    const quote = (amountBase: bigint) => chain.query<object>('quote', { series: id, amountBase })
    const at = { series: id, priceBase: PRICE }
    const whole = { ...at, amountBase: coins(4), costBase: units(12), fitsBase: coins(4), reason: 'none' }
    assert.deepEqual(quote(coins(4)), whole)
    const more = {
      ...at,
      amountBase: coins(6),
      costBase: units(18),
      fitsBase: coins(5),
      reason: 'CapReached',
    }
    assert.deepEqual(quote(coins(6)), more)
    chain.endWindows(2)
    assert.deepEqual(quote(coins(4)), { ...whole, fitsBase: 0n, reason: 'SaleClosed' })
    assert.equal(chain.query('quote', { series: 9, amountBase: 1n }), undefined)
  })
})

describe('issuance: locked proceeds', () => {
  it('are released by one K-th at each good window’s end, the floor only as liability burns', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { capBase: coins(120) })
    chain.bought(BUYER, id, coins(120))
    // 360 paid: 180 locked, 72 of them floor; 108 over 12 good windows.
    const operator = chain.unitsOf(1)
    chain.endWindow()
    assert.equal(chain.unitsOf(1) - operator, units(9))
    liabilityBurn(chain.ctx(), { provider: 1, from: accountOf(BUYER), amountBase: coins(30) })
    chain.endWindow()
    // A quarter of the liability is gone, and of the floor.
    assert.equal(chain.unitsOf(1) - operator, units(18 + 18))
    chain.endWindows(K - 2)
    assert.equal(chain.unitsOf(1) - operator, units(108 + 18))
    assert.equal(lockedProceeds(chain.state, 1)[0]!.amountBase, units(54))
    liabilityBurn(chain.ctx(), { provider: 1, from: accountOf(BUYER), amountBase: coins(90) })
    chain.endWindow()
    assert.deepEqual(lockedProceeds(chain.state, 1), [])
    assert.equal(chain.unitsOf(1) - operator, units(180))
  })

  it('release nothing in a window that is not good, and belong to the estate after a default', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { capBase: coins(120) })
    chain.bought(BUYER, id, coins(120))
    const operator = chain.unitsOf(1)
    chain.run(() => setProviderStatus(chain.ctx(), 1, 'jailed'))
    chain.endWindow()
    assert.equal(chain.unitsOf(1), operator)
    chain.run(() => setProviderStatus(chain.ctx(), 1, 'defaulted'))
    chain.endWindow()
    assert.equal(chain.unitsOf(1), operator)
    assert.equal(lockedProceeds(chain.state, 1)[0]!.amountBase, units(180))
  })

  it('are shared with backers when they are paid and when they are released, to the last unit', () => {
    const chain = new SeriesChain()
    const { provider, share } = backed(chain, 250_000n)
    const id = chain.open(provider, { capBase: coins(120) })
    const before = chain.unitsOf(provider)
    chain.bought(BUYER, id, coins(120))
    // Of 360, half is locked.
    assert.equal(share(), units(45))
    assert.equal(chain.unitsOf(provider) - before, units(135))
    for (let window = 0; window < K; window++) chain.endWindow()
    const releasedBase = units(180) - lockedProceeds(chain.state, provider)[0]!.amountBase
    assert.ok(releasedBase > 0n)
    assert.equal(chain.unitsOf(provider) - before + share(), units(180) + releasedBase)
    const least = (releasedBase + units(180)) / 4n
    assert.ok(share() >= least && share() <= least + BigInt(K) + 1n, `${share()}`)
  })

  it('count as locked in what walking away would gain', () => {
    const chain = new SeriesChain()
    chain.setBond(1, units(90))
    const id = chain.open(1)
    chain.bought(BUYER, id, coins(100))
    const security = chain.query<{ lockedBase: bigint; unsecuredBase: bigint }>(
      'security',
      { provider: 1 },
      issuanceModule,
    )
    assert.equal(security.lockedBase, coins(50))
    assert.equal(security.unsecuredBase, coins(100 - 50 - 30))
    const proceeds = chain.query<readonly object[]>('proceeds', { provider: 1 }, issuanceModule)
    const rateBase = mulDivCeil(units(90), 1n, BigInt(K))
    assert.deepEqual(proceeds, [
      { asset: ASSET, lockedBase: units(150), floorBase: units(60), freedBase: 0n, releaseBase: rateBase },
    ])
  })
})

/** A backer of provider 1 with a share; how much of the settlement asset its backers have received. */
function backed(chain: SeriesChain, sharePpm: bigint) {
  const provider = 1
  issueCoins(chain.ctx(), {
    provider: 2,
    to: accountOf(provider),
    amountBase: coins(1),
    lockedBase: 0n,
    floorBase: 0n,
  })
  assert.equal(chain.act('setShare', provider, { sharePpm }, backingModule), undefined)
  assert.equal(chain.act('back', provider, { provider, amountBase: coins(1) }, backingModule), undefined)
  return { provider, share: () => getIncome(chain.state, { provider, asset: ASSET }).receivedBase }
}
