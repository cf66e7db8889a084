// The walks of docs/architecture.md are accurate: every step's files exist and contain the names given.
import { strict as assert } from 'node:assert'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ALL_ROOMS, ROOT, read } from './sources.ts'

const WALKS = ['A transfer', 'A vote', 'A voucher'] as const

/** The steps below a heading. */
function stepsOf(walk: string): readonly string[] {
  const text = read('docs/architecture.md')
  const start = text.indexOf(`### ${walk}\n`)
  assert.ok(start >= 0, `there is a walk "${walk}"`)
  const end = text.indexOf('\n#', start + 1)
  return text
    .slice(start, end)
    .split('\n')
    .filter((line) => /^\d+\. /.test(line))
}

describe('tidy.walks', () => {
  for (const walk of WALKS) {
    it(`${walk.toLowerCase()}: files exist and contain the names given`, () => {
      const steps = stepsOf(walk)
      assert.ok(steps.length >= 8, 'a walk has steps')
      const wrong: string[] = []
      let files = 0
      for (const step of steps) {
        let file: string | undefined
        for (const [, code] of step.matchAll(/`([^`]+)`/g)) {
          if (ALL_ROOMS.some((room) => code!.startsWith(`${room}/`))) {
            file = code!
            files++
            if (!existsSync(join(ROOT, file))) wrong.push(`${file} does not exist`)
          } else if (file?.endsWith('.ts') === true && existsSync(join(ROOT, file))) {
            if (!read(file).includes(code!)) wrong.push(`${file} does not hold ${code}`)
          }
        }
      }
      assert.deepEqual(wrong, [])
      assert.ok(files >= steps.length, 'each step names a file')
    })
  }
})
