// What attackers gain from a default, and the devnet's worked numbers (ECONOMY §3, §9): mint and run, friends and colluding
// bidders, unrevealed bids, washing through handovers, splitting.
import assert from 'node:assert/strict'
import { DEV_PARAMETERS, type Parameters, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { compensationOf } from '../../../state/modules/issuance/compensations.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { judgeMint, leastLimit, securityOf } from '../../../state/modules/issuance/limits.ts'
import { setPrice } from '../../../state/modules/oracle/prices.ts'
import { jailProvider } from '../../../state/modules/providers/members.ts'
import { ASSET, coins, DefaultChain, HOLDER, K, PRICE } from '../../support/defaultFixture.ts'

const code = (failure: { readonly code: string } | undefined): string | undefined => failure?.code
/** Coins that units of the settlement asset are worth. */
const inCoins = (units: bigint, price = PRICE): bigint => (units * coins(1)) / price

/** Lets a provider default without a penalty before: jail by decision. */
function vanish(chain: DefaultChain, provider: number): void {
  chain.run(() => jailProvider(chain.ctx(), provider))
  while (chain.status(provider) !== 'defaulted') chain.pass()
}

function five(bondBase: bigint, parameters?: Parameters): DefaultChain {
  return new DefaultChain({
    providers: Array.from({ length: 5 }, () => ({ devices: 100, bondBase })),
    ...(parameters === undefined ? {} : { economy: parameters }),
  })
}

describe('default: attackers', () => {
  it('mint and run gains what `unsecured` said, no more', () => {
    const chain = five(1_500n * PRICE, TEST_PARAMETERS)
    chain.run(() => {
      const { limits } = judgeMint(chain.state, 1)
      const amountBase = leastLimit(limits)
      assert.ok(amountBase >= coins(7_000))
      chain.owe(1, amountBase, { locked: true })
    })
    const { liabilityBase, unsecuredBase, bondValueBase, lockedBase } = securityOf(chain.state, 1)
    // What it could sell is what is not locked; it loses its bond.
    assert.equal(unsecuredBase, liabilityBase - lockedBase - bondValueBase)
    vanish(chain, 1)
    const closed = chain.close(1)
    const taken = [2, 3, 4, 5].map((id) => chain.liability(id)).reduce((sum, x) => sum + x, 0n)
    const paid = [2, 3, 4, 5].flatMap((id) => compensationOf(chain.state, id).assets)
    const paidBase = paid.reduce((sum, { amountBase }) => sum + inCoins(amountBase), 0n)
    assert.equal(closed.burnedBase, lockedBase)
    assert.equal(taken, liabilityBase - lockedBase)
    // What the others lose is what it gained: what they now serve, less what they are paid for it.
    const lostBase = taken - paidBase
    assert.ok(lostBase - unsecuredBase <= coins(1) && unsecuredBase - lostBase <= coins(1))
  })

  it('a friend that wins the auction for nothing gains nothing', () => {
    const chain = five(1_000n * PRICE)
    chain.run(() => {
      chain.owe(1, coins(5_000))
      chain.owe(3, coins(100), { to: 2 })
    })
    const unsecured = (id: number) => securityOf(chain.state, id).unsecuredBase
    const before = unsecured(1) + unsecured(2)
    vanish(chain, 1)
    chain.pass()
    const bid = { amountBase: coins(5_000), sharePpm: 0n }
    chain.run(() => assert.equal(code(chain.commit(1, 2, bid)), undefined), 50)
    chain.toSecondHalf()
    chain.run(() => assert.equal(code(chain.reveal(1, 2, bid)), undefined), 50)
    chain.close(1)
    assert.equal(chain.liability(2), coins(5_000))
    assert.deepEqual(compensationOf(chain.state, 2).assets, [])
    // The bond of the first is the fund's, and the friend's own bond now stands behind the coins.
    assert.equal(chain.fundUnits, 1_000n * PRICE)
    assert.equal(unsecured(2), before)
    vanish(chain, 2)
    chain.close(2)
    assert.equal(chain.units(1) + chain.units(2), 0n)
  })

  it('bidders that ask together for all of the estate receive no more than without bids', () => {
    const outcome = (isColluding: boolean): bigint => {
      const chain = five(1_000n * PRICE)
      chain.run(() => {
        chain.owe(1, coins(8_000))
        for (const id of [2, 3, 4, 5]) chain.owe(5, coins(10), { to: id })
      })
      // Beyond the bond's share of the price there is nothing to add.
      vanish(chain, 1)
      chain.pass()
      if (isColluding) {
        const bid = { amountBase: coins(2_000), sharePpm: 1_000_000n }
        chain.run(() => {
          for (const id of [2, 3, 4, 5]) assert.equal(code(chain.commit(1, id, bid)), undefined)
        }, 50)
        chain.toSecondHalf()
        chain.run(() => {
          for (const id of [2, 3, 4, 5]) assert.equal(code(chain.reveal(1, id, bid)), undefined)
        }, 50)
      }
      chain.close(1)
      return [2, 3, 4, 5]
        .flatMap((id) => compensationOf(chain.state, id).assets)
        .reduce((sum, { amountBase }) => sum + amountBase, 0n)
    }
    const [together, without] = [outcome(true), outcome(false)]
    assert.equal(together, 1_000n * PRICE)
    // But for a unit of rounding.
    assert.ok(without >= together - 1n)
  })

  it('bids that are never revealed cost a thousandth of the liability each, and change nothing', () => {
    const chain = five(1_000n * PRICE)
    chain.run(() => {
      chain.owe(1, coins(5_000))
      for (const id of [2, 3, 4]) chain.owe(5, coins(10), { to: id })
    })
    vanish(chain, 1)
    chain.pass()
    chain.run(() => {
      for (const id of [2, 3, 4])
        assert.equal(code(chain.commit(1, id, { amountBase: coins(5_000), sharePpm: 0n })), undefined)
    }, 50)
    const closed = chain.close(1)
    assert.equal(chain.fundCoins, 3n * coins(5))
    assert.deepEqual([closed.novatedBase, closed.assumedBase], [0n, coins(5_000)])
  })

  it('handing liability to and fro frees no lock sooner', () => {
    const held = (isWashing: boolean): bigint => {
      const chain = five(10_000n * PRICE, TEST_PARAMETERS)
      chain.run(() => chain.owe(1, coins(500), { locked: true }))
      let [from, to] = [1, 2]
      for (let window = 0; window < K / 2; window++) {
        chain.pass()
        if (!isWashing) continue
        chain.run(() => {
          const terms = { amountBase: chain.liability(from), asset: 0, paymentBase: 0n }
          assert.equal(code(chain.do(from, 'offerNovation', { to, ...terms })), undefined)
          assert.equal(code(chain.do(to, 'acceptNovation', { from, ...terms })), undefined)
        })
        ;[from, to] = [to, from]
      }
      return getLiability(chain.state, 1).lockedBase + getLiability(chain.state, 2).lockedBase
    }
    assert.ok(held(true) > held(false))
  })

  it('one owner in two members gains nothing by letting one of them go', () => {
    // The owner's two members take as much as strangers would, for nothing.
    const cost = (isSplit: boolean): bigint => {
      const chain = new DefaultChain({
        providers: [0, 1, 2, 3, 4].map((i) => ({
          devices: 100,
          legalGroup: isSplit && i < 2 ? 'one owner' : '',
          bondBase: 1_000n * PRICE,
        })),
      })
      chain.run(() => chain.owe(1, coins(5_000)))
      vanish(chain, 1)
      chain.close(1)
      const paidBase = compensationOf(chain.state, 2).assets.reduce(
        (sum, { amountBase }) => sum + inCoins(amountBase),
        0n,
      )
      return chain.liability(2) - paidBase
    }
    assert.ok(cost(true) > cost(false))
  })

  it('a default during a joint shortfall goes its way; the shortfall costs nobody else anything', () => {
    const chain = five(10_000n * PRICE)
    chain.run(() => {
      for (const id of [1, 2, 3, 4, 5]) chain.owe(id, coins(13_500))
    })
    chain.pass()
    assert.equal(code(chain.mint(HOLDER, 2, coins(1))), 'ProviderNotActive')
    vanish(chain, 1)
    const closed = chain.close(1)
    assert.equal(closed.assumedBase + closed.orphanedBase, coins(13_500))
    for (const id of [2, 3, 4, 5]) assert.equal(chain.bond(id), 10_000n * PRICE)
  })
})

describe('default: the devnet’s numbers', () => {
  const DEV_PRICE = 3_028_200n
  const BOND = 30_000n * 1_000_000n
  const HARDWARE = [
    [1_000_000n, 256],
    [1_070_000n, 240],
    [2_020_000n, 128],
    [1_025_000n, 256],
  ] as const
  /** Coins with three decimals, rounded half up as the documents do. */
  const thousandths = (base: bigint): number =>
    Number((base + coins(1) / 2_000n) / (coins(1) / 1_000n)) / 1_000

  function devnet(owes: readonly number[], locked = false): DefaultChain {
    const { retainPpm } = DEV_PARAMETERS.issuance
    const issuance = locked
      ? DEV_PARAMETERS.issuance
      : { ...DEV_PARAMETERS.issuance, retainPpm: 0n, lockFloorPpm: 0n }
    const chain = new DefaultChain({
      providers: HARDWARE.map(([ratingPpm, devices]) => ({ ratingPpm, devices, bondBase: BOND })),
      economy: { ...DEV_PARAMETERS, issuance },
    })
    assert.equal(retainPpm, 500_000n)
    chain.run(() => {
      setPrice(chain.state, { asset: ASSET, priceBase: DEV_PRICE })
      owes.forEach((amount, i) => {
        // Genesis coins have no lock.
        const genesis = Math.min(amount, 25_250)
        chain.owe(i + 1, coins(genesis))
        if (amount > genesis) chain.owe(i + 1, coins(amount) - coins(genesis), { locked })
      })
    })
    return chain
  }
  const QUOTAS = [41_994.849, 42_126.083, 42_414.797, 42_414.797]

  it('dunes at its quota without locks: its estate is a fifth of the price, and the others lose the rest', () => {
    const chain = devnet([25_250, 25_250, 25_250, 42_414.797])
    vanish(chain, 4)
    const known = chain.case(4)!
    assert.deepEqual(
      known.estate.map(({ totalBase }) => totalBase),
      [BOND],
    )
    const perCoin = (BOND * coins(1)) / chain.liability(4)
    assert.equal(perCoin, 707_300n)
    // 23.3 % of the price.
    assert.equal((perCoin * 1_000n) / DEV_PRICE, 233n)
    chain.close(4)
    const took = [1, 2, 3].map((id) => thousandths(chain.liability(id)) - 25_250)
    assert.deepEqual(
      took.map((x) => Math.round(x * 10) / 10),
      DUNES.took,
    )
    const paid = [1, 2, 3].map((id) =>
      Number((compensationOf(chain.state, id).assets[0]!.amountBase + 500_000n) / 1_000_000n),
    )
    assert.deepEqual(paid, DUNES.paid)
    assert.equal(chain.orphans, 0n)
  })

  it('with the devnet’s lock of half, that burns first', () => {
    const chain = devnet([25_250, 25_250, 25_250, 42_414.797], true)
    vanish(chain, 4)
    const { burnedBase, liabilityBase } = chain.case(4)!
    assert.deepEqual([thousandths(burnedBase), thousandths(liabilityBase)], [8_582.399, 33_832.399])
    const perCoin = (BOND * coins(1)) / liabilityBase
    assert.equal((perCoin * 1_000n) / DEV_PRICE, 292n)
  })

  it('with every quota minted, the rooms of the others are what dunes owes', () => {
    const chain = devnet(QUOTAS)
    vanish(chain, 4)
    const closed = chain.close(4)
    const roomBase = closed.firstBase
    const difference = roomBase - closed.liabilityBase
    assert.ok(difference < coins(1) && difference > -coins(1), `${roomBase}`)
    assert.equal(chain.orphans, 0n)
  })
})

/** As docs/when-a-provider-fails.md has them. */
const DUNES = { took: [14_026.6, 14_106.4, 14_281.8], paid: [9_921, 9_977, 10_102] }
