import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../node/main.js', import.meta.url))

describe('cli.main', () => {
  const root = mkdtempSync(join(tmpdir(), 'suanli-main-'))
  after(() => rmSync(root, { recursive: true }))
  const dist = join(root, 'dist')
  const main = join(dist, 'node/main.js')
  const joined = join(dist, 'program/cli.js')
  const compiled = join(dist, '.tsbuildinfo')
  for (const folder of ['node', 'cli', 'program']) mkdirSync(join(dist, folder), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{"type": "module"}')
  copyFileSync(MAIN, main)
  copyFileSync(fileURLToPath(new URL('../../cli/main.js', import.meta.url)), join(dist, 'cli/main.js'))
  writeFileSync(join(dist, 'cli/cli.js'), "process.stdout.write('modules')")
  const run = (): string => execFileSync(process.execPath, [main], { encoding: 'utf8' })
  const write = (file: string, atSeconds: number): void => {
    writeFileSync(file, file === joined ? "process.stdout.write('joined')" : '{}')
    utimesSync(file, atSeconds, atSeconds)
  }

  it('runs the modules if there are no joined files', () => {
    assert.equal(run(), 'modules')
    write(compiled, 2_000)
    assert.equal(run(), 'modules')
  })

  it('runs the joined files unless the compiled modules are newer', () => {
    write(joined, 2_000)
    assert.equal(run(), 'joined')
    write(joined, 3_000)
    assert.equal(run(), 'joined')
    write(compiled, 3_001)
    assert.equal(run(), 'modules')
  })

  it('is joined in this build, and prints its version', () => {
    const version = execFileSync(process.execPath, [MAIN, 'version'], { encoding: 'utf8' })
    assert.match(version, /^suanli\/\d+\.\d+\.\d+\//)
    const both = ['../../program/cli.js', '../../.tsbuildinfo'].map((path) =>
      fileURLToPath(new URL(path, import.meta.url)),
    )
    const [program, info] = both.map((file) => statSync(file).mtimeMs)
    assert.ok(program! >= info!)
  })
})
