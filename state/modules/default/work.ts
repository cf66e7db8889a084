// What default does in each block by itself, a fixed number of members and acts, and what it does at a window's end.
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { assumeMember, measureMember } from './assumption.ts'
import { judgeAttendance, noteProposer } from './attendance.ts'
import { chooseBid, endAuction, settleBid } from './bids.ts'
import { bidOfWindow, settleBids } from './buyBack.ts'
import { getCase, nextCase } from './cases.ts'
import { closeCase } from './closing.ts'
import { spendSteps, storeCoverage } from './external.ts'
import { shareFees } from './fees.ts'
import { burnOrphansOfWindow } from './fund.ts'
import { isWatching, watchMembers } from './watch.ts'

/** Members looked at in a block, and acts for defaults: a few of either, so that one block never waits for them. */
const MEMBERS_PER_BLOCK = 16
const ACTS_PER_BLOCK = 8
/** Payments of an estate's assets that are as dear as an act. */
const PAYMENTS_PER_ACT = 8
/** Measured steps of each, estimated from the records that they write (redemption's `ACT_STEPS`). */
const MEMBER_STEPS = 60
const ACT_STEPS = 1_000

/** How many acts one is worth that pays so many assets. */
function worthOf(assets: number): number {
  return 1 + Math.floor(assets / PAYMENTS_PER_ACT)
}

/**
 * Does the next act for the case under way. Returns how many acts it is worth; 0 when none goes on, or a case is closed: the
 * next one sees stored figures.
 */
function act(ctx: WriteContext): number {
  const provider = nextCase(ctx.state)
  const known = provider === undefined ? undefined : getCase(ctx.state, provider)
  if (provider === undefined || known === undefined) return 0
  switch (known.stage) {
    case 'auction':
      endAuction(ctx, provider, known)
      return 1
    case 'choosing':
      chooseBid(ctx, provider, known)
      return 1
    case 'settling':
      settleBid(ctx, provider, known)
      return worthOf(known.estate.length)
    case 'measuring':
      measureMember(ctx, provider, known)
      return 1
    case 'assuming':
      assumeMember(ctx, provider, known)
      return worthOf(known.pool.length + known.aid.length)
    case 'closing':
      closeCase(ctx, provider, known)
      return 0
    case 'closed':
      return 0
  }
}

/** Looks at members after a window's end, then goes on with defaults. */
export function beginBlock(ctx: WriteContext): void {
  noteProposer(ctx)
  const { count, hasChanged } = watchMembers(ctx, MEMBERS_PER_BLOCK)
  const isDue = !isWatching(ctx.state) && nextCase(ctx.state) !== undefined
  let acts = 0
  while (isDue && acts < ACTS_PER_BLOCK) {
    const worth = act(ctx)
    if (worth === 0) break
    acts += worth
  }
  spendSteps(ctx, count * MEMBER_STEPS + acts * ACT_STEPS)
  if (hasChanged || isDue) storeCoverage(ctx)
}

export function onWindowEnd(ctx: WriteContext, ended: number): void {
  shareFees(ctx, ended)
  judgeAttendance(ctx, ended)
  burnOrphansOfWindow(ctx)
  bidOfWindow(ctx)
}

/** The market, which comes first, has held its auctions. */
export function endBlock(ctx: WriteContext): void {
  settleBids(ctx)
}

/** Members to look at, and defaults that go on, need blocks. */
export function hasWork(state: StateReader): boolean {
  return isWatching(state) || nextCase(state) !== undefined
}
