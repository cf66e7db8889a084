// The list of named scenarios, and where each number of CONSENSUS §9 is checked.
import type { Bls } from '../../base/crypto/types.ts'
import type { Scenario } from './scenario.ts'
import { attackScenarios } from './scenarios/attacks.ts'
import { bodyScenarios } from './scenarios/bodies.ts'
import { byzantineScenarios } from './scenarios/byzantine.ts'
import { crashScenarios } from './scenarios/crashes.ts'
import { diskScenarios } from './scenarios/disks.ts'
import { epochScenarios } from './scenarios/epochs.ts'
import { linkScenarios } from './scenarios/links.ts'
import { loadScenarios } from './scenarios/load.ts'
import { rotationScenarios } from './scenarios/rotation.ts'
import { timeScenarios } from './scenarios/time.ts'
import { type SimResult, SimWorld } from './world.ts'

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  ...linkScenarios,
  ...crashScenarios,
  ...diskScenarios,
  ...byzantineScenarios,
  ...attackScenarios,
  ...bodyScenarios,
  ...epochScenarios,
  ...rotationScenarios,
  ...timeScenarios,
  ...loadScenarios,
}

/** Numbers of CONSENSUS §9 without a scenario, and the file that checks them. */
export const ELSEWHERE: Readonly<Record<number, string>> = {
  35: 'test/sim/sim.test.ts',
  36: 'test/mutants/README.md',
  41: 'test/sim/rangeSync/syncWorld.ts',
  43: 'test/sim/lostSigner.ts',
}

/** Plays one seed of a scenario. Throws Violation, or any node's error. */
export function play(
  scenario: Scenario,
  seed: number,
  options: { readonly bls?: Bls; readonly print?: (line: string) => void } = {},
): SimResult {
  const config = scenario.config(seed)
  return new SimWorld(
    options.bls === undefined ? config : { ...config, bls: options.bls },
    options.print,
  ).run()
}
