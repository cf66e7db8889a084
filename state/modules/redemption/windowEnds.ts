// The end of a window for redemption: what is neither settled nor vouchered goes to the tail, deliveries are judged, and
// requests expire. Owns: these walks, and when they wait because the service lane was full (ECONOMY §6).
import { mulDivFloor } from '../../../base/units.ts'
import type { BlockContext, WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { closeAssignment } from './assignments.ts'
import { firstHeld } from './books.ts'
import { putQueued } from './coins.ts'
import { type Budget, getCursors, spendSteps, takePart, takeStep, updateCursors } from './cursors.ts'
import {
  deliveredBy,
  dropDelivery,
  horizonOf,
  isLastQuarter,
  isServed,
  legalGroupOf,
  noteDelivery,
  quarterWindowMs,
  runningWindow,
  shareOf,
  windowStartMs,
} from './external.ts'
import { nextMember } from './orderedSet.ts'
import { markPlaces } from './places.ts'
import { deadlineSet } from './queue.ts'
import { getTotals } from './redemptions.ts'
import { SETTLE_GAS } from './schema.ts'
import { redemptionTables } from './tables.ts'

/** With less gas than this left no voucher fits into a lane, its envelope and bytes included. */
const LANE_ROOM_MIN = SETTLE_GAS + 40_000
/** Longest time that one full block stands for, as for the base fee; also at most this part of the quarter. */
const FULL_MS_MAX = 2_000
const FULL_PART = 8

/**
 * For how long a full block kept others out: since its parent, but after a pause nobody had been kept out. No pause of a
 * chain that runs is as long as half a window; after one the whole of what waited comes at once.
 */
function fullMsOf({ timestampMs, parentTimestampMs }: BlockContext, quarterMs: number): number {
  const pauseMs = timestampMs - parentTimestampMs
  return pauseMs >= 2 * quarterMs ? pauseMs : Math.min(pauseMs, FULL_MS_MAX, Math.ceil(quarterMs / FULL_PART))
}

/**
 * Adds up for how much of a window's last quarter the service lane was full. When it was for at least half of it, a grant
 * that is missing afterwards is no fault, and vouchers of the window that ends are taken a quarter window longer. Time
 * counts, not blocks: an idle chain has one or two in a quarter, and filling these would excuse any fault for next to nothing.
 */
export function noteTurn(ctx: WriteContext): void {
  const { state, block } = ctx
  const window = runningWindow(state)
  const cursors = getCursors(state)
  const isTurn = cursors.window !== window
  // The block that ends a window still belongs to it.
  if (!isTurn && !isLastQuarter(state, block.timestampMs)) return
  const isFull = ctx.laneRoom !== undefined && ctx.laneRoom('service') < LANE_ROOM_MIN
  const quarterMs = quarterWindowMs(state)
  const fullMs = cursors.fullMs + (isFull ? fullMsOf(block, quarterMs) : 0)
  if (!isTurn) {
    if (isFull) updateCursors(state, { fullMs })
    return
  }
  const isExcused = fullMs * 2 >= quarterMs
  updateCursors(state, {
    window,
    fullMs: 0,
    excusedWindow: isExcused ? window : cursors.excusedWindow,
    sweepAfterMs: isExcused ? windowStartMs(state) + quarterWindowMs(state) : 0,
  })
}

/** Whether vouchers of a window are still taken: it runs, or its end waits because the service lane was full. */
export function takesVouchers(state: StateReader, window: number, nowMs: number): boolean {
  const current = runningWindow(state)
  if (window === current) return true
  const cursors = getCursors(state)
  const waits = cursors.window === current && nowMs < cursors.sweepAfterMs
  return window === current - 1 && window >= cursors.sweptWindow && waits
}

/** Whether ended windows are still to be swept, other than one whose end waits. */
export function sweepPending(state: StateReader, nowMs: number): boolean {
  const { sweptWindow } = getCursors(state)
  return sweptWindow < runningWindow(state) && !takesVouchers(state, sweptWindow, nowMs)
}

/** When the end of a window that waits falls due; undefined when none waits. */
export function sweepDueAtMs(state: StateReader): number | undefined {
  const { sweptWindow, sweepAfterMs } = getCursors(state)
  return sweptWindow < runningWindow(state) && sweepAfterMs > 0 ? sweepAfterMs : undefined
}

/** Sends what ended windows left undelivered to the tail, in the order of places; one step per assignment. */
export function sweepEnded(ctx: WriteContext, budget: Budget): void {
  const { state, block } = ctx
  const { nextSequence } = getTotals(state)
  while (sweepPending(state, block.timestampMs)) {
    const { sweptWindow: window, grantedWindow } = getCursors(state)
    // Missing grants of the window itself come first.
    if (window >= grantedWindow) break
    if (!takeStep(budget)) break
    const at = firstHeld(state, window, 0)
    if (at === undefined) {
      if (!judgeWindow(state, window, budget)) break
      updateCursors(state, { sweptWindow: window + 1, judged: 0 })
      continue
    }
    spendSteps(budget, 'close')
    closeAssignment(ctx, at, 'windowEnded', { to: 'tail', charged: true })
  }
  if (getTotals(state).nextSequence !== nextSequence) markPlaces(state, block.timestampMs)
}

/**
 * Unsigned coins that tell something about a provider are at least one part in so many of what it can deliver in a window:
 * a client who leaves the least possible request unsigned would else freeze a lock for next to nothing.
 */
const TELLING_PART = 100n

/** Coins that may lack vouchers in a window without telling anything, by the capacity that a window has on average; rounded down, for clients. */
function toleratedOf(state: StateReader, provider: number): bigint {
  const { capacityBase } = shareOf(state, provider)
  return mulDivFloor(capacityBase, 1n, BigInt(horizonOf(state)) * TELLING_PART)
}

/** Counts coins that a provider granted access for. */
export function noteGranted(
  state: StateWriter,
  at: { readonly provider: number; readonly window: number },
  amountBase: bigint,
): void {
  const { window } = at
  const { providers } = redemptionTables.deliverers.get(state, { window }) ?? { providers: [] }
  const isFirst = !providers.includes(at.provider)
  if (isFirst) redemptionTables.deliverers.set(state, { window }, { providers: [...providers, at.provider] })
  // Fixed with the first grant: whether a window was good must not depend on when it is asked.
  const toleratedBase = isFirst ? toleratedOf(state, at.provider) : 0n
  noteDelivery(state, at, { grantedBase: amountBase, toleratedBase })
}

const deliverersOf = (state: StateReader, window: number): readonly number[] =>
  redemptionTables.deliverers.get(state, { window })?.providers ?? []

/**
 * Notes for each legal group that granted in a window whether too little was vouchered, then forgets the deliveries of an
 * earlier one, member by member; false when the block's steps ran out.
 */
function judgeWindow(state: StateWriter, window: number, budget: Budget): boolean {
  if (redemptionTables.trouble.has(state, { window })) redemptionTables.trouble.delete(state, { window })
  const providers = deliverersOf(state, window)
  spendSteps(budget, 'rank', providers.length)
  const groups = providers.map((provider) => legalGroupOf(state, provider))
  // Locks are released by the counts of a window, for its last members not before the next window's recount is complete.
  // The window after that ends later still.
  const before = window - 2
  const forgotten = before < 0 ? [] : deliverersOf(state, before)
  for (let { judged } = getCursors(state); judged < providers.length + forgotten.length; judged++) {
    if (!takePart(budget, 'judge')) {
      updateCursors(state, { judged })
      return false
    }
    const group = groups[judged]
    if (group === undefined)
      dropDelivery(state, { provider: forgotten[judged - providers.length]!, window: before })
    else if (groups.indexOf(group) === judged)
      judgeGroup(state, { group, window, providers: providers.filter((_, i) => groups[i] === group) })
  }
  if (forgotten.length > 0) redemptionTables.deliverers.delete(state, { window: before })
  return true
}

function judgeGroup(
  state: StateWriter,
  at: { readonly group: number; readonly window: number; readonly providers: readonly number[] },
): void {
  const { group, window } = at
  const sum = { grantedBase: 0n, voucheredBase: 0n, faultBase: 0n, toleratedBase: 0n }
  for (const provider of at.providers) {
    const delivered = deliveredBy(state, { provider, window })
    sum.grantedBase += delivered.grantedBase
    sum.voucheredBase += delivered.voucheredBase
    sum.toleratedBase += delivered.toleratedBase
  }
  // All that it had granted was given up before the window began.
  if (sum.grantedBase === 0n) return
  const known = redemptionTables.record.get(state, { group })?.poor ?? []
  const poor = [!isServed(sum), ...known].slice(0, horizonOf(state))
  redemptionTables.record.set(state, { group }, { poor })
}

/** Refunds requests whose last window has begun. */
export function expireRequests(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  for (;;) {
    const { expiredWindow } = getCursors(state)
    if (expiredWindow > runningWindow(state)) return
    const id = nextMember(state, deadlineSet(expiredWindow), 0)
    if (id === undefined) {
      updateCursors(state, { expiredWindow: expiredWindow + 1 })
      continue
    }
    if (!takeStep(budget, 'expire')) return
    putQueued(ctx, id, redemptionTables.redemption.mustGet(state, { id }))
  }
}
