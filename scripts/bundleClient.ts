// Bundles the light client for browsers: one ES module without anything of Node's. Run by `npm run bundle` and by tests.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Plugin } from 'esbuild'
import { withoutDocs } from './withoutDocs.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

export interface ClientBundle {
  readonly code: Uint8Array
  readonly gzipBytes: number
  /** Source files of which something is in it, relative to the repository. */
  readonly inputs: readonly string[]
}

const emptyDocs: Plugin = {
  name: 'empty-docs',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[\\/]state[\\/].*\.ts$/ }, ({ path }) => ({
      contents: withoutDocs(readFileSync(path, 'utf8')),
      loader: 'ts',
    }))
  },
}

/** Joins a module of this repository and all that it uses. Throws when something in it would need Node: the build knows no such module. */
async function bundle(source: string, plugins: Plugin[]): Promise<ClientBundle> {
  const result = await build({
    stdin: { contents: source, resolveDir: ROOT, loader: 'ts' },
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'eof',
    plugins,
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const [output] = result.outputFiles
  if (output === undefined) throw new Error('the bundler wrote nothing')
  const code = output.contents
  const parts = Object.values(result.metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs))
  const inputs = parts.filter(([path, { bytesInOutput }]) => path !== '<stdin>' && bytesInOutput > 0)
  return { code, gzipBytes: gzipSync(code).length, inputs: inputs.map(([path]) => path) }
}

/** The light client. */
export function bundleClient(): Promise<ClientBundle> {
  return bundle("export * from './client/light.ts'", [emptyDocs])
}

/** What a page's own bundler makes of `import { … } from 'suanli/client'`, as the last build wrote it. */
export function bundleImports(names: readonly string[]): Promise<ClientBundle> {
  return bundle(`export { ${names.join(', ')} } from 'suanli/client'`, [])
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const path = join(ROOT, 'dist/browser/suanli-light.js')
  const { code, gzipBytes } = await bundleClient()
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, code)
  process.stdout.write(`${path}: ${code.length} bytes, ${gzipBytes} with gzip\n`)
}
