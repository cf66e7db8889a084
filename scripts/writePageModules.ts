// Writes what a page's bundler gets for `suanli/client`, `suanli/redeem`, `suanli/x402` and `suanli/schemas`: the compiled modules without the definitions' sentences.
// Run by `npm run build`. Owns: which modules differ, and where they lie. Not: who gets them (`browser` in package.json's exports).
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { withoutDocs } from './withoutDocs.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const PAGE = 'dist/page'
const ENTRIES = [
  'dist/client/client.js',
  'dist/client/redeem.js',
  'dist/client/x402.js',
  'dist/state/schemas.js',
]

interface Module {
  readonly text: string
  readonly isChanged: boolean
  /** Files of this repository by how this one names them. */
  readonly imports: ReadonlyMap<string, string>
}

/** All modules of this repository that the entries load, by their paths from its root. */
async function readModules(): Promise<ReadonlyMap<string, Module>> {
  const { metafile } = await build({
    entryPoints: ENTRIES,
    absWorkingDir: ROOT,
    outdir: PAGE,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    packages: 'external',
    metafile: true,
    write: false,
    logLevel: 'warning',
  })
  const modules = Object.entries(metafile.inputs).map(([path, { imports }]): [string, Module] => {
    const full = readFileSync(join(ROOT, path), 'utf8')
    const text = path.startsWith('dist/state/') ? withoutDocs(full) : full
    const own = imports.flatMap(({ original, path }) =>
      original?.startsWith('.') ? [[original, path] as const] : [],
    )
    return [path, { text, isChanged: text !== full, imports: new Map(own) }]
  })
  return new Map(modules)
}

/** The modules that change and all that load one of them; the others stay where they are, so that nothing is there twice. */
function toWrite(modules: ReadonlyMap<string, Module>): ReadonlySet<string> {
  const chosen = new Set([...modules].filter(([, { isChanged }]) => isChanged).map(([path]) => path))
  for (let size = -1; size !== chosen.size; ) {
    size = chosen.size
    for (const [path, { imports }] of modules) {
      if ([...imports.values()].some((target) => chosen.has(target))) chosen.add(path)
    }
  }
  return chosen
}

const pagePath = (path: string): string => path.replace(/^dist\//, `${PAGE}/`)

const modules = await readModules()
const written = toWrite(modules)
rmSync(join(ROOT, PAGE), { recursive: true, force: true })
for (const path of written) {
  const { text, imports } = modules.get(path)!
  const folder = posix.dirname(pagePath(path))
  const code = text
    .replace(/^\/\/# sourceMappingURL=.*$/m, '')
    .replace(
      /(\bfrom|^import|\bimport\()(\s*)'(\.[^'\n]+)'/gm,
      (all, word: string, space: string, name: string) => {
        const target = imports.get(name)
        if (target === undefined || written.has(target)) return all
        return `${word}${space}'${posix.relative(folder, target)}'`
      },
    )
  mkdirSync(join(ROOT, folder), { recursive: true })
  writeFileSync(join(ROOT, pagePath(path)), code)
}
