import assert from 'node:assert/strict'
import { mulDivFloor } from '../../../base/units.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { issueAsset, registerAsset } from '../../../state/modules/assets/ledger.ts'
import { getLiability, issueCoins, liabilityBurn } from '../../../state/modules/issuance/ledger.ts'
import { judgeMint } from '../../../state/modules/issuance/limits.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { lockedProceeds } from '../../../state/modules/issuance/proceeds.ts'
import { promisesOf } from '../../../state/modules/issuance/promises.ts'
import { renewPrice } from '../../../state/modules/oracle/prices.ts'
import { addBond, getBond } from '../../../state/modules/providers/bonds.ts'
import { setProviderStatus } from '../../../state/modules/providers/members.ts'
import { suspendProvider } from '../../../state/modules/providers/suspension.ts'
import { closeSeriesOf } from '../../../state/modules/series/endings.ts'
import { ASSET, accountOf, code, coins, K, PRICE, SeriesChain, units } from '../../support/seriesFixture.ts'

const A = 20
const B = 21

interface Duty {
  readonly duty: string
  readonly untilWindow: number
  readonly addBase: bigint
  readonly blockedBy: string
  readonly text: string
}
interface Holding {
  readonly receiptsBase: bigint
  readonly handedInBase: bigint
  readonly coinsBase: bigint
  readonly refundBase: bigint
  readonly compensationBase: bigint
  readonly outstandingBase: bigint
}

const statusOf = (chain: SeriesChain, provider = 1): Duty =>
  chain.query<readonly Duty[]>('status', { provider })[0]!
const holding = (chain: SeriesChain, series: number, account: number): Holding =>
  chain.query<Holding>('holding', { series, owner: accountOf(account) })

/** Provider 1 has minted to its limit and then sold receipts: 60 to A and 40 to B, or in proportion. */
function sold(amount = 100, due = 4): { readonly chain: SeriesChain; readonly id: number } {
  const chain = new SeriesChain({ devices: [40, 100, 100, 100] })
  assert.equal(chain.mint(1, chain.roomOf(1)), undefined)
  const id = chain.open(1, { kind: 'forward', capBase: coins(amount), closesAt: 0, dueAt: due })
  chain.run(() => {
    assert.equal(chain.buy(A, id, coins(amount * 0.6)), undefined)
    assert.equal(chain.buy(B, id, coins(amount * 0.4)), undefined)
  })
  chain.run()
  assert.equal(chain.receipts(A, id), coins(amount * 0.6))
  return { chain, id }
}

/** Joint room is gone: provider 2 owes more than it could have minted, as after an assumption. */
function fillJoint(chain: SeriesChain): void {
  const { limits } = judgeMint(chain.state, 2)
  const owed = { provider: 2, to: accountOf(50), amountBase: limits.jointBase, lockedBase: 0n, floorBase: 0n }
  issueCoins(chain.ctx(), owed)
}

describe('series: receipts', () => {
  it('are sold for escrowed money and come before the issuer’s own mints', () => {
    const { chain, id } = sold()
    assert.equal(chain.series(id).escrowBase, units(300))
    assert.equal(promisesOf(chain.state, 1).promisedBase, coins(100))
    assert.equal(chain.paidBy(A), units(180))
    assert.equal(code(chain.claim(A, id)), 'NothingToClaim')
    const quota = chain.query<{ mintableBase: bigint; promisedBase: bigint }>(
      'quota',
      { provider: 1 },
      issuanceModule,
    )
    assert.equal(quota.promisedBase, coins(100))
  })

  it('leave the issuer only what they do not need', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { kind: 'forward', closesAt: 0 })
    chain.bought(A, id, coins(100))
    const room = chain.roomOf(1)
    assert.equal(code(chain.mint(1, room - coins(100) + 1n)), 'ReceiptsFirst')
    assert.equal(chain.mint(1, room - coins(100)), undefined)
    const other = chain.open(1)
    assert.deepEqual(
      chain.act('buy', A, { series: other, amountBase: coins(1), payMaxBase: units(9) })?.fields,
      {
        reason: 'ReceiptsFirst',
      },
    )
  })

  it('become coins 1:1 when attested capacity activates: price, mint and lock in one step', () => {
    const { chain, id } = sold()
    chain.endWindow()
    assert.equal(chain.series(id).state, 'delivering')
    assert.equal(statusOf(chain).duty, 'bringCapacity')
    assert.equal(statusOf(chain).untilWindow, 4)
    assert.equal(statusOf(chain).blockedBy, 'QuotaExceeded')
    const operator = chain.unitsOf(1)
    const owed = getLiability(chain.state, 1).liabilityBase
    chain.run(() => chain.addLot(1, 1))
    chain.endWindow()
    assert.equal(chain.series(id).state, 'converted')
    assert.equal(getLiability(chain.state, 1).liabilityBase, owed + coins(100))
    // Of 300 paid, 150 are locked; the lock of 60 is the issuer's again.
    assert.equal(lockedProceeds(chain.state, 1)[0]!.amountBase, units(150))
    assert.equal(chain.unitsOf(1) - operator, units(150 + 60))
    assert.equal(promisesOf(chain.state, 1).promisedBase, 0n)
    assert.equal(chain.claim(A, id), undefined)
    assert.equal(chain.coinsOf(A), coins(60))
    assert.equal(code(chain.claim(A, id)), 'NothingToClaim')
    chain.transfer(id, { from: B, to: 30, amountBase: coins(40) })
    assert.equal(chain.claim(30, id), undefined)
    assert.equal(chain.coinsOf(30), coins(40))
    assert.equal(chain.series(id).state, 'ended')
    chain.endWindows(TEST_PARAMETERS.series.tailWindows + 1)
    assert.equal(chain.query('show', { series: id }), undefined)
  })

  it('are converted in the order of the series of an issuer, the oldest first', () => {
    const { chain, id } = sold(100)
    const second = chain.open(1, { kind: 'forward', capBase: coins(100), closesAt: 0, dueAt: 9 })
    chain.bought(B, second, coins(100))
    chain.run(() => chain.addLot(1, 1))
    chain.endWindow()
    chain.endWindow()
    assert.equal(chain.series(id).state, 'converted')
    assert.ok(chain.series(second).coinsBase < coins(100))
    assert.equal(chain.series(second).state, 'delivering')
  })

  it('share what becomes coins in proportion, whoever comes first and however often', () => {
    const { chain, id } = sold(300, 30)
    chain.run(() => chain.addLot(1, 1))
    chain.endWindow()
    const some = chain.series(id).coinsBase
    assert.ok(some > coins(100) && some < coins(300), `${some}`)
    const part = (whole: bigint, of: number): bigint => mulDivFloor(whole, coins(of), coins(300))
    assert.equal(holding(chain, id, A).coinsBase, part(some, 180))
    assert.equal(chain.claim(A, id), undefined)
    assert.equal(chain.coinsOf(A), part(some, 180))
    // Again and again: nothing more, and B's share waits.
    assert.equal(code(chain.claim(A, id)), 'NothingToClaim')
    assert.equal(holding(chain, id, B).coinsBase, part(some, 120))
    chain.transfer(id, { from: B, to: 30, amountBase: coins(60) })
    assert.equal(chain.claim(30, id), undefined)
    assert.equal(chain.coinsOf(30), part(some, 60))
    chain.checkInvariants()
    chain.run(() => chain.addLot(1, 1))
    chain.endWindow()
    const more = chain.series(id).coinsBase
    assert.ok(more > some && more < coins(300))
    assert.equal(chain.claim(A, id, 0n), undefined)
    assert.equal(chain.coinsOf(A), part(more, 180))
    chain.run(() => chain.addLot(1, 1))
    chain.endWindow()
    assert.equal(chain.series(id).state, 'converted')
    for (const [account, amount] of [
      [A, 180],
      [B, 60],
      [30, 60],
    ] as const) {
      assert.equal(chain.claim(account, id), undefined)
      assert.equal(chain.coinsOf(account), coins(amount))
    }
    assert.equal(chain.series(id).state, 'ended')
  })
})

describe('series: failure', () => {
  /** Overdue at a price, with a lock that was kept. */
  function overdue(
    priceBase: bigint,
    bondBase?: bigint,
  ): { readonly chain: SeriesChain; readonly id: number } {
    const { chain, id } = sold(100, 1)
    chain.setPrice(priceBase)
    const added = priceBase * 20n - units(60)
    if (added > 0n) assert.equal(chain.act('secure', 1, { series: id, amountBase: added }), undefined)
    if (bondBase !== undefined) chain.setBond(1, bondBase)
    chain.livePrice = priceBase
    chain.endWindow()
    assert.equal(chain.series(id).state, 'delivering')
    chain.endWindow()
    assert.equal(chain.series(id).state, 'failed')
    assert.equal(chain.series(id).failReason, 'overdue')
    return { chain, id }
  }

  it('refunds what was paid and the lock, in proportion to the receipts', () => {
    const { chain, id } = overdue(PRICE)
    assert.equal(chain.series(id).compensationBase, units(60))
    assert.deepEqual(holding(chain, id, A), {
      series: id,
      owner: accountOf(A),
      receiptsBase: coins(60),
      handedInBase: 0n,
      coinsBase: 0n,
      refundBase: units(180),
      compensationBase: units(36),
      outstandingBase: 0n,
    })
    assert.equal(chain.claim(A, id, coins(30)), undefined)
    assert.equal(chain.paidBy(A), units(180 - 90 - 18))
    assert.equal(chain.claim(A, id), undefined)
    assert.equal(chain.paidBy(A), -units(36))
    assert.equal(chain.claim(B, id), undefined)
    assert.equal(chain.paidBy(B), -units(24))
    assert.equal(chain.series(id).state, 'ended')
  })

  it('adds from the bond above b·L what the price has risen beyond the lock, at most twice the lock', () => {
    const bond = 10n ** 12n
    for (const [price, compensation] of [
      // Paid 300: at 4.5 they are worth 450, of which the lock has 90.
      [4_500_000n, 150],
      // At a doubling 600: 300 more.
      [6_000_000n, 300],
      // Worth 900, lock 180: the bond adds 360 of the 420 that are missing.
      [9_000_000n, 540],
    ] as const) {
      const { chain, id } = overdue(price, bond)
      assert.equal(chain.series(id).compensationBase, units(compensation))
      const lock = price * 20n
      assert.equal(bond - getBond(chain.state, { provider: 1, asset: ASSET }), units(compensation) - lock)
      assert.equal(chain.claim(A, id), undefined)
      assert.equal(chain.claim(B, id), undefined)
      assert.equal(-chain.paidBy(A) - chain.paidBy(B), units(compensation))
    }
  })

  it('leaves b·L of the bond alone', () => {
    const { chain: probe } = sold()
    const owed = getLiability(probe.state, 1).liabilityBase
    // A fifth of the liability at twice the price, and 10 units more.
    const needed = (owed * 6_000_000n) / (5n * 10n ** 18n)
    const { chain, id } = overdue(6_000_000n, needed + units(10))
    const added = chain.series(id).compensationBase - units(120)
    assert.ok(added > units(9) && added <= units(10), `${added}`)
  })

  it('bars the issuer from minting until K windows later, but not its other receipts', () => {
    const { chain, id } = overdue(PRICE)
    assert.equal(chain.series(id).state, 'failed')
    const until = chain.window + K
    chain.run(() => chain.addLot(1, 20))
    chain.endWindow()
    assert.ok(chain.roomOf(1) > coins(10))
    assert.equal(code(chain.mint(1, coins(1))), 'MintingBarred')
    assert.equal(code(chain.tryOpen(1)), 'MintingBarred')
    while (chain.window < until) chain.endWindow()
    assert.equal(code(chain.mint(1, coins(1))), 'MintingBarred')
    chain.endWindow()
    assert.equal(chain.mint(1, coins(1)), undefined)
  })

  it('is not held up by a unit of bond in an asset whose price is stale', () => {
    const chain = new SeriesChain()
    chain.livePrice = PRICE
    const id = chain.open(1, { kind: 'forward', capBase: coins(100), closesAt: 2, dueAt: 5 })
    assert.equal(chain.bought(A, id, coins(100)).filledBase, coins(100))
    const ctx = chain.ctx()
    registerAsset(ctx, { id: 7, name: 'Forgotten', symbol: 'FGT', decimals: 6, issuer: accountOf(999) })
    renewPrice(chain.state, {
      asset: 7,
      window: 0,
      priceBase: PRICE,
      bondPriceBase: PRICE,
      lockPriceBase: PRICE,
    })
    issueAsset(ctx, { asset: 7, to: accountOf(1), amountBase: 1n })
    assert.ok(addBond(ctx, { provider: 1, asset: 7, from: accountOf(1), amountBase: 1n }))
    chain.run()
    chain.endWindows(7)
    assert.equal(chain.series(id).coinsBase, coins(100))
    assert.equal(chain.mint(1, coins(1)), undefined)
  })

  it('comes for a lock that is below what it must be at two looks in a row', () => {
    const { chain, id } = sold(100, 30)
    chain.livePrice = PRICE
    chain.endWindow()
    chain.livePrice = PRICE + 300_000n
    chain.endWindow()
    assert.deepEqual(chain.series(id).lockShortSince, 2)
    const duty = statusOf(chain)
    assert.equal(duty.duty, 'secureLock')
    assert.equal(duty.addBase, units(6))
    assert.equal(duty.untilWindow, 2)
    assert.equal(chain.act('secure', 1, { series: id, amountBase: units(6) - 1n }), undefined)
    chain.endWindow()
    assert.equal(chain.series(id).failReason, 'lockTooSmall')
  })

  it('does not come for a lock that is mended in time', () => {
    const { chain, id } = sold(100, 30)
    chain.livePrice = PRICE + 300_000n
    chain.endWindow()
    assert.equal(chain.act('secure', 1, { series: id, amountBase: units(6) }), undefined)
    chain.endWindows(3)
    assert.equal(chain.series(id).state, 'delivering')
    assert.equal(chain.series(id).lockShortSince, undefined)
  })

  it('needs more of the issuer where the price paid does not cover what the mint locks', () => {
    const { chain, id } = sold(100, 30)
    // At 12 a coin the mint locks half of 1,200; 300 were paid, and the lock must be 240.
    chain.livePrice = 12_000_000n
    chain.setPrice(chain.livePrice)
    assert.equal(chain.act('secure', 1, { series: id, amountBase: units(180) }), undefined)
    chain.run(() => chain.addLot(1, 1))
    chain.endWindow()
    chain.endWindow()
    assert.equal(chain.series(id).coinsBase, 0n)
    assert.equal(statusOf(chain).blockedBy, 'LockTooSmall')
    const operator = chain.unitsOf(1)
    assert.equal(chain.act('secure', 1, { series: id, amountBase: units(60) }), undefined)
    chain.endWindow()
    assert.equal(chain.series(id).state, 'converted')
    assert.equal(lockedProceeds(chain.state, 1)[0]!.amountBase, units(600))
    assert.equal(operator - chain.unitsOf(1), units(60))
  })

  it('gives holders of a partly converted series the coins, and the refund of the rest', () => {
    const { chain, id } = sold(300, 3)
    chain.run(() => chain.addLot(1, 1))
    chain.endWindow()
    const some = chain.series(id).coinsBase
    assert.equal(chain.claim(A, id, coins(30)), undefined)
    const paid = chain.series(id).escrowBase
    chain.endWindows(3)
    assert.equal(chain.series(id).state, 'failed')
    const money = chain.series(id).compensationBase
    assert.equal(chain.claim(A, id), undefined)
    assert.equal(chain.claim(B, id), undefined)
    const total = coins(300)
    assert.ok(chain.coinsOf(A) - mulDivFloor(some, coins(180), total) <= 1n)
    assert.equal(chain.coinsOf(A) + chain.coinsOf(B), some)
    assert.equal(units(900) - chain.paidBy(A) - chain.paidBy(B), paid + money)
    assert.equal(chain.series(id).state, 'ended')
  })

  it('comes for suspension, with the lock and the bond; a sale of coins only ends', () => {
    const { chain, id } = sold(100, 30)
    const coinSale = chain.open(1, { closesAt: 9 })
    chain.run(() => suspendProvider(chain.ctx(), 1, chain.window))
    chain.endWindow()
    assert.equal(chain.series(id).failReason, 'suspended')
    assert.equal(chain.series(id).compensationBase, units(60))
    assert.equal(chain.series(coinSale).state, 'ended')
    assert.equal(promisesOf(chain.state, 1).barredUntil, 0)
  })
})

describe('series: only the joint limit', () => {
  /** Provider 1 could mint by its own rules, but provider 2 owes all that may exist. */
  function blocked(): { readonly chain: SeriesChain; readonly id: number } {
    const chain = new SeriesChain()
    const id = chain.open(1, { kind: 'forward', closesAt: 0, dueAt: 1 })
    chain.run(() => {
      assert.equal(chain.buy(A, id, coins(60)), undefined)
      assert.equal(chain.buy(B, id, coins(40)), undefined)
    })
    chain.run(() => fillJoint(chain))
    chain.endWindow()
    assert.equal(statusOf(chain).blockedBy, 'JointLimitExceeded')
    assert.equal(code(chain.act('refund', A, { series: id, amountBase: 1n })), 'RefundNotOpen')
    chain.endWindow()
    assert.equal(chain.series(id).state, 'blocked')
    return { chain, id }
  }

  it('is not the issuer’s fault: the series stays open, and who wants takes the plain refund', () => {
    const { chain, id } = blocked()
    const refund = (account: number, amountBase: bigint) =>
      code(chain.act('refund', account, { series: id, amountBase }))
    assert.equal(refund(A, coins(60) + 1n), 'InsufficientReceipts')
    assert.equal(refund(77, 0n), 'NothingToClaim')
    assert.equal(refund(A, coins(20)), undefined)
    assert.equal(chain.paidBy(A), units(120))
    assert.equal(promisesOf(chain.state, 1).promisedBase, coins(80))
    chain.endWindows(3)
    assert.equal(chain.series(id).state, 'blocked')
    assert.equal(chain.series(id).lockBase, units(60))
    assert.equal(chain.act('reclaim', 1, { series: id }), undefined)
    assert.equal(chain.series(id).lockBase, units(48))
    chain.run(() =>
      liabilityBurn(chain.ctx(), { provider: 2, from: accountOf(50), amountBase: coins(1_000) }),
    )
    chain.endWindow()
    assert.equal(chain.series(id).state, 'converted')
    assert.equal(chain.claim(A, id), undefined)
    assert.equal(chain.claim(B, id), undefined)
    assert.equal(chain.coinsOf(A) + chain.coinsOf(B), coins(80))
  })

  it('ends when the last holder has left, and the lock is the issuer’s', () => {
    const { chain, id } = blocked()
    const operator = chain.unitsOf(1)
    assert.equal(chain.act('refund', A, { series: id, amountBase: coins(60) }), undefined)
    assert.equal(chain.act('refund', B, { series: id, amountBase: coins(40) }), undefined)
    assert.equal(chain.series(id).state, 'ended')
    assert.equal(chain.paidBy(A) + chain.paidBy(B), 0n)
    assert.equal(chain.unitsOf(1) - operator, units(60))
  })

  it('excuses no more receipts than the issuer’s own limits have room for, the oldest first', () => {
    const chain = new SeriesChain()
    assert.equal(chain.mint(1, chain.roomOf(1) - coins(150)), undefined)
    const terms = { kind: 'forward', closesAt: 0, dueAt: 1 } as const
    const [older, newer] = [chain.open(1, terms), chain.open(1, terms)]
    chain.run(() => {
      for (const id of [older, newer]) assert.equal(chain.buy(A, id, coins(100)), undefined)
    })
    chain.run(() => fillJoint(chain))
    chain.endWindows(2)
    // Without the joint limit the older series would have its 100 coins, and the newer one 50 of 100.
    assert.equal(chain.series(older).state, 'blocked')
    assert.equal(chain.series(newer).failReason, 'overdue')
  })

  it('becomes the issuer’s fault once its own rules keep the coins back', () => {
    const { chain, id } = blocked()
    chain.run(() => setProviderStatus(chain.ctx(), 1, 'jailed'))
    chain.endWindow()
    assert.equal(chain.series(id).failReason, 'overdue')
  })
})

describe('series.closeSeriesOf', () => {
  it('refunds receipts with the lock, takes nothing from the bond, and leaves the estate what nobody waits for', () => {
    const { chain, id } = sold(100, 30)
    const unsold = chain.open(1, { kind: 'forward', closesAt: 9, dueAt: 20 })
    const coinSale = chain.open(1, { closesAt: 9 })
    const bond = getBond(chain.state, { provider: 1, asset: ASSET })
    const before = chain.unitsOf(1)
    chain.run(() => {
      assert.equal(chain.buy(A, unsold, coins(2)), undefined)
      setProviderStatus(chain.ctx(), 1, 'defaulted')
      closeSeriesOf(chain.ctx(), 1)
      closeSeriesOf(chain.ctx(), 1)
    })
    assert.equal(chain.series(id).failReason, 'defaulted')
    assert.equal(chain.series(id).compensationBase, units(60))
    assert.equal(chain.series(coinSale).state, 'ended')
    // The lock of the series that had sold nothing yet is now part of the bond.
    assert.equal(getBond(chain.state, { provider: 1, asset: ASSET }) - bond, units(60))
    assert.equal(chain.unitsOf(1), before)
    chain.run()
    assert.equal(chain.purchase(3).reason, 'SaleClosed')
    assert.equal(chain.series(unsold).state, 'ended')
    assert.equal(chain.claim(A, id), undefined)
    assert.equal(chain.claim(B, id), undefined)
    assert.equal(chain.paidBy(A) + chain.paidBy(B), -units(60))
    assert.equal(promisesOf(chain.state, 1).promisedBase, 0n)
  })

  it('is done by the chain itself when a provider has defaulted', () => {
    const { chain, id } = sold(100, 30)
    chain.run(() => setProviderStatus(chain.ctx(), 1, 'defaulted'))
    chain.endWindow()
    assert.equal(chain.series(id).failReason, 'defaulted')
  })
})
