// Rules of the oracle. Without a quorum of reporters the anchor holds (ECONOMY §5); the prices are those of genesis.
import { assert } from '../../../base/assert.ts'
import type { ReadContext, WriteContext } from '../../context.ts'
import { eventsOf, type Invariant, implement } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { anchorBound } from './drift.ts'
import { oracleSchema } from './schema.ts'

export const oracleTables = tablesOf(oracleSchema)
export const oracleParams = paramsOf(oracleSchema)
const events = eventsOf(oracleSchema)

/** Writes the first anchor; genesis only. */
export function openOracle(state: StateWriter, anchor: bigint): void {
  assert(anchor > 0n, 'the anchor is positive')
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

/** Price of one coin's SCU-hour in base units of the asset; undefined when none was ever set. */
export function getPrice(state: StateReader, asset: number): bigint | undefined {
  return oracleTables.price.get(state, { asset })?.priceBase
}

/** Sets the price of one coin's SCU-hour in base units of the asset. */
export function setPrice(state: StateWriter, price: { asset: number; priceBase: bigint }): void {
  assert(price.priceBase > 0n, 'a price is positive')
  oracleTables.price.set(state, { asset: price.asset }, { priceBase: price.priceBase })
}

/**
 * Sets the anchor that follows at the end of the running window, clamped to A ≤ A' ≤ bound: it never falls and
 * rises by at most the drift (ECONOMY §5). Returns the value that was kept.
 */
export function setAnchor(ctx: WriteContext, proposed: bigint): bigint {
  const record = oracleTables.anchor.mustGet(ctx.state, {})
  const bound = anchorBound(record.anchor, oracleParams.get(ctx.state).driftPpm)
  const raised = proposed > record.anchor ? proposed : record.anchor
  const nextAnchor = raised < bound ? raised : bound
  oracleTables.anchor.set(ctx.state, {}, { ...record, nextAnchor })
  return nextAnchor
}

/** Puts the following anchor in force; capacity calls it once for each window that begins. */
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

function checkAnchor(ctx: ReadContext): string | undefined {
  const record = oracleTables.anchor.mustGet(ctx.state, {})
  const { driftPpm } = oracleParams.get(ctx.state)
  const steps = [
    [record.previousAnchor, record.anchor],
    [record.anchor, record.nextAnchor],
  ] as const
  for (const [before, after] of steps) {
    if (after < before) return `the anchor falls from ${before} to ${after}`
    const bound = anchorBound(before, driftPpm)
    if (after > bound) return `the anchor rises from ${before} to ${after}, the bound is ${bound}`
  }
  return undefined
}

const anchorInvariant: Invariant = {
  id: '7 anchor',
  severity: 'stopMinting',
  doc: 'The anchor never falls and rises by at most the drift per window.',
  check: checkAnchor,
  recount: (_full, ctx) => checkAnchor(ctx),
}

export const oracleModule = implement(oracleSchema, {
  actions: {},
  queries: {
    anchor: (ctx) => {
      const { anchor, nextAnchor, sinceWindow } = oracleTables.anchor.mustGet(ctx.state, {})
      return { anchor, nextAnchor, sinceWindow, driftPpm: oracleParams.get(ctx.state).driftPpm }
    },
    price: (ctx, args) => getPrice(ctx.state, args.asset),
  },
  invariants: [anchorInvariant],
})
