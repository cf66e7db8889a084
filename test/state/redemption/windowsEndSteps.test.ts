import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { newBlockWork, Walk } from '../../../state/blockWork.ts'
import { isRecounting } from '../../../state/modules/capacity/sums.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { touchStanding } from '../../../state/modules/providers/suspension.ts'
import { hasWork } from '../../../state/modules/redemption/blockEnd.ts'
import { ACT_STEPS, getCursors } from '../../../state/modules/redemption/cursors.ts'
import { beginPass, passWanted } from '../../../state/modules/redemption/matching.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { coins, RedemptionChain } from '../../support/redemptionFixture.ts'

const BLOCK_STEPS = 6_000
/** So few that neither a recount nor the members' turn ends in a block. */
const FEW_STEPS = 2_000
/** The last act of a block and one out of turn, each with what it is looked for. */
const OVER_STEPS = 2 * (ACT_STEPS.close + 3 * ACT_STEPS.look)
const MEMBERS = 6
const REQUESTS = 16
/** Longer than any of the work takes. */
const WINDOW_MS = 60_000
const BLOCK_MS = 50

/** Members with four lot groups each; one of them is listed. */
function chainOf(blockStepsMax: number): RedemptionChain {
  const { capacity, issuance } = TEST_PARAMETERS
  const providers = Array.from({ length: MEMBERS }, () => ({ devices: 1 }))
  const c = new RedemptionChain({
    providers,
    economy: {
      ...TEST_PARAMETERS,
      capacity: { ...capacity, blockStepsMax, windowMs: WINDOW_MS },
      issuance: { ...issuance, retainPpm: 0n, lockFloorPpm: 0n },
    },
  })
  for (let id = 1; id <= MEMBERS; id++)
    for (const region of ['tw-south', 'us-east', 'us-west']) c.addLot(id, { classId: id, devices: 1, region })
  for (let id = 1; id <= MEMBERS; id++) {
    c.fund(100 + id, id, coins(20))
    assert.equal(c.list(id)?.code, undefined)
  }
  // Windows' ends still recount everything.
  c.recountEveryBlock = false
  return c
}

function request(c: RedemptionChain): void {
  for (let i = 0; i < REQUESTS; i++) assert.equal(c.request(101 + (i % MEMBERS), coins(3))?.code, undefined)
}

/** Runs blocks until nothing is left to do; returns the steps of the dearest and how many there were. */
function settle(c: RedemptionChain): { readonly dearest: number; readonly blocks: number } {
  let dearest = c.work.usedSteps
  let blocks = 1
  for (; hasWork(c.state) || isRecounting(c.state); blocks++) {
    c.run(undefined, BLOCK_MS)
    dearest = Math.max(dearest, c.work.usedSteps)
    assert.ok(blocks < 400, 'the work ends')
  }
  return { dearest, blocks }
}

/** What every second member grants, of all that is assigned. */
function grantHalf(c: RedemptionChain): void {
  for (const { id, assignments } of openAssignments(c))
    for (const { assignment, provider, grantedAtMs } of assignments)
      if (provider % 2 === 0 && grantedAtMs === 0) assert.equal(c.grant(id, assignment)?.code, undefined)
}

function openAssignments(c: RedemptionChain) {
  const nextOf = (id: number): number => redemptionTables.redemption.get(c.state, { id })?.nextAssignment ?? 1
  return Array.from({ length: REQUESTS }, (_, i) => i + 1).map((id) => ({
    id,
    assignments: Array.from({ length: nextOf(id) }, (_, a) => a).flatMap((assignment) => {
      const known = redemptionTables.assignment.get(c.state, { id, assignment })
      return known === undefined ? [] : [{ assignment, ...known }]
    }),
  }))
}

describe('redemption at a window’s end', () => {
  it('has handled all members before the next recount is complete, however short the windows are', () => {
    const c = chainOf(FEW_STEPS)
    c.run(undefined, BLOCK_MS)
    const passes = new Set<number>()
    let longest = 0
    for (let block = 0, left = 0; block < 60; block++) {
      c.run(undefined, WINDOW_MS)
      assert.ok(c.work.usedSteps <= FEW_STEPS + OVER_STEPS, `${c.work.usedSteps} steps in a block`)
      const { pass, member, members } = issuanceTables.turn.mustGet(c.state, {})
      passes.add(pass)
      left = member < members ? left + 1 : 0
      longest = Math.max(longest, left)
    }
    assert.ok(passes.size > 5 && longest > 1, `${passes.size} turns, at most ${longest + 1} blocks`)
  })

  it('ranks all members in a block that has the steps left, or in the turn of matching', () => {
    const c = chainOf(BLOCK_STEPS)
    c.run(undefined, BLOCK_MS)
    c.run(() => {
      const { pass } = getCursors(c.state)
      touchStanding(c.state)
      const begin = (steps: number, isTurn: boolean): boolean =>
        beginPass(c.state, { left: 128, walk: new Walk(newBlockWork(), steps, isTurn) })
      const steps = MEMBERS * ACT_STEPS.rank
      assert.deepEqual([begin(steps - 1, false), getCursors(c.state).pass], [false, pass])
      assert.ok(passWanted(c.state))
      assert.deepEqual([begin(steps, false), getCursors(c.state).pass], [true, pass + 1])
      touchStanding(c.state)
      assert.deepEqual([begin(1, true), getCursors(c.state).pass], [true, pass + 2])
    }, BLOCK_MS)
  })

  it('takes no more steps in a block than its budget, and ends as it would in one', () => {
    const ends = [BLOCK_STEPS, 1_000_000].map((blockStepsMax) => {
      const c = chainOf(blockStepsMax)
      c.run(() => request(c), BLOCK_MS)
      const figures = [settle(c)]
      for (let window = 0; window < 2; window++) {
        c.endWindow(() => grantHalf(c))
        figures.push(settle(c))
      }
      return { c, figures, totals: getTotals(c.state) }
    })
    const [slow, fast] = ends
    for (const { dearest } of slow!.figures)
      assert.ok(dearest <= BLOCK_STEPS + OVER_STEPS, `${dearest} steps in a block`)
    assert.ok(
      slow!.figures.some(({ blocks }) => blocks > 5) &&
        fast!.figures.some(({ dearest }) => dearest > 3 * BLOCK_STEPS),
      'there is more to do than fits',
    )
    const { queuedBase, assignedBase, feesBase, openCount } = slow!.totals
    assert.deepEqual(
      { queuedBase, assignedBase, feesBase, openCount },
      {
        queuedBase: fast!.totals.queuedBase,
        assignedBase: fast!.totals.assignedBase,
        feesBase: fast!.totals.feesBase,
        openCount: fast!.totals.openCount,
      },
    )
  })
})
