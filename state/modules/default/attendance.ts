// Long absence (ECONOMY §9): validators that made no block in a whole window, although each had its turns. Owns: who has made
// blocks, and which absences are free. Not: what one costs (slashing.ts). Votes are not in blocks, so the chain cannot see them:
// two turns in a row of every validator must have passed, one after the other, before anybody is called absent.
import { ZERO_ADDRESS } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import { horizonOf, memberOf, reportAbsence, runningWindow, validatorsNow, votersOf } from './external.ts'
import { defaultParams, defaultTables, events } from './tables.ts'

/** Turns that every validator has had before somebody can be absent. */
const TURNS_MIN = 2

/** Notes who made this block. After a round in which nobody did, or in another epoch, counting begins anew: nobody's fault. */
export function noteProposer(ctx: WriteContext): void {
  const { state, block } = ctx
  const { epoch, view, parentView } = block
  if (parentView === undefined) return
  const known = defaultTables.attendance.get(state, {})
  const proposer = memberOf(state, block.proposer) ?? 0
  const hasBroken = known?.epoch !== epoch || view - parentView > validatorsNow(state).length
  if (known === undefined || hasBroken) {
    const sinceWindow = runningWindow(state) + 1
    defaultTables.attendance.set(state, {}, { epoch, sinceView: view, sinceWindow, seen: [proposer] })
  } else if (!known.seen.includes(proposer)) {
    defaultTables.attendance.set(
      state,
      {},
      { ...known, seen: [...known.seen, proposer].sort((a, b) => a - b) },
    )
  }
}

/** At a window's end finds who was absent, once every validator has had its turns in whole windows; then counts anew. */
export function judgeAttendance(ctx: WriteContext, ended: number): void {
  const { state, block } = ctx
  const known = defaultTables.attendance.get(state, {})
  if (known === undefined || known.epoch !== block.epoch) return
  const { length } = validatorsNow(state)
  if (known.sinceWindow > ended || block.view - known.sinceView < TURNS_MIN * length) return
  for (const provider of votersOf(state).ids)
    if (!known.seen.includes(provider)) noteAbsence(ctx, provider, ended)
  defaultTables.attendance.set(
    state,
    {},
    { epoch: block.epoch, sinceView: block.view, sinceWindow: ended + 1, seen: [] },
  )
}

/** Counts an absence; beyond the free ones of any K windows it is a fault. */
function noteAbsence(ctx: WriteContext, provider: number, window: number): void {
  const { state } = ctx
  const { absencesFree } = defaultParams.get(state)
  const from = window - horizonOf(state)
  const before = (defaultTables.absence.get(state, { provider })?.windows ?? []).filter((w) => w > from)
  const free = before.length < absencesFree
  // A full queue of faults lets one absence go, rather than the block wait.
  if (!free) reportAbsence(ctx, provider, ZERO_ADDRESS)
  defaultTables.absence.set(
    state,
    { provider },
    { windows: [...before, window].slice(-Math.max(1, absencesFree)) },
  )
  events.ValidatorAbsent(ctx, { provider, windowIndex: window, free })
}
