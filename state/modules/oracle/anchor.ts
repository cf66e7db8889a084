// The anchor in force and the next one (ECONOMY §5). Owns: its bounds. Not: what reports ask for (decide.ts).
import { assert } from '../../../base/assert.ts'
import { maxBigint, minBigint } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { runningWindow } from './clock.ts'
import { ANCHOR_MAX, anchorBound } from './drift.ts'
import { events, oracleParams, oracleTables } from './tables.ts'

/** Writes the first anchor; genesis only. */
export function openOracle(state: StateWriter, anchor: bigint): void {
  assert(anchor > 0n && anchor <= ANCHOR_MAX, 'the anchor is positive and at most 10^15')
  assert(!oracleTables.anchor.has(state, {}), 'the oracle opens once')
  oracleTables.anchor.set(
    state,
    {},
    {
      anchor,
      nextAnchor: anchor,
      sinceWindow: 0,
      previousAnchor: anchor,
    },
  )
}

/** The rating that one SCU delivers, ppm of the reference device. */
export function getAnchor(state: StateReader): bigint {
  return oracleTables.anchor.mustGet(state, {}).anchor
}

/** What becomes of an anchor when another is proposed: min(max(proposed, A), floor(A·(P + bound)/P)), ECONOMY §5. */
export function clampAnchor(anchor: bigint, proposed: bigint, boundPpm: bigint): bigint {
  return minBigint(maxBigint(proposed, anchor), anchorBound(anchor, boundPpm))
}

/** Whether holders hold the anchor in the running window (ECONOMY §10). */
export function isAnchorHeld(state: StateReader): boolean {
  const hold = oracleTables.hold.get(state, {})
  return hold !== undefined && runningWindow(state) <= hold.untilWindow
}

/** Holds the anchor where it is, through a window; it moves again at the end of the next. */
export function holdAnchor(ctx: WriteContext, untilWindow: number): void {
  const record = oracleTables.anchor.mustGet(ctx.state, {})
  oracleTables.hold.set(ctx.state, {}, { untilWindow })
  oracleTables.anchor.set(ctx.state, {}, { ...record, nextAnchor: record.anchor })
  events.AnchorHeld(ctx, { anchor: record.anchor, untilWindow })
}

/**
 * Sets the anchor that takes effect at the end of the running window, clamped to A ≤ A' ≤ bound: it never falls and
 * rises by at most the drift, or by less where the chambers disagree (ECONOMY §5). Returns the clamped value.
 */
export function setAnchor(ctx: WriteContext, proposed: bigint, boundPpm?: bigint): bigint {
  const record = oracleTables.anchor.mustGet(ctx.state, {})
  const { driftPpm } = oracleParams.get(ctx.state)
  const nextAnchor = isAnchorHeld(ctx.state)
    ? record.anchor
    : clampAnchor(record.anchor, proposed, minBigint(boundPpm ?? driftPpm, driftPpm))
  oracleTables.anchor.set(ctx.state, {}, { ...record, nextAnchor })
  return nextAnchor
}

/** The next anchor keeps the bound in force, and the last step is no longer measured by a bound that has changed. */
export function onParametersChanged(ctx: WriteContext): void {
  const record = oracleTables.anchor.mustGet(ctx.state, {})
  const bound = anchorBound(record.anchor, oracleParams.get(ctx.state).driftPpm)
  const nextAnchor = record.nextAnchor < bound ? record.nextAnchor : bound
  oracleTables.anchor.set(ctx.state, {}, { ...record, nextAnchor, previousAnchor: record.anchor })
}

/** Puts the next anchor into force; capacity calls it once for each window that begins. */
export function applyAnchor(ctx: WriteContext, windowIndex: number): void {
  const record = oracleTables.anchor.mustGet(ctx.state, {})
  if (record.nextAnchor === record.anchor) return
  assert(windowIndex > record.sinceWindow, 'the anchor moves at most once a window')
  oracleTables.anchor.set(
    ctx.state,
    {},
    {
      anchor: record.nextAnchor,
      nextAnchor: record.nextAnchor,
      sinceWindow: windowIndex,
      previousAnchor: record.anchor,
    },
  )
  events.AnchorMoved(ctx, { windowIndex, anchor: record.nextAnchor, previousAnchor: record.anchor })
}
