// `npm run sim:full-node -- --seeds N [--scenario S] [--first K]`: plays whole nodes; a failure prints its replay command.
import { parseArgs } from 'node:util'
import { Violation } from '../../support/violation.ts'
import { FULL_NODE_SCENARIOS } from './fullNodeScenarios.ts'
import { FullNodeWorld } from './fullNodeWorld.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    first: { type: 'string', default: '1' },
    scenario: { type: 'string' },
  },
})
const seeds = Number(values.seeds)
const first = Number(values.first)
const names = values.scenario === undefined ? Object.keys(FULL_NODE_SCENARIOS) : [values.scenario]
let failures = 0
for (const name of names) {
  const scenario = FULL_NODE_SCENARIOS[name]
  if (scenario === undefined) {
    console.error(`unknown scenario ${name}; there are: ${Object.keys(FULL_NODE_SCENARIOS).join(', ')}`)
    process.exit(2)
  }
  const started = performance.now()
  let failed = 0
  const sums = { height: 0, transactions: 0, crashes: 0, slowestMs: 0 }
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      const result = await new FullNodeWorld(scenario(seed)).run()
      sums.height += result.height
      sums.transactions += result.transactions
      sums.crashes += result.crashes
      sums.slowestMs = Math.max(sums.slowestMs, result.recoveryMs)
    } catch (error) {
      failed++
      console.error(
        `${name} seed ${seed}: ${error instanceof Violation ? error.message : (error as Error).stack}`,
      )
      console.error(`  replay: npm run sim:full-node -- --scenario ${name} --first ${seed} --seeds 1`)
    }
  }
  failures += failed
  console.log(
    `${name}: ${seeds} seeds, ${failed} failed, ${sums.height} blocks, ${sums.transactions} transactions, ` +
      `${sums.crashes} crashes, slowest recovery ${sums.slowestMs} ms (virtual), ${(performance.now() - started).toFixed(0)} ms`,
  )
}
process.exit(failures === 0 ? 0 : 1)
