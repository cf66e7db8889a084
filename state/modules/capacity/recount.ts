// The recount of all capacity at a window's end: perish, drift, haircut, then C, C* and R of each provider (ECONOMY §3).
// It runs in one block while that is short, else over several with a cursor; until it is complete the one before counts.
import { assert } from '../../../base/assert.ts'
import { maxBigint } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { isCounted } from './counted.ts'
import { anchorNow, memberIds, noteMoreHours } from './external.ts'
import {
  getGroup,
  groupIdsOf,
  isSameRatings,
  markCounted,
  putRefreshed,
  refreshGroup,
  removeGroup,
} from './groups.ts'
import { removeLot } from './lots.ts'
import { addSums, type Measures, measuresAt, NO_SUMS, sumsOfGroup } from './measures.ts'
import { enqueueOverbooked, overbookedWindow } from './overbooked.ts'
import { groupSteps, MEMBER_STEPS } from './recountSteps.ts'
import { addDevices } from './runs.ts'
import type { CapacitySums, LotGroup, Run } from './schema.ts'
import { getCount, putSums, sumsIn } from './sums.ts'
import { capacityTables } from './tables.ts'
import { currentWindow } from './windows.ts'

/** Begins the recount of the window that has begun. */
export function beginRecount(ctx: WriteContext): void {
  const { state, block } = ctx
  const count = getCount(state)
  assert(count.next === undefined, 'one recount at a time')
  const anchor = anchorNow(state)
  const next = {
    pass: count.pass + 1,
    windowIndex: currentWindow(state),
    anchor,
    sinceHeight: block.height,
    anchorMoved: anchor !== count.anchor,
    parametersChanged: count.parametersDirty,
    member: 0,
    group: 0,
  }
  capacityTables.count.set(state, {}, { ...count, next, parametersDirty: false })
}

/** One block's part of a recount. */
interface Walk {
  readonly pass: number
  readonly measures: Measures
  /** A group has other devices than before: before the recount is complete, matching must look again. */
  hasChanged: boolean
}

/** Goes on with the recount under way, in steps as `recountSteps.ts` counts them. Returns whether it is complete, and its steps. */
export function continueRecount(
  ctx: WriteContext,
  stepsMax: number,
): { readonly isComplete: boolean; readonly steps: number } {
  const { state } = ctx
  const { next } = getCount(state)
  assert(next !== undefined, 'a recount is under way')
  const measures = measuresAt(state, next)
  const members = memberIds(state)
  let { member, group } = next
  const walk: Walk = { pass: next.pass, measures, hasChanged: false }
  // At least one group a block, so that the recount ends whatever the bound.
  let steps = 0
  while (steps < stepsMax && member < members.length) {
    const provider = members[member]!
    const left = groupIdsOf(state, provider).filter((id) => id > group)
    let sums = NO_SUMS
    let counted = 0
    for (; counted < left.length && steps < stepsMax; counted++) {
      const group = countGroup(ctx, left[counted]!, walk)
      sums = addSums(sums, group.sums)
      steps += group.steps
    }
    const at = { provider, pass: next.pass }
    if (counted > 0) putSums(state, at, addSums(sumsIn(state, at), sums))
    if (counted < left.length) group = left[counted - 1]!
    else {
      member++
      group = 0
      steps += MEMBER_STEPS
    }
  }
  const { next: _, ...rest } = getCount(state)
  if (member < members.length) {
    if (walk.hasChanged) noteMoreHours(state)
    capacityTables.count.set(state, {}, { ...rest, next: { ...next, member, group } })
    return { isComplete: false, steps }
  }
  const { member: _member, group: _group, ...measured } = next
  capacityTables.count.set(state, {}, { ...rest, ...measured, revision: rest.revision + 1 })
  return { isComplete: true, steps }
}

/** Counts everything at once; genesis calls it after its pledges, when nothing is booked yet. */
export function countAll(ctx: WriteContext): void {
  beginRecount(ctx)
  assert(continueRecount(ctx, Number.MAX_SAFE_INTEGER).isComplete, 'an unbounded recount is complete')
}

/**
 * Counts a group ahead of its turn in a recount under way: what is about to change of it is for the next one (ECONOMY §2).
 * Costs what one group of the walk does, and marks the group, so that the walk leaves it out.
 */
export function countAhead(ctx: WriteContext, id: number): void {
  const { state } = ctx
  const { next } = getCount(state)
  const group = getGroup(state, id)
  if (next === undefined || group === undefined) return
  if (isCounted(state, next, { key: capacityTables.group.key({ id }), group })) return
  const at = { provider: group.provider, pass: next.pass }
  const walk: Walk = { pass: next.pass, measures: measuresAt(state, next), hasChanged: false }
  // Coverage takes a provider in once the walk has all of its groups.
  putSums(state, at, addSums(sumsIn(state, at), countGroup(ctx, id, walk).sums))
  markCounted(state, id, next.pass)
  if (walk.hasChanged) noteMoreHours(state)
}

function countGroup(
  ctx: WriteContext,
  id: number,
  walk: Walk,
): { readonly sums: CapacitySums; readonly steps: number } {
  const { state } = ctx
  const { pass, measures } = walk
  const { windowIndex, horizon } = measures
  const before = capacityTables.group.mustGet(state, { id })
  if (before.countedIn === pass)
    return { sums: NO_SUMS, steps: groupSteps({ horizon, measures: 0, isWritten: false, endedLots: 0 }) }
  walk.hasChanged ||= before.changed
  const { provider } = before
  const ended = before.ending.filter((lot) => {
    const { lastWindow } = capacityTables.lot.mustGet(state, { id: lot })
    assert(lastWindow !== undefined, 'an ending lot has a last window')
    return lastWindow < windowIndex
  })
  for (const lot of ended) removeLot(ctx, lot)
  if (ended.length > 0) endNotice(state, provider, windowIndex)
  const group = {
    ...refreshGroup(state, before, windowIndex),
    lotCount: before.lotCount - ended.length,
    ending: ended.length === 0 ? before.ending : before.ending.filter((lot) => !ended.includes(lot)),
  }
  const isRerated = !isSameRatings(before.inForce, group.inForce)
  const steps = { horizon, measures: 0, isWritten: true, isRerated, endedLots: ended.length }
  if (group.lotCount === 0 && group.booked.length === 0) {
    removeGroup(state, id, provider)
    return { sums: NO_SUMS, steps: groupSteps(steps) }
  }
  // Hours of the window that begins are being delivered: nothing of them can return, so they must not hold up the queue.
  const overbooked = overbookedWindow(state, group, windowIndex + 1) !== undefined
  if (overbooked && !before.overbooked) enqueueOverbooked(state, id)
  const isWritten = putRefreshed(state, id, before, { ...group, overbooked })
  const sums = sumsOfGroup(state, group, measures)
  const losses = lossesOf(state, { before, group }, measures)
  return losses === undefined
    ? { sums, steps: groupSteps({ ...steps, measures: 1, isWritten }) }
    : { sums: addSums(sums, losses), steps: groupSteps({ ...steps, measures: 3, isWritten }) }
}

/** Forgets a provider's notice once its last lot under notice has ended. */
function endNotice(state: StateWriter, provider: number, windowIndex: number): void {
  const notice = capacityTables.notice.get(state, { provider })
  if (notice !== undefined && notice.lastWindow < windowIndex)
    capacityTables.notice.delete(state, { provider })
}

/**
 * The runs of a group as if none of its lots ended, neither by notice nor with an attestation: of those whose end the runs
 * already know. A renewal in the window before hides what it has added from the earlier runs, as a new lot does.
 */
function withoutNotice(
  state: StateReader,
  group: LotGroup,
  known: { readonly lastBefore: number; readonly countedBefore: number },
): readonly Run[] {
  let { runs } = group
  for (const id of group.ending) {
    const lot = capacityTables.lot.get(state, { id })
    if (lot?.lastWindow === undefined || lot.lastWindow >= known.lastBefore) continue
    if (lot.countsFrom >= known.countedBefore) continue
    runs = addDevices(runs, {
      from: lot.lastWindow + 1,
      devicesPpm: BigInt(lot.devices) * lot.auditPpm,
    })
  }
  return runs
}

const EVERYTHING = { lastBefore: Number.MAX_SAFE_INTEGER, countedBefore: Number.MAX_SAFE_INTEGER }

/**
 * What of C this recount takes from a group by a haircut, and what is missing because of notices; undefined when nothing
 * can have. A cut of ratings is nobody's doing and cured like drift (ECONOMY §2): all is counted at the ratings in force now.
 */
function lossesOf(
  state: StateReader,
  change: { readonly before: LotGroup; readonly group: LotGroup },
  measures: Measures,
): CapacitySums | undefined {
  const { before, group } = change
  if (!before.changed && group.ending.length === 0) return undefined
  const coins = (version: LotGroup): bigint => sumsOfGroup(state, version, measures).capacityBase
  const actual = coins(group)
  const whole = coins({
    ...group,
    runs: withoutNotice(state, group, EVERYTHING),
  })
  // Notice given in the window that has ended is not in the runs before, nor are lots attested in it.
  const lastBefore = measures.windowIndex - 1 + measures.horizon
  const earlier = coins({
    ...group,
    runs: withoutNotice(state, before, { lastBefore, countedBefore: measures.windowIndex }),
  })
  return {
    ...NO_SUMS,
    cutBase: maxBigint(0n, earlier - whole),
    withdrawnBase: maxBigint(0n, whole - actual),
  }
}
