// `npm run fuzz:economy -- [--histories N] [--blocks N] [--seed S] [--outcomes]`: plays histories until one has a finding.
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../../base/integers.ts'
import { drain } from './drain.ts'
import { History } from './history.ts'

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '20' },
    blocks: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    outcomes: { type: 'boolean', default: false },
  },
})
const number = (text: string): number => parseWholeNumber(text, 1) ?? 1
const totals = new Map<string, number>()
for (let i = 0; i < number(values.histories); i++) {
  const seed = number(values.seed) + i
  const started = performance.now()
  const history = new History(seed)
  try {
    for (let block = 0; block < number(values.blocks); block++) history.step()
    const { window } = history.chain
    const left = drain(history)
    if (left.length > 0)
      console.error(
        `seed ${seed}: left after ${history.chain.window - window} windows:\n  ${left.join('\n  ')}`,
      )
    const ms = performance.now() - started
    console.log(
      `seed ${seed}: ${history.blocks.length} blocks, window ${history.chain.window}, most steps ${history.chain.stepsMost}, ${(ms / history.blocks.length).toFixed(1)} ms a block`,
    )
  } catch (error) {
    console.error(
      `seed ${seed}, block ${history.blocks.length}: ${error instanceof Error ? error.stack : String(error)}`,
    )
  }
  for (const [name, count] of history.outcomes) totals.set(name, (totals.get(name) ?? 0) + count)
}
if (values.outcomes) for (const [name, count] of [...totals].sort()) console.log(`${count} ${name}`)
