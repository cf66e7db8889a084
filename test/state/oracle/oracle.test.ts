import assert from 'node:assert/strict'
import { PPM } from '../../../base/units.ts'
import { DEV_PARAMETERS, MAIN_PARAMETERS, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { applyAnchor, getAnchor, openOracle, setAnchor } from '../../../state/modules/oracle/anchor.ts'
import { anchorBound, growthFactors } from '../../../state/modules/oracle/drift.ts'
import { oracleModule } from '../../../state/modules/oracle/module.ts'
import { getPrice, setPrice } from '../../../state/modules/oracle/prices.ts'
import { EconomyChain, PRICE_BASE, SETTLEMENT_ASSET } from '../../support/economyFixture.ts'

describe('oracle.growthFactors', () => {
  it('reaches the factors of ECONOMY §13 after K windows', () => {
    const last = ({ oracle, capacity }: typeof DEV_PARAMETERS): bigint =>
      growthFactors(oracle.driftPpm, capacity.horizonWindows).at(-1)!
    assert.equal(last(MAIN_PARAMETERS), 1_197_123n)
    assert.equal(last(DEV_PARAMETERS), 1_485_956n)
    assert.equal(last(TEST_PARAMETERS), 1_795_862n)
  })

  it('starts at one and is never below repeated bounded steps', () => {
    const growth = growthFactors(20_000n, 20)
    assert.equal(growth[0], PPM)
    let anchor = 123_457n
    for (let k = 1; k <= 20; k++) {
      anchor = anchorBound(anchor, 20_000n)
      assert.ok(anchor * PPM <= 123_457n * growth[k]!)
    }
  })

  it('recomputes for a changed drift or horizon', () => {
    assert.equal(growthFactors(20_000n, 1)[1], 1_020_000n)
    assert.equal(growthFactors(30_000n, 1)[1], 1_030_000n)
    assert.equal(growthFactors(30_000n, 0).length, 1)
    assert.throws(() => growthFactors(30_000n, 121))
  })
})

describe('oracle.setAnchor', () => {
  it('holds the anchor until the window ends and then applies it once', () => {
    const chain = new EconomyChain()
    assert.equal(setAnchor(chain.ctx(), 1_010_000n), 1_010_000n)
    assert.equal(getAnchor(chain.state), PPM)
    chain.endBlock()
    assert.equal(getAnchor(chain.state), PPM)
    chain.endWindow()
    assert.equal(getAnchor(chain.state), 1_010_000n)
    chain.endWindow()
    assert.equal(getAnchor(chain.state), 1_010_000n)
  })

  it('never lets the anchor fall and clamps a rise to the drift', () => {
    const chain = new EconomyChain()
    assert.equal(setAnchor(chain.ctx(), 0n), PPM)
    assert.equal(setAnchor(chain.ctx(), 5_000_000n), 1_020_000n)
    chain.endWindow()
    assert.equal(setAnchor(chain.ctx(), 1_019_999n), 1_020_000n)
    assert.equal(setAnchor(chain.ctx(), 2_000_000n), 1_040_400n)
    chain.endWindow()
    assert.deepEqual(chain.query(oracleModule, 'anchor'), {
      anchor: 1_040_400n,
      nextAnchor: 1_040_400n,
      sinceWindow: 2,
      driftPpm: 20_000n,
    })
  })

  it('rejects a second move in one window and a second opening', () => {
    const chain = new EconomyChain()
    setAnchor(chain.ctx(), 1_010_000n)
    chain.endWindow()
    setAnchor(chain.ctx(), 1_020_000n)
    assert.throws(() => applyAnchor(chain.ctx(), 1), /at most once a window/)
    assert.throws(() => openOracle(chain.state, PPM), /opens once/)
  })
})

describe('oracle.price', () => {
  it('is the one set in genesis, and null for other assets', () => {
    const chain = new EconomyChain()
    assert.equal(getPrice(chain.state, SETTLEMENT_ASSET), PRICE_BASE)
    assert.equal(chain.query(oracleModule, 'price', { asset: SETTLEMENT_ASSET }), PRICE_BASE)
    assert.equal(chain.query(oracleModule, 'price', { asset: 7 }), undefined)
    assert.throws(() => setPrice(chain.state, { asset: 1, priceBase: 0n }), /positive/)
  })
})
