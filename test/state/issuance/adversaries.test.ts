// What a provider could gain by minting and vanishing, in units of the settlement asset at the oracle's price: at the best
// moment, with a price that all providers report together, and while the feed is dead. docs/economy.md names the bounds.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { COIN, minBigint, mulDivCeil, PPM } from '../../../base/units.ts'
import { DEV_PARAMETERS, MAIN_PARAMETERS, type Parameters } from '../../../genesis/parameters.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { judgeMint, leastLimit } from '../../../state/modules/issuance/limits.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { decidePrice } from '../../../state/modules/oracle/decide.ts'
import { getPrice, renewPrice } from '../../../state/modules/oracle/prices.ts'
import {
  accountOf,
  type EconomyChain,
  fourEqual,
  PRICE_BASE,
  SETTLEMENT_ASSET,
} from '../../support/economyFixture.ts'

const K = DEV_PARAMETERS.capacity.horizonWindows
/** Members bond exactly what the rule asks for. */
const bondFor = (state: EconomyChain['state'], provider: number, bondPpm: bigint): bigint =>
  mulDivCeil(getLiability(state, provider).liabilityBase * bondPpm, PRICE_BASE, COIN * PPM)

interface Security {
  readonly liabilityBase: bigint
  readonly unsecuredBase: bigint
}
const securityOf = (chain: EconomyChain): Security =>
  chain.query<Security>(issuanceModule, 'security', { provider: 1 })

/** The devnet with the bond and the locks of a preset. */
function secured({ issuance }: Parameters): Parameters {
  const { bondPpm, bondMaintenancePpm, retainPpm, lockFloorPpm } = issuance
  return {
    ...DEV_PARAMETERS,
    issuance: { ...DEV_PARAMETERS.issuance, bondPpm, bondMaintenancePpm, retainPpm, lockFloorPpm },
  }
}

/** What a run gains of the price of its coins after so many good windows: ppm. */
function boundPpm({ issuance }: Parameters, windows: number): bigint {
  const { bondPpm, retainPpm, lockFloorPpm } = issuance
  const passed = minBigint(BigInt(windows), BigInt(K))
  const lockedPpm = retainPpm - ((retainPpm - lockFloorPpm) * passed) / BigInt(K)
  return PPM - bondPpm - lockedPpm
}

describe('issuance: mint and run', () => {
  for (const [name, preset, atOnce, after] of [
    ['main', MAIN_PARAMETERS, 0n, 500_000n],
    ['dev', DEV_PARAMETERS, 300_000n, 600_000n],
  ] as const)
    it(`at the best moment gains no more than the documents say, on ${name}`, () => {
      assert.deepEqual([boundPpm(preset, 0), boundPpm(preset, K)], [atOnce, after])
      const parts = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 3 })
      const moment = fc.integer({ min: 0, max: K + 3 })
      fc.assert(
        fc.property(parts, moment, fc.integer({ min: 0, max: 100 }), (mints, windows, retired) => {
          const chain = fourEqual(secured(preset))
          for (const percent of mints) {
            const room = leastLimit(judgeMint(chain.state, 1).limits)
            if (room > 100n) assert.equal(chain.mint(1, (room * BigInt(percent)) / 100n), undefined)
          }
          chain.setBond(1, bondFor(chain.state, 1, preset.issuance.bondPpm))
          chain.endBlock()
          for (let window = 0; window < windows; window++) chain.endWindow()
          const freeBase = getAccount(chain.state, accountOf(1)).balanceBase
          const amountBase = (freeBase * BigInt(retired)) / 100n
          if (amountBase > 0n)
            assert.equal(chain.act(issuanceModule, 'retire', accountOf(1), { amountBase }), undefined)
          const { liabilityBase, unsecuredBase } = securityOf(chain)
          // Each mint and each release rounds by less than a millionth of a coin.
          const mostBase = (liabilityBase * boundPpm(preset, windows)) / PPM + COIN / 1_000_000n
          assert.ok(
            unsecuredBase <= mostBase,
            `${unsecuredBase} after ${windows} windows, at most ${mostBase}`,
          )
        }),
        { numRuns: 12 },
      )
    })
})

describe('issuance: a price that all providers report together', () => {
  const ORACLE = DEV_PARAMETERS.oracle
  const side = (members: number, value: bigint) => ({ members, values: Array<bigint>(members).fill(value) })

  /** Plays windows in which the reporters say the truth and the providers what they like. */
  function lie(chain: EconomyChain, said: readonly bigint[]): void {
    for (const value of said) {
      const price = decidePrice(
        getPrice(chain.state, SETTLEMENT_ASSET)!,
        { reporters: side(5, PRICE_BASE), providers: side(4, value) },
        ORACLE,
      )!
      renewPrice(chain.state, { asset: SETTLEMENT_ASSET, window: currentWindow(chain.state), ...price })
      chain.endWindow()
    }
  }

  it('mints nothing on less bond, and gains nothing', () => {
    const low = fc.bigInt({ min: 1n, max: 3n * PRICE_BASE })
    fc.assert(
      fc.property(fc.array(low, { minLength: 1, maxLength: 40 }), (said) => {
        const chain = fourEqual()
        const bondBase = 10_000n * PRICE_BASE
        chain.setBond(1, bondBase)
        chain.endBlock()
        const honestBase = judgeMint(chain.state, 1).limits.bondBase
        lie(chain, said)
        const { bondBase: roomBase } = judgeMint(chain.state, 1).limits
        // Where the medians agree the price is their mean: within half of the tolerance of the truth.
        const mostBase = honestBase + (honestBase * ORACLE.tolerancePpm) / (2n * PPM)
        assert.ok(roomBase <= mostBase, `${roomBase} on a bond for ${honestBase}`)
      }),
      { numRuns: 25 },
    )
  })

  it('makes no bond short, however high: the reporters’ median says what a bond that is there is worth', () => {
    const chain = fourEqual()
    assert.equal(chain.mint(1, 10_000n * COIN), undefined)
    chain.setBond(1, bondFor(chain.state, 1, DEV_PARAMETERS.issuance.bondPpm))
    chain.endBlock()
    lie(chain, Array<bigint>(30).fill(100n * PRICE_BASE))
    assert.equal(chain.query(issuanceModule, 'cure', { provider: 1 }), undefined)
    assert.equal(chain.mint(1, COIN)?.code, 'BondTooSmall')
  })
})

describe('issuance: a dead feed', () => {
  it('creates no coin, and whoever lacks a bond has K windows and its time to cure at most, while another price is fresh', () => {
    const chain = fourEqual()
    const flat = { priceBase: PRICE_BASE, bondPriceBase: PRICE_BASE, lockPriceBase: PRICE_BASE }
    renewPrice(chain.state, { asset: SETTLEMENT_ASSET, window: 0, ...flat })
    const { priceFreshWindows } = DEV_PARAMETERS.oracle
    for (let window = 0; window <= priceFreshWindows; window++) chain.endWindow()
    for (let window = 0; window < K; window++) {
      for (const provider of [1, 2, 3, 4]) assert.equal(chain.mint(provider, 1n)?.code, 'OracleStale')
      chain.endWindow()
    }
    assert.equal(getLiability(chain.state, 1).liabilityBase, 0n)
  })
})
