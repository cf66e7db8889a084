// Invariants of the oracle (ECONOMY §12): 7 the anchor.
import type { ReadContext } from '../../context.ts'
import type { Invariant } from '../../rules.ts'
import { anchorBound } from './drift.ts'
import { oracleParams, oracleTables } from './tables.ts'

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
  *recount(ctx) {
    yield undefined
    return checkAnchor(ctx)
  },
}

export const oracleInvariants: readonly Invariant[] = [anchorInvariant]
