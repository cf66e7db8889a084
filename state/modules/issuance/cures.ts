// Who must cure, why and until when (ECONOMY §3): only a provider with a shortfall of its own, or a bond that is short. In jail
// nothing of a provider counts, so that all it owes is such a shortfall. Who merely owes more than it could mint now is
// amortizing (§9). Suspension alone is never a cause, nor is what another's default does to joint coverage. Not: default (§9).
import { mustExist } from '../../../base/assert.ts'
import { minBigint } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { backerOf } from './cover.ts'
import { ownShortfall } from './coverage.ts'
import { capacityOf, getMember, horizonOf, lastRecount, reportLostCoverage, setStatus } from './external.ts'
import { getLiability } from './ledger.ts'
import { exceedsOwnLimits, isBondShort } from './limits.ts'
import type { Cure } from './schema.ts'
import type { CURE_CAUSES } from './shapes.ts'
import { events, issuanceParams, issuanceTables } from './tables.ts'

type Cause = (typeof CURE_CAUSES)[number]

/** Statuses that a cure sets and ends. */
const CURABLE: readonly string[] = ['active', 'amortizing', 'curing']
/** Who else must cure, whatever its status says: it still owes. */
const TRACKED: readonly string[] = [...CURABLE, 'retiring', 'jailed']

/** The cure of a provider under way; undefined when it need not cure. */
export function cureOf(state: StateReader, provider: number): Cure | undefined {
  return issuanceTables.cure.get(state, { provider })
}

/** Why a provider's time to cure is over, by the last complete recount; undefined while it is not. */
export function overdueCause(state: StateReader, provider: number): Cause | undefined {
  const cure = cureOf(state, provider)
  if (cure === undefined) return undefined
  const { windowIndex } = lastRecount(state)
  if (cure.shortfallBase > 0n && windowIndex > cure.untilWindow) return cure.cause
  const { bondUntilWindow } = cure
  return bondUntilWindow !== undefined && windowIndex > bondUntilWindow ? 'bond' : undefined
}

/** Ends a cure that no longer matters, e.g. because the provider has defaulted. */
export function dropCure(ctx: WriteContext, provider: number): void {
  const known = cureOf(ctx.state, provider)
  if (known === undefined) return
  issuanceTables.cure.delete(ctx.state, { provider })
  events.CureEnded(ctx, { provider, cause: known.cause })
}

/** What of a shortfall is the provider's own doing: capacity that an audit took or that it has withdrawn. */
function faultOf(ctx: WriteContext, provider: number, shortfallBase: bigint) {
  const { cutBase, withdrawnBase } = capacityOf(ctx.state, provider)
  const haircutBase = minBigint(shortfallBase, cutBase)
  const withdrawalBase = minBigint(shortfallBase - haircutBase, withdrawnBase)
  return { haircutBase, withdrawalBase }
}

function causeOf(ctx: WriteContext, provider: number, shortfallBase: bigint): Cause {
  if (shortfallBase === 0n) return 'bond'
  if (getMember(ctx.state, provider)?.status === 'jailed') return 'jail'
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
  const known = cureOf(state, provider)
  const isTracked = TRACKED.includes(status)
  const shortfallBase = isTracked ? ownShortfall(backerOf(state, provider)) : 0n
  const bondUntilWindow = isTracked ? bondClock(ctx, provider, known) : undefined
  if (shortfallBase === 0n && bondUntilWindow === undefined) {
    // Above its own limits it cannot mint, and nothing is taken from it.
    if (CURABLE.includes(status))
      setStatus(ctx, provider, exceedsOwnLimits(state, provider) ? 'amortizing' : 'active')
    dropCure(ctx, provider)
    return
  }
  // A cause of its own time begins when a shortfall joins a short bond, or outlasts it.
  const isSame = known !== undefined && (known.cause === 'bond') === (shortfallBase === 0n)
  const cure = isSame ? { ...known, shortfallBase } : beginCure(ctx, provider, shortfallBase)
  const { untilWindow, faultBase } = moreFault(ctx, provider, cure)
  const { bondUntilWindow: _, ...rest } = cure
  issuanceTables.cure.set(
    state,
    { provider },
    bondUntilWindow === undefined
      ? { ...rest, untilWindow, faultBase }
      : {
          ...rest,
          untilWindow: shortfallBase === 0n ? bondUntilWindow : untilWindow,
          faultBase,
          bondUntilWindow,
        },
  )
  // The part that drift, perished capacity or new parameters have made carries no penalty.
  if (CURABLE.includes(status)) setStatus(ctx, provider, 'curing')
}

/** Last window in which a short bond may be topped up; undefined when it is not short. A price too old to tell stops the clock. */
function bondClock(ctx: WriteContext, provider: number, known: Cure | undefined): number | undefined {
  const { bondShortSince } = getLiability(ctx.state, provider)
  if (bondShortSince === undefined) return undefined
  const untilWindow = known?.bondUntilWindow ?? bondShortSince + issuanceParams.get(ctx.state).cureWindows
  return isBondShort(ctx.state, provider) === undefined ? untilWindow + 1 : untilWindow
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

/**
 * Posts what a haircut or a withdrawal has added to the penalised part; the part never exceeds the shortfall. Whoever adds to
 * it, or goes to jail, has no longer than the usual time from then on.
 */
function moreFault(
  ctx: WriteContext,
  provider: number,
  cure: Cure,
): { readonly faultBase: bigint; readonly untilWindow: number } {
  const { haircutBase, withdrawalBase } = faultOf(ctx, provider, cure.shortfallBase)
  // A haircut is counted in the window of its recount, a withdrawal again in each until it is made good.
  const grown = haircutBase + (withdrawalBase > cure.faultBase ? withdrawalBase - cure.faultBase : 0n)
  const addedBase = minBigint(
    grown,
    cure.shortfallBase > cure.faultBase ? cure.shortfallBase - cure.faultBase : 0n,
  )
  const isReported = addedBase > 0n && reportLostCoverage(ctx, provider, addedBase)
  const usual = lastRecount(ctx.state).windowIndex + issuanceParams.get(ctx.state).cureWindows
  const isJailed = getMember(ctx.state, provider)?.status === 'jailed'
  return {
    faultBase: isReported ? cure.faultBase + addedBase : cure.faultBase,
    untilWindow: isReported || isJailed ? Math.min(cure.untilWindow, usual) : cure.untilWindow,
  }
}
