// Runs Quint on consensus/spec with its TypeScript backend, in separate processes. Owns: the command line, temporary
// files and parsing Quint's output. Not: which runs (model.test.ts, main.ts).
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert, mustExist } from '../../base/assert.ts'
import type { ModelShape } from './replayChain.ts'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
export const SPEC = join(ROOT, 'consensus/spec')
const QUINT = join(ROOT, 'node_modules/@informalsystems/quint/dist/src/cli.js')

/** Instances of the model: files in consensus/spec. */
export const INSTANCES = ['simplex4', 'simplexSets'] as const
export type Instance = (typeof INSTANCES)[number]

/** The parts of `safe` in consensus/spec/simplex.qnt. */
export const INVARIANTS = [
  'agreement',
  'exclusive',
  'honestVotes',
  'ancestry',
  'boundaries',
  'epochs',
  'backed',
  'executed',
  'settles',
] as const

/** Conditions that some run must reach, or the invariants mean little. */
export const WITNESSES = [
  'finalAfterNullified',
  'reproposalFinal',
  'epochSwitched',
  'secondEpochFinal',
  'finalizedLater',
  'finalizedUnnotarized',
  'bothCertificates',
  'twoBoundaries',
  'equivocationSeen',
  'restartedAndFinal',
  'endingWithoutBodies',
  'idle',
] as const

/** Guards that can be dropped from the model, and the invariant that must fail without each. */
export const GUARDS = {
  afterNullify: 'honestVotes',
  notarizeTwice: 'honestVotes',
  otherDigest: 'honestVotes',
  skipped: 'ancestry',
  boundary: 'boundaries',
  execution: 'executed',
  epoch: 'backed',
  quorum: 'backed',
} as const
export type Guard = keyof typeof GUARDS

export interface SimulateOptions {
  readonly instance: Instance
  /** Drops this guard in every honest node. */
  readonly dropped?: Guard
  readonly samples: number
  readonly steps: number
  readonly seed: number
  /** Whether to return traces. */
  readonly isTraced?: boolean
}

export interface Simulation {
  /** Invariants broken by the first violating run; empty when all held. */
  readonly violated: readonly string[]
  /** Number of runs that reached each witness. */
  readonly witnessed: ReadonlyMap<string, number>
  /** Traces in Quint's format, one text a run (itf.ts reads them). */
  readonly traces: readonly string[]
  readonly wallMs: number
}

interface Finished {
  readonly code: number
  readonly text: string
}

function quint(args: readonly string[]): Promise<Finished> {
  return new Promise((done, failed) => {
    // A large nursery: the simulator creates many short-lived values.
    const child = spawn(process.execPath, ['--max-semi-space-size=64', QUINT, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Coverage is for this project, not for Quint.
      env: { ...process.env, NODE_V8_COVERAGE: undefined },
    })
    let text = ''
    child.stdout.on('data', (part: Buffer) => (text += part.toString()))
    child.stderr.on('data', (part: Buffer) => (text += part.toString()))
    child.on('error', failed)
    child.on('close', (code) => done({ code: code ?? 1, text }))
  })
}

/** Throws with Quint's report unless the instance and its imports type-check. */
export async function typecheck(instance: Instance): Promise<void> {
  const { code, text } = await quint(['typecheck', join(SPEC, `${instance}.qnt`)])
  if (code !== 0) throw new Error(`quint typecheck ${instance}:\n${text}`)
}

/** The constants of an instance, from its file. */
export async function shapeOf(instance: Instance): Promise<ModelShape> {
  const text = await readFile(join(SPEC, `${instance}.qnt`), 'utf8')
  const constant = (name: string): string =>
    mustExist(new RegExp(`${name} = (.*?), (?=[A-Z_]+ =)`).exec(text)?.[1], `${instance} sets ${name}`)
  return {
    nodes: Number(constant('NODES')),
    sets: JSON.parse(constant('SETS').replaceAll('List(', '[').replaceAll(')', ']')),
    epochBlocks: Number(constant('EPOCH_BLOCKS')),
  }
}

/** Random runs of the model from one seed: the same options give the same runs. */
export async function simulate(options: SimulateOptions): Promise<Simulation> {
  const { instance, dropped, samples, steps, seed, isTraced = false } = options
  const folder = await mkdtemp(join(tmpdir(), 'suanli-spec-'))
  try {
    await cp(join(SPEC, 'simplex.qnt'), join(folder, 'simplex.qnt'))
    const text = await readFile(join(SPEC, `${instance}.qnt`), 'utf8')
    assert(text.includes('DROPPED = Set()'), 'an instance drops no guard')
    const set = dropped === undefined ? 'Set()' : `Set("${dropped}")`
    await writeFile(join(folder, `${instance}.qnt`), text.replace('DROPPED = Set()', `DROPPED = ${set}`))
    const startedAtMs = performance.now()
    const { code, text: printed } = await quint([
      ...['run', join(folder, `${instance}.qnt`), '--main', instance, '--backend', 'typescript'],
      ...['--max-samples', `${samples}`, '--max-steps', `${steps}`, '--seed', `${seed}`, '--verbosity', '1'],
      ...['--invariants', ...INVARIANTS, '--witnesses', ...WITNESSES],
      ...(isTraced ? ['--n-traces', `${samples}`, '--out-itf', join(folder, 'trace_{seq}.itf.json')] : []),
    ])
    const wallMs = Math.round(performance.now() - startedAtMs)
    const violated = INVARIANTS.filter((name) => new RegExp(`❌ ${name}\\b`).test(printed))
    const isViolation = printed.includes('[violation]') && violated.length > 0
    if (code !== 0 && !isViolation) throw new Error(`quint run ${instance}:\n${printed}`)
    const witnessed = new Map<string, number>()
    for (const [, name, count] of printed.matchAll(/^(\w+) was witnessed in (\d+) trace/gm)) {
      witnessed.set(name!, Number(count))
    }
    return { violated, witnessed, traces: isTraced ? await readTraces(folder) : [], wallMs }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function readTraces(folder: string): Promise<readonly string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.itf.json')).sort()
  return Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
}
