// Another build of this program: the package, packed as it is released, under another version. Owns: the file. Not: installing it,
// which is what a page tells its reader to do (docs/operations/upgrade.md).
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './pageBlocks.ts'

const run = promisify(execFile)

/** Writes `suanli-VERSION.tgz` into `dir`, of what is built here. */
export async function packBuild(dir: string, version: string): Promise<void> {
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
  await run('tar', ['-czf', join(dir, `suanli-${version}.tgz`), 'package'], { cwd: work })
  rmSync(work, { recursive: true })
}
