import assert from 'node:assert/strict'
import { issueAsset } from '../../../state/modules/assets/ledger.ts'
import { changePromised } from '../../../state/modules/issuance/promises.ts'
import { updateTotals } from '../../../state/modules/series/books.ts'
import { escrowOf } from '../../../state/modules/series/external.ts'
import type { Series } from '../../../state/modules/series/schema.ts'
import { seriesTables } from '../../../state/modules/series/tables.ts'
import { ASSET, accountOf, BUYER, coins, SeriesChain } from '../../support/seriesFixture.ts'

/** A chain with a forward series of which 10 receipts are sold, and a purchase that waits. */
function chainWithSale(): SeriesChain {
  const chain = new SeriesChain()
  chain.open(1, { kind: 'forward', closesAt: 5 })
  chain.bought(BUYER, 1, coins(10))
  chain.run(() => assert.equal(chain.buy(BUYER, 1, coins(5)), undefined))
  return chain
}

function change(chain: SeriesChain, fields: Partial<Series>): void {
  seriesTables.series.set(chain.state, { id: 1 }, { ...chain.series(1), ...fields })
}

describe('series: invariants fire', () => {
  const breaks: readonly (readonly [string, RegExp, (chain: SeriesChain) => void])[] = [
    [
      'a payment that is not accounted for',
      /^11 sale: a series received/,
      (chain) => change(chain, { receivedBase: 1n }),
    ],
    ['more sold than the cap', /^11 sale: .* the cap is/, (chain) => change(chain, { capBase: coins(9) })],
    [
      'more coins than receipts',
      /^11 sale: .* coins for/,
      (chain) => change(chain, { coinsBase: coins(11) }),
    ],
    [
      'units in an escrow that nobody owns',
      /^1 series escrow: series 1: .* units held/,
      (chain) => issueAsset(chain.ctx(), { asset: ASSET, to: escrowOf(1), amountBase: 1n }),
    ],
    [
      'coins that are owed and missing',
      /^1 series escrow: series 1: 0 coins held/,
      (chain) => change(chain, { coinsBase: 1n }),
    ],
    [
      'receipts from nowhere',
      /^1 series escrow: series 1: .* receipts/,
      (chain) => {
        const position = { faceBase: 1n, takenBase: 0n }
        seriesTables.position.set(chain.state, { series: 1, owner: accountOf(9) }, position)
      },
    ],
    [
      'a live series that no list has',
      /^series.lists: provider 1: lists series/,
      (chain) => seriesTables.live.delete(chain.state, { provider: 1 }),
    ],
    [
      'a clock that is gone',
      /^series.lists: a live series has no clock/,
      (chain) => seriesTables.clocks.delete(chain.state, {}),
    ],
    [
      'receipts that are not before own mints',
      /^series.lists: provider 1: .* receipts come first/,
      (chain) => changePromised(chain.state, 1, -coins(1)),
    ],
    [
      'a purchase that the draw does not know',
      /^series.lists: .* entries wait for their turn/,
      (chain) => seriesTables.drawEntry.delete(chain.state, { number: 1 }),
    ],
    [
      'a purchase that no buyer lists',
      /^series.lists: .* purchases are kept, buyers list/,
      (chain) => seriesTables.buyer.delete(chain.state, { buyer: accountOf(BUYER) }),
    ],
    [
      'a waiting purchase that its series does not count',
      /^series.lists: series 1: .* purchases wait/,
      (chain) => change(chain, { waitingCount: 0 }),
    ],
    [
      'a sweep that is ahead of the windows',
      /^16 series work: the sweep of live series is ahead/,
      (chain) => seriesTables.sweep.set(chain.state, {}, { window: 1, member: 0, next: 0 }),
    ],
  ]
  for (const [name, pattern, spoil] of breaks)
    it(name, () => {
      const chain = chainWithSale()
      assert.equal(chain.broken(), undefined)
      spoil(chain)
      assert.match(chain.broken() ?? 'nothing', pattern)
    })

  it('and hold with numbers that only grow', () => {
    const chain = chainWithSale()
    updateTotals(chain.state, { nextPurchase: 99 })
    assert.equal(chain.broken(), undefined)
  })
})
