// Two hosts with one key, each honest by itself; the network decides which hosts hear which twin (CONSENSUS §9, 14 and 15).
import type { SimWorld } from '../world.ts'

/** Splits the other hosts between the twins, repeatedly; sometimes a host hears both, or the twins hear each other. */
export function splitTwins(world: SimWorld, twins: readonly [number, number]): void {
  const [first, second] = twins
  const turn = (): void => {
    if (world.isHealed) return
    const { random, network } = world
    for (const { index } of world.nodes) {
      if (index === first || index === second) continue
      for (const twin of twins) {
        network.mend(twin, index)
        network.mend(index, twin)
      }
      const draw = random.next()
      if (draw < 0.2) continue
      network.cutBoth(draw < 0.6 ? first : second, index)
    }
    world.scheduler.after(random.between(200, 2_000), turn)
  }
  turn()
}
