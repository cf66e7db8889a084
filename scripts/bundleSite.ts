// Writes the page that a node serves: scripts with hashed names, each also compressed, and the list of them. Run by `npm run build`.
// Owns: how it is joined and what it is called. Not: serving it (rpc/site.ts), the page (web/).
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { type BuildResult, build, type Plugin } from 'esbuild'
import { ROUTES } from '../web/routes.ts'
import { licences } from './licences.ts'
import { withoutDocs } from './withoutDocs.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const SITE = join(ROOT, 'dist/site')
const ASSETS = '/assets/'
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
}

interface Listed {
  /** As a browser asks for it. */
  readonly path: string
  readonly type: string
  readonly etag: string
  readonly bytes: number
  readonly gzipBytes: number
}

/** A page shows no definition's sentences: it asks the node for them. */
const emptyDocs: Plugin = {
  name: 'empty-docs',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[\\/]state[\\/].*\.ts$/ }, ({ path }) => ({
      contents: withoutDocs(readFileSync(path, 'utf8')),
      loader: 'ts',
    }))
  },
}

type Built = BuildResult<{ metafile: true; write: false }>

function bundle(entries: Record<string, string>, define: Record<string, string>): Promise<Built> {
  return build({
    entryPoints: entries,
    absWorkingDir: ROOT,
    outdir: '/',
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    define,
    plugins: [emptyDocs],
    metafile: true,
    write: false,
    logLevel: 'warning',
  })
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** The file that an entry became. */
function entryName({ metafile }: Built, entry: string): string {
  const found = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === entry)
  if (found === undefined) throw new Error(`${entry} was not built`)
  return nameOf(found[0])
}

/** What a script needs before it can run: loaded beside it instead of after it. */
function staticImports({ metafile }: Built, name: string): readonly string[] {
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [nameOf(path), output]))
  const seen = new Set<string>()
  const visit = (at: string): void => {
    for (const { path, kind } of outputs.get(at)?.imports ?? []) {
      const next = nameOf(path)
      if (kind !== 'import-statement' || seen.has(next)) continue
      seen.add(next)
      visit(next)
    }
  }
  visit(name)
  return [...seen]
}

const hashOf = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('base64url').slice(0, 16)

function writeFile(path: string, bytes: Uint8Array): Listed {
  const file = join(SITE, path)
  mkdirSync(dirname(file), { recursive: true })
  const gzip = gzipSync(bytes, { level: 9 })
  writeFileSync(file, bytes)
  writeFileSync(`${file}.gz`, gzip)
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY }
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: quality }))
  const type = TYPES[path.slice(path.lastIndexOf('.') + 1)]
  if (type === undefined) throw new Error(`${path} has no known type`)
  return { path, type, etag: `"${hashOf(bytes)}"`, bytes: bytes.length, gzipBytes: gzip.length }
}

rmSync(SITE, { recursive: true, force: true })
const worker = await bundle({ verifier: 'web/verify/verifier.ts' }, {})
const verifierUrl = `${ASSETS}${entryName(worker, 'web/verify/verifier.ts')}`
const page = await bundle({ main: 'web/main.ts' }, { VERIFIER_URL: JSON.stringify(verifierUrl) })
const main = entryName(page, 'web/main.ts')

const files = [...worker.outputFiles, ...page.outputFiles].map(({ path, contents }) =>
  writeFile(`${ASSETS}${nameOf(path)}`, contents),
)
const icon = readFileSync(join(ROOT, 'web/icon.svg'))
const iconPath = `${ASSETS}icon-${hashOf(icon)}.svg`
const inputs = [worker, page].flatMap(({ metafile }) => Object.keys(metafile.inputs))
files.push(writeFile(iconPath, icon))
files.push(writeFile(`${ASSETS}licences.txt`, Buffer.from(licences(ROOT, inputs))))

const preloads = staticImports(page, main)
  .map((name) => `<link rel="modulepreload" href="${ASSETS}${name}">\n`)
  .join('')
const html = readFileSync(join(ROOT, 'web/index.html'), 'utf8')
  .replace('%ICON%', iconPath)
  .replace('%PRELOADS%\n', preloads)
  .replace('%MAIN%', `${ASSETS}${main}`)
const index = writeFile('/index.html', Buffer.from(html))

writeFileSync(join(SITE, 'site.json'), JSON.stringify({ routes: ROUTES, index, files }))
