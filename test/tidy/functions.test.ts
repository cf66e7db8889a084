// Limits on the length of files and functions. Longer functions are listed, and the list only shrinks.
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ALL_ROOMS, ROOT, read, sources } from './sources.ts'

const FILE_LINES_MAX = 500
const FUNCTION_LINES_MAX = 70

/** Longer functions with their current lines: method tables and one schema. Remove those that become short; add none. */
const LONG_FUNCTIONS: Readonly<Record<string, number>> = {
  'base/schema.ts message': 97,
  'rpc/native/chain.ts chainMethods': 84,
}

interface Diagnostic {
  readonly category: string
  readonly message: string
  readonly location: { readonly path: string; readonly start: { readonly line: number } }
}

/** Functions over the limit by `file name`, as the linter counts their lines. */
function longFunctions(): Readonly<Record<string, number>> {
  const rule = 'complexity/noExcessiveLinesPerFunction'
  const { stdout } = spawnSync(
    process.execPath,
    [
      join(ROOT, 'node_modules/@biomejs/biome/bin/biome'),
      ...['lint', `--only=${rule}`, '--max-diagnostics=none', '--reporter=json', ...ALL_ROOMS],
    ],
    { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  )
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly Diagnostic[] }
  assert.ok(diagnostics.length > 0, 'the linter reports functions over its own limit')
  const found: Record<string, number> = {}
  for (const { category, message, location } of diagnostics) {
    if (category !== `lint/${rule}`) continue
    const lines = Number(/\((\d+)\)/.exec(message)?.[1])
    assert.ok(Number.isSafeInteger(lines), message)
    const line = read(location.path).split('\n')[location.start.line - 1]!
    // A `describe` is a list of tests, not a function to read.
    if (lines <= FUNCTION_LINES_MAX || /\bdescribe\(/.test(line)) continue
    const name = /function\*? (\w+)|(?:async )?#?(\w+)\(|const (\w+)/.exec(line.trim())
    found[`${location.path} ${name?.slice(1).find((part) => part !== undefined) ?? line.trim()}`] = lines
  }
  return found
}

describe('tidy.functions', function () {
  this.timeout(60_000)
  const files = ALL_ROOMS.flatMap(sources)

  it('keeps every file under the line limit', () => {
    const long = files
      .map((file) => ({ file, lines: read(file).split('\n').length - 1 }))
      .filter(({ lines }) => lines > FILE_LINES_MAX)
    assert.deepEqual(long, [])
  })

  it('keeps every function under the line limit, except a list that only shrinks', () => {
    const found = longFunctions()
    const wrong = Object.entries(found)
      .filter(([name, lines]) => lines > (LONG_FUNCTIONS[name] ?? FUNCTION_LINES_MAX))
      .map(([name, lines]) => `${name}: ${lines} lines`)
    assert.deepEqual(wrong, [])
    const gone = Object.keys(LONG_FUNCTIONS).filter((name) => found[name] === undefined)
    assert.deepEqual(gone, [], 'now short: remove them from the list')
    assert.ok(Object.keys(LONG_FUNCTIONS).length <= 20)
  })
})
