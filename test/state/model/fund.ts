// ECONOMY §9, §10: the guarantee fund beyond its fees: what is set aside for orphans, and their burning. Not: what fills it.
import { ceilDiv, least } from './arithmetic.ts'
import { burnOrphans, coinsOf, FUND, unitsOf } from './ledger.ts'
import type { World } from './world.ts'

/** What of the fund is not set aside. */
export const spendable = (world: World, asset: number): bigint =>
  unitsOf(world, asset, FUND) - (world.failures.earmarked.get(asset) ?? 0n)

/** At a window's end the fund burns its coins against orphans, a K-th of them; without orphans nothing is set aside. */
export function burnFund(world: World): void {
  const { earmarked } = world.failures
  if (world.orphanBase === 0n) {
    earmarked.clear()
    return
  }
  const budget = ceilDiv(coinsOf(world, FUND), BigInt(world.parameters.horizonWindows))
  const burned = least(budget, world.orphanBase)
  burnOrphans(world, FUND, burned)
  // Those that were set aside first.
  const left = (earmarked.get(0) ?? 0n) - burned
  if (left > 0n) earmarked.set(0, left)
  else earmarked.delete(0)
}
