// `npm test`: mocha in six lanes at once, three of tests that run devnets or a browser and three of all others. Devnets wait for
// windows, time-outs and disks much of the time, and the others, at a lower priority, use what is left of two cores to the end.
// Owns: the split, one exit code.
import { spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'

const tool = (path: string): string => fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url))
const MOCHA = tool('mocha/bin/mocha.js')
const C8 = tool('c8/bin/c8.js')
const ALL = 'dist/test/**/*.test.js'
const filesOf = (rooms: readonly string[]): readonly string[] =>
  rooms.map((room) => `dist/test/${room}/**/*.test.js`)
const STORIES = filesOf(['e2e'])
/** Half the time of all stories: those that wait for window after window. */
const LONG_STORIES = ['membership', 'story', 'currency', 'operator'].map(
  (name) => `dist/test/e2e/${name}.test.js`,
)
const FAULTS = filesOf(['faults', 'examples', 'package'])
/** In a browser, with deadlines of its own. */
const PAGE = filesOf(['web'])
const DEVNETS = [...STORIES, ...FAULTS, ...PAGE]
/** The rooms whose coverage is checked (coverage.ts); their own tests must cover them. */
const COVERED = filesOf(['base', 'consensus', 'state', 'golden'])
const SIMULATIONS = filesOf(['sim', 'spec', 'fuzz', 'tidy', 'cli', 'scripts'])
// A test at a lower priority must not be taken for one that hangs.
const PATIENT = ['--timeout', '180000'] as const

interface Lane {
  readonly name: string
  readonly args: readonly string[]
  /** Whether it runs at a lower priority: devnets have deadlines, computations do not. */
  readonly isPolite: boolean
  /** Whether c8 counts it: counting costs a fifth of the time. */
  readonly isCounted: boolean
}

/** All run beside each other. */
const LANES: readonly Lane[] = [
  { name: 'long stories', args: LONG_STORIES, isPolite: false, isCounted: false },
  {
    name: 'stories',
    args: [...STORIES, ...LONG_STORIES.flatMap((file) => ['--ignore', file])],
    isPolite: false,
    isCounted: false,
  },
  { name: 'faults, examples, package, page', args: [...FAULTS, ...PAGE], isPolite: false, isCounted: false },
  { name: 'covered rooms', args: [...COVERED, ...PATIENT], isPolite: true, isCounted: true },
  { name: 'simulations', args: [...SIMULATIONS, ...PATIENT], isPolite: true, isCounted: false },
  {
    name: 'all others',
    args: [
      ALL,
      ...[...DEVNETS, ...COVERED, ...SIMULATIONS].flatMap((files) => ['--ignore', files]),
      ...PATIENT,
    ],
    isPolite: true,
    isCounted: false,
  },
]

/** Node reads such certificates at each of hundreds of starts; no test asks a server of the internet. */
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env

interface Outcome {
  readonly output: string
  readonly code: number
  readonly seconds: number
}

function run(lane: Lane): Promise<Outcome> {
  const startMs = performance.now()
  const counter = lane.isCounted ? [C8, process.execPath] : []
  return new Promise((resolve, reject) => {
    const args = [...counter, MOCHA, ...lane.args]
    const child = spawn(process.execPath, args, { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] })
    if (lane.isPolite && child.pid !== undefined)
      setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL)
    const parts: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.stderr.on('data', (part: Buffer) => parts.push(part))
    child.once('error', reject)
    child.once('close', (code) => {
      const seconds = (performance.now() - startMs) / 1000
      resolve({ output: Buffer.concat(parts).toString('utf8'), code: code ?? 1, seconds })
    })
  })
}

let isGood = true
await Promise.all(
  LANES.map(async (lane) => {
    const { output, code, seconds } = await run(lane)
    console.log(`${lane.name} (${seconds.toFixed(0)} s):\n${output}`)
    if (code !== 0) isGood = false
  }),
)
process.exitCode = isGood ? 0 : 1
