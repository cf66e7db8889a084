// What the parts of a recount cost in steps, a step being one window of one lot group; measured, so that a block with
// `recountStepsMax` of them stays short whatever the groups are like. Pure.

/** Reading a group and its ratings. */
const GROUP_STEPS = 60
/** Writing a group that has changed: its record, its part of the tree, the invariants over it. */
const WRITE_STEPS = 160
/** Entering its new ratings among those on offer: up to 12 records. */
const RERATED_STEPS = 480
/** Removing a lot whose notice has run out. */
const LOT_STEPS = 200
/** Writing a provider's sums, and taking them into coverage. */
export const MEMBER_STEPS = 480

/** Steps of one group, which is measured once, or three times when it has lost something by a cut or by notice. */
export function groupSteps(group: {
  readonly horizon: number
  readonly measures: number
  readonly isWritten: boolean
  readonly isRerated?: boolean
  readonly endedLots: number
}): number {
  const { horizon, measures, isWritten, isRerated = false, endedLots } = group
  const written = (isWritten ? WRITE_STEPS : 0) + (isRerated ? RERATED_STEPS : 0)
  return GROUP_STEPS + measures * horizon + written + endedLots * LOT_STEPS
}

/**
 * Steps of a recount in which each lot is a group of its own that has changed. Cuts and notices for all of them at once
 * take up to three times as many; then the window after ends later, since no window ends before its recount.
 */
export function recountStepsOf(size: {
  readonly providers: number
  readonly lotsPerProvider: number
  readonly horizon: number
}): number {
  const { providers, lotsPerProvider, horizon } = size
  const lot = groupSteps({ horizon, measures: 1, isWritten: true, endedLots: 0 })
  return providers * (MEMBER_STEPS + lotsPerProvider * lot)
}
