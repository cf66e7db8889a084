// One scenario for each behaviour of a Byzantine member that virtual time can show; every seed of a scenario is one run.
import { BEHAVIOURS } from '../../support/byzantine/behaviours.ts'
import type { HostileConfig } from './hostileWorld.ts'

/** A laggard is away for more than 64 blocks: catching up is left to range sync. */
const DOWN_MS = 14_000
const LAGGARD_ATTACK_MS = 20_000
const ATTACK_MS = 8_000
/** Thousands of signatures a second, of the attacker's and of those that check them: shorter, still many views. */
const COSTLY_ATTACK_MS = 3_000
const COSTLY: ReadonlySet<string> = new Set(['unfunded', 'ownEvidence'])

function scenario(behaviour: string): (seed: number) => HostileConfig {
  const hasLaggard = BEHAVIOURS[behaviour]!.hasLaggard === true
  const attackMs = COSTLY.has(behaviour) ? COSTLY_ATTACK_MS : ATTACK_MS
  return (seed) => ({
    seed,
    // f is 1 in each; with 5 an honest member may be missed as well.
    validators: 4 + (seed % 2),
    behaviour,
    lossRate: 0,
    delayMs: [1, 30],
    downMs: hasLaggard ? DOWN_MS : 0,
    txEveryMs: hasLaggard ? 60 : 150,
    burst: seed % 3 === 0 ? 20 : 0,
    attackMs: hasLaggard ? LAGGARD_ATTACK_MS : attackMs,
    standMsMax: 5_000,
    limitMs: 60_000,
  })
}

/** What happens below frames, or takes a processor's time, needs processes (test/byzantine/main.ts). */
export const HOSTILE_SCENARIOS: Readonly<Record<string, (seed: number) => HostileConfig>> =
  Object.fromEntries(
    Object.entries(BEHAVIOURS)
      .filter(([, { wire, sleepsMs }]) => wire === undefined && sleepsMs === undefined)
      .map(([name]) => [name, scenario(name)]),
  )
