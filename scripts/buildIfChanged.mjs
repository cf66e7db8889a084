// Builds when a source is newer than the last build, and is done in a moment otherwise. Plain JavaScript, as it runs before anything
// is compiled. Used by `npm run devnet`.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const STAMP = join(ROOT, 'dist/.built')
const OTHER = new Set(['dist', 'node_modules', 'coverage', 'data', 'docs'])
const MATTERS = /\.ts$|^(?:package|package-lock|tsconfig)\.json$/

/** @param {string} folder @param {number} sinceMs @returns {boolean} */
function isChanged(folder, sinceMs) {
  return readdirSync(folder, { withFileTypes: true }).some((entry) => {
    if (entry.name.startsWith('.') || OTHER.has(entry.name)) return false
    const path = join(folder, entry.name)
    // A removed or renamed file changes its folder's time.
    if (entry.isDirectory()) return statSync(path).mtimeMs > sinceMs || isChanged(path, sinceMs)
    return MATTERS.test(entry.name) && statSync(path).mtimeMs > sinceMs
  })
}

if (!existsSync(STAMP) || isChanged(ROOT, statSync(STAMP).mtimeMs)) {
  const started = new Date()
  const { status } = spawnSync('npm', ['run', 'build', '--silent'], { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  writeFileSync(STAMP, '')
  // What is edited while it builds is built the next time.
  utimesSync(STAMP, started, started)
}
