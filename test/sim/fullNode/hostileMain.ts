// `npm run sim:hostile -- --seeds N [--behaviour B] [--first K] [--attack-ms MS]`: plays whole nodes beside a Byzantine
// member; a failure prints its replay command.
import { parseArgs } from 'node:util'
import { Violation } from '../../support/violation.ts'
import { HOSTILE_SCENARIOS } from './hostileScenarios.ts'
import { HostileWorld } from './hostileWorld.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2' },
    first: { type: 'string', default: '1' },
    behaviour: { type: 'string' },
    'attack-ms': { type: 'string' },
  },
})
const seeds = Number(values.seeds)
const first = Number(values.first)
const attackMs = values['attack-ms']
const names = values.behaviour === undefined ? Object.keys(HOSTILE_SCENARIOS) : [values.behaviour]
let failures = 0
for (const name of names) {
  const scenario = HOSTILE_SCENARIOS[name]
  if (scenario === undefined) {
    console.error(`unknown behaviour ${name}; there are: ${Object.keys(HOSTILE_SCENARIOS).join(', ')}`)
    process.exit(2)
  }
  const started = performance.now()
  let failed = 0
  const sums = { height: 0, transactions: 0, points: 0, refusals: 0, standMs: 0, recoveryMs: 0 }
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      const config = scenario(seed)
      const changed = attackMs === undefined ? config : { ...config, attackMs: Number(attackMs) }
      const result = await new HostileWorld(changed).run()
      for (const key of ['height', 'transactions', 'points', 'refusals'] as const) sums[key] += result[key]
      sums.standMs = Math.max(sums.standMs, result.standMs)
      sums.recoveryMs = Math.max(sums.recoveryMs, result.recoveryMs)
    } catch (error) {
      failed++
      console.error(
        `${name} seed ${seed}: ${error instanceof Violation ? error.message : (error as Error).stack}`,
      )
      const same = attackMs === undefined ? '' : ` --attack-ms ${attackMs}`
      console.error(`  replay: npm run sim:hostile -- --behaviour ${name} --first ${seed} --seeds 1${same}`)
    }
  }
  failures += failed
  console.log(
    `${name}: ${seeds} seeds, ${failed} failed, ${sums.height} blocks, ${sums.transactions} transactions, ` +
      `${sums.points} points, ${sums.refusals} refusals, longest standstill ${sums.standMs} ms, ` +
      `slowest recovery ${sums.recoveryMs} ms (virtual), ${(performance.now() - started).toFixed(0)} ms`,
  )
}
process.exit(failures === 0 ? 0 : 1)
