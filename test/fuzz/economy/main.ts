// `npm run fuzz:economy -- [--histories N] [--blocks N] [--seed S] [--shrink] [--outcomes]`: plays histories on the whole economy
// and winds each up; fails when one has a finding.
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../../base/integers.ts'
import { History } from './history.ts'
import { describeBlocks, end, type Finding, findingOf, replay, shrink } from './shrink.ts'

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '20' },
    blocks: { type: 'string', default: '250' },
    seed: { type: 'string', default: '1' },
    shrink: { type: 'boolean', default: false },
    outcomes: { type: 'boolean', default: false },
  },
})

function natural(name: 'histories' | 'blocks' | 'seed'): number {
  const value = parseWholeNumber(values[name], 1)
  if (value !== undefined) return value
  console.error(`--${name}: expected a whole number from 1 on`)
  process.exit(2)
}

const [histories, blocks, first] = [natural('histories'), natural('blocks'), natural('seed')]
const outcomes = new Map<string, number>()

/** Plays the history of a seed; returns its finding. */
function play(seed: number): Finding {
  const startMs = performance.now()
  const history = new History(seed)
  let made = 0
  let finding: Finding
  try {
    for (; made < blocks; made++) history.step()
    finding = end(history)
  } catch (error) {
    finding = findingOf(error)
  }
  const { window, stepsMost, stepsOver } = history.chain
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1)
  console.log(
    `seed ${seed}: ${history.blocks.length} blocks, ${window} windows, at most ${stepsMost} steps a block (${stepsOver} beyond its budget), ${seconds} s`,
  )
  for (const [name, count] of history.outcomes) outcomes.set(name, (outcomes.get(name) ?? 0) + count)
  if (finding === undefined) return undefined
  console.error(`seed ${seed}, block ${history.blocks.length}: ${finding}`)
  console.error(`  replay: npm run fuzz:economy -- --histories 1 --seed ${seed} --blocks ${blocks} --shrink`)
  if (values.shrink) {
    const played = history.blocks.slice(0, made + 1)
    const kept = shrink(played, finding, (tried) => replay(seed, tried))
    for (const line of describeBlocks(kept)) console.error(`  ${line}`)
  }
  history.close()
  return finding
}

let failed = 0
for (let seed = first; seed < first + histories; seed++) if (play(seed) !== undefined) failed++
if (values.outcomes)
  for (const [name, count] of [...outcomes].sort()) console.log(`${`${count}`.padStart(8)} ${name}`)
console.log(`${histories} histories, ${failed} with findings`)
process.exitCode = failed === 0 ? 0 : 1
