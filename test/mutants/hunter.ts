// Hunts one mutant at a time: with the unit tests that can see it, then with the simulator. Owns: what counts as found.
// Not: which mutants there are (mutants.ts), how they run beside each other (main.ts).
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Reach } from './reach.ts'
import { compiledOf, type Ran, type Scratch } from './scratch.ts'
import type { Event, Failure } from './units.ts'

/** A run of the simulator that computes for so long is killed: a mutant may never end. */
const RUN_LIMIT_MS = 30_000
/** The same for a test. */
const TEST_LIMIT_MS = 10_000
/** Mocha's own limit counts the waiting, too. */
const MOCHA_LIMIT_MS = 60_000
/** Killed once, it may have been the machine: it is repeated with limits so many times longer, and a true hang hangs again. */
const PATIENCE = 4
const HUNT = 'test/sim/hunt.js'
/** The tests of these rooms may notice a change in a room. Bugs of the core are left to the simulator beyond that. */
const ROOM_TESTS: Readonly<Record<string, readonly string[]>> = {
  base: ['base', 'consensus', 'signer', 'p2p', 'client'],
  consensus: ['consensus', 'signer'],
  signer: ['signer'],
  p2p: ['p2p'],
  storage: ['storage'],
  node: ['node'],
  client: ['client'],
}

export interface Mutant {
  readonly name: string
  /** A hand-made bug that names no tests: the simulator must find it, whatever the unit tests say. */
  readonly isSimulated: boolean
  readonly hint: string | undefined
  /** Compiled tests, one of which must find it. */
  readonly specs: readonly string[] | undefined
  /** Changed texts by file. */
  readonly change: (source: (file: string) => string) => ReadonlyMap<string, string>
}

export interface Verdict {
  readonly isFound: boolean
  /** What found it, or what passed. */
  readonly by: string
  readonly units?: string
}

interface Run {
  readonly scenario?: string
  readonly seed?: number
  readonly runs?: number
  readonly error?: string
}

export class Hunter {
  readonly #scratch: Scratch
  readonly #reach: Reach
  readonly #seeds: string
  readonly #log: (line: string) => void
  /** How many mutants of a source file each test has found, so that it runs first for the next. */
  readonly #finds = new Map<string, number>()
  /** Tests that pass without a mutant. */
  readonly #sound: Set<string>

  constructor(options: {
    scratch: Scratch
    reach: Reach
    /** Shared by all that hunt beside each other. */
    sound: Set<string>
    seeds: string
    log: (line: string) => void
  }) {
    this.#scratch = options.scratch
    this.#reach = options.reach
    this.#sound = options.sound
    this.#seeds = options.seeds
    this.#log = options.log
  }

  /** Throws when the mutant does not compile. */
  async judge(mutant: Mutant): Promise<Verdict> {
    const changed = mutant.change((file) => this.#scratch.source(file))
    const files = [...changed.keys()]
    for (const [file, text] of changed) this.#scratch.write(file, text)
    try {
      const specs = this.#specsFor(mutant, files)
      const unit = await this.#units(mutant, specs, files)
      if (mutant.specs !== undefined) return { isFound: unit !== undefined, by: unit ?? specs.join(', ') }
      if (unit !== undefined && !mutant.isSimulated) return { isFound: true, by: unit }
      const simulated = await this.#simulate(mutant, files)
      const by = simulated ?? `${this.#seeds} seeds pass`
      return { isFound: simulated !== undefined, by, units: unit ?? 'pass' }
    } finally {
      this.#scratch.restore(files)
    }
  }

  /** The tests that see the change, those first that found others in the same files. */
  #specsFor(mutant: Mutant, files: readonly string[]): readonly string[] {
    const rooms = new Set(files.flatMap((file) => ROOM_TESTS[file.split('/')[0]!] ?? []))
    const specs = mutant.specs ?? [...rooms].flatMap((room) => this.#testsOf(room))
    const compiled = files.map(compiledOf)
    const finds = (spec: string): number => this.#finds.get(`${files[0]} ${spec}`) ?? 0
    return specs.filter((spec) => this.#reach.sees(spec, compiled)).sort((a, b) => finds(b) - finds(a))
  }

  #testsOf(room: string): readonly string[] {
    const folder = `dist/test/${room}`
    const names = readdirSync(join(this.#scratch.dir, folder)).sort()
    return names.filter((name) => name.endsWith('.test.js')).map((name) => `${folder}/${name}`)
  }

  /** The failing test, or undefined when the mutant survives them. */
  async #units(
    mutant: Mutant,
    specs: readonly string[],
    files: readonly string[],
  ): Promise<string | undefined> {
    for (let rest = specs; rest.length > 0; ) {
      let { file, failure } = await this.#runTests(rest, 1)
      if (failure?.isTimeout) {
        this.#log(`timeout   ${mutant.name}: ${failure.failed}; once more, ${PATIENCE} times as long`)
        failure = (await this.#runTests([file], PATIENCE)).failure
      }
      if (failure !== undefined && (await this.#passesUnchanged(file))) {
        const key = `${files[0]} ${file}`
        this.#finds.set(key, (this.#finds.get(key) ?? 0) + 1)
        return failure.isTimeout ? `${failure.failed} hangs twice` : failure.failed
      }
      rest = rest.slice(rest.indexOf(file) + 1)
    }
    return undefined
  }

  /** The failure in the first failing file, or none and the last file. */
  async #runTests(
    specs: readonly string[],
    patience: number,
    folder = 'dist',
  ): Promise<{ file: string; failure: Failure | undefined }> {
    const args = ['--timeout', `${patience * MOCHA_LIMIT_MS}`, ...specs]
    const own = args.map((arg) => arg.replace(/^dist\//, `${folder}/`))
    const ran = await this.#scratch.run([`${folder}/test/mutants/units.js`, ...own], patience * TEST_LIMIT_MS)
    const events = ran.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Event)
    const begun = events.filter((event) => 'file' in event).length
    const file = specs[begun - 1]
    if (file === undefined) throw new Error(`no test file starts:\n${ran.lines.join('\n')}`)
    const failure = events.find((event) => 'failed' in event)
    if (failure !== undefined) return { file, failure }
    const test = events.findLast((event) => 'test' in event)?.test ?? file
    if (ran.isStuck) return { file, failure: { failed: test, error: 'is stuck', isTimeout: true } }
    if (!ran.ok) return { file, failure: { failed: `${test} stops`, error: lastOf(ran), isTimeout: false } }
    return { file, failure: undefined }
  }

  /** A test that fails without the mutant finds nothing. */
  async #passesUnchanged(file: string): Promise<boolean> {
    if (this.#sound.has(file)) return true
    const { failure } = await this.#runTests([file], PATIENCE, 'unchanged')
    if (failure === undefined) this.#sound.add(file)
    else this.#log(`          ${file} fails without it too: ${failure.failed}: ${failure.error}`)
    return failure === undefined
  }

  /** The failing run, or undefined when the mutant survives; a run that fails without it too does not count. */
  async #simulate(mutant: Mutant, files: readonly string[]): Promise<string | undefined> {
    if (!this.#reach.sees(`dist/${HUNT}`, files.map(compiledOf))) return undefined
    const skipped: string[] = []
    for (;;) {
      const hint = mutant.hint === undefined ? [] : ['--hint', mutant.hint]
      const skip = skipped.flatMap((run) => ['--skip', run])
      const ran = await this.#scratch.run(
        [`dist/${HUNT}`, '--seeds', this.#seeds, ...hint, ...skip],
        RUN_LIMIT_MS,
      )
      const last = lastRun(ran)
      if (last === undefined) throw new Error(`the simulator does not start:\n${ran.lines.join('\n')}`)
      const { scenario, seed, runs } = last
      if (scenario === undefined) return undefined
      const run = `${scenario} seed ${seed} (run ${runs})`
      let error = ran.isStuck ? undefined : (last.error ?? `stops: ${lastOf(ran)}`)
      if (error === undefined) {
        this.#log(`timeout   ${mutant.name}: ${run}; once more, ${PATIENCE} times as long`)
        error = await this.#replay('dist', scenario, seed!)
      }
      const unchanged = error === undefined ? undefined : await this.#replay('unchanged', scenario, seed!)
      if (error !== undefined && unchanged === undefined) return `${run}: ${error}`
      if (unchanged !== undefined) this.#log(`          ${run} fails without it too: ${unchanged}`)
      skipped.push(`${scenario}:${seed}`)
    }
  }

  /** How one run fails, if it does. */
  async #replay(folder: string, scenario: string, seed: number): Promise<string | undefined> {
    const args = ['--scenario', scenario, '--first', `${seed}`, '--seeds', '1']
    const ran = await this.#scratch.run([`${folder}/${HUNT}`, ...args], PATIENCE * RUN_LIMIT_MS)
    if (ran.isStuck) return 'hangs'
    const last = lastRun(ran)
    return last !== undefined && last.scenario === undefined
      ? undefined
      : (last?.error ?? `stops: ${lastOf(ran)}`)
  }
}

function lastOf(ran: Ran): string {
  return ran.lines.at(-1) ?? 'without a word'
}

function lastRun(ran: Ran): Run | undefined {
  const line = ran.lines.findLast((text) => text.startsWith('{'))
  return line === undefined ? undefined : (JSON.parse(line) as Run)
}
