// Lots that governance attests for a time: what counts, renewals, notice, the first audit, and what their end costs.
import assert from 'node:assert/strict'
import { sha256 } from '../../../base/crypto/hash.ts'
import { PPM } from '../../../base/units.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { attestForTime, refuseAttestation } from '../../../state/modules/capacity/attestations.ts'
import { freeHours } from '../../../state/modules/capacity/book.ts'
import { getGroup, groupIdsOf } from '../../../state/modules/capacity/groups.ts'
import { getLot, nextLotId } from '../../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { attestLot } from '../../../state/modules/capacity/pledges.ts'
import { ALL_SERVICES } from '../../../state/modules/capacity/schema.ts'
import { getSummary } from '../../../state/modules/capacity/sums.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { catalogueTables } from '../../../state/modules/catalogue/tables.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { getProvider, setProviderStatus } from '../../../state/modules/providers/members.ts'
import { accountOf, EconomyChain, quotaQuery } from '../../support/economyFixture.ts'

const K = TEST_PARAMETERS.capacity.horizonWindows
const EQUAL = { ratingPpm: 1_000_000n, devices: 100 }

/** Three members of genesis, and a fourth that has pledged as much as each of them; windows are counted in one block, or in many. */
function withNewcomer(recountStepsMax = TEST_PARAMETERS.capacity.recountStepsMax) {
  const parameters = { ...TEST_PARAMETERS, capacity: { ...TEST_PARAMETERS.capacity, recountStepsMax } }
  const chain = new EconomyChain(parameters).addProviders([EQUAL, EQUAL, EQUAL])
  chain.addProvider(4)
  return { chain, lot: pledge(chain, 4) }
}

function pledge(chain: EconomyChain, provider: number, firstWindow = currentWindow(chain.state) + 1): number {
  const lot = nextLotId(chain.state)
  const deviceRoot = sha256(new Uint8Array([lot]))
  const terms = {
    classId: 1,
    devices: 100,
    deviceRoot,
    region: 'tw-north',
    services: ALL_SERVICES,
    firstWindow,
  }
  assert.equal(chain.act(capacityModule, 'pledge', accountOf(provider), terms), undefined)
  return lot
}

const attest = (chain: EconomyChain, lot: number, lastWindow: number): boolean =>
  attestForTime(chain.ctx(), { lot, lastWindow })
const capacityOf = (chain: EconomyChain, provider: number): bigint =>
  getSummary(chain.state, provider).capacityBase
const notice = (chain: EconomyChain, provider: number, lot: number) =>
  chain.act(capacityModule, 'giveNotice', accountOf(provider), { lot })

function windows(chain: EconomyChain, count: number): void {
  for (let i = 0; i < count; i++) {
    chain.endWindow()
    while (chain.isRecounting) chain.endBlock()
  }
}

/** C of an equal lot of genesis if this were its last window. */
function endingTwin(chain: EconomyChain, lastWindow: number): bigint {
  type Window = { readonly windowIndex: number; readonly countedBase: bigint }
  const from = currentWindow(chain.state) + 2 + TEST_PARAMETERS.capacity.coverN
  return chain
    .query<readonly Window[]>(capacityModule, 'windows', { provider: 1 })
    .filter(({ windowIndex }) => windowIndex >= from && windowIndex <= lastWindow)
    .reduce((sum, { countedBase }) => sum + countedBase, 0n)
}

describe('capacity: a lot attested for a time', () => {
  it('counts from the next window on, through its last, and then leaves; its devices may be pledged again', () => {
    const { chain, lot } = withNewcomer()
    windows(chain, 1)
    assert.equal(capacityOf(chain, 4), 0n)
    assert.equal(attest(chain, lot, 9), true)
    assert.equal(capacityOf(chain, 4), 0n)
    for (let window = 2; window <= 9; window++) {
      windows(chain, 1)
      assert.equal(capacityOf(chain, 4), endingTwin(chain, 9))
      assert.ok(freeHours(chain.state, { group: groupIdsOf(chain.state, 4)[0]!, windowIndex: window }) > 0n)
      assert.equal(capacityOf(chain, 4) > 0n, window <= 6)
    }
    windows(chain, 1)
    assert.equal(getLot(chain.state, lot), undefined)
    assert.deepEqual(groupIdsOf(chain.state, 4), [])
    assert.equal(pledge(chain, 4), lot + 1)
  })

  it('lets its provider mint while it lasts', () => {
    const { chain, lot } = withNewcomer()
    assert.equal(chain.mint(4, 1n)?.code, 'QuotaExceeded')
    attest(chain, lot, K)
    windows(chain, 1)
    const { mintableBase, blocked } = quotaQuery(chain, 4)
    assert.equal(blocked, '')
    assert.equal(chain.mint(4, mintableBase), undefined)
    assert.equal(getSummary(chain.state, 4).noticeUntil, undefined)
  })

  it('holds at most K windows, whatever was voted on', () => {
    const { chain, lot } = withNewcomer()
    windows(chain, 2)
    assert.equal(attest(chain, lot, 2 + K + 5), true)
    assert.equal(getLot(chain.state, lot)!.lastWindow, 2 + K)
  })

  it('begins where the pledge does', () => {
    const { chain } = withNewcomer()
    const lot = pledge(chain, 4, 6)
    assert.deepEqual(refuseAttestation(chain.state, { lot, lastWindow: 5 }, 0), {
      code: 'LastWindowOutOfRange',
      earliest: 6,
      latest: K,
    })
    attest(chain, lot, 6)
    windows(chain, 1)
    const [group] = groupIdsOf(chain.state, 4)
    const hours = [5, 6, 7].map((windowIndex) => freeHours(chain.state, { group: group!, windowIndex }) > 0n)
    assert.deepEqual(hours, [false, true, false])
  })

  it('counts in the same way when the recount takes many blocks, also if attested in the midst of one', () => {
    const chains = [withNewcomer(), withNewcomer(1)]
    for (const { chain, lot } of chains) {
      attest(chain, lot, 8)
      chain.endWindow()
      const second = pledge(chain, 4)
      attest(chain, second, 11)
      while (chain.isRecounting) chain.endBlock()
    }
    for (let window = 2; window <= 12; window++) {
      for (const { chain } of chains) windows(chain, 1)
      const [one, many] = chains.map(({ chain }) => getSummary(chain.state, 4))
      assert.deepEqual(many, one)
    }
    assert.equal(capacityOf(chains[0]!.chain, 4), 0n)
  })
})

describe('capacity: a renewal', () => {
  it('moves the last window, so that capacity is what it was', () => {
    const { chain, lot } = withNewcomer()
    attest(chain, lot, K)
    windows(chain, 1)
    const full = capacityOf(chain, 4)
    windows(chain, 4)
    assert.ok(capacityOf(chain, 4) < full)
    assert.equal(attest(chain, lot, 5 + K), true)
    windows(chain, 1)
    assert.equal(capacityOf(chain, 4), full)
    windows(chain, 4 + K)
    assert.equal(getLot(chain.state, lot), undefined)
  })

  it('comes in time in the last window, and too late after it', () => {
    const { chain, lot } = withNewcomer()
    attest(chain, lot, 3)
    windows(chain, 3)
    assert.equal(attest(chain, lot, 7), true)
    windows(chain, 4)
    assert.equal(getLot(chain.state, lot)!.lastWindow, 7)
    windows(chain, 1)
    assert.equal(attest(chain, lot, 15), false)
  })

  it('comes too late while the recount that will remove the lot is under way', () => {
    const { chain, lot } = withNewcomer(1)
    attest(chain, lot, 3)
    windows(chain, 3)
    chain.endWindow()
    assert.ok(chain.isRecounting)
    assert.deepEqual(refuseAttestation(chain.state, { lot, lastWindow: 9 }, 0), {
      code: 'LotEnding',
      lastWindow: 3,
    })
    assert.equal(notice(chain, 4, lot)?.code, 'NoticeAlreadyGiven')
    windows(chain, 1)
    assert.equal(getLot(chain.state, lot), undefined)
  })

  it('never shortens, and is refused after notice, for lots without an end, and where nobody serves', () => {
    const { chain, lot } = withNewcomer()
    attest(chain, lot, 5)
    const refusal = (one: number, lastWindow: number) =>
      refuseAttestation(chain.state, { lot: one, lastWindow }, 0)
    assert.deepEqual(refusal(lot, 5), { code: 'LastWindowOutOfRange', earliest: 6, latest: K })
    assert.equal(refusal(lot, K + 1)?.code, 'LastWindowOutOfRange')
    assert.equal(refusal(lot, 6), undefined)
    assert.deepEqual(refusal(1, 6), { code: 'LotAttested' })
    assert.deepEqual(refusal(99, 6), { code: 'UnknownLot' })
    setProviderStatus(chain.ctx(), 4, 'jailed')
    assert.deepEqual(refusal(lot, 6), { code: 'ProviderNotServing', provider: 4 })
    setProviderStatus(chain.ctx(), 4, 'active')
    assert.equal(notice(chain, 4, lot), undefined)
    assert.deepEqual(refusal(lot, 6), { code: 'LotEnding', lastWindow: 5 })
  })
})

describe('capacity: notice and the first audit of a lot attested for a time', () => {
  it('notice stops minting until the attestation ends, which it does not move', () => {
    const { chain, lot } = withNewcomer()
    attest(chain, lot, 7)
    windows(chain, 1)
    assert.equal(notice(chain, 4, lot), undefined)
    assert.equal(notice(chain, 4, lot)?.code, 'NoticeAlreadyGiven')
    assert.deepEqual(chain.mint(4, 1n), { code: 'UnderNotice', fields: { provider: 4, lastWindow: 7 } })
    windows(chain, 6)
    assert.ok(getLot(chain.state, lot) !== undefined)
    windows(chain, 1)
    assert.equal(getLot(chain.state, lot), undefined)
    assert.equal(getSummary(chain.state, 4).noticeUntil, undefined)
  })

  it('an audit makes it evergreen, with the share that it leaves', () => {
    const { chain, lot } = withNewcomer()
    attest(chain, lot, 4)
    windows(chain, 2)
    attestLot(chain.ctx(), { lot, auditPpm: PPM / 2n })
    windows(chain, 1)
    assert.equal(getLot(chain.state, lot)!.lastWindow, undefined)
    assert.deepEqual(getGroup(chain.state, groupIdsOf(chain.state, 4)[0]!)!.ending, [])
    const [whole, half] = [1, 4].map((id) => capacityOf(chain, id))
    assert.ok(whole! / 2n - half! < 20n && half! <= whole! / 2n)
    windows(chain, K)
    assert.equal(capacityOf(chain, 4), half)
    // From now on notice takes K windows.
    assert.equal(notice(chain, 4, lot), undefined)
    assert.equal(getLot(chain.state, lot)!.lastWindow, currentWindow(chain.state) + K)
  })
})

describe('capacity: losses beside attestations', () => {
  /** What an audit, a cut of ratings, or both take from provider 1, beside a lot attested in the same window or not. */
  function lost(by: 'audit' | 'ratings' | 'both', isAttested: boolean): bigint {
    const chain = new EconomyChain(TEST_PARAMETERS).addProviders([EQUAL, EQUAL, EQUAL])
    if (isAttested) attest(chain, pledge(chain, 1), 2)
    const record = catalogueTables.class.mustGet(chain.state, { id: 1 })
    if (by !== 'audit')
      catalogueTables.class.set(chain.state, { id: 1 }, { ...record, inferPpm: record.inferPpm / 2n })
    if (by !== 'ratings') attestLot(chain.ctx(), { lot: 1, auditPpm: PPM / 2n })
    windows(chain, 1)
    return getSummary(chain.state, 1).cutBase
  }

  it('a lot attested in the window of an audit adds nothing to what the audit took', () => {
    const [alone, beside] = [lost('audit', false), lost('audit', true)]
    assert.ok(alone > 0n && beside <= alone, `${alone}, ${beside}`)
  })

  it('a cut of ratings is no loss of anybody’s doing, and an audit beside it takes what it takes of the rest', () => {
    assert.deepEqual([lost('ratings', false), lost('ratings', true)], [0n, 0n])
    const [whole, rest] = [lost('audit', false), lost('both', false)]
    assert.ok(rest > 0n && whole / 2n - rest < 20n && rest <= whole / 2n, `${whole}, ${rest}`)
  })

  it('an end takes from C what is missing, and a renewal gives it back', () => {
    const { chain, lot } = withNewcomer()
    attest(chain, lot, K)
    windows(chain, 1)
    const full = capacityOf(chain, 1)
    const first = getSummary(chain.state, 4)
    for (let i = 0; i < 3; i++) {
      const { capacityBase, withdrawnBase, cutBase } = getSummary(chain.state, 4)
      assert.equal(withdrawnBase, full - capacityBase)
      assert.equal(cutBase, 0n)
      windows(chain, 1)
    }
    attest(chain, lot, currentWindow(chain.state) + K)
    windows(chain, 1)
    // The furthest window is beyond any attestation.
    assert.deepEqual(getSummary(chain.state, 4), first)
  })
})

describe('issuance: what an attestation that nobody renews costs', () => {
  it('is a withdrawal: the provider must cure, and may not mint', () => {
    const { chain, lot } = withNewcomer()
    attest(chain, lot, K)
    windows(chain, 1)
    assert.equal(chain.mint(4, quotaQuery(chain, 4).mintableBase), undefined)
    let amortizing = 0
    while (getProvider(chain.state, 4)!.status !== 'curing') {
      assert.ok(currentWindow(chain.state) < K)
      windows(chain, 1)
      if (getProvider(chain.state, 4)!.status === 'amortizing') amortizing++
    }
    // A warning first: it owes more than it might mint now.
    assert.ok(amortizing > 0)
    assert.equal(issuanceTables.cure.get(chain.state, { provider: 4 })?.cause, 'withdrawal')
    assert.equal(chain.mint(4, 1n)?.code, 'ProviderNotActive')
    // A renewal in time ends it.
    assert.equal(attest(chain, lot, currentWindow(chain.state) + K), true)
    windows(chain, 1)
    assert.equal(getProvider(chain.state, 4)!.status, 'active')
  })
})
