// `npm run test:mutants -- [--bugs | --guards] [--only NAME,…] [--seeds N] [--lanes N]`: inserts bugs one at a time and requires
// that the unit tests or the simulator find each; the simulator must find every bug of bugs/ that names no tests.
import { readdirSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../base/integers.ts'
import { Hunter, type Mutant } from './hunter.ts'
import { bugs, guards } from './mutants.ts'
import { Reach } from './reach.ts'
import { Scratch } from './scratch.ts'

const LANES_MAX = 16

const { values } = parseArgs({
  options: {
    bugs: { type: 'boolean', default: false },
    guards: { type: 'boolean', default: false },
    only: { type: 'string' },
    seeds: { type: 'string', default: '2000' },
    lanes: { type: 'string', default: '2' },
  },
})

/** `--only A,B`: full names, their parts before the dot, or either with a `*` at its end. */
function isWanted(name: string): boolean {
  const only = values.only?.split(',')
  if (only === undefined) return true
  return only.some((wanted) => {
    if (wanted.endsWith('*')) return name.startsWith(wanted.slice(0, -1))
    return name === wanted || name.startsWith(`${wanted}.`)
  })
}

/** Specs may be patterns of one folder. */
function expanded(root: string, mutant: Mutant): Mutant {
  const specs = mutant.specs?.flatMap((spec) => {
    if (!spec.endsWith('/*.test.js')) return [spec]
    const folder = spec.slice(0, -'/*.test.js'.length)
    const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.test.js'))
    return names.sort().map((name) => `${folder}/${name}`)
  })
  return { ...mutant, specs }
}

function secondsSince(startedNs: bigint): string {
  return `${(Number((process.hrtime.bigint() - startedNs) / 1_000_000n) / 1_000).toFixed(1)} s`
}

/** Takes mutants off the queue until it is empty; the names of those not found. */
async function lane(
  root: string,
  queue: Mutant[],
  shared: { readonly reach: Reach; readonly sound: Set<string> },
): Promise<readonly string[]> {
  const scratch = new Scratch(root)
  // Neither a copy nor a running test is left behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      scratch.close()
      process.exitCode = 2
      setImmediate(() => process.exit())
    })
  }
  const hunter = new Hunter({ ...shared, scratch, seeds: values.seeds, log: console.log })
  const survivors: string[] = []
  try {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const startedNs = process.hrtime.bigint()
      const { isFound, by, units } = await hunter.judge(expanded(root, mutant))
      const word = isFound ? 'found     ' : 'SURVIVES  '
      console.log(`${word}${mutant.name}: ${by} (${secondsSince(startedNs)})`)
      if (mutant.isSimulated) console.log(`          units: ${units ?? 'pass'}`)
      if (!isFound) survivors.push(mutant.name)
    }
    return survivors
  } finally {
    scratch.close()
  }
}

async function main(): Promise<number> {
  const lanes = parseWholeNumber(values.lanes, 1)
  if (parseWholeNumber(values.seeds, 1) === undefined || lanes === undefined || lanes > LANES_MAX) {
    console.error(`--seeds: a whole number, at least 1; --lanes: 1 to ${LANES_MAX}`)
    return 2
  }
  const root = process.cwd()
  const all = [...(values.guards ? [] : bugs(root)), ...(values.bugs ? [] : guards())]
  const mutants = all.filter((mutant) => isWanted(mutant.name))
  if (mutants.length === 0) {
    console.error(`no mutant ${values.only}; there are: ${all.map((mutant) => mutant.name).join(', ')}`)
    return 2
  }
  // It fills every core for minutes, and nobody waits for it.
  setPriority(constants.priority.PRIORITY_LOW)
  const startedNs = process.hrtime.bigint()
  const shared = { reach: new Reach(root), sound: new Set<string>() }
  const queue = [...mutants]
  const survivors = (await Promise.all(Array.from({ length: lanes }, () => lane(root, queue, shared)))).flat()
  console.log(
    `${mutants.length} mutants, ${survivors.length} not found: ${survivors.join(', ')} (${secondsSince(startedNs)})`,
  )
  return survivors.length === 0 ? 0 : 1
}

process.exitCode = await main()
