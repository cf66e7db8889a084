// Who must cure, why and until when (ECONOMY §3): only a provider with a shortfall of its own, or a bond that is short.
// Who merely owes more than it could mint now is amortizing (§9). Suspension alone is never a cause, nor is what another's
// default does to joint coverage. Not: default (§9).
import { mustExist } from '../../../base/assert.ts'
import { minBigint } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import { backerOf } from './cover.ts'
import { ownShortfall } from './coverage.ts'
import { capacityOf, getMember, horizonOf, lastRecount, recordLostCoverage, setStatus } from './external.ts'
import { getLiability } from './ledger.ts'
import { exceedsOwnLimits, isBondShort } from './limits.ts'
import type { CURE_CAUSES, Cure } from './schema.ts'
import { events, issuanceParams, issuanceTables } from './tables.ts'

type Cause = (typeof CURE_CAUSES)[number]

/** Statuses that a cure sets and ends; others, e.g. retiring, stay as they are. */
const CURABLE: readonly string[] = ['active', 'amortizing', 'curing']

/** What of a shortfall is the provider's own doing: capacity that an audit took or that it has withdrawn. */
function faultOf(ctx: WriteContext, provider: number, shortfallBase: bigint) {
  const { cutBase, withdrawnBase } = capacityOf(ctx.state, provider)
  const haircutBase = minBigint(shortfallBase, cutBase)
  const withdrawalBase = minBigint(shortfallBase - haircutBase, withdrawnBase)
  return { haircutBase, withdrawalBase }
}

function causeOf(ctx: WriteContext, provider: number, shortfallBase: bigint): Cause {
  if (shortfallBase === 0n) return 'bond'
  const { haircutBase, withdrawalBase } = faultOf(ctx, provider, shortfallBase)
  if (haircutBase > 0n) return 'haircut'
  if (withdrawalBase > 0n) return 'withdrawal'
  const { parametersChanged, anchorMoved } = lastRecount(ctx.state)
  return parametersChanged ? 'parameters' : anchorMoved ? 'drift' : 'perishing'
}

/** Begins, continues or ends the cure of a provider at a window's end, and sets its status accordingly. */
export function trackCure(ctx: WriteContext, provider: number): void {
  const { state } = ctx
  const { status } = mustExist(getMember(state, provider), 'a listed member exists')
  const known = issuanceTables.cure.get(state, { provider })
  const shortfallBase = CURABLE.includes(status) ? ownShortfall(backerOf(state, provider)) : 0n
  const bondShort = getLiability(state, provider).bondShortSince !== undefined
  if (!CURABLE.includes(status) || (shortfallBase === 0n && !bondShort)) {
    // Above its own limits it cannot mint, and nothing is taken from it.
    if (CURABLE.includes(status))
      setStatus(ctx, provider, exceedsOwnLimits(state, provider) ? 'amortizing' : 'active')
    if (known === undefined) return
    issuanceTables.cure.delete(state, { provider })
    events.CureEnded(ctx, { provider, cause: known.cause })
    return
  }
  const cure =
    known === undefined
      ? beginCure(ctx, provider, shortfallBase)
      : { ...standingStill(ctx, provider, known, shortfallBase), shortfallBase }
  const faultBase = addFault(ctx, provider, cure)
  issuanceTables.cure.set(state, { provider }, { ...cure, faultBase })
  // The part that drift, perished capacity or new parameters have made carries no penalty.
  setStatus(ctx, provider, 'curing')
}

/** A cure of which only the bond is left gets a window more for each that its price is too old to tell (ECONOMY §5). */
function standingStill(ctx: WriteContext, provider: number, cure: Cure, shortfallBase: bigint): Cure {
  const isUntold = shortfallBase === 0n && isBondShort(ctx.state, provider) === undefined
  return isUntold ? { ...cure, untilWindow: cure.untilWindow + 1 } : cure
}

function beginCure(ctx: WriteContext, provider: number, shortfallBase: bigint): Cure {
  const { windowIndex } = lastRecount(ctx.state)
  const cause = causeOf(ctx, provider, shortfallBase)
  const windows = cause === 'parameters' ? horizonOf(ctx.state) : issuanceParams.get(ctx.state).cureWindows
  const cure = {
    cause,
    sinceWindow: windowIndex,
    untilWindow: windowIndex + windows,
    shortfallBase,
    faultBase: 0n,
  }
  events.CureBegan(ctx, { provider, cause, shortfallBase, untilWindow: cure.untilWindow })
  return cure
}

/** Records what a haircut or a withdrawal has added to the penalised part; the part never exceeds the shortfall. */
function addFault(ctx: WriteContext, provider: number, cure: Cure): bigint {
  const { haircutBase, withdrawalBase } = faultOf(ctx, provider, cure.shortfallBase)
  // A haircut is counted in the window of its recount, a withdrawal again in each until it is made good.
  const grown = haircutBase + (withdrawalBase > cure.faultBase ? withdrawalBase - cure.faultBase : 0n)
  const addedBase = minBigint(
    grown,
    cure.shortfallBase > cure.faultBase ? cure.shortfallBase - cure.faultBase : 0n,
  )
  if (addedBase > 0n) recordLostCoverage(ctx, provider, addedBase)
  return cure.faultBase + addedBase
}
