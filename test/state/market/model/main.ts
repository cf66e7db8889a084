// `npm run test:market -- --books N --seed S`: N random books on the chain and on the independent model, and as many blocks of a
// proposer that chooses.
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../../../base/integers.ts'
import { compareBook, noCounts } from './compare.ts'
import { gainOf } from './proposer.ts'

const PROGRESS = 1_000

const { values } = parseArgs({
  options: { books: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
})
const books = parseWholeNumber(values.books, 1)
const first = parseWholeNumber(values.seed)
if (books === undefined || first === undefined) {
  console.error('--books N and --seed S are whole numbers')
  process.exit(2)
}
const counts = noCounts()
let traded = 0
let most = 0
for (let seed = first; seed < first + books; seed++) {
  compareBook(seed, counts)
  const { gain, lots } = gainOf(seed)
  if (gain > lots) throw new Error(`seed ${seed}: a proposer gains ${gain} over ${lots} lots`)
  if (lots > 0) traded++
  if (lots > 0) most = Math.max(most, gain / lots)
  if ((seed - first + 1) % PROGRESS === 0) console.log(`${seed - first + 1} books agree`)
}
console.log(`${books} books agree: ${JSON.stringify(counts)}`)
console.log(`${traded} blocks of a proposer that trades: it gains at most ${most} ticks a lot`)
