import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
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
  for (const file of ['cli/main.js', 'cli/nodeVersion.js']) {
    copyFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), join(dist, file))
  }
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

  it('says so where Node is too old, and loads nothing', () => {
    const older = join(root, 'older.cjs')
    writeFileSync(older, "Object.defineProperty(process, 'version', { value: 'v18.20.8' })")
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', older, main], {
      encoding: 'utf8',
    })
    assert.deepEqual(
      { status, stdout, stderr },
      { status: 1, stdout: '', stderr: 'suanli needs Node 20.19 or newer; this is v18.20.8\n' },
    )
  })

  it('runs the joined files unless the compiled modules are newer', () => {
    write(joined, 2_000)
    assert.equal(run(), 'joined')
    write(joined, 3_000)
    assert.equal(run(), 'joined')
    write(compiled, 3_001)
    assert.equal(run(), 'modules')
  })

  it('runs the joined files where the compiler left no notes, as in a package', () => {
    rmSync(compiled)
    write(joined, 1)
    assert.equal(run(), 'joined')
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
