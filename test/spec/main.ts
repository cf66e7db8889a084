// `npm run spec`: longer random runs of the model than in CI, replayed against real cores.
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../base/integers.ts'
import { readTrace } from './itf.ts'
import {
  GUARDS,
  type Guard,
  INSTANCES,
  type Instance,
  shapeOf,
  simulate,
  typecheck,
  WITNESSES,
} from './quint.ts'
import { RECORD_FILE, record } from './recorded.ts'
import { replayTrace } from './replay.ts'

const USAGE = `npm run spec -- [--samples N] [--steps N] [--seed N] [--instance ${INSTANCES.join('|')}] [--mutants]
npm run spec -- --record
  --samples   random runs of each instance, in slices of 50 (default 100)
  --steps     actions in a run at most (default 60)
  --seed      of the first slice; the next slice has the next seed (default 1)
  --mutants   instead: for each guard, runs without it until an invariant fails, at most --samples
  --record    instead: makes the runs of CI anew, after a change of the model or of Quint, and keeps them`

/** Runs per Quint process, which holds its traces in memory. */
const SLICE = 50

function integer(text: string, name: string): number {
  const value = parseWholeNumber(text, 1)
  if (value === undefined) throw new Error(`--${name}: expected a positive integer`)
  return value
}

interface Settings {
  readonly samples: number
  readonly steps: number
  readonly seed: number
  readonly instances: readonly Instance[]
}

async function explore(settings: Settings): Promise<boolean> {
  const { samples, steps, seed, instances } = settings
  const witnessed = new Map<string, number>()
  let [runs, replayed] = [0, 0]
  const startedAtMs = performance.now()
  for (const instance of instances) {
    await typecheck(instance)
    const shape = await shapeOf(instance)
    for (let slice = 0; slice * SLICE < samples; slice++) {
      const count = Math.min(SLICE, samples - slice * SLICE)
      const run = { instance, samples: count, steps, seed: seed + slice, isTraced: true }
      const { violated, witnessed: met, traces } = await simulate(run)
      if (violated.length > 0) {
        console.error(`${instance}, seed ${run.seed}, ${steps} steps: violates ${violated.join(', ')}`)
        return false
      }
      for (const trace of traces) replayed += replayTrace(shape, readTrace(trace)).steps
      runs += traces.length
      for (const [name, times] of met) witnessed.set(name, (witnessed.get(name) ?? 0) + times)
      const seconds = Math.round((performance.now() - startedAtMs) / 1000)
      console.log(
        `${instance}: ${runs} runs, ${replayed} steps kept every invariant and equal the cores', ${seconds} s`,
      )
    }
  }
  for (const name of WITNESSES) console.log(`  ${name}: in ${witnessed.get(name) ?? 0} runs`)
  return true
}

async function mutate(settings: Settings): Promise<boolean> {
  let isAllFound = true
  for (const [guard, invariant] of Object.entries(GUARDS) as [Guard, string][]) {
    const { samples, steps, seed } = settings
    const { violated, wallMs } = await simulate({
      instance: 'simplex4',
      dropped: guard,
      samples,
      steps,
      seed,
    })
    const isFound = violated.includes(invariant)
    isAllFound &&= isFound
    const text = isFound
      ? `found by ${violated.join(', ')}`
      : `not found (${violated.join(', ') || 'no violation'})`
    console.log(`without ${guard}: ${text} in ${(wallMs / 1000).toFixed(1)} s`)
  }
  return isAllFound
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      samples: { type: 'string', default: '100' },
      steps: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      instance: { type: 'string' },
      mutants: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return
  }
  if (values.record) {
    await record()
    console.log(`kept in ${RECORD_FILE}`)
    return
  }
  const chosen = INSTANCES.filter((name) => values.instance === undefined || values.instance === name)
  if (chosen.length === 0) throw new Error(`--instance: expected one of ${INSTANCES.join(', ')}`)
  const settings = {
    samples: integer(values.samples, 'samples'),
    steps: integer(values.steps, 'steps'),
    seed: integer(values.seed, 'seed'),
    instances: chosen,
  }
  const isGood = values.mutants ? await mutate(settings) : await explore(settings)
  if (!isGood) process.exitCode = 1
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.error(USAGE)
  process.exitCode = 1
}
