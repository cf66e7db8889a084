// `npm run test:properties -- [--seeds N] [--first S]`: runs every file with properties once per seed; stops at the first that fails.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parseWholeNumber } from '../../base/integers.ts'
import { SEED_VARIABLE } from './seed.ts'

const TESTS = fileURLToPath(new URL('..', import.meta.url))
const MOCHA = fileURLToPath(new URL('../../../node_modules/mocha/bin/mocha.js', import.meta.url))

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '20' }, first: { type: 'string', default: '2' } },
})
const [seeds, first] = [parseWholeNumber(values.seeds, 1), parseWholeNumber(values.first, 1)]
if (seeds === undefined || first === undefined) {
  console.error('--seeds, --first: expected whole numbers from 1 on')
  process.exit(2)
}

const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  .map((name) => join(TESTS, name))
  .filter((path) => /from 'fast-check'/.test(readFileSync(path, 'utf8')))

for (let seed = first; seed < first + seeds; seed++) {
  const startMs = performance.now()
  const { status, stdout } = spawnSync(process.execPath, [MOCHA, '--timeout', '600000', ...files], {
    env: { ...process.env, [SEED_VARIABLE]: String(seed) },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0)
  if (status === 0) {
    console.log(`seed ${seed}: ${files.length} files in ${seconds} s, none failed`)
    continue
  }
  console.log(stdout)
  console.error(`seed ${seed} failed; replay: ${SEED_VARIABLE}=${seed} npx mocha FILE`)
  process.exit(1)
}
