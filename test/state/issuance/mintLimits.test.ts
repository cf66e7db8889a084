import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Parameters, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { bookHours, freeHours, returnHours } from '../../../state/modules/capacity/book.ts'
import { coinsOfGroup, getGroup, hoursOfGroup } from '../../../state/modules/capacity/groups.ts'
import {
  getCount,
  getMeasures,
  getSummary,
  noteParametersChanged,
} from '../../../state/modules/capacity/sums.ts'
import { capacityParams } from '../../../state/modules/capacity/tables.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { getCoverage, judgeMint, recountCoverage } from '../../../state/modules/issuance/limits.ts'
import { resumeMinting, stopMinting } from '../../../state/modules/issuance/minting.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { setAnchor } from '../../../state/modules/oracle/anchor.ts'
import { renewPrice } from '../../../state/modules/oracle/prices.ts'
import { resumeProvider, suspendProvider } from '../../../state/modules/providers/suspension.ts'
import { MODULES } from '../../../state/registry.ts'
import { readReserve } from '../../../state/reserve.ts'
import {
  accountOf,
  code,
  coins,
  EconomyChain,
  fourEqual,
  PRICE_BASE,
  quotaQuery,
  SETTLEMENT_ASSET,
  UNLOCKED,
} from '../../support/economyFixture.ts'

const unlocked = (parameters: Parameters): Parameters => ({
  ...parameters,
  issuance: { ...parameters.issuance, retainPpm: 0n, lockFloorPpm: 0n },
})

/** Books as many coins on the only group of a provider, numbered like it, as are free and wanted. Returns how many. */
function bookOwn(chain: EconomyChain, provider: number, windowIndex: number, wantedBase: bigint): bigint {
  const group = getGroup(chain.state, provider)!
  const terms = { service: 'infer', anchor: getMeasures(chain.state).anchor } as const
  const free = coinsOfGroup(group, {
    ...terms,
    hours: freeHours(chain.state, { group: provider, windowIndex }),
  })
  const amountBase = wantedBase < free ? wantedBase : free
  if (amountBase === 0n) return 0n
  const hours = hoursOfGroup(group, { ...terms, amountBase })
  bookHours(chain.ctx(), { group: provider, windowIndex, hours, amountBase })
  return amountBase
}

function driftWindow(chain: EconomyChain): void {
  setAnchor(chain.ctx(), 10n ** 14n)
  chain.endWindow()
}

describe('issuance: suspended providers', () => {
  it('cannot mint, and are left out of coverage: three of four make a shortfall that stops everybody', () => {
    const chain = fourEqual()
    for (const provider of [1, 2, 3, 4])
      assert.equal(chain.mint(provider, quotaQuery(chain, provider).mintableBase - 1n), undefined)
    chain.endBlock()
    const before = quotaQuery(chain, 4)
    suspendProvider(chain.ctx(), 1, 0)
    assert.deepEqual(chain.mint(1, 1n), { code: 'ProviderSuspended', fields: { provider: 1 } })
    assert.equal(quotaQuery(chain, 1).blocked, 'ProviderSuspended')
    // One suspension never makes a shortfall, and takes nothing from the room of the others.
    assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n)
    assert.deepEqual(quotaQuery(chain, 4), before)
    for (const provider of [2, 3]) suspendProvider(chain.ctx(), provider, 0)
    chain.endBlock()
    const { shortfallBase, capacityBase, liabilitiesBase } = readReserve(MODULES, chain.state)
    assert.equal(capacityBase, getSummary(chain.state, 4).capacityBase)
    assert.equal(shortfallBase, liabilitiesBase - capacityBase)
    assert.ok(shortfallBase > 0n)
    assert.equal(code(chain.mint(4, 1n)), 'CoverageShortfall')
    chain.endWindow()
    // Suspension alone is nobody's cause to cure.
    for (const provider of [1, 2, 3, 4])
      assert.equal(chain.query(issuanceModule, 'cure', { provider }), undefined)
    for (const provider of [1, 2, 3]) resumeProvider(chain.ctx(), provider)
    chain.endBlock()
    assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n)
    assert.equal(chain.mint(1, 1n), undefined)
  })

  it('suspend their whole legal group', () => {
    const chain = new EconomyChain(UNLOCKED).addProviders(
      ['a', 'a', 'b', 'c'].map((group) => ({ ratingPpm: 2_000_000n, devices: 100, group })),
    )
    suspendProvider(chain.ctx(), 2, 0)
    const { capacityBase } = getSummary(chain.state, 1)
    assert.equal(getCoverage(chain.state).capacityBase, 2n * capacityBase)
    assert.deepEqual(chain.mint(1, 1n), { code: 'ProviderSuspended', fields: { provider: 1 } })
    assert.equal(chain.mint(3, 1n), undefined)
    resumeProvider(chain.ctx(), 2)
    assert.equal(chain.mint(1, 1n), undefined)
    chain.endBlock()
  })
})

describe('issuance: a class that will fall below the least rating', () => {
  const withClass = (ratingPpm: bigint): EconomyChain =>
    new EconomyChain(UNLOCKED).addProviders([1, 2, 3, 4].map(() => ({ ratingPpm, devices: 1_000 })))

  it('counts for coverage, but nothing can be minted on it', () => {
    // With G_K = 1.48596 a rating below 0.25 · G_K² = 0.552 of the anchor does not last.
    const chain = withClass(400_000n)
    assert.ok(getSummary(chain.state, 1).capacityBase > 0n)
    assert.equal(getSummary(chain.state, 1).lastingBase, 0n)
    assert.equal(quotaQuery(chain, 1).mintableBase, 0n)
    assert.equal(code(chain.mint(1, 1n)), 'QuotaExceeded')
    assert.ok(readReserve(MODULES, chain.state).capacityBase > 0n)
  })

  it('lets whoever minted at the limit on one that lasts be covered for K windows of the largest drift', () => {
    const chain = withClass(553_000n)
    for (const provider of [1, 2, 3, 4]) {
      const { mintableBase } = quotaQuery(chain, provider)
      assert.ok(mintableBase > 0n)
      assert.equal(chain.mint(provider, mintableBase), undefined)
    }
    for (let k = 1; k <= 20; k++) {
      driftWindow(chain)
      assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n, `after ${k} windows`)
      const { capacityBase } = getSummary(chain.state, 1)
      assert.ok(capacityBase >= getLiability(chain.state, 1).liabilityBase)
    }
  })
})

describe('issuance: coins redeemed to oneself', () => {
  it('leave every limit where it was: minting, reserving and minting again gains nothing', () => {
    const chain = fourEqual()
    const limit = quotaQuery(chain, 1).mintableBase
    assert.equal(chain.mint(1, limit), undefined)
    let reservedBase = 0n
    for (const windowIndex of [1, 2, 3]) reservedBase += bookOwn(chain, 1, windowIndex, limit)
    assert.equal(getSummary(chain.state, 1).reservedBase, reservedBase)
    assert.ok(reservedBase > coins(10_000))
    assert.equal(code(chain.mint(1, 1n)), 'QuotaExceeded')
    chain.endBlock()
    // Never signed: the windows end, the coins are still owed, and nothing was minted on them.
    for (let window = 0; window < 9; window++) chain.endWindow()
    assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n)
    assert.equal(getLiability(chain.state, 1).liabilityBase, limit)
  })

  const step = fc.record({
    kind: fc.constantFrom('mint', 'mint', 'book', 'book', 'burn', 'window', 'suspend'),
    provider: fc.integer({ min: 1, max: 4 }),
    share: fc.integer({ min: 0, max: 100 }),
    ahead: fc.integer({ min: 1, max: 2 }),
  })

  for (const coverN of [0, 1])
    it(`never pass the limit nor make a shortfall, in any order with the largest drift (cover-${coverN})`, () => {
      const base = unlocked(TEST_PARAMETERS)
      const parameters = { ...base, capacity: { ...base.capacity, coverN } }
      const K = parameters.capacity.horizonWindows
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
          const chain = new EconomyChain(parameters).addProviders(
            [31, 47, 53, 40].map((devices) => ({ ratingPpm: 5_000_000n, devices })),
          )
          let windows = 0
          for (const { kind, provider, share, ahead } of steps) {
            const window = currentWindow(chain.state) + ahead
            const owed = getLiability(chain.state, provider).liabilityBase
            if (kind === 'mint') {
              const { mintableBase } = quotaQuery(chain, provider)
              assert.notEqual(chain.mint(provider, mintableBase + 1n), undefined)
              const amountBase = (mintableBase * BigInt(share)) / 100n
              if (amountBase > 0n) assert.equal(chain.mint(provider, amountBase), undefined)
            } else if (kind === 'book') {
              const own = owed - getSummary(chain.state, provider).reservedBase
              if (own > 0n) bookOwn(chain, provider, window, (own * BigInt(share)) / 100n)
            } else if (kind === 'burn') {
              const amountBase = (owed * BigInt(share)) / 400n
              if (amountBase === 0n) continue
              const failure = chain.act(issuanceModule, 'retire', accountOf(provider), { amountBase })
              assert.equal(failure, undefined)
            } else if (windows < K) {
              windows++
              driftWindow(chain)
            }
            assertWithinLimits(chain, parameters)
          }
          chain.endBlock()
        }),
        { numRuns: 6 },
      )
    })

  /** L·m ≤ C*·P for each provider that mints, ΣL·m within the joint room; and no shortfall beyond rounding. */
  function assertWithinLimits(chain: EconomyChain, parameters: Parameters): void {
    const { shortfallBase } = readReserve(MODULES, chain.state)
    // Each booking may round its hours up by one unit.
    assert.ok(shortfallBase < 100n, `short of ${shortfallBase}`)
    const stated = getCoverage(chain.state)
    assert.deepEqual(stated, recountCoverage(chain.state))
    const { coverN } = parameters.capacity
    assert.equal(stated.topExposureBase > 0n, coverN > 0)
  }
})

describe('issuance: the limits at their edge', () => {
  it('hold for random groups, ratings and covers: no shortfall through K windows of the largest drift', () => {
    const member = fc.record({
      devices: fc.integer({ min: 1, max: 400 }),
      ratingPpm: fc.bigInt({ min: 300_000n, max: 4_000_000n }),
      group: fc.constantFrom('', '', 'a', 'b'),
    })
    const chains = fc.record({
      members: fc.array(member, { minLength: 2, maxLength: 6 }),
      coverN: fc.integer({ min: 0, max: 1 }),
      vanished: fc.nat(5),
      order: fc.nat(5),
    })
    fc.assert(
      fc.property(chains, ({ members, coverN, vanished, order }) => {
        const base = unlocked(TEST_PARAMETERS)
        const parameters = { ...base, capacity: { ...base.capacity, coverN } }
        const chain = new EconomyChain(parameters).addProviders(members)
        const ids = members.map((_, i) => 1 + ((i + order) % members.length))
        for (const provider of ids) {
          const { mintableBase } = quotaQuery(chain, provider)
          if (mintableBase > 0n) assert.equal(chain.mint(provider, mintableBase), undefined)
        }
        chain.endBlock()
        assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n)
        for (let k = 1; k <= parameters.capacity.horizonWindows; k++) {
          driftWindow(chain)
          assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n, `after ${k} windows`)
          if (coverN === 0 || k !== 3) continue
          // Any one group may be suspended on top of it.
          suspendProvider(chain.ctx(), 1 + (vanished % members.length), currentWindow(chain.state))
          assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n, 'with one group suspended')
        }
      }),
      { numRuns: 6 },
    )
  })
})

describe('issuance: parameters and stops', () => {
  it('follow a new coverN with the recount at the window’s end: the header says what a recount says', () => {
    const chain = fourEqual()
    for (const provider of [1, 2, 3, 4]) chain.mint(provider, quotaQuery(chain, provider).mintableBase)
    chain.endBlock()
    const params = capacityParams.get(chain.state)
    capacityParams.set(chain.state, { ...params, coverN: 3 })
    noteParametersChanged(chain.state)
    chain.endWindow()
    const { shortfallBase } = readReserve(MODULES, chain.state)
    assert.ok(shortfallBase > 0n)
    assert.equal(shortfallBase, recountCoverage(chain.state).shortfallBase)
    assert.equal(getMeasures(chain.state).first, 5)
    assert.equal(code(chain.mint(1, 1n)), 'CoverageShortfall')
    capacityParams.set(chain.state, { ...capacityParams.get(chain.state), coverN: 1 })
    chain.endWindow()
    assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n)
  })

  it('lift a stop by an invariant when governance says so and the next recount holds', () => {
    const chain = fourEqual()
    assert.equal(resumeMinting(chain.ctx()), false)
    stopMinting(chain.ctx(), 'invariant 4 hours')
    chain.endBlock()
    chain.endWindow()
    assert.equal(code(chain.mint(1, 1n)), 'MintingStopped')
    assert.equal(resumeMinting(chain.ctx()), true)
    chain.endBlock()
    assert.equal(code(chain.mint(1, 1n)), 'MintingStopped')
    // A new finding takes the decision back.
    stopMinting(chain.ctx(), 'invariant 5 devices')
    chain.endWindow()
    assert.deepEqual(readReserve(MODULES, chain.state).mintStop, { reason: 'invariant', since: 0 })
    assert.equal(resumeMinting(chain.ctx()), true)
    chain.endWindow()
    assert.equal(readReserve(MODULES, chain.state).mintStop, undefined)
    assert.equal(chain.mint(1, 1n), undefined)
  })

  it('refuse mints on a stale price, with words for it, while fresh and genesis prices serve', () => {
    const chain = fourEqual()
    const status = () =>
      chain.query<{ status: string; staleSince?: number }>(issuanceModule, 'priceStatus', {
        asset: SETTLEMENT_ASSET,
      })
    assert.equal(status().status, 'set in genesis, not renewed yet')
    for (let window = 0; window < 5; window++) chain.endWindow()
    assert.equal(chain.mint(1, coins(1)), undefined)
    const prices = { priceBase: PRICE_BASE, bondPriceBase: PRICE_BASE, lockPriceBase: PRICE_BASE }
    renewPrice(chain.state, { asset: SETTLEMENT_ASSET, window: 5, ...prices })
    assert.equal(status().status, 'renewed in window 5')
    for (let window = 5; window < 8; window++) {
      chain.endWindow()
      assert.equal(chain.mint(1, 1n), undefined)
    }
    chain.endWindow()
    assert.deepEqual(chain.mint(1, 1n), {
      code: 'OracleStale',
      fields: { asset: SETTLEMENT_ASSET, since: 9 },
    })
    assert.equal(quotaQuery(chain, 1).blocked, 'OracleStale')
    assert.equal(status().staleSince, 9)
    assert.match(status().status, /stale since window 9/)
    // The clock of a bond's cure stands still meanwhile.
    chain.setBond(1, 1n)
    chain.endWindow()
    assert.equal(getLiability(chain.state, 1).bondShortSince, undefined)
    renewPrice(chain.state, { asset: SETTLEMENT_ASSET, window: 10, ...prices })
    chain.endWindow()
    assert.equal(getLiability(chain.state, 1).bondShortSince, 11)
  })
})

describe('issuance: a recount over several blocks', () => {
  const slow = unlocked({
    ...TEST_PARAMETERS,
    capacity: { ...TEST_PARAMETERS.capacity, recountStepsMax: 1 },
  })

  it('makes minting wait, while header and limits show the recount before', () => {
    const chain = fourEqual(slow)
    assert.equal(chain.mint(1, coins(10)), undefined)
    chain.endBlock()
    const before = readReserve(MODULES, chain.state)
    setAnchor(chain.ctx(), 1_050_000n)
    chain.endWindow()
    assert.ok(chain.isRecounting)
    assert.equal(currentWindow(chain.state), 1)
    const height = chain.block.height
    let blocks = 0
    for (; chain.isRecounting; blocks++) {
      // The anchor, too, is that of the capacity which the header shows.
      const { mintStop, ...figures } = readReserve(MODULES, chain.state)
      assert.deepEqual(figures, before)
      assert.deepEqual(mintStop, { reason: 'recount', since: height })
      assert.deepEqual(chain.mint(1, 1n), {
        code: 'RecountUnderWay',
        fields: { sinceHeight: height },
      })
      assert.equal(quotaQuery(chain, 1).blocked, 'RecountUnderWay')
      // Long enough for another window; it does not end before the recount is complete.
      chain.endBlock(2_500)
      assert.equal(currentWindow(chain.state), 1)
    }
    // One group a block: the first in the block that ended the window.
    assert.equal(blocks, 3)
    assert.ok(readReserve(MODULES, chain.state).capacityBase < before.capacityBase)
    assert.equal(readReserve(MODULES, chain.state).anchor, 1_050_000n)
    assert.equal(readReserve(MODULES, chain.state).mintStop, undefined)
    assert.equal(chain.mint(1, 1n), undefined)
    chain.endBlock(100)
    assert.equal(currentWindow(chain.state), 2)
  })

  it('has what is booked and returned meanwhile, in the figures before and after', () => {
    const chain = fourEqual(slow)
    chain.mint(1, coins(500))
    chain.endWindow()
    chain.endBlock()
    for (const provider of [1, 2, 3, 4]) {
      const reserved = bookOwn(chain, provider, 3, coins(7))
      assert.equal(getSummary(chain.state, provider).reservedBase, reserved)
    }
    while (chain.isRecounting) chain.endBlock()
    for (const provider of [1, 2, 3, 4])
      assert.equal(getSummary(chain.state, provider).reservedBase, coins(7))
    chain.endWindow()
    const { booked } = getGroup(chain.state, 1)!
    returnHours(chain.ctx(), { group: 1, windowIndex: 3, hours: booked[0]!.hours, amountBase: coins(7) })
    while (chain.isRecounting) chain.endBlock()
    assert.equal(getSummary(chain.state, 1).reservedBase, 0n)
    chain.checkInvariants()
  })

  it('takes members into the next coverage as it counts them, whatever changes meanwhile', () => {
    for (const changeAt of [0, 1, 2]) {
      const chain = fourEqual(slow)
      for (const provider of [1, 2, 3, 4]) assert.equal(chain.mint(provider, coins(100)), undefined)
      chain.endBlock()
      setAnchor(chain.ctx(), 1_050_000n)
      chain.endWindow()
      for (let blocks = 0; chain.isRecounting; blocks++) {
        // One more with each block: no block forms coverage from all members.
        const { pass } = getCount(chain.state).next!
        const taken = [...issuanceTables.share.values(chain.committed)].filter((s) => s.pass === pass)
        assert.equal(taken.length, blocks + 1)
        if (blocks === changeAt) {
          for (const provider of [1, 4]) {
            const amountBase = coins(provider)
            assert.equal(chain.act(issuanceModule, 'retire', accountOf(provider), { amountBase }), undefined)
            bookOwn(chain, provider, 3, coins(7))
          }
          suspendProvider(chain.ctx(), 2, 0)
        }
        chain.endBlock()
        assert.deepEqual(getCoverage(chain.state), recountCoverage(chain.state))
      }
      const { capacityBase, liabilitiesBase } = getCoverage(chain.state)
      assert.equal(liabilitiesBase, coins(395))
      const sums = [1, 3, 4].map((provider) => getSummary(chain.state, provider).capacityBase)
      assert.equal(
        capacityBase,
        sums.reduce((a, b) => a + b),
      )
      chain.checkInvariants()
    }
  })
})

describe('issuance.quota', () => {
  it('is the same answer as the refusal of a mint, for each reason', () => {
    const chain = fourEqual()
    const agree = (provider: number): void => {
      const { blocked, mintableBase } = quotaQuery(chain, provider)
      const refusal = chain.mint(provider, mintableBase + 1n)
      assert.notEqual(refusal, undefined)
      if (blocked !== '') assert.equal(refusal?.code, blocked)
      else assert.equal(refusal?.fields.mintableBase, mintableBase)
      assert.equal(judgeMint(chain.state, provider).blocked?.code ?? '', blocked)
    }
    agree(1)
    suspendProvider(chain.ctx(), 2, 0)
    agree(2)
    stopMinting(chain.ctx(), 'order', 'governance')
    for (const provider of [1, 2]) agree(provider)
    assert.deepEqual(readReserve(MODULES, chain.state).mintStop, { reason: 'governance', since: 0 })
  })
})
