// What default does in each block by itself, a fixed number of members and acts, and what it does at a window's end.
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { assumeMember, measureMember } from './assumption.ts'
import { judgeAttendance, noteProposer } from './attendance.ts'
import { chooseBid, endAuction, settleBid } from './bids.ts'
import { getCase, nextCase } from './cases.ts'
import { closeCase } from './closing.ts'
import { spendSteps, storeCoverage } from './external.ts'
import { shareFees } from './fees.ts'
import { burnOrphansOfWindow } from './fund.ts'
import { isWatching, watchMembers } from './watch.ts'

/** Members looked at in a block, and acts for defaults: a few of either, so that one block never waits for them. */
const MEMBERS_PER_BLOCK = 16
const ACTS_PER_BLOCK = 8
/** Measured steps of each, estimated from the records that they write (redemption's `ACT_STEPS`). */
const MEMBER_STEPS = 60
const ACT_STEPS = 1_000

/** Does the next act for the case under way; false when none goes on, or a case is closed: the next one sees stored figures. */
function act(ctx: WriteContext): boolean {
  const provider = nextCase(ctx.state)
  const known = provider === undefined ? undefined : getCase(ctx.state, provider)
  if (provider === undefined || known === undefined) return false
  switch (known.stage) {
    case 'auction':
      endAuction(ctx, provider, known)
      return true
    case 'choosing':
      chooseBid(ctx, provider, known)
      return true
    case 'settling':
      settleBid(ctx, provider, known)
      return true
    case 'measuring':
      measureMember(ctx, provider, known)
      return true
    case 'assuming':
      assumeMember(ctx, provider, known)
      return true
    case 'closing':
      closeCase(ctx, provider, known)
      return false
    case 'closed':
      return false
  }
}

/** Looks at members after a window's end, then goes on with defaults. */
export function beginBlock(ctx: WriteContext): void {
  noteProposer(ctx)
  const { count, hasChanged } = watchMembers(ctx, MEMBERS_PER_BLOCK)
  const isDue = !isWatching(ctx.state) && nextCase(ctx.state) !== undefined
  let acts = 0
  if (isDue) while (acts < ACTS_PER_BLOCK && act(ctx)) acts++
  spendSteps(ctx, count * MEMBER_STEPS + acts * ACT_STEPS)
  if (hasChanged || isDue) storeCoverage(ctx)
}

export function onWindowEnd(ctx: WriteContext, ended: number): void {
  shareFees(ctx, ended)
  judgeAttendance(ctx, ended)
  burnOrphansOfWindow(ctx)
}

/** Members to look at, and defaults that go on, need blocks. */
export function hasWork(state: StateReader): boolean {
  return isWatching(state) || nextCase(state) !== undefined
}
