// ECONOMY §1, §3 Causes and Parameters: what happens when a window ends.
import { floorDiv, least, most, P } from './arithmetic.ts'
import { releaseCompensation } from './assumed.ts'
import { countUnbonding, holdBackers } from './backing.ts'
import { capacityC, whileUnchanged } from './capacity.ts'
import { groupOf } from './coverage.ts'
import { noteWithdrawn, trackCure } from './cures.ts'
import { judgeAttendance, type Turn } from './defaults.ts'
import { holdDates } from './deliveries.ts'
import { returnUnused, wasServed } from './delivery.ts'
import { sharePayments } from './fees.ts'
import { burnFund } from './fund.ts'
import { changeParameters, type GovernanceTerms } from './governance.ts'
import { releaseLocks } from './issuance.ts'
import { tally } from './oracle.ts'
import { endLots } from './pledges.ts'
import { forget, groupIsSuspended } from './queue.ts'
import type { Provider, World } from './world.ts'

/** `A' = min(max(mean, A), floor(A·(P+g)/P))`: the anchor never falls, and rises by at most g a window (§5). */
export const movedAnchor = (world: World): bigint => boundedAnchor(world, world.reportedAnchorPpm)

/** A reported anchor within its bounds. */
export function boundedAnchor(world: World, reportedPpm: bigint): bigint {
  const bound = floorDiv(world.anchorPpm * (P + world.parameters.driftPpm), P)
  return least(most(reportedPpm, world.anchorPpm), bound)
}

/** Active, no open fault, and what was granted in the ended window served, or nothing granted. */
function hadGoodWindow(world: World, provider: Provider, ended: number): boolean {
  // A group is suspended if any member is (§2).
  if (provider.status !== 'active' || groupIsSuspended(world, groupOf(provider))) return false
  if (provider.faultWindows.includes(ended) || provider.unpaidBase > 0n) return false
  if (provider.faultHeight > world.failures.endedBefore) return false
  return wasServed(world, [provider.id], ended) !== false
}

/** Whether the running window ends with this block: at most one does (§1). */
export const endsWindow = (world: World): boolean =>
  world.timestampMs >= world.windowEndsMs && world.recounting === undefined

/** `end' = max(end, blockTime) + length`; then parameters, base fees, what is unused, drift. */
export function endWindow(world: World, governance: GovernanceTerms, turn: Turn): void {
  const ended = world.window
  const { failures } = world
  failures.endedBefore = failures.endedHeight
  failures.endedHeight = world.height
  failures.withdrawn.clear()
  const startsMs = world.timestampMs > world.windowEndsMs ? world.timestampMs : world.windowEndsMs
  // The window that begins has the length that was in force.
  world.windowEndsMs = startsMs + world.parameters.windowMs
  world.windowStartedMs = startsMs
  failures.haveParametersChanged = changeParameters(world, governance)
  tally(world, ended)
  sharePayments(world)
  judgeAttendance(world, turn, ended)
  burnFund(world)
  returnUnused(world, ended)
  const before = world.anchorPpm
  world.anchorPpm = movedAnchor(world)
  failures.hasAnchorMoved = world.anchorPpm !== before
  world.reportedAnchorPpm = world.anchorPpm
  world.window++
  countUnbonding(world)
  holdDates(world)
  world.failedCoins.clear()
  for (const listing of world.listings.values()) {
    if (listing.nextWindow <= world.window) listing.bonusPpm = listing.nextBonusPpm
  }
  forget(world)
}

/** The recount of all capacity, in the window's first block or some blocks later: locks, lots, statuses, snapshot. */
export function completeRecount(world: World): void {
  releaseLocks(world, (provider) => hadGoodWindow(world, provider, world.window - 1))
  const { coverN } = world.parameters
  world.counted = { window: world.window, anchorPpm: world.anchorPpm, coverN }
  world.held.clear()
  endLots(world)
  noteWithdrawn(world, () => true)
  for (const provider of world.providers.values()) {
    releaseCompensation(world, provider)
    whileUnchanged(() => trackCure(world, provider))
    holdBackers(world, provider)
  }
  whileUnchanged(() => takeSnapshot(world))
  world.failures.isWatchDue = true
  if (world.isStopEnding !== true) return
  delete world.mintStop
  world.isStopEnding = false
}

/** Liability and capacity of each provider as the window begins (§6, Assignment). */
export function takeSnapshot(world: World): void {
  world.shares = new Map(
    [...world.providers.values()].map(({ id, liabilityBase }) => [
      id,
      { liabilityBase, capacityBase: capacityC(world, id) },
    ]),
  )
}
