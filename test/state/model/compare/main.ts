// `npm run test:model -- --operations N --seed S`: random chains of about 1,000 operations each until N are done.
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../../../base/integers.ts'
import { report, runSeed, shrink } from './history.ts'

const PER_CHAIN = 1_000

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    chains: { type: 'string', default: '1000000' },
    shrink: { type: 'boolean', default: true },
    /** Facts whose names match are not compared: to look past a known difference. */
    ignore: { type: 'string', default: '(?!)' },
    /** Kinds of operations that are not drawn, with commas between. */
    without: { type: 'string', default: '' },
  },
  allowNegative: true,
})
const operations = parseWholeNumber(values.operations, 1)
const first = parseWholeNumber(values.seed)
const chains = parseWholeNumber(values.chains, 1)
if (operations === undefined || first === undefined || chains === undefined) {
  console.error('--operations N, --seed S and --chains C are whole numbers')
  process.exit(2)
}

const look = {
  ignored: new RegExp(values.ignore),
  without: new Set(values.without.split(',')),
}
let executed = 0
let divergent = 0
const outcomes = new Map<string, number>()
for (let seed = first; executed < operations && seed < first + chains; seed++) {
  const run = runSeed(seed, Math.min(PER_CHAIN, operations - executed), look)
  executed += run.executed
  for (const [name, count] of run.outcomes) outcomes.set(name, (outcomes.get(name) ?? 0) + count)
  const verdict = run.divergence === undefined ? 'agree' : 'DIFFER'
  console.log(`seed ${seed}: ${run.executed} operations, ${run.windows} windows, ${verdict}`)
  if (run.divergence === undefined) continue
  divergent++
  console.log(report(values.shrink ? shrink(run.divergence, look) : run.divergence))
}
for (const [name, count] of [...outcomes].sort()) console.log(`${count} ${name}`)
console.log(`${executed} operations, ${divergent} chains differ`)
process.exit(divergent === 0 ? 0 : 1)
