// `npm run test:backing -- [--histories N] [--seed S]`: random histories of a pool beside brute force; stops at the first that differs.
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../../base/integers.ts'
import { playHistory } from './histories.ts'

const { values } = parseArgs({
  options: { histories: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
})
const [histories, first] = [parseWholeNumber(values.histories, 1), parseWholeNumber(values.seed, 1)]
if (histories === undefined || first === undefined) {
  console.error('--histories, --seed: expected whole numbers from 1 on')
  process.exit(2)
}

const startMs = performance.now()
for (let seed = first; seed < first + histories; seed++) {
  try {
    playHistory(seed)
  } catch (error) {
    console.error(`seed ${seed}: ${(error as Error).message}`)
    console.error(`replay: npm run test:backing -- --histories 1 --seed ${seed}`)
    process.exit(1)
  }
}
const seconds = ((performance.now() - startMs) / 1000).toFixed(0)
console.log(`${histories} histories from seed ${first} on equal brute force; ${seconds} s`)
