// Two hosts with one key, each honest in itself; the network decides who hears which of them (CONSENSUS §9 scenarios 14, 15).
import type { SimWorld } from '../world.ts'

/** Splits the other hosts between the twins, anew every now and then; sometimes a host hears both, or the twins each other. */
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
