// ECONOMY §3 Causes, §9: who must cure, why and until when; docs/decisions/statuses-of-a-short-provider.md,
// docs/decisions/paths-to-default.md. Not: what follows when the time is over (defaults.ts).
import { atLeastZero, least, sum } from './arithmetic.ts'
import { bookableCoins, coveredWindows, type LotGroup, lotGroups } from './capacity.ts'
import { bondedLiability, bondValuePpm, exceedsOwnLimits, ownShortfall, staleBond } from './coverage.ts'
import type { CureCause, Provider, World } from './world.ts'

/** What notice takes of C of a lot group: counted as if none of its lots ended, less what it counts. */
function withdrawnOf(world: World, group: LotGroup): bigint {
  const evergreen = {
    ...group,
    lots: group.lots.map((lot) => {
      const { lastWindow: _, ...kept } = lot
      return kept
    }),
  }
  const coins = (of: LotGroup): bigint => sum(coveredWindows(world).map((k) => bookableCoins(world, of, k)))
  return atLeastZero(coins(evergreen) - coins(group))
}

/** Notes what the recount of the window that runs finds withdrawn, of the lot groups that it has counted in this block. */
export function noteWithdrawn(world: World, isPassed: (group: LotGroup) => boolean): void {
  const { withdrawn } = world.failures
  const { counted, recounting } = world
  world.counted = { window: world.window, anchorPpm: world.anchorPpm, coverN: world.parameters.coverN }
  world.recounting = undefined
  for (const group of lotGroups(world))
    if (!withdrawn.has(group.key) && isPassed(group)) withdrawn.set(group.key, withdrawnOf(world, group))
  world.counted = counted
  world.recounting = recounting
}

/** What of C a provider has withdrawn, by the last complete recount; a provider that does not count has nothing to withdraw. */
const withdrawnBy = (world: World, provider: Provider): bigint =>
  sum(
    [...world.failures.withdrawn].flatMap(([key, base]) => (key.startsWith(`${provider.id}/`) ? [base] : [])),
  )

/** Whether the bond is below `bMaint` of what needs one; undefined when prices are too old to tell. */
function isBondShort(world: World, provider: Provider): boolean | undefined {
  const needed = world.parameters.bondMaintenancePpm * bondedLiability(provider)
  if (bondValuePpm(world, provider, { use: 'held', isFresh: true }) >= needed) return false
  return staleBond(world, provider, 'held') === undefined ? true : undefined
}

function causeOf(world: World, provider: Provider, shortfallBase: bigint, withdrawnBase: bigint): CureCause {
  if (shortfallBase === 0n) return 'bond'
  if (provider.status === 'jailed') return 'jail'
  if (withdrawnBase > 0n) return 'withdrawal'
  if (world.failures.haveParametersChanged) return 'parameters'
  return world.failures.hasAnchorMoved ? 'drift' : 'perishing'
}

/** At a window's end: whether a provider must cure, until when, and its status; a withdrawal is penalised once. */
export function trackCure(world: World, provider: Provider): void {
  const { cureWindows, horizonWindows } = world.parameters
  const now = world.counted.window
  const isShort = isBondShort(world, provider)
  if (isShort === false) delete provider.bondShortSince
  else if (isShort) provider.bondShortSince ??= now
  const isCurable = ['active', 'amortizing', 'curing'].includes(provider.status)
  const isTracked = isCurable || ['retiring', 'jailed'].includes(provider.status)
  const shortfallBase = isTracked ? ownShortfall(world, provider) : 0n
  const bondUntilWindow = isTracked ? bondClock(world, provider, isShort) : undefined
  if (shortfallBase === 0n && bondUntilWindow === undefined) {
    delete provider.cure
    if (isCurable) provider.status = exceedsOwnLimits(world, provider) ? 'amortizing' : 'active'
    return
  }
  const withdrawnBase = least(shortfallBase, provider.status === 'jailed' ? 0n : withdrawnBy(world, provider))
  // A short bond has a time of its own; any other cause only shortens the time that runs.
  const known = provider.cure
  const isSame = known !== undefined && (known.cause === 'bond') === (shortfallBase === 0n)
  const cause = isSame ? known.cause : causeOf(world, provider, shortfallBase, withdrawnBase)
  const windows = cause === 'parameters' ? horizonWindows : cureWindows
  let untilWindow = isSame ? known.untilWindow : now + windows
  let faultBase = isSame ? known.faultBase : 0n
  const addedBase = least(atLeastZero(withdrawnBase - faultBase), atLeastZero(shortfallBase - faultBase))
  if (addedBase > 0n) {
    faultBase += addedBase
    world.failures.faults.push({ provider: provider.id, cause: 'coverage', amountBase: addedBase })
  }
  // Whoever loses more by its own doing, or is in jail, has the usual time at most.
  if (addedBase > 0n || provider.status === 'jailed') untilWindow = Math.min(untilWindow, now + cureWindows)
  if (shortfallBase === 0n) untilWindow = bondUntilWindow!
  provider.cure = {
    cause,
    untilWindow,
    shortfallBase,
    faultBase,
    ...(bondUntilWindow === undefined ? {} : { bondUntilWindow }),
  }
  if (isCurable) provider.status = 'curing'
}

/** Last window in which a short bond may be topped up; it moves on while prices are too old to tell. */
function bondClock(world: World, provider: Provider, isShort: boolean | undefined): number | undefined {
  if (provider.bondShortSince === undefined) return undefined
  const untilWindow = provider.cure?.bondUntilWindow ?? provider.bondShortSince + world.parameters.cureWindows
  return isShort === undefined ? untilWindow + 1 : untilWindow
}

/** Why a provider's time to cure is over by the last complete recount. */
export function overdueCause(world: World, { cure }: Provider): CureCause | undefined {
  if (cure === undefined) return undefined
  const now = world.counted.window
  if (cure.shortfallBase > 0n && now > cure.untilWindow) return cure.cause
  return cure.bondUntilWindow !== undefined && now > cure.bondUntilWindow ? 'bond' : undefined
}
