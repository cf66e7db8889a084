// Bounds of compensations: how many assets one may hold, and that what another cannot hold comes back to its owner.
import assert from 'node:assert/strict'
import { getAssetBalance, issueAsset } from '../../../state/modules/assets/ledger.ts'
import { compensationOf, mayHold } from '../../../state/modules/issuance/compensations.ts'
import { compensationAddress } from '../../../state/modules/issuance/external.ts'
import { assume, novate } from '../../../state/modules/issuance/handovers.ts'
import { COMPENSATION_ASSETS_MAX } from '../../../state/modules/issuance/shapes.ts'
import { BOND_ASSETS_MAX } from '../../../state/modules/providers/schema.ts'
import { coins, DefaultChain, walletOf } from '../../support/defaultFixture.ts'

const FIRST = 100

/** Provider `to` assumes 50 coins of provider 1 and is paid 10 units of each of the most assets, from a number on. */
function assumeFor(chain: DefaultChain, to: number, from: number): void {
  const assets = Array.from({ length: COMPENSATION_ASSETS_MAX }, (_, i) => ({
    asset: from + i,
    amountBase: 10n,
  }))
  for (const { asset, amountBase } of assets) {
    chain.register(asset)
    issueAsset(chain.ctx(), { asset, to: compensationAddress(to), amountBase })
  }
  assume(chain.ctx(), { from: 1, to, amountBase: coins(50), exemptBase: coins(50), assets })
}

describe('issuance: compensations', () => {
  it('hold so many assets, counting those on their way', () => {
    const chain = new DefaultChain()
    chain.run(() => {
      chain.owe(1, coins(100))
      const at = { provider: 3, asset: 1 }
      const coming = Array.from({ length: COMPENSATION_ASSETS_MAX }, (_, i) => ({
        asset: FIRST + i,
        amountBase: 1n,
      }))
      assert.equal(mayHold(chain.state, { ...at, coming }), false)
      assert.equal(mayHold(chain.state, { ...at, coming: coming.slice(1) }), true)
      assumeFor(chain, 3, FIRST)
      assert.equal(mayHold(chain.state, { ...at, coming: [] }), false)
      assert.equal(mayHold(chain.state, { provider: 3, asset: FIRST, coming: [] }), true)
    })
  })

  it('stay with whoever hands the liability over where the other cannot hold them, and are released then', () => {
    const chain = new DefaultChain()
    chain.run(() => {
      chain.owe(1, coins(100))
      assumeFor(chain, 3, FIRST)
      assumeFor(chain, 4, FIRST + COMPENSATION_ASSETS_MAX)
      novate(chain.ctx(), { from: 3, to: 4, amountBase: coins(50) })
    })
    assert.equal(compensationOf(chain.state, 3).assets.length, COMPENSATION_ASSETS_MAX)
    assert.equal(chain.assumed(4).assumedBase, coins(100))
    chain.pass()
    assert.deepEqual(compensationOf(chain.state, 3), { assumedBase: 0n, assets: [] })
    for (let asset = FIRST; asset < FIRST + COMPENSATION_ASSETS_MAX; asset++)
      assert.equal(getAssetBalance(chain.state, { asset, owner: walletOf(3) }), 10n)
  })
})

describe('default: the work of a block', () => {
  /** Most members that take their part in one block of a default whose estate has so many assets besides. */
  function takenInOneBlock(assets: number): number {
    const chain = new DefaultChain({ providers: Array.from({ length: 12 }, () => ({ devices: 100 })) })
    chain.run(() => {
      chain.owe(1, coins(5_000))
      for (let asset = FIRST; asset < FIRST + assets; asset++) {
        chain.register(asset)
        chain.bondIn(1, asset, 10n ** 9n)
      }
    })
    chain.pass()
    chain.fail(1)
    const taken = () =>
      Array.from({ length: 12 }, (_, i) => chain.assumed(i + 1).assumedBase).filter(Boolean).length
    let most = 0
    for (let windows = 0; chain.case(1)!.stage !== 'closed'; windows++) {
      assert.ok(windows < 3)
      chain.endWindow()
      do {
        const before = taken()
        chain.run(() => {}, 50)
        most = Math.max(most, taken() - before)
      } while (chain.isBusy)
    }
    assert.equal(taken(), 11)
    assert.deepEqual(chain.brokenInvariants(), [])
    return most
  }

  it('is bounded by the assets that are paid, and not by members alone', () => {
    const [few, many] = [takenInOneBlock(0), takenInOneBlock(BOND_ASSETS_MAX - 1)]
    assert.ok(few > many && many > 0, `${few}, ${many}`)
    assert.ok(many <= 3, `${many} members`)
  })
})
