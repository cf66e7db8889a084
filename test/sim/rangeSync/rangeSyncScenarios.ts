// The named runs of scenario 41: each lie alone, and several liars at once.
import { Random } from '../../support/random.ts'
import { LIES } from './syncPeers.ts'
import type { SyncWorldConfig } from './syncWorld.ts'

const NAMES = Object.keys(LIES)
export const RANGE_SYNC_NAMES: readonly string[] = [...NAMES, 'several']

export function configOf(name: string, seed: number): SyncWorldConfig {
  const random = new Random(seed)
  const lies = name === 'several' ? random.shuffled(NAMES).slice(0, random.between(2, 5)) : [name]
  return { seed, lies, hasTarget: seed % 3 === 2 }
}
