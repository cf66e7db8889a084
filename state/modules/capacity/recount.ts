// The recount of all capacity at a window's end: perish, drift, haircut, then C, C* and R of each provider (ECONOMY §3).
// It runs in one block while that is short, else over several with a cursor; until it is complete the one before counts.
import { assert } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import type { StateWriter } from '../../view.ts'
import { anchorNow, memberIds } from './external.ts'
import { groupIdsOf, putRefreshed, refreshGroup, removeGroup } from './groups.ts'
import { removeLot } from './lots.ts'
import { addSums, type Measures, measuresAt, sumsOfGroup } from './measures.ts'
import { getCount, setSums, sumsIn } from './sums.ts'
import { capacityTables } from './tables.ts'
import { currentWindow } from './windows.ts'

/** Writes an empty count for the running window; genesis only. */
export function openCount(state: StateWriter): void {
  assert(!capacityTables.count.has(state, {}), 'the count opens once')
  const anchor = anchorNow(state)
  capacityTables.count.set(
    state,
    {},
    { pass: 1, windowIndex: currentWindow(state), anchor, sinceHeight: 0, revision: 0 },
  )
}

/** Begins the recount of the window that has begun. */
export function beginRecount(ctx: WriteContext): void {
  const { state, block } = ctx
  const count = getCount(state)
  assert(count.next === undefined, 'one recount at a time')
  const next = {
    pass: count.pass + 1,
    windowIndex: currentWindow(state),
    anchor: anchorNow(state),
    sinceHeight: block.height,
    member: 0,
    group: 0,
  }
  capacityTables.count.set(state, {}, { ...count, next })
}

/** Goes on with the recount under way, a group being K steps and a provider one. Returns whether it is complete. */
export function continueRecount(ctx: WriteContext, stepsMax: number): boolean {
  const { state } = ctx
  const count = getCount(state)
  const { next } = count
  assert(next !== undefined, 'a recount is under way')
  const measures = measuresAt(state, next)
  const members = memberIds(state)
  let { member, group } = next
  // At least one group a block, so that the recount ends whatever the bound.
  for (let steps = 0; steps < stepsMax && member < members.length; ) {
    const provider = members[member]!
    const id = groupIdsOf(state, provider).find((candidate) => candidate > group)
    if (id === undefined) {
      member++
      group = 0
      steps++
      continue
    }
    countGroup(ctx, id, { pass: next.pass, measures })
    group = id
    steps += measures.horizon
  }
  const { revision } = getCount(state)
  if (member < members.length) {
    capacityTables.count.set(state, {}, { ...count, revision, next: { ...next, member, group } })
    return false
  }
  const { pass, windowIndex, anchor, sinceHeight } = next
  capacityTables.count.set(state, {}, { pass, windowIndex, anchor, sinceHeight, revision: revision + 1 })
  return true
}

/** Counts everything at once; genesis calls it after its pledges, when nothing is booked yet. */
export function countAll(ctx: WriteContext): void {
  beginRecount(ctx)
  assert(continueRecount(ctx, Number.MAX_SAFE_INTEGER), 'an unbounded recount is complete')
}

function countGroup(
  ctx: WriteContext,
  id: number,
  recount: { readonly pass: number; readonly measures: Measures },
): void {
  const { state } = ctx
  const { pass, measures } = recount
  const { windowIndex } = measures
  const before = capacityTables.group.mustGet(state, { id })
  const { provider } = before
  const ended = before.ending.filter((lot) => {
    const { lastWindow } = capacityTables.lot.mustGet(state, { id: lot })
    assert(lastWindow !== undefined, 'an ending lot has a last window')
    return lastWindow < windowIndex
  })
  for (const lot of ended) removeLot(ctx, lot)
  const notice = capacityTables.notice.get(state, { provider })
  if (notice !== undefined && notice.lastWindow < windowIndex)
    capacityTables.notice.delete(state, { provider })
  const group = {
    ...refreshGroup(state, before, { windowIndex, pass }),
    lotCount: before.lotCount - ended.length,
    ending: before.ending.filter((lot) => !ended.includes(lot)),
  }
  if (group.lotCount === 0 && group.booked.length === 0) {
    removeGroup(state, id, provider)
    return
  }
  putRefreshed(state, id, before, group)
  const at = { provider, pass }
  setSums(state, at, addSums(sumsIn(state, at), sumsOfGroup(state, group, measures)))
}
