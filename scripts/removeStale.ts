// Removes what the compiler once wrote for sources that are gone: a test that moved would else run twice. Run by `npm run build`.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const DIST = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const ROOT = dirname(DIST)
/** Below dist/, but not the compiler's: made by bundling. */
const BUNDLES = new Set(['program', 'page', 'browser', 'site'])

for (const room of readdirSync(DIST, { withFileTypes: true })) {
  if (!room.isDirectory() || BUNDLES.has(room.name)) continue
  for (const file of readdirSync(join(DIST, room.name), { recursive: true, encoding: 'utf8' })) {
    const source = file.replace(/\.(js|js\.map|d\.ts)$/, '.ts')
    if (source === file) continue
    if (!existsSync(join(ROOT, room.name, source))) rmSync(join(DIST, room.name, file))
  }
}
