// The cost of the pass over the queue, what wakes sleepers, and when every assignment is at par.
import assert from 'node:assert/strict'
import { PPM } from '../../../base/units.ts'
import { endLot, lotIdsOf } from '../../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { getSummary } from '../../../state/modules/capacity/sums.ts'
import { addClass } from '../../../state/modules/catalogue/classes.ts'
import { hasWork } from '../../../state/modules/redemption/blockEnd.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import {
  ALICE,
  BOB,
  type ChainOptions,
  coins,
  RedemptionChain,
  WINDOW_MS,
  walletOf,
} from '../../support/redemptionFixture.ts'

const CAROL = 22
const ok = (failure: unknown) => assert.equal(failure, undefined)
const redemption = (c: RedemptionChain, id: number) => redemptionTables.redemption.mustGet(c.state, { id })
const stateName = (c: RedemptionChain, id: number) => c.query<{ state: string }>('redemption', { id }).state
const assignment = (c: RedemptionChain, id: number, n: number) =>
  redemptionTables.assignment.get(c.state, { id, assignment: n })

function chain(options: Partial<ChainOptions> = {}): RedemptionChain {
  const made = new RedemptionChain({
    providers: [{ devices: 10 }, { devices: 10 }, { devices: 10 }, { devices: 10 }],
    ...options,
  })
  made.run(() => {
    made.fund(ALICE, 1, coins(460))
    made.fund(ALICE, 2, coins(460))
    made.fund(ALICE, 3, coins(460))
    made.fund(ALICE, 4, coins(460))
    made.fund(BOB, 2, coins(100))
    made.fund(CAROL, 3, coins(100))
  })
  return made
}

const classOf = (rating: bigint, id: number) => ({
  slug: `extra-${id}`,
  vendor: 'vendor',
  model: `extra ${id}`,
  memoryGb: 80,
  trainPpm: rating,
  finetunePpm: rating,
  inferPpm: rating,
  specOnly: false,
  evidenceHash: new Uint8Array(32),
})

/** Blocks until nothing is left to do, and the most reads that one of them took. */
function readsUntilRest(c: RedemptionChain): { blocks: number; most: number } {
  let blocks = 0
  let most = 0
  while (hasWork(c.state)) {
    const before = c.reads
    c.run(() => {}, 1)
    most = Math.max(most, c.reads - before)
    assert.ok(++blocks < 2_000, 'the pass comes to rest')
  }
  return { blocks, most }
}

describe('redemption.pass', () => {
  it('takes a step for every lot group it looks at, whatever constraints requests have', () => {
    /** The most reads in one block with so many lot groups, and as many filters that only the last of them meets. */
    const mostReads = (groups: number, filters: number): number => {
      const c = chain({ params: { stepsPerBlockMax: 32 } })
      c.recountEveryBlock = false
      c.run(() => {
        for (let i = 0; i < groups; i++)
          c.addLot(1 + (i % 3), { classId: 1 + (i % 3), devices: 1, region: `r${i}` })
        addClass(c.ctx(), 50, classOf(3n * PPM, 50))
        c.addLot(4, { classId: 50, devices: 1, region: 'last' })
      })
      c.turn()
      readsUntilRest(c)
      c.run(() => {
        // Distinct reachable ratings are one tier; distinct last windows and services are not.
        for (let i = 0; i < filters; i++)
          ok(
            c.request(ALICE, coins(1), {
              ratingMin: 2n * PPM + BigInt(i),
              service: (['train', 'finetune', 'infer'] as const)[i % 3]!,
              finishBy: c.window + 3 + (i % 8),
            }),
          )
      })
      return readsUntilRest(c).most
    }
    const [few, many] = [mostReads(24, 24), mostReads(96, 60)]
    assert.ok(many < few * 1.5, `${few} reads with few lots and requests, ${many} with many`)
  })

  it('does not look again at what sleeps, however often a pending lot is pledged and ended', () => {
    const c = chain()
    c.recountEveryBlock = false
    c.run(() => {
      for (const service of ['train', 'finetune'] as const)
        for (let i = 0; i < 30; i++)
          ok(c.request(ALICE, coins(1), { service, provider: 1 + (i % 4), finishBy: 3 + (i % 8) }))
    })
    c.run()
    readsUntilRest(c)
    assert.equal(getTotals(c.state).matchableBase, 0n)
    c.run(() => ok(c.list(4)))
    readsUntilRest(c)
    c.run(() => ok(c.request(BOB, coins(50))))
    let served = 0
    for (let block = 0; block < 4 && served === 0; block++) {
      c.run(() => {
        const lot = c.pledgePending(3)
        ok(c.act('giveNotice', walletOf(3), { lot }, capacityModule))
      }, 10)
      // Nobody sleeping was woken by a lot that serves nothing.
      assert.equal(getTotals(c.state).matchableBase, 0n)
      if (stateName(c, 61) === 'assigned') served = block + 1
    }
    assert.equal(served, 1)
  })

  it('is not parked by a holder that never signs', () => {
    const c = chain()
    c.run(() => {
      for (let provider = 1; provider <= 4; provider++) ok(c.list(provider))
      ok(c.request(ALICE, coins(1_830)))
    })
    c.run(() => ok(c.request(BOB, coins(10))))
    c.run()
    let windows = 0
    while (redemption(c, 2).queuedBase > 0n) {
      c.turn(() => {
        for (const [id, n] of c.openAssignments())
          if (assignment(c, id, n)!.grantedAtMs === 0) ok(c.grant(id, n))
      })
      assert.ok(++windows <= 3, 'a window more for each that the queue before it fills')
    }
    assert.equal(assignment(c, 2, 1)!.sequence, 2)
    // Every window costs the holder a hundredth of what it booked.
    assert.ok(redemption(c, 1).feesBase >= coins(9.12))
  })

  it('books each lot group for itself', () => {
    const c = chain({ providers: [{ devices: 100 }, { devices: 100 }, { devices: 100 }, { devices: 100 }] })
    c.run(() => {
      addClass(c.ctx(), 50, classOf(2n * PPM, 50))
      c.addLot(1, { classId: 50, devices: 1, region: 'us-west' })
      // Offers training alone: it has hours, but counts nothing.
      c.addLot(2, { classId: 2, devices: 5, region: 'us-west', services: 1 })
    })
    c.turn()
    const before = getSummary(c.state, 2)
    c.run(() => {
      ok(c.request(ALICE, coins(1_000), { ratingMin: 2n * PPM, region: 'us-west' }))
      ok(c.request(BOB, coins(100), { service: 'train', region: 'us-west', provider: 2 }))
      ok(c.list(2, { service: 'train', region: 'us-west' }))
    })
    c.run(() => {}, WINDOW_MS / 4)
    c.run(() => {}, WINDOW_MS / 4)
    // One device rated twice the anchor delivers 45.6 coins a window, though its provider has 2,280 elsewhere.
    assert.equal(redemption(c, 1).assignedBase, coins(45.6))
    assert.deepEqual([assignment(c, 1, 1)?.classId, assignment(c, 1, 1)?.rating], [50, 2n * PPM])
    assert.equal(redemption(c, 2).assignedBase, coins(100))
    assert.deepEqual(getSummary(c.state, 2), before)
    for (let i = 0; i < 3; i++) {
      c.turn(() => {
        for (const [id, n] of c.openAssignments())
          if (assignment(c, id, n)!.grantedAtMs === 0) ok(c.grant(id, n))
      })
      c.run(() => {}, 700)
      assert.ok(redemption(c, 1).assignedBase <= 2n * coins(45.6))
    }
  })
})

describe('redemption.waking', () => {
  /** A region of its own for provider 4, and a request for it that sleeps until somebody lists training there. */
  function asleep(): RedemptionChain {
    const c = chain()
    c.run(() => c.addLot(4, { classId: 4, devices: 5, region: 'eu-west' }))
    c.turn()
    c.run(() => ok(c.request(ALICE, coins(5), { service: 'train', region: 'eu-west' })))
    c.run()
    assert.equal(stateName(c, 1), 'queued')
    assert.equal(getTotals(c.state).matchableBase, 0n)
    return c
  }

  it('wakes sleepers by a listing that can serve them, and by no other', () => {
    const c = asleep()
    c.run(() => {
      ok(c.list(1, { service: 'train' }))
      ok(c.list(4, { service: 'infer', region: 'eu-west' }))
    })
    assert.equal(stateName(c, 1), 'queued')
    c.run(() => ok(c.list(4, { service: 'train', region: 'eu-west' })))
    assert.equal(stateName(c, 1), 'assigned')
  })

  it('wakes them by obligation', () => {
    const c = asleep()
    c.run(() => {}, WINDOW_MS / 4)
    assert.deepEqual([assignment(c, 1, 1)?.provider, assignment(c, 1, 1)?.amountBase], [4, coins(5)])
  })

  it('wakes them when a window opens, and when its hours return', () => {
    const c = chain()
    c.run(() => {
      ok(c.list(1))
      ok(c.request(ALICE, coins(228), { provider: 1 }))
    })
    c.run(() => ok(c.request(BOB, coins(5), { provider: 1 })))
    c.run()
    assert.equal(stateName(c, 2), 'queued')
    c.turn(() => ok(c.grant(1, 1)))
    assert.equal(assignment(c, 2, 1)?.window, 2)
  })

  it('forgets sleepers that can never be served when their last lot has ended', () => {
    const c = asleep()
    const lot = lotIdsOf(c.state, 4).at(-1)!
    c.run(() => endLot(c.ctx(), lot))
    c.run(() => ok(c.act('cancel', walletOf(ALICE), { id: 1 })))
    c.run(() => ok(c.request(ALICE, coins(5), { service: 'train', region: 'eu-west', finishBy: 13 })))
    for (let i = 0; i < 13; i++) c.endWindow()
    assert.equal(redemption(c, 2).endReason === 'none', false)
    c.run(() =>
      assert.equal(c.request(ALICE, coins(5), { service: 'train', region: 'eu-west' })?.code, 'Unservable'),
    )
  })
})

describe('redemption.par', () => {
  function withBonus(): RedemptionChain {
    const c = chain()
    c.run(() => {
      ok(c.list(1, { bonusPpm: 500_000n }))
      ok(c.list(2))
    })
    c.turn()
    return c
  }

  it('assigns at par while what matches exceeds half of the next window', () => {
    const c = withBonus()
    c.run(() => ok(c.request(ALICE, coins(457))))
    c.run()
    // 457 coins are more than half of the 912 that all four have free.
    assert.deepEqual(
      [1, 2].map((n) => [assignment(c, 1, n)?.provider, assignment(c, 1, n)?.bonusPpm]),
      [
        [2, 0n],
        // The 229 coins that are left are less than half of the 684 that are free now.
        [1, 500_000n],
      ],
    )
    const short = withBonus()
    short.run(() => ok(short.request(ALICE, coins(456))))
    short.run()
    assert.deepEqual([assignment(short, 1, 1)?.provider, assignment(short, 1, 1)?.bonusPpm], [1, 500_000n])
  })

  it('pays the bonus again once the rest of the queue is short', () => {
    const c = withBonus()
    c.run(() => ok(c.request(ALICE, coins(200), { provider: 2 })))
    c.run(() => ok(c.request(BOB, coins(100))))
    c.run()
    assert.deepEqual([assignment(c, 2, 1)?.provider, assignment(c, 2, 1)?.bonusPpm], [1, 500_000n])
  })

  it('does not count what nothing can serve', () => {
    const c = withBonus()
    // 457 coins for a provider that lists nothing: for a quarter window nobody must serve them.
    c.run(() => ok(c.request(ALICE, coins(457), { provider: 3 })))
    c.run(() => ok(c.request(BOB, coins(10))))
    c.run()
    assert.equal(redemption(c, 1).queuedBase, coins(457))
    assert.equal(getTotals(c.state).matchableBase, 0n)
    assert.deepEqual([assignment(c, 2, 1)?.provider, assignment(c, 2, 1)?.bonusPpm], [1, 500_000n])
  })

  it('does not count what waits for volunteers behind a place that all must serve', () => {
    const c = withBonus()
    c.run(() => ok(c.request(ALICE, coins(10), { provider: 3 })))
    c.run()
    c.run(() => {
      ok(c.request(BOB, coins(10)))
      ok(c.request(ALICE, coins(447), { provider: 3 }))
    })
    c.run(() => {}, WINDOW_MS / 4)
    assert.equal(assignment(c, 1, 1)?.provider, 3)
    // Drawn in one block, the short request first: only so it is served before the long one is found to match nothing.
    assert.deepEqual(redemption(c, 3).places, [{ sequence: 3, queuedBase: coins(447) }])
    assert.deepEqual([assignment(c, 2, 1)?.provider, assignment(c, 2, 1)?.bonusPpm], [1, 500_000n])
  })

  it('counts hours of the next window that returned or were booked', () => {
    const c = withBonus()
    c.run(() => ok(c.request(BOB, coins(100), { provider: 1 })))
    c.run()
    // 100 coins at a bonus of half book 150 of 228 hours at provider 1.
    assert.equal(assignment(c, 1, 1)?.bonusPpm, 500_000n)
    const { countedHours } = redemptionTables.cursors.mustGet(c.state, {})
    assert.equal(countedHours, (4n * 228n - 150n) * 10n ** 18n)
  })
})
