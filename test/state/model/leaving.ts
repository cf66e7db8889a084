// ECONOMY §9: who serves no more for good, after a default or when its bond is unlocked. Not: the steps of leaving (exits.ts).
import type { Provider, World } from './world.ts'

/** Its bond is unlocked. */
export const hasLeft = (world: World, { tail }: Provider): boolean =>
  tail !== undefined && tail.untilWindow <= world.window

/** It counts 0 for good; what it was assigned returns with the next block. */
export function stopServing(world: World, provider: Provider, status: 'defaulted' | 'left'): void {
  provider.status = status
  delete provider.suspendedSince
  world.failures.recalled.push(provider.id)
}
