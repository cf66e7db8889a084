// `npm run sim -- --seeds N [--scenario S] [--first K]`: many seeds, and the command that replays a failing one.
import { parseArgs } from 'node:util'
import { Violation } from './invariants.ts'
import { SCENARIOS } from './scenarios.ts'
import { SimWorld } from './world.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    first: { type: 'string', default: '1' },
    scenario: { type: 'string' },
  },
})

const seeds = Number(values.seeds)
const first = Number(values.first)
const names = values.scenario === undefined ? Object.keys(SCENARIOS) : [values.scenario]
let failures = 0
for (const name of names) {
  const scenario = SCENARIOS[name]
  if (scenario === undefined) {
    console.error(`unknown scenario ${name}; there are: ${Object.keys(SCENARIOS).join(', ')}`)
    process.exit(2)
  }
  let slowestMs = 0
  let failed = 0
  const started = process.hrtime.bigint()
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      slowestMs = Math.max(slowestMs, new SimWorld(scenario(seed)).run().recoveryMs)
    } catch (error) {
      failed++
      console.error(
        `${name} seed ${seed}: ${error instanceof Violation ? error.message : (error as Error).stack}`,
      )
      console.error(`  replay: npm run sim -- --scenario ${name} --first ${seed} --seeds 1`)
    }
  }
  failures += failed
  const tookMs = Number((process.hrtime.bigint() - started) / 1_000_000n)
  console.log(
    `${name}: ${seeds} seeds, ${failed} failed, slowest recovery ${slowestMs} ms (virtual), ${tookMs} ms`,
  )
}
process.exit(failures === 0 ? 0 : 1)
