// The runs of the model that CI checks, kept as Quint made them. The same files, seeds and Quint give the same runs, so making them
// on every change would only repeat half a minute of work. Owns: which runs, the file, and that it fits the model as it stands.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import {
  type Guard,
  INSTANCES,
  INVARIANTS,
  type Instance,
  ROOT,
  type Simulation,
  SPEC,
  simulate,
  typecheck,
  WITNESSES,
} from './quint.ts'

/** About 1,000 steps, with fixed seeds; `npm run spec` makes more. */
export const RUNS = {
  simplex4: { samples: 12, steps: 60, seed: 2 },
  simplexSets: { samples: 6, steps: 50, seed: 3 },
} as const

/** The runs without a guard; `npm run spec -- --mutants` drops each. */
export const DROPPED: readonly Guard[] = ['epoch']
const WITHOUT_GUARD = { instance: 'simplex4', samples: 60, steps: 40, seed: 1 } as const

export const RECORD_FILE = 'test/spec/recorded.json.gz'

interface KeptRun {
  readonly violated: readonly string[]
  readonly witnessed: readonly (readonly [string, number])[]
  readonly traces: readonly string[]
}

interface Kept {
  /** Of everything that the runs come from. */
  readonly key: string
  readonly runs: Readonly<Record<Instance, KeptRun>>
  readonly mutants: Readonly<Record<string, KeptRun>>
}

export interface Recorded {
  readonly runs: ReadonlyMap<Instance, KeptRun>
  readonly mutants: ReadonlyMap<Guard, KeptRun>
}

/** SHA-256 of the model's files, Quint's version, and what was asked of it. */
function key(): string {
  const hash = createHash('sha256')
  for (const name of ['simplex', ...INSTANCES]) hash.update(readFileSync(join(SPEC, `${name}.qnt`)))
  const manifest = readFileSync(join(ROOT, 'node_modules/@informalsystems/quint/package.json'), 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  return hash
    .update(JSON.stringify({ version, RUNS, DROPPED, WITHOUT_GUARD, INVARIANTS, WITNESSES }))
    .digest('hex')
}

const kept = ({ violated, witnessed, traces }: Simulation): KeptRun => ({
  violated,
  witnessed: [...witnessed],
  traces,
})

/** Checks the model's types, makes the runs and keeps them. */
export async function record(): Promise<void> {
  const runs: [Instance, KeptRun][] = []
  for (const instance of INSTANCES) {
    await typecheck(instance)
    runs.push([instance, kept(await simulate({ instance, ...RUNS[instance], isTraced: true }))])
  }
  const mutants: [Guard, KeptRun][] = []
  for (const dropped of DROPPED) mutants.push([dropped, kept(await simulate({ ...WITHOUT_GUARD, dropped }))])
  const file = { key: key(), runs: Object.fromEntries(runs), mutants: Object.fromEntries(mutants) }
  writeFileSync(join(ROOT, RECORD_FILE), gzipSync(JSON.stringify(file), { level: 9 }))
}

/** The kept runs. Throws when they come from another model, other seeds or another Quint. */
export function recorded(): Recorded {
  const file = JSON.parse(gunzipSync(readFileSync(join(ROOT, RECORD_FILE))).toString('utf8')) as Kept
  if (file.key !== key()) {
    throw new Error('the model, its runs or Quint changed: `npm run spec -- --record` makes the runs anew')
  }
  return {
    runs: new Map(Object.entries(file.runs) as [Instance, KeptRun][]),
    mutants: new Map(Object.entries(file.mutants) as [Guard, KeptRun][]),
  }
}
