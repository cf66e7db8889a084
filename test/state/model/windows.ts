// ECONOMY §1, §3 Causes and Parameters: what happens when a window ends.
import { floorDiv, growth, most, P, sum } from './arithmetic.ts'
import { capacityC } from './capacity.ts'
import { bondCovers, isSuspended, ownBackingLimit, ownShortfall } from './coverage.ts'
import { returnUnused } from './delivery.ts'
import { releaseLocks } from './issuance.ts'
import { endLots } from './pledges.ts'
import { forget } from './queue.ts'
import type { Provider, World } from './world.ts'

/** `A' = min(max(mean, A), floor(A·(P+g)/P))`: the anchor never falls, and rises by at most g a window (§5). */
export const movedAnchor = (world: World): bigint => {
  const bound = floorDiv(world.anchorPpm * (P + world.parameters.driftPpm), P)
  const wanted = most(world.reportedAnchorPpm, world.anchorPpm)
  return wanted < bound ? wanted : bound
}

/** Why parameters are refused, by genesis and governance alike (§3): `m ≥ G_K` and `2 + coverN ≤ ⌈K/4⌉` among them. */
export function refuseParameters(world: World): string | undefined {
  const p = world.parameters
  if (p.marginPpm < growth(p.driftPpm, p.horizonWindows)) return 'marginPpm'
  if (2 + p.coverN > Math.ceil(p.horizonWindows / 4)) return 'coverN'
  if (p.assignAhead < 1 || p.assignAhead * 8 > p.horizonWindows) return 'assignAhead'
  if (p.bondMaintenancePpm > p.bondPpm) return 'bondMaintenancePpm'
  return undefined
}

/** Active, no open fault, and at least half of what was granted in the ended window vouchered, or nothing granted. */
function hadGoodWindow(world: World, provider: Provider, ended: number): boolean {
  if (provider.status !== 'active' || isSuspended(provider)) return false
  if (provider.faultWindows.includes(ended)) return false
  const granted = world.assignments.filter(
    (a) => a.provider === provider.id && a.window === ended && a.granted,
  )
  const coins = sum(granted.map((a) => a.amountBase))
  return sum(granted.map((a) => a.voucheredBase)) * 2n >= coins
}

/** Whether the running window ends with this block: at most one does (§1). */
export const endsWindow = (world: World): boolean => world.timestampMs >= world.windowEndsMs

/** `end' = max(end, blockTime) + length`; then parameters, perish, drift, haircut, statuses, expiry. */
export function endWindow(world: World): void {
  const ended = world.window
  returnUnused(world, ended)
  releaseLocks(world, (provider) => hadGoodWindow(world, provider, ended))
  world.anchorPpm = movedAnchor(world)
  world.reportedAnchorPpm = world.anchorPpm
  world.window++
  for (const change of world.pendingParameters) Object.assign(world.parameters, change)
  world.pendingParameters = []
  const startsMs = world.timestampMs > world.windowEndsMs ? world.timestampMs : world.windowEndsMs
  world.windowStartedMs = startsMs
  world.windowEndsMs = startsMs + world.parameters.windowMs
  world.failedCoins.clear()
  for (const listing of world.listings.values()) {
    if (listing.nextWindow <= world.window) listing.bonusPpm = listing.nextBonusPpm
  }
  endLots(world)
  for (const provider of world.providers.values()) assess(world, provider)
  takeSnapshot(world)
  forget(world)
}

/** Only a provider with an own shortfall must cure; one that exceeds its own limit amortizes (§3, §9). */
function assess(world: World, provider: Provider): void {
  if (provider.status === 'jailed' || provider.status === 'retiring') return
  const { bondMaintenancePpm, marginPpm } = world.parameters
  const isBonded = bondCovers(world, provider, bondMaintenancePpm, provider.liabilityBase)
  if (world.past.has('amortizing')) {
    provider.status = !isBonded ? 'curing' : ownShortfall(world, provider) > 0n ? 'amortizing' : 'active'
    return
  }
  if (ownShortfall(world, provider) > 0n || !isBonded) provider.status = 'curing'
  else if (provider.liabilityBase > ownBackingLimit(world, provider.id) && marginPpm > 0n)
    provider.status = 'amortizing'
  else provider.status = 'active'
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
