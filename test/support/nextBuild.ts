// Another build of this program: the package, packed as it is released, under another version. Owns: the file. Not: installing it,
// which is what a page tells its reader to do (docs/operations/upgrade.md).
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './pageBlocks.ts'

const run = promisify(execFile)

/** Writes `suanli-VERSION.tgz` into `dir`, of what is built here; `rules`: the newest version of the rules that it executes. */
export async function packBuild(dir: string, version: string, rules?: number): Promise<void> {
  const work = join(dir, '.pack')
  mkdirSync(work, { recursive: true })
  const args = ['pack', '--ignore-scripts', '--offline', '--json', '--pack-destination', work]
  const [packed] = JSON.parse(
    (await run('npm', args, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 })).stdout,
  ) as [{ readonly filename: string }]
  await run('tar', ['-xzf', packed.filename], { cwd: work })
  const manifest = join(work, 'package/package.json')
  writeFileSync(
    manifest,
    readFileSync(manifest, 'utf8').replace(/"version": "[^"]*"/, `"version": "${version}"`),
  )
  if (rules !== undefined) teachRules(join(work, 'package/dist'), rules)
  await run('tar', ['-czf', join(dir, `suanli-${version}.tgz`), 'package'], { cwd: work })
  rmSync(work, { recursive: true })
}

const CONSTANT = /PROTOCOL_VERSION ?= ?\d+/g

/** The next version adds nothing to the rules of this build: its modules live on, and say so in every header. */
function teachRules(dist: string, rules: number): void {
  let found = 0
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.js')) continue
    const path = join(dist, name)
    const text = readFileSync(path, 'utf8')
    const taught = text.replace(CONSTANT, `PROTOCOL_VERSION = ${rules}`)
    if (taught === text) continue
    writeFileSync(path, taught)
    found++
  }
  if (found === 0) throw new Error(`no file of ${dist} says which version of the rules it executes`)
}
