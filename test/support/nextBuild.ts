// Another build of this program: the package, packed as it is released, under another version. Owns: the file. Not: installing it,
// which is what a page tells its reader to do (docs/operations/upgrade.md).
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun } from '../package/installed.ts'
import { ROOT } from './pageBlocks.ts'

/** Writes `suanli-VERSION.tgz` into `dir`, of what is built here. */
export async function packBuild(dir: string, version: string): Promise<void> {
  const work = join(dir, '.pack')
  mkdirSync(work, { recursive: true })
  const args = ['pack', '--ignore-scripts', '--offline', '--json', '--pack-destination', work]
  const [packed] = JSON.parse(await mustRun('npm', args, ROOT)) as [{ readonly filename: string }]
  await mustRun('tar', ['-xzf', packed.filename], work)
  const manifest = join(work, 'package/package.json')
  writeFileSync(
    manifest,
    readFileSync(manifest, 'utf8').replace(/"version": "[^"]*"/, `"version": "${version}"`),
  )
  await mustRun('tar', ['-czf', join(dir, `suanli-${version}.tgz`), 'package'], work)
  rmSync(work, { recursive: true })
}
