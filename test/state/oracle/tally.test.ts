// The end of a window: what reports make of the anchor and of prices, what the lack of them does, and what is published.
import { strict as assert } from 'node:assert'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { capacitySchema } from '../../../state/modules/capacity/schema.ts'
import { issuanceSchema } from '../../../state/modules/issuance/schema.ts'
import { openReporters } from '../../../state/modules/oracle/appointments.ts'
import { oracleModule } from '../../../state/modules/oracle/module.ts'
import { RESULT_WINDOWS } from '../../../state/modules/oracle/schema.ts'
import { oracleTables } from '../../../state/modules/oracle/tables.ts'
import { Overlay } from '../../../state/overlay.ts'
import { accountOf, EconomyChain } from '../../support/economyFixture.ts'
import { operatorOf } from '../../support/memberChain.ts'
import { OracleChain, PRICE_BASE } from '../../support/oracleChain.ts'

const { graceWindows, priceFreshWindows } = DEV_PARAMETERS.oracle
const A = 1_000_000n
const ALL = { reporters: 5, members: 4 }
const ONLY_REPORTERS = { reporters: 5, members: 0 }

interface Status {
  readonly phase: string
  readonly phaseUntilMs: number
  readonly anchor: bigint
  readonly nextAnchor: bigint
  readonly boundAnchor: bigint
  readonly boundPpm: bigint
  readonly silentWindows: number
  readonly reporters: {
    readonly members: number
    readonly quorum: number
    readonly revealed: number
    readonly hasQuorum: boolean
    readonly lastHadQuorum: boolean
    readonly lastMissed: readonly { readonly member: number; readonly reason: string }[]
  }
  readonly prices: readonly {
    readonly asset: number
    readonly staleSince?: number
    readonly status: string
  }[]
  readonly status: string
}
const statusOf = (chain: OracleChain): Status => chain.query<Status>('status')
const mint = (chain: OracleChain) =>
  chain.run(operatorOf(1), issuanceSchema, 'mint', { to: operatorOf(1), amountBase: 10n ** 18n })

describe('oracle.onWindowEnd', () => {
  it('moves the anchor to what both chambers report, from the next window on', () => {
    const chain = new OracleChain()
    const result = chain.play(chain.voices(ALL, { rating: 1_010_000n }))
    assert.equal(result?.decision, 'agreed')
    assert.equal(result?.nextAnchor, 1_010_000n)
    assert.deepEqual([chain.window, chain.anchor], [1, 1_010_000n])
    assert.deepEqual(result?.reporters, { members: 5, committed: 5, revealed: 5, medianRating: 1_010_000n })
    chain.play(chain.voices(ALL, { rating: 5_000_000n }))
    assert.equal(chain.anchor, 1_030_200n)
    chain.play(chain.voices(ALL, { rating: 1n }))
    assert.equal(chain.anchor, 1_030_200n)
  })

  it('follows the reporters within gDisputed where the chambers differ', () => {
    const chain = new OracleChain()
    const { reporters, members } = ALL
    const result = chain.play([
      ...chain.voices({ reporters, members: 0 }, { rating: 1_050_000n }),
      ...chain.voices({ reporters: 0, members }, { rating: 1_000_000n }),
    ])
    assert.equal(result?.decision, 'disputed')
    assert.equal(chain.anchor, 1_013_000n)
  })

  it('follows the reporters within gDisputed while the providers lack a quorum', () => {
    const chain = new OracleChain()
    const result = chain.play(chain.voices({ reporters: 3, members: 2 }, { rating: 1_050_000n }))
    assert.equal(result?.decision, 'providersSilent')
    assert.equal(chain.anchor, 1_013_000n)
  })

  it('holds without a quorum of reporters through the grace, then rises by gDisputed a window', () => {
    const chain = new OracleChain()
    for (let i = 1; i <= graceWindows; i++) {
      const result = chain.play(chain.voices({ reporters: 2, members: 4 }, { rating: 1_020_000n }))
      assert.equal(result?.decision, 'held')
      assert.deepEqual([chain.anchor, statusOf(chain).silentWindows], [A, i])
    }
    assert.equal(chain.play([])?.decision, 'trend')
    assert.equal(chain.anchor, 1_013_000n)
    chain.play([])
    assert.equal(chain.anchor, 1_026_169n)
    assert.match(
      statusOf(chain).status,
      /lacked a quorum for too long.*7 windows without a quorum, 5 are the grace/,
    )
    // One window with a quorum, and the run begins anew.
    chain.play(chain.voices(ONLY_REPORTERS, { rating: A }))
    assert.deepEqual([chain.anchor, statusOf(chain).silentWindows], [1_026_169n, 0])
    chain.play([])
    assert.equal(chain.anchor, 1_026_169n)
  })

  it('leaves anchor and prices as genesis set them while no reporters are appointed, whatever members report', () => {
    const chain = new OracleChain({ reporters: 0 })
    for (let i = 0; i < priceFreshWindows + 2; i++)
      assert.equal(chain.play(chain.voices({ reporters: 0, members: 4 }, { rating: 1_020_000n })), undefined)
    assert.deepEqual([chain.anchor, chain.price.renewedWindow], [A, undefined])
    const status = statusOf(chain)
    assert.equal(
      status.status,
      'no reporters are appointed: the anchor holds, and the prices of genesis stand',
    )
    assert.deepEqual([status.nextAnchor, status.prices[0]!.status], [A, 'set in genesis, not renewed yet'])
    assert.equal(status.reporters.hasQuorum, false)
    assert.equal(mint(chain), undefined)
  })

  it('renews a price by at most its move, and values bonds and mints apart where chambers differ', () => {
    const chain = new OracleChain()
    chain.play(chain.voices(ALL, { rating: A, priceBase: 4_000_000n }))
    assert.deepEqual(chain.price, {
      ...{ priceBase: 3_088_764n, bondPriceBase: 3_088_764n, lockPriceBase: 3_088_764n },
      renewedWindow: 0,
    })
    const { reporters, members } = ALL
    chain.play([
      ...chain.voices({ reporters, members: 0 }, { rating: A, priceBase: 3_088_764n }),
      ...chain.voices({ reporters: 0, members }, { rating: A, priceBase: 3_140_000n }),
    ])
    const { priceBase, bondPriceBase, lockPriceBase } = chain.price
    assert.deepEqual([priceBase, bondPriceBase, lockPriceBase], [3_088_764n, 3_088_764n, 3_140_000n])
    assert.match(
      statusOf(chain).prices[0]!.status,
      /disputed: bonds are valued at 3088764, locks and the bonds of mints at 3140000/,
    )
  })

  it('renews no price that less than half of the reporters report', () => {
    const chain = new OracleChain()
    const voices = chain.voices(ALL, { rating: 1_010_000n })
    chain.play(voices.map((voice, i) => (i < 3 ? { ...voice, priceBase: null } : voice)))
    assert.equal(chain.anchor, 1_010_000n)
    assert.equal(chain.price.renewedWindow, undefined)
  })
})

describe('oracle: a stale price', () => {
  it('refuses mints by its name and since when, and is fresh again once it is renewed', () => {
    const chain = new OracleChain()
    chain.play(chain.voices(ALL, { rating: A }))
    // Renewed in window 0: fresh through window 3.
    for (let i = 0; i < priceFreshWindows; i++) {
      assert.equal(mint(chain), undefined)
      chain.endWindow()
    }
    assert.equal(chain.window, 1 + priceFreshWindows)
    assert.equal(mint(chain), `OracleStale(asset=1, since=${1 + priceFreshWindows})`)
    const status = statusOf(chain)
    assert.equal(status.prices[0]!.staleSince, 1 + priceFreshWindows)
    assert.match(
      status.prices[0]!.status,
      /^stale since window 4: mints, purchases, conversions and releases of bonds/,
    )
    assert.match(
      status.status,
      /stale prices of asset 1: mints and sales .* are refused; .* penalties and defaults/,
    )
    chain.play(chain.voices(ALL, { rating: A }))
    assert.equal(mint(chain), undefined)
  })

  it('is that of genesis too, once there are reporters who do not report', () => {
    const chain = new OracleChain()
    for (let i = 0; i <= priceFreshWindows; i++) chain.endWindow()
    assert.equal(mint(chain), `OracleStale(asset=1, since=${1 + priceFreshWindows})`)
    assert.equal(chain.price.priceBase, PRICE_BASE)
  })

  it('does not stop pledges, votes, or the end of windows', () => {
    const chain = new OracleChain()
    for (let i = 0; i < 8; i++) chain.endWindow()
    const terms = {
      classId: 1,
      devices: 1,
      deviceRoot: new Uint8Array(32).fill(7),
      region: 'tw',
      services: 7,
    }
    const args = { ...terms, firstWindow: chain.window + 1 }
    assert.equal(chain.run(operatorOf(1), capacitySchema, 'pledge', args), undefined)
  })
})

describe('oracle.status', () => {
  it('tells the phase and its end, the anchor ahead and its bound, quorums, and who missed', () => {
    const chain = new OracleChain()
    const first = statusOf(chain)
    assert.deepEqual([first.phase, first.reporters.members, first.reporters.quorum], ['commit', 5, 3])
    assert.equal(first.status, 'the first window with reporters')
    const voices = chain.voices({ reporters: 4, members: 4 }, { rating: 1_015_000n })
    chain.do(voices.map((voice) => chain.commitCall(voice)))
    chain.toReveals(voices.map((voice) => chain.revealCall(voice)))
    const ahead = statusOf(chain)
    assert.deepEqual(
      [ahead.phase, ahead.anchor, ahead.nextAnchor, ahead.boundPpm, ahead.boundAnchor],
      ['reveal', A, 1_015_000n, 20_000n, 1_020_000n],
    )
    assert.equal(
      ahead.phaseUntilMs,
      chain.genesis.block.header.timestampMs + DEV_PARAMETERS.capacity.windowMs,
    )
    assert.equal(ahead.reporters.hasQuorum, true)
    chain.endWindow()
    const after = statusOf(chain)
    assert.deepEqual([after.phase, after.anchor, after.reporters.revealed], ['commit', 1_015_000n, 0])
    assert.equal(after.reporters.lastHadQuorum, true)
    assert.deepEqual(after.reporters.lastMissed, [{ member: 5, reason: 'notCommitted' }])
    assert.equal(after.prices[0]!.status, 'renewed in window 0')
    assert.equal(after.status, 'both chambers agreed in the last window')
  })
})

describe('oracle.history', () => {
  it('lists results newest first, in pages, and forgets the oldest', () => {
    const chain = new EconomyChain()
    openReporters(
      chain.ctx(),
      [1, 2, 3].map((n) => ({ account: accountOf(n), name: `Reporter ${n}` })),
    )
    type Page = { readonly results: readonly { readonly windowIndex: number }[]; readonly nextCursor: number }
    const page = (cursor: number, limit = 0): Page =>
      chain.query<Page>(oracleModule, 'history', { cursor, limit })
    assert.deepEqual(page(0), { results: [], nextCursor: 0 })
    for (let i = 0; i < RESULT_WINDOWS + 3; i++) chain.endWindow()
    const windows: number[] = []
    for (let cursor = 0; ; ) {
      const { results, nextCursor } = page(cursor, 10)
      windows.push(...results.map(({ windowIndex }) => windowIndex))
      if (nextCursor === 0) break
      cursor = nextCursor
    }
    assert.deepEqual(
      windows,
      Array.from({ length: RESULT_WINDOWS }, (_, i) => RESULT_WINDOWS + 2 - i),
    )
  })
})

describe('oracle: invariant 7', () => {
  const anchorRule = oracleModule.rules.invariants!.find(({ id }) => id === '7 anchor')!

  it('finds an anchor that rises by more than the reports of its window allowed', () => {
    const chain = new OracleChain()
    chain.play(chain.voices(ONLY_REPORTERS, { rating: 1_010_000n }))
    assert.equal(anchorRule.check!(chain.context()), undefined)
    const state = new Overlay(chain.full)
    const record = oracleTables.anchor.mustGet(state, {})
    const higher = { ...record, anchor: 1_019_000n, nextAnchor: 1_019_000n }
    oracleTables.anchor.set(state, {}, higher)
    // Within g, and beyond gDisputed.
    const broken = anchorRule.check!({ ...chain.context(), state })
    assert.equal(broken, 'the anchor rises from 1000000 to 1019000, the reports allowed 1013000')
    oracleTables.anchor.set(state, {}, { ...record, anchor: 999_999n, nextAnchor: 999_999n })
    assert.match(anchorRule.check!({ ...chain.context(), state })!, /falls/)
  })

  it('finds one that moves while no window ends', () => {
    const chain = new OracleChain()
    const state = new Overlay(chain.full)
    const record = oracleTables.anchor.mustGet(state, {})
    const moved = { anchor: 1_001_000n, nextAnchor: 1_001_000n, previousAnchor: A }
    oracleTables.anchor.set(state, {}, { ...record, ...moved })
    const broken = anchorRule.checkChanges!(state.changes(), chain.full, { ...chain.context(), state })
    assert.equal(broken, 'the anchor moves to 1001000 while no window ends')
  })

  it('lists and reports that differ are found too', () => {
    const chain = new OracleChain()
    const voice = { from: chain.reporter(1), rating: A }
    chain.do([chain.commitCall(voice)])
    chain.toReveals([chain.revealCall(voice)])
    assert.deepEqual(chain.recount(), [])
    oracleTables.values.delete(chain.full, { chamber: 'reporters', topic: 0 })
    assert.deepEqual(chain.recount(), [
      'oracle.reports: 1 reports of window 0 are revealed, 0 ratings listed',
    ])
  })
})
