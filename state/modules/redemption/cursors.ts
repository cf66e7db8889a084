// Cursors of the bounded work at the ends of blocks: how far each walk has got.
import type { Walk } from '../../blockWork.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import type { Cursors } from './schema.ts'
import { redemptionTables } from './tables.ts'

const FRESH: Cursors = {
  window: 0,
  passWindow: 0,
  recount: 0,
  standing: 0,
  pass: 0,
  wakeFrom: 0,
  grownSet: 0,
  grownFilter: 0,
  grownBucket: 0,
  grownGroup: 0,
  obligedSequence: 0,
  obligeFrom: 0,
  markHead: 0,
  markTail: 0,
  settleHead: 0,
  settleTail: 0,
  expiredWindow: 0,
  sweptWindow: 0,
  judged: 0,
  sweepAfterMs: 0,
  grantedWindow: 0,
  grantAt: 0,
  grantAssignment: 0,
  penalisedWindow: 0,
  penalisedFailure: 0,
  penalisedVictim: 0,
  excusedWindow: 0,
  fullMs: 0,
  overbookedFor: 0,
  overbookedWindow: 0,
  overbookedRecount: 0,
  overbookedBelow: 0,
  overbookedNumber: 0,
  recalls: [],
  recallWindow: 0,
  recallEntry: 0,
  countedIndex: 0,
  countedGroup: 0,
  countedHours: 0n,
  unbookFor: 0,
  unbookBelow: 0,
  unbookNumber: 0,
  closedHead: 0,
  closedTail: 0,
}

export function getCursors(state: StateReader): Cursors {
  return redemptionTables.cursors.get(state, {}) ?? FRESH
}

export function updateCursors(state: StateWriter, change: Partial<Cursors>): void {
  redemptionTables.cursors.set(state, {}, { ...getCursors(state), ...change })
}

/** What a walk may still do in this block: at most M looks and acts, and no more than its part of the block's measured steps. */
export interface Budget {
  left: number
  readonly walk: Walk
}

/**
 * Steps of what the walks do: the rules, the invariants and the tree of what they write. Assigning and closing are measured
 * on the blocks of `bench:economy`, settling by `bench:gas`; the others are estimated from these by the records that they write.
 */
export const ACT_STEPS = {
  /** Looking at a record: a lot group, a filter, a place. */
  look: 100,
  /** Opening an assignment. */
  assign: 1_000,
  /** Closing one: its coins return or are settled, a fee or a fault follows. */
  close: 1_500,
  settle: 1_000,
  /** A victim's part of a penalty. */
  pay: 1_000,
  /** Giving a request its place. */
  place: 600,
  /** Refunding a request. */
  expire: 1_500,
  /** Removing an ended request, or an account's last one. */
  remove: 600,
  /** Waking a bucket, or putting it to sleep. */
  wake: 300,
  /** Judging a legal group's window, or forgetting a member's. */
  judge: 300,
  /** Ranking one member anew. */
  rank: 30,
} as const

/** Takes one of M, and its measured steps; false, without any, when none is left. */
export function takeStep(budget: Budget, act: keyof typeof ACT_STEPS = 'look'): boolean {
  if (budget.left <= 0 || !budget.walk.take(ACT_STEPS[act])) return false
  budget.left--
  return true
}

/** Takes the measured steps of what is none of M: a part of a look that may have many. */
export function takePart(budget: Budget, act: keyof typeof ACT_STEPS): boolean {
  return budget.walk.take(ACT_STEPS[act])
}

/** Counts what a step has led to. */
export function spendSteps(budget: Budget, act: keyof typeof ACT_STEPS, count = 1): void {
  budget.walk.spend(ACT_STEPS[act] * count)
}
