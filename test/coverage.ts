// Fails when a room that must be covered is not: reads what c8 wrote. Runs after the tests (`npm test`).
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

const REQUIRED_PERCENT = 90
const ROOMS = ['base', 'consensus', 'state'] as const

interface Summary {
  readonly [file: string]: { readonly lines: { readonly total: number; readonly covered: number } }
}

const summary = JSON.parse(readFileSync('coverage/coverage-summary.json', 'utf8')) as Summary
let isEnough = true
for (const room of ROOMS) {
  let total = 0
  let covered = 0
  for (const [file, { lines }] of Object.entries(summary)) {
    if (!relative(process.cwd(), file).startsWith(`${room}/`)) continue
    total += lines.total
    covered += lines.covered
  }
  const percent = total === 0 ? 0 : (100 * covered) / total
  console.log(`coverage of ${room}: ${percent.toFixed(1)} % of ${total} lines`)
  if (percent < REQUIRED_PERCENT) isEnough = false
}
if (!isEnough) {
  console.error(`coverage is below ${REQUIRED_PERCENT} % of lines`)
  process.exit(1)
}
