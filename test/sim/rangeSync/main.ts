// `npm run sim:range-sync -- --seeds N [--scenario S] [--first K]`: plays scenario 41; a failure prints its replay command.
import { parseArgs } from 'node:util'
import { Violation } from '../../support/violation.ts'
import { configOf, RANGE_SYNC_NAMES } from './rangeSyncScenarios.ts'
import { syncChain } from './syncChain.ts'
import { SyncWorld } from './syncWorld.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    first: { type: 'string', default: '1' },
    scenario: { type: 'string' },
  },
})
const seeds = Number(values.seeds)
const first = Number(values.first)
const names = values.scenario === undefined ? RANGE_SYNC_NAMES : [values.scenario]
const chain = await syncChain()
let failures = 0
for (const name of names) {
  if (!RANGE_SYNC_NAMES.includes(name)) {
    console.error(`unknown scenario ${name}; there are: ${RANGE_SYNC_NAMES.join(', ')}`)
    process.exit(2)
  }
  let failed = 0
  let slowestMs = 0
  let served = 0
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      const result = await new SyncWorld(configOf(name, seed), chain).run()
      slowestMs = Math.max(slowestMs, result.tookMs)
      served = Math.max(served, result.served)
    } catch (error) {
      failed++
      const text = error instanceof Violation ? error.message : (error as Error).stack
      console.error(`${name} seed ${seed}: ${text}`)
      console.error(`  replay: npm run sim:range-sync -- --scenario ${name} --first ${seed} --seeds 1`)
    }
  }
  failures += failed
  console.log(
    `${name}: ${seeds} seeds, ${failed} failed, slowest ${slowestMs} ms (virtual), at most ${served} blocks served`,
  )
}
process.exit(failures === 0 ? 0 : 1)
