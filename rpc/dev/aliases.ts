// One method under several names: tools of anvil and of hardhat call the same thing differently.
import type { Method } from '../method.ts'

export function alsoAs(names: string | readonly string[], method: Method): readonly Method[] {
  return [method, ...[names].flat().map((name) => ({ ...method, name }))]
}
