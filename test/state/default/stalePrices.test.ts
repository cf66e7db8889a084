// What goes on, and what waits, while a price is too old (docs/decisions/what-a-stale-price-stops.md).
import assert from 'node:assert/strict'
import type { Failure } from '../../../base/moduleDefinition.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { renewPrice, setPrice } from '../../../state/modules/oracle/prices.ts'
import { ASSET, coins, DefaultChain, HOLDER, K, PRICE, TAIL, walletOf } from '../../support/defaultFixture.ts'

const OTHER_ASSET = 7
const worth = (amount: number): bigint => BigInt(amount) * PRICE
const code = (failure: Failure | undefined): string | undefined => failure?.code
const quote = { priceBase: PRICE, bondPriceBase: PRICE, lockPriceBase: PRICE }

/** Five members with bonds worth 400 each, the first of 1,000 and owing 5,000 coins. */
function owing(): DefaultChain {
  const chain = new DefaultChain({
    providers: [0, 1, 2, 3, 4].map((i) => ({ devices: 100, bondBase: worth(i === 0 ? 1_000 : 400) })),
  })
  chain.run(() => {
    chain.owe(1, coins(5_000))
    chain.owe(5, coins(10))
    for (const id of [2, 3, 4]) chain.owe(id, coins(10), { to: id })
  })
  return chain
}

const renew = (chain: DefaultChain, asset: number, window = chain.window): void =>
  renewPrice(chain.state, { asset, window, ...quote })

/** Lets provider 2 bid for 2,000 coins, for all that the estate has per coin, and the default be handled. */
function bidAndClose(chain: DefaultChain) {
  const bid = { amountBase: coins(2_000), sharePpm: 1_000_000n }
  while (chain.window < chain.case(1)!.auctionWindow) chain.pass()
  chain.run(() => assert.equal(code(chain.commit(1, 2, bid)), undefined), 50)
  chain.toSecondHalf()
  chain.run(() => assert.equal(code(chain.reveal(1, 2, bid)), undefined), 50)
  return chain.close(1)
}

describe('default: stale prices', () => {
  it('do not stop an auction: bids count the estate at the last price; what mints is refused', () => {
    const [fresh, stale] = [owing(), owing()]
    for (const chain of [fresh, stale]) chain.fail(1)
    stale.run(() => renew(stale, ASSET, 0))
    stale.pass()
    assert.equal(code(stale.mint(HOLDER, 2, coins(1))), 'OracleStale')
    const [expected, closed] = [bidAndClose(fresh), bidAndClose(stale)]
    assert.equal(closed.novatedBase, coins(2_000))
    const { declaredHeight: _, ...rest } = closed
    const { declaredHeight: __, ...wanted } = expected
    assert.deepEqual(rest, wanted)
    assert.deepEqual(stale.assumed(2), fresh.assumed(2))
  })

  it('that are given up make an estate no bond: a bid rests on the bidder’s own', () => {
    const chain = owing()
    chain.run(() => {
      chain.register(OTHER_ASSET)
      setPrice(chain.state, { asset: OTHER_ASSET, priceBase: PRICE })
      renew(chain, ASSET)
      for (const id of [2, 3, 4, 5]) chain.bondIn(id, OTHER_ASSET, worth(400))
    })
    // The bond of the first is in the dead asset alone: it is short, and its clock runs once nobody waits for the price.
    for (let window = 0; chain.case(1) === undefined; window++) {
      assert.ok(window < 2 * K, 'it defaults')
      chain.pass()
    }
    assert.equal(chain.case(1)!.cause, 'bond')
    const closed = bidAndClose(chain)
    // 400 in the other asset cover 2,000 coins, of which 2 owes ten already.
    assert.equal(closed.novatedBase, coins(1_990))
    const { assumedBase, exemptBase } = chain.assumed(2)
    assert.equal(exemptBase, assumedBase - coins(1_990))
  })

  it('keep no bond that secures nothing: whoever has left takes it', () => {
    const chain = owing()
    chain.run(() => {
      const paid = { amountBase: coins(10), asset: 0, paymentBase: 0n }
      assert.equal(code(chain.do(5, 'beginExit')), undefined)
      assert.equal(code(chain.do(5, 'offerNovation', { to: 2, ...paid })), undefined)
      renew(chain, ASSET, 0)
      assert.equal(code(chain.do(2, 'acceptNovation', { from: 5, ...paid })), undefined)
      assert.equal(code(chain.do(5, 'completeExit')), undefined)
      assert.equal(code(chain.do(4, 'offerNovation', { to: 2, ...paid })), undefined)
    })
    for (let window = 0; window <= TAIL; window++) chain.pass()
    const accept = { from: 4, amountBase: coins(10), asset: 0, paymentBase: 0n }
    chain.run(() => {
      assert.equal(code(chain.do(2, 'acceptNovation', accept)), 'OracleStale')
      assert.equal(
        code(chain.act('retire', walletOf(2), { amountBase: coins(1) }, issuanceModule)),
        undefined,
      )
      assert.equal(code(chain.do(5, 'withdrawBond', { asset: ASSET, amountBase: worth(400) })), undefined)
    })
    assert.equal(chain.units(5), worth(400))
  })
})
