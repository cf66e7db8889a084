// `npm run test:rush -- --chains N --seed S --disturbance D`: whether everyone is served within K windows (junk: 2K).
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../../../base/integers.ts'
import { DISTURBANCES, type Disturbance, isServed, runRush } from './rush.ts'

const { values } = parseArgs({
  options: {
    chains: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    disturbance: { type: 'string', default: 'all' },
    lines: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(
    `--chains N, --seed S (the first), --disturbance all or ${DISTURBANCES.join(', ')}; --lines: a line for every chain`,
  )
  process.exit(0)
}
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
/** Windows until everyone was served, as shares of K. */
const shares = new Map<Disturbance, number[]>()
for (let seed = first; seed < first + chains; seed++) {
  const kind = kinds[seed % kinds.length]!
  const result = runRush(seed, kind, kind === 'junk' ? 2 : 1)
  shares.set(kind, [...(shares.get(kind) ?? []), result.windows / result.horizonWindows])
  if (values.lines) console.log(`${seed} ${kind} ${result.windows}/${result.horizonWindows}`)
  if (isServed(result)) continue
  failed++
  console.log(
    `seed ${seed} ${kind}: ${result.unservedBase} of ${result.honestBase} unserved after ${result.windows} windows`,
  )
}
/** The least share that at least `part` of all do not exceed. */
const quantile = (sorted: readonly number[], part: number): string =>
  sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!.toFixed(3)
for (const [kind, all] of shares) {
  const sorted = [...all].sort((a, b) => a - b)
  const [median, most, worst] = [0.5, 0.99, 1].map((part) => quantile(sorted, part))
  console.log(`${kind}: ${all.length} chains, median ${median} K, p99 ${most} K, worst ${worst} K`)
}
console.log(`${chains} chains, ${failed} not served in time`)
process.exit(failed === 0 ? 0 : 1)
