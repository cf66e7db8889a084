// Bundles the light client for browsers: one ES module without anything of Node's. Run by `npm run bundle` and by tests.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

export interface ClientBundle {
  readonly code: Uint8Array
  readonly gzipBytes: number
  /** Source files in it, relative to the repository. */
  readonly inputs: readonly string[]
}

/** Throws when something in it would need Node: the build knows no such module on this platform. */
export async function bundleClient(): Promise<ClientBundle> {
  const result = await build({
    entryPoints: [join(ROOT, 'client/light.ts')],
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'eof',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const [output] = result.outputFiles
  if (output === undefined) throw new Error('the bundler wrote nothing')
  const code = output.contents
  return { code, gzipBytes: gzipSync(code).length, inputs: Object.keys(result.metafile.inputs) }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const path = join(ROOT, 'dist/browser/suanli-light.js')
  const { code, gzipBytes } = await bundleClient()
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, code)
  process.stdout.write(`${path}: ${code.length} bytes, ${gzipBytes} with gzip\n`)
}
