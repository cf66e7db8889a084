// `npm run test:arbitrage -- --first-day N --days N --seed S`: all years, or a part.
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../../../base/integers.ts'
import { DAYS } from '../../../../bench/replay/calendar.ts'
import { playArbitrage } from './story.ts'

const { values } = parseArgs({
  options: {
    'first-day': { type: 'string', default: '0' },
    days: { type: 'string', default: String(DAYS) },
    seed: { type: 'string', default: '1' },
  },
})
const firstDay = parseWholeNumber(values['first-day'])
const days = parseWholeNumber(values.days, 1)
const seed = parseWholeNumber(values.seed)
if (firstDay === undefined || days === undefined || seed === undefined || firstDay >= DAYS) {
  console.error(`--first-day is 0 to ${DAYS - 1}, --days from 1 on, --seed a whole number`)
  process.exit(2)
}
const part = { seed, firstDay, days: Math.min(days, DAYS - firstDay) }
for (const isKept of [true, false]) {
  const outcome = playArbitrage({ ...part, isKept })
  console.log(isKept ? 'with the bot' : 'without it')
  for (const [name, value] of Object.entries(outcome)) console.log(`  ${name}: ${value}`)
  if (isKept && outcome.outside > 0) process.exitCode = 1
}
