// The type of a named scenario. Not: the scenarios (scenarios/), their list (scenarios.ts).
import type { WorldConfig } from './world.ts'

/**
 * CONSENSUS §9: S1 agreement, S2 never F with U, S3 an honest validator never equivocates, S4 ancestry covered, L progress
 * after healing, D durability, A accountability, C light client. S1 to S4, D, A and C are checked in every run.
 */
export const PROPERTIES = ['S1', 'S2', 'S3', 'S4', 'L', 'D', 'A', 'C'] as const
export type Property = (typeof PROPERTIES)[number]

export interface Scenario {
  /** Numbers of CONSENSUS §9. */
  readonly numbers: readonly number[]
  /** Properties that the scenario targets. */
  readonly properties: readonly Property[]
  readonly about: string
  /** Relative share of a mixed run's seeds; 1 unless a seed's cost is far from average. */
  readonly weight: number
  readonly config: (seed: number) => WorldConfig
}

export function scenario(
  numbers: readonly number[],
  properties: readonly Property[],
  about: string,
  config: (seed: number) => WorldConfig,
  weight = 1,
): Scenario {
  return { numbers, properties, about, weight, config }
}
