import assert from 'node:assert/strict'
import { COIN, formatCoins, PPM } from '../../../base/units.ts'
import { loadCatalogue } from '../../../genesis/catalogue.ts'
import { DEV_PARAMETERS, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getSummary } from '../../../state/modules/capacity/book.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { windowSnapshot } from '../../../state/modules/issuance/ledger.ts'
import { getCoverage } from '../../../state/modules/issuance/limits.ts'
import { mintAtGenesis } from '../../../state/modules/issuance/minting.ts'
import { setAnchor } from '../../../state/modules/oracle/anchor.ts'
import { MODULES } from '../../../state/registry.ts'
import { readReserve } from '../../../state/reserve.ts'
import { accountOf, coins, EconomyChain, quotaQuery } from '../../support/economyFixture.ts'

/** Coins rounded to three decimals, as in the table of ECONOMY §14. */
const rounded = (amountBase: bigint): string =>
  formatCoins(((amountBase + 5n * 10n ** 14n) / 10n ** 15n) * 10n ** 15n)
const whole = (amountBase: bigint): string => (amountBase / COIN).toString()

/** The members of ECONOMY §14 with the ratings of the data. */
function devnet(): EconomyChain {
  const classes = new Map(loadCatalogue().map((entry) => [entry.classId, entry]))
  const members = [
    { name: 'h100-sxm', devices: 256 },
    { name: 'h200-sxm', devices: 240 },
    { name: 'b200-sxm', devices: 128 },
    { name: 'mi300x', devices: 256 },
  ]
  return new EconomyChain().addProviders(
    members.map((member) => {
      const { ratingTrain, ratingFinetune, ratingInfer } = classes.get(member.name)!
      const ratingPpm = [ratingTrain, ratingFinetune, ratingInfer].reduce((a, b) => (a < b ? a : b))
      return { ...member, ratingPpm, bondBase: 30_000_000_000n }
    }),
  )
}

describe('issuance: the devnet table of ECONOMY §14', () => {
  const ids = [1, 2, 3, 4]
  const chain = devnet()
  const limits = ids.map((id) => quotaQuery(chain, id))

  it('delivers the coins per window', () => {
    const now = ids.map((provider) => {
      const [first] = chain.query<readonly { freeBase: bigint }[]>(capacityModule, 'windows', { provider })
      return formatCoins(first!.freeBase)
    })
    assert.deepEqual(now, ['5836.8', '5855.04', '5895.168', '5982.72'])
  })

  it('counts C, C/m, front-load and bond', () => {
    const C = ids.map((id) => rounded(getSummary(chain.state, id).capacityBase))
    assert.deepEqual(C, ['89717.444', '89997.811', '90614.618', '91960.38'])
    assert.deepEqual(
      limits.map((l) => rounded(l.ownBackingBase)),
      ['59811.629', '59998.54', '60409.745', '61306.92'],
    )
    assert.deepEqual(
      limits.map((l) => whole(l.frontLoadBase)),
      ['174313', '174857', '176056', '178671'],
    )
    assert.deepEqual(
      limits.map((l) => whole(l.bondBase)),
      ['49534', '49534', '49534', '49534'],
    )
  })

  it('binds at the quota, and the quotas add up to the joint limit', () => {
    assert.deepEqual(
      limits.map((l) => rounded(l.quotaBase)),
      ['44796.002', '44935.989', '45243.962', '45243.962'],
    )
    for (const l of limits) assert.equal(l.mintableBase, l.quotaBase)
    const coverage = getCoverage(chain.state)
    assert.equal(rounded(coverage.capacityBase), '362290.252')
    assert.equal(rounded(coverage.capacityBase - coverage.topExposureBase), '270329.872')
    assert.equal(rounded(limits[0]!.jointBase), '180219.915')
    const sum = limits.reduce((total, l) => total + l.quotaBase, 0n)
    assert.ok(sum <= limits[0]!.jointBase && limits[0]!.jointBase - sum < 10n)
  })

  it('lets each mint its genesis liability and its whole quota, and not one unit more', () => {
    for (const provider of ids)
      assert.equal(
        mintAtGenesis(chain.ctx(), { provider, to: accountOf(provider), amountBase: coins(25_250) }),
        undefined,
      )
    assert.deepEqual(windowSnapshot(chain.state, 2), {
      liabilityBase: coins(25_250),
      capacityBase: getSummary(chain.state, 2).capacityBase,
    })
    chain.endBlock()
    assert.equal(readReserve(MODULES, chain.state).supplyBase, coins(101_000))
    for (const provider of ids) {
      const { mintableBase } = quotaQuery(chain, provider)
      const failure = chain.mint(provider, mintableBase + 1n)
      assert.deepEqual(failure, {
        code: 'QuotaExceeded',
        fields: { provider, amountBase: mintableBase + 1n, mintableBase },
      })
      assert.equal(chain.mint(provider, mintableBase), undefined)
    }
    chain.endBlock()
    const { supplyBase, liabilitiesBase, shortfallBase, anchor } = readReserve(MODULES, chain.state)
    assert.equal(rounded(supplyBase), '180219.915')
    assert.equal(liabilitiesBase, supplyBase)
    assert.equal(shortfallBase, 0n)
    assert.equal(anchor, PPM)
  })
})

describe('issuance: coverage through drift', () => {
  for (const [name, parameters] of [
    ['dev', DEV_PARAMETERS],
    ['test', TEST_PARAMETERS],
  ] as const)
    it(`has no shortfall through K windows of the largest drift at the limit (${name})`, () => {
      const chain = new EconomyChain(parameters).addProviders(
        [31, 47, 53, 20, 77].map((devices) => ({ ratingPpm: 2_345_678n, devices })),
      )
      for (const provider of [1, 2, 3, 4, 5]) {
        const { mintableBase } = quotaQuery(chain, provider)
        assert.ok(mintableBase > 0n)
        assert.equal(chain.mint(provider, mintableBase), undefined)
      }
      chain.endBlock()
      for (let k = 1; k <= parameters.capacity.horizonWindows; k++) {
        setAnchor(chain.ctx(), 10n ** 12n)
        chain.endWindow()
        assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n, `after ${k} windows`)
      }
    })
})
