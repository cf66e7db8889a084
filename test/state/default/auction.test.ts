// The novation auction: sealed bids in two halves of a window, one price, and what becomes of bidders (ECONOMY §9).
import assert from 'node:assert/strict'
import { ledger } from '../../../state/ledger.ts'
import { defaultTables } from '../../../state/modules/default/tables.ts'
import { compensationOf } from '../../../state/modules/issuance/compensations.ts'
import { isBondShort } from '../../../state/modules/issuance/limits.ts'
import { jailProvider } from '../../../state/modules/providers/members.ts'
import { ASSET, coins, DefaultChain, HOLDER, PRICE, walletOf } from '../../support/defaultFixture.ts'

const worth = (amount: number): bigint => BigInt(amount) * PRICE
const code = (failure: { readonly code: string } | undefined): string | undefined => failure?.code

/** Five providers, the first of which has defaulted with 5,000 coins and an estate worth 500; the others hold 10 coins each. */
function inAuction(options: { readonly group?: string; readonly bondBase?: bigint } = {}): DefaultChain {
  const { group = '', bondBase } = options
  const chain = new DefaultChain({
    providers: [0, 1, 2, 3, 4].map((i) => ({
      devices: 100,
      legalGroup: i === 0 || i === 4 ? group : '',
      ...(i === 0 ? { bondBase: worth(1_000) } : bondBase === undefined ? {} : { bondBase }),
    })),
  })
  chain.run(() => {
    chain.owe(1, coins(5_000))
    for (const id of [2, 3, 4, 5]) {
      const toOwn = { asset: 0, from: walletOf(HOLDER), to: walletOf(id), amountBase: coins(10) }
      assert.equal(ledger.move(chain.ctx(), toOwn), undefined)
    }
  })
  chain.fail(1)
  chain.pass()
  assert.equal(chain.window, chain.case(1)!.auctionWindow)
  return chain
}

type Bids = readonly (readonly [bidder: number, amount: number, sharePpm: bigint])[]

/** Commits and reveals bids in the running window, then lets the default be handled. */
function settle(chain: DefaultChain, bids: Bids, unrevealed: readonly number[] = []) {
  const of = ([, amount, sharePpm]: Bids[number]) => ({ amountBase: coins(amount), sharePpm })
  chain.run(() => {
    for (const bid of bids) assert.equal(code(chain.commit(1, bid[0], of(bid))), undefined)
  }, 50)
  chain.toSecondHalf()
  chain.run(() => {
    for (const bid of bids)
      if (!unrevealed.includes(bid[0])) assert.equal(code(chain.reveal(1, bid[0], of(bid))), undefined)
  }, 50)
  return chain.close(1)
}

describe('default.commitBid', () => {
  const bid = { amountBase: coins(100), sharePpm: 500_000n }

  it('takes a deposit in the first half, once, from those who serve outside the legal group', () => {
    const chain = inAuction({ group: 'one owner' })
    chain.run(() => {
      assert.equal(code(chain.commit(2, 3, bid)), 'NoSuchDefault')
      assert.equal(code(chain.commit(1, 5, bid)), 'OwnGroup')
      assert.equal(
        code(chain.do(40, 'commitBid', { provider: 1, commitment: new Uint8Array(32) })),
        'NotProvider',
      )
      assert.equal(code(chain.commit(1, 2, bid)), undefined)
      assert.equal(code(chain.commit(1, 2, bid)), 'AlreadyBid')
      jailProvider(chain.ctx(), 3)
      assert.equal(code(chain.commit(1, 3, bid)), 'ProviderNotServing')
    }, 50)
    // A thousandth of the liability.
    assert.equal(chain.balance(2), coins(5))
    chain.toSecondHalf()
    chain.run(() => assert.equal(code(chain.commit(1, 4, bid)), 'NotInAuction'), 50)
  })

  it('is refused before the auction’s window, after it, and without the coins of the deposit', () => {
    const chain = inAuction()
    chain.run(() => {
      const all = { asset: 0, from: walletOf(2), to: walletOf(HOLDER), amountBase: coins(8) }
      assert.equal(ledger.move(chain.ctx(), all), undefined)
      assert.equal(code(chain.commit(1, 2, bid)), 'InsufficientCoins')
    }, 50)
    chain.close(1)
    chain.run(() => assert.equal(code(chain.commit(1, 3, bid)), 'NoSuchDefault'), 50)
  })
})

describe('default.revealBid', () => {
  const bid = { amountBase: coins(100), sharePpm: 500_000n }

  it('opens exactly what was committed, in the second half, and pays the deposit back', () => {
    const chain = inAuction()
    chain.run(() => {
      assert.equal(code(chain.commit(1, 2, bid)), undefined)
      assert.equal(code(chain.commit(1, 3, { amountBase: 0n, sharePpm: 0n })), undefined)
      assert.equal(code(chain.commit(1, 4, { ...bid, sharePpm: 1_000_001n })), undefined)
      assert.equal(code(chain.reveal(1, 2, bid)), 'NotInAuction')
    }, 50)
    chain.toSecondHalf()
    chain.run(() => {
      assert.equal(code(chain.reveal(1, 5, bid)), 'NoBid')
      assert.equal(code(chain.reveal(1, 2, { ...bid, sharePpm: 499_999n })), 'BidMismatch')
      assert.equal(code(chain.reveal(1, 3, { amountBase: 0n, sharePpm: 0n })), 'ZeroAmount')
      assert.equal(code(chain.reveal(1, 4, { ...bid, sharePpm: 1_000_001n })), 'ShareTooLarge')
      assert.equal(code(chain.reveal(1, 2, bid)), undefined)
      assert.equal(code(chain.reveal(1, 2, bid)), 'NoBid')
    }, 50)
    assert.equal(chain.balance(2), coins(10))
  })

  it('cannot be copied: a commitment names its bidder', () => {
    const chain = inAuction()
    chain.run(() => {
      const { commitment } = copied(chain)
      assert.equal(code(chain.do(3, 'commitBid', { provider: 1, commitment })), undefined)
    }, 50)
    chain.toSecondHalf()
    chain.run(() => assert.equal(code(chain.reveal(1, 3, bid)), 'BidMismatch'), 50)
    function copied(c: DefaultChain): { readonly commitment: Uint8Array } {
      assert.equal(code(c.commit(1, 2, bid)), undefined)
      return defaultTables.bid.mustGet(c.state, { provider: 1, bidder: 2 })
    }
  })
})

describe('default: the end of an auction', () => {
  it('the cheapest bids win at one price; the rest of the estate goes to the fund', () => {
    const chain = inAuction()
    const before = chain.sums
    const closed = settle(chain, [
      [4, 3_000, 700_000n],
      [2, 2_000, 300_000n],
      [3, 2_000, 500_000n],
      [5, 5_000, 900_000n],
    ])
    assert.deepEqual(
      [2, 3, 4, 5].map((id) => chain.liability(id)),
      [coins(2_000), coins(2_000), coins(1_000), 0n],
    )
    assert.equal(closed.sharePpm, 700_000n)
    assert.deepEqual(
      [2, 3, 4].map((id) => compensationOf(chain.state, id).assets[0]?.amountBase),
      [worth(140), worth(140), worth(70)],
    )
    assert.deepEqual([closed.novatedBase, closed.assumedBase, closed.orphanedBase], [coins(5_000), 0n, 0n])
    // 500 by the slash, and what the auction left of the estate.
    assert.equal(chain.fundUnits, worth(500) + worth(150))
    assert.equal(chain.ask<{ earmarkedBase: bigint }>('fundAsset', { asset: ASSET }).earmarkedBase, 0n)
    assert.deepEqual(chain.sums, before)
  })

  it('compensation is the bond for what it is worth, and for that alone', () => {
    const chain = inAuction({ bondBase: worth(400) })
    settle(chain, [[2, 2_000, 1_000_000n]])
    // 200 coins of compensation are a bond for 1,000; the other 1,000 rest on the bond of 400.
    const { assumedBase, exemptBase } = chain.assumed(2)
    assert.ok(assumedBase > coins(2_000), 'what no bid took was assumed besides')
    assert.equal(exemptBase, assumedBase - coins(1_000))
    assert.equal(isBondShort(chain.state, 2), false)
  })

  it('a bid wins no more than capacity and bond allow', () => {
    const chain = inAuction({ bondBase: worth(50) })
    const closed = settle(chain, [[2, 5_000, 0n]])
    // A bond of 50 coins covers 250.
    assert.equal(closed.novatedBase, coins(250))
    assert.equal(closed.assumedBase, coins(4_750))
  })

  it('an unrevealed bid loses its deposit to the fund, and nothing else happens to it', () => {
    const chain = inAuction()
    const closed = settle(
      chain,
      [
        [2, 5_000, 0n],
        [3, 5_000, 400_000n],
      ],
      [2],
    )
    assert.deepEqual([chain.liability(2), chain.liability(3)], [0n, coins(5_000)])
    assert.equal(chain.balance(2), coins(5))
    assert.equal(chain.fundCoins, coins(5))
    assert.equal(closed.sharePpm, 400_000n)
  })

  it('a bidder that defaults itself during the auction takes nothing, and gets its deposit back', () => {
    const chain = inAuction()
    const bid = { amountBase: coins(5_000), sharePpm: 0n }
    chain.run(() => assert.equal(code(chain.commit(1, 2, bid)), undefined), 50)
    chain.toSecondHalf()
    chain.run(() => {
      assert.equal(code(chain.reveal(1, 2, bid)), undefined)
      jailProvider(chain.ctx(), 2)
    }, 50)
    const closed = chain.close(1)
    assert.equal(closed.novatedBase, 0n)
    assert.equal(chain.liability(2), 0n)
    assert.equal(chain.balance(2), coins(10))
    assert.deepEqual(
      [3, 4, 5].map((id) => chain.liability(id)),
      [coins(5_000) / 3n, coins(10_000) / 3n - coins(5_000) / 3n, coins(5_000) - coins(10_000) / 3n],
    )
  })

  it('leaves no records of bids and rooms behind', () => {
    const chain = inAuction()
    settle(
      chain,
      [
        [2, 1_000, 0n],
        [3, 1_000, 0n],
        [4, 9_000, 0n],
      ],
      [3],
    )
    assert.equal([...defaultTables.bid.values(chain.committed)].length, 0)
    assert.equal([...defaultTables.room.values(chain.committed)].length, 0)
  })
})
