// Another build of this program: the package, packed as it is released, under another version. Owns: the file. Not: installing it,
// which is what a page tells its reader to do (docs/operations/upgrade.md).
import { execFile } from 'node:child_process'
import { createReadStream, createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createGzip } from 'node:zlib'
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
  await run('tar', ['-cf', 'next.tar', 'package'], { cwd: work })
  // Read once, by a test: how small it is matters less than how long that takes.
  const quickly = createGzip({ level: 1 })
  await pipeline(
    createReadStream(join(work, 'next.tar')),
    quickly,
    createWriteStream(join(dir, `suanli-${version}.tgz`)),
  )
  rmSync(work, { recursive: true })
}
