// `npm run test:mutants -- [--bugs | --guards] [--only NAME,…] [--seeds N]`: inserts bugs one at a time and requires that the
// unit tests or the simulator detect each; the simulator must detect every bug of bugs/ that names no tests.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../base/integers.ts'
import { applyEdit } from './edit.ts'
import { GUARDS } from './guards/all.ts'
import { applyPatch, parsePatch } from './patch.ts'
import { Scratch } from './scratch.ts'

const UNIT_LIMIT_MS = 120_000
/** The same for the tests of all wanted mutants together. */
const ALL_LIMIT_MS = 600_000
/** A run takes a few dozen milliseconds; with a mutant it may never end. */
const RUN_LIMIT_MS = 500
const UNIT_SPECS = [
  'dist/test/consensus/*.test.js',
  'dist/test/base/vote.test.js',
  'dist/test/base/header.test.js',
  'dist/test/signer/localSigner.test.js',
  'dist/test/signer/remoteSigner.test.js',
  'dist/test/signer/signerFile.test.js',
  'dist/test/p2p/frameLimits.test.js',
  'dist/test/node/verifierPool.test.js',
]
const PATCHES = 'test/mutants/bugs'
/** Further unit tests for mutants of these rooms. */
const ROOM_SPECS = [
  { room: 'node/', spec: 'dist/test/node/importer.test.js' },
  { room: 'storage/', spec: 'dist/test/storage/journal.test.js' },
]

interface Mutant {
  readonly name: string
  readonly isBug: boolean
  readonly hint: string | undefined
  readonly specs?: readonly string[] | undefined
  /** Changed texts by file. */
  readonly change: (source: (file: string) => string) => ReadonlyMap<string, string>
}

interface Hunted {
  readonly scenario?: string
  readonly seed?: number
  readonly runs?: number
  readonly error?: string
}

const { values } = parseArgs({
  options: {
    bugs: { type: 'boolean', default: false },
    guards: { type: 'boolean', default: false },
    only: { type: 'string' },
    seeds: { type: 'string', default: '2000' },
  },
})

function bugs(root: string): readonly Mutant[] {
  const files = readdirSync(join(root, PATCHES)).filter((file) => file.endsWith('.patch'))
  return files.sort().map((file) => {
    const patch = parsePatch(readFileSync(join(root, PATCHES, file), 'utf8'))
    return {
      name: file.slice(0, -'.patch'.length),
      isBug: true,
      hint: patch.hint,
      specs: patch.tests?.map((name) => `dist/test/${name}.test.js`),
      change: (source) => new Map(patch.files.map((f) => [f.file, applyPatch(source(f.file), f)])),
    }
  })
}

function guards(): readonly Mutant[] {
  return GUARDS.map((edit) => ({
    name: edit.name,
    isBug: false,
    hint: undefined,
    specs: edit.specs,
    change: (source) => new Map([[edit.file, applyEdit(source(edit.file), edit)]]),
  }))
}

/** The failing test, or undefined when the mutant survives the unit tests. */
function runUnits(
  scratch: Scratch,
  {
    specs = UNIT_SPECS,
    changed = [],
    limitMs = UNIT_LIMIT_MS,
  }: { specs?: readonly string[] | undefined; changed?: readonly string[]; limitMs?: number } = {},
): string | undefined {
  const rooms = ROOM_SPECS.filter(({ room }) => changed.some((file) => file.startsWith(room)))
  const all = new Set([...specs, ...rooms.map(({ spec }) => spec)])
  // Names a failed test at once, whatever it holds: the JSON reporter dies of a bigint.
  const options = ['--no-config', '--bail', '--reporter', 'tap', '--timeout', '20000']
  const args = ['node_modules/mocha/bin/mocha.js', ...options]
  const ran = scratch.run([...args, ...[...all].flatMap((spec) => ['--spec', spec])], limitMs)
  if (ran.killed) return 'the unit tests hang'
  if (ran.ok && ran.output.includes('# fail 0')) return undefined
  const title = /^not ok \d+ (.*)$/m.exec(ran.output)?.[1]
  return title ?? ran.output.trim().split('\n').at(-1) ?? 'the unit tests fail'
}

/** The failing run, or undefined when the mutant survives; a run that also fails without the mutant does not count. */
function runSimulator(scratch: Scratch, seeds: string, hint: string | undefined): string | undefined {
  const skip: string[] = []
  const first = hint === undefined ? [] : ['--hint', hint]
  for (;;) {
    const args = [
      'dist/test/sim/hunt.js',
      '--seeds',
      seeds,
      ...first,
      ...skip.flatMap((run) => ['--skip', run]),
    ]
    const ran = scratch.run(args, 60_000 + RUN_LIMIT_MS * Number(seeds))
    if (ran.killed) return 'a run hangs'
    const found = huntedOf(ran.output)
    if (typeof found === 'string') return found
    const { scenario, seed, runs, error } = found
    if (scenario === undefined) return undefined
    if (!failsUnchanged(scratch, scenario, seed!)) return `${scenario} seed ${seed} (run ${runs}): ${error}`
    console.log(`          ${scenario} seed ${seed} fails without it too: ${error}`)
    skip.push(`${scenario}:${seed}`)
  }
}

function failsUnchanged(scratch: Scratch, scenario: string, seed: number): boolean {
  const args = ['--scenario', scenario, '--first', `${seed}`, '--seeds', '1']
  const found = huntedOf(scratch.run(['unchanged/test/sim/hunt.js', ...args], UNIT_LIMIT_MS).output)
  return typeof found === 'string' || found.scenario !== undefined
}

function huntedOf(output: string): Hunted | string {
  const last = output.trim().split('\n').at(-1) ?? ''
  return last.startsWith('{') ? (JSON.parse(last) as Hunted) : `the simulator stops: ${last}`
}

/** True when the mutant is detected as required. */
function judge(scratch: Scratch, mutant: Mutant, seeds: string): boolean {
  const changed = mutant.change((file) => scratch.source(file))
  const startedNs = process.hrtime.bigint()
  const seconds = (): string =>
    (Number((process.hrtime.bigint() - startedNs) / 1_000_000n) / 1_000).toFixed(1)
  for (const [file, text] of changed) scratch.write(file, text)
  try {
    scratch.compile()
    const unit = runUnits(scratch, { specs: mutant.specs, changed: [...changed.keys()] })
    if (mutant.specs !== undefined && unit === undefined) {
      console.log(`SURVIVES   ${mutant.name}: ${mutant.specs.join(', ')} pass (${seconds()} s)`)
      return false
    }
    if (unit !== undefined && (!mutant.isBug || mutant.specs !== undefined)) {
      console.log(`found     ${mutant.name}: ${unit} (${seconds()} s)`)
      return true
    }
    const simulated = runSimulator(scratch, seeds, mutant.hint)
    const isFound = simulated !== undefined
    console.log(
      `${isFound ? 'found     ' : 'SURVIVES  '}${mutant.name}: ${simulated ?? `${seeds} seeds pass`} (${seconds()} s)`,
    )
    if (mutant.isBug) console.log(`          units: ${unit ?? 'pass'}`)
    return isFound
  } finally {
    scratch.restore([...changed.keys()])
  }
}

/** `--only A,B`: full names, or their parts before the dot. */
function isWanted(name: string): boolean {
  const only = values.only?.split(',')
  return only === undefined || only.some((wanted) => name === wanted || name.startsWith(`${wanted}.`))
}

function main(): number {
  if (parseWholeNumber(values.seeds, 1) === undefined) {
    console.error('--seeds: expected a whole number, at least 1')
    return 2
  }
  const root = process.cwd()
  const all = [...(values.guards ? [] : bugs(root)), ...(values.bugs ? [] : guards())]
  const mutants = all.filter((m) => isWanted(m.name))
  if (mutants.length === 0) {
    console.error(`no mutant ${values.only}; there are: ${all.map((m) => m.name).join(', ')}`)
    return 2
  }
  const scratch = new Scratch(root)
  try {
    const specs = new Set(mutants.flatMap((mutant) => mutant.specs ?? UNIT_SPECS))
    const broken = runUnits(scratch, { specs: [...specs], limitMs: ALL_LIMIT_MS })
    if (broken !== undefined) {
      console.error(`the unchanged sources fail: ${broken}`)
      return 2
    }
    // Otherwise a simulator that does not even start would find every mutant.
    const idle = huntedOf(scratch.run(['unchanged/test/sim/hunt.js', '--seeds', '1'], UNIT_LIMIT_MS).output)
    if (typeof idle === 'string' || idle.scenario !== undefined) {
      console.error(`the simulator fails on the unchanged sources: ${JSON.stringify(idle)}`)
      return 2
    }
    const survivors = mutants.filter((mutant) => !judge(scratch, mutant, values.seeds))
    console.log(
      `${mutants.length} mutants, ${survivors.length} not found: ${survivors.map((m) => m.name).join(', ')}`,
    )
    return survivors.length === 0 ? 0 : 1
  } finally {
    scratch.close()
  }
}

process.exitCode = main()
