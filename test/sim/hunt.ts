// Runs inside a mutant's copy: plays seeds of all simulations in turn until one fails. Each line is JSON: a run begins, and at
// last the one that failed, or how many passed.
import { parseArgs } from 'node:util'
import { errorText } from '../../base/errors.ts'
import { playAdmission } from './admission.ts'
import { FULL_NODE_SCENARIOS } from './fullNode/fullNodeScenarios.ts'
import { FullNodeWorld } from './fullNode/fullNodeWorld.ts'
import { HOSTILE_SCENARIOS } from './fullNode/hostileScenarios.ts'
import { HostileWorld } from './fullNode/hostileWorld.ts'
import { play, SCENARIOS } from './scenarios.ts'

interface Play {
  readonly name: string
  /** Below 1: runs in one of every 1/weight rounds. */
  readonly weight: number
  readonly run: (seed: number) => unknown
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    first: { type: 'string', default: '1' },
    scenario: { type: 'string' },
    /** Runs first in every round. */
    hint: { type: 'string' },
    /** `scenario:seed` of runs that fail even without a mutant. */
    skip: { type: 'string', multiple: true, default: [] },
  },
})
const seeds = Number(values.seeds)
const skipped = new Set(values.skip)
const all: readonly Play[] = [
  ...Object.entries(SCENARIOS).map(([name, scenario]) => ({
    name,
    weight: scenario.weight,
    run: (seed: number) => play(scenario, seed),
  })),
  ...Object.entries(FULL_NODE_SCENARIOS).map(([name, configOf]) => ({
    name: `whole-${name}`,
    weight: 0.1,
    run: (seed: number) => new FullNodeWorld(configOf(seed)).run(),
  })),
  ...Object.entries(HOSTILE_SCENARIOS).map(([behaviour, configOf]) => ({
    name: `hostile-${behaviour}`,
    weight: 0.02,
    run: (seed: number) => new HostileWorld(configOf(seed)).run(),
  })),
  { name: 'admission', weight: 0.5, run: playAdmission },
]
const plays = all
  .filter(({ name }) => values.scenario === undefined || name === values.scenario)
  .map((one) => (one.name === values.hint ? { ...one, weight: 1 } : one))
  .sort((a, b) => Number(b.name === values.hint) - Number(a.name === values.hint))

/** Scenarios take turns, so that a bug visible in only one is found early. */
function* turns(): Generator<readonly [play: Play, seed: number]> {
  const next = new Map(plays.map(({ name }) => [name, Number(values.first)]))
  for (let round = 0; ; round++) {
    for (const one of plays) {
      if (one.weight < 1 && plays.length > 1 && (round + 1) % Math.round(1 / one.weight) !== 0) continue
      const seed = next.get(one.name)!
      next.set(one.name, seed + 1)
      yield [one, seed]
    }
  }
}

let running = { scenario: '', seed: 0, runs: 0 }

function report(error: unknown): never {
  const [text] = errorText(error).split('\n')
  console.log(JSON.stringify({ ...running, error: text }))
  process.exit(0)
}

async function hunt(): Promise<void> {
  let runs = 0
  for (const [one, seed] of turns()) {
    if (runs === seeds) break
    runs++
    if (skipped.has(`${one.name}:${seed}`)) continue
    running = { scenario: one.name, seed, runs }
    process.stdout.write(`${JSON.stringify(running)}\n`)
    try {
      await one.run(seed)
    } catch (error) {
      report(error)
    }
  }
  console.log(JSON.stringify({ runs }))
}

if (plays.length === 0) throw new Error('no such scenario')
// A whole node may fail outside the awaited run.
process.on('uncaughtException', report)
await hunt()
