// `npm run test:rush -- --chains N --seed S --disturbance D`: whether everyone is served within K windows (junk: 2K).
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../../../base/integers.ts'
import { DISTURBANCES, type Disturbance, isServed, runRush } from './rush.ts'

const { values } = parseArgs({
  options: {
    chains: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    disturbance: { type: 'string', default: 'all' },
  },
})
const chains = parseWholeNumber(values.chains, 1)
const first = parseWholeNumber(values.seed)
const isKnown = (name: string): name is Disturbance => (DISTURBANCES as readonly string[]).includes(name)
const kinds = values.disturbance === 'all' ? DISTURBANCES : [values.disturbance].filter(isKnown)
if (chains === undefined || first === undefined || kinds.length === 0) {
  console.error(
    `--chains N and --seed S are whole numbers, --disturbance is all or ${DISTURBANCES.join(', ')}`,
  )
  process.exit(2)
}

let failed = 0
const longest = new Map<Disturbance, number>()
for (let seed = first; seed < first + chains; seed++) {
  const kind = kinds[seed % kinds.length]!
  const result = runRush(seed, kind, kind === 'junk' ? 2 : 1)
  const share = result.windows / result.horizonWindows
  longest.set(kind, Math.max(longest.get(kind) ?? 0, share))
  if (isServed(result)) continue
  failed++
  console.log(
    `seed ${seed} ${kind}: ${result.unservedBase} of ${result.honestBase} unserved after ${result.windows} windows`,
  )
}
for (const [kind, share] of longest) console.log(`${kind}: at most ${share.toFixed(3)} K windows`)
console.log(`${chains} chains, ${failed} not served in time`)
process.exit(failed === 0 ? 0 : 1)
