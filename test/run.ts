// `npm test`: mocha twice at once, the tests that run devnets beside all others. They wait for time-outs and disks for
// most of their time, so two cores do both in little more than the time of one. Owns: the split, and one exit code.
import { spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'

const MOCHA = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url))
const ALL = 'dist/test/**/*.test.js'
const DEVNETS = ['e2e', 'faults', 'examples', 'package'].map((room) => `dist/test/${room}/**/*.test.js`)

interface Group {
  readonly name: string
  readonly args: readonly string[]
  /** Devnets have deadlines, so what only computes makes way. */
  readonly isPolite: boolean
  /** Whether c8 counts it. The rooms that must be covered are covered by the tests of their own. */
  readonly isCounted: boolean
}

const GROUPS: readonly Group[] = [
  { name: 'devnets', args: DEVNETS, isPolite: false, isCounted: false },
  // A test that makes way must not be taken for one that hangs.
  {
    name: 'all others',
    args: [ALL, ...DEVNETS.flatMap((files) => ['--ignore', files]), '--timeout', '60000'],
    isPolite: true,
    isCounted: true,
  },
]

interface Outcome {
  readonly output: string
  readonly code: number
  readonly seconds: number
}

function run(group: Group): Promise<Outcome> {
  const startMs = performance.now()
  const { NODE_V8_COVERAGE: coverage, ...env } = process.env
  if (group.isCounted && coverage !== undefined) env.NODE_V8_COVERAGE = coverage
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MOCHA, ...group.args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    if (group.isPolite && child.pid !== undefined)
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
  GROUPS.map(async (group) => {
    const { output, code, seconds } = await run(group)
    console.log(`${group.name} (${seconds.toFixed(0)} s):\n${output}`)
    if (code !== 0) isGood = false
  }),
)
process.exitCode = isGood ? 0 : 1
