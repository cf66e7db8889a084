// Joins the compiled modules of the `suanli` program and its libraries into a few files. Run by `npm run build`.
// Owns: how they are joined. Not: when they run (cli/main.ts), the browser bundle (bundleClient.ts).
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { licences } from './licences.ts'

const DIST = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const PROGRAM = join(DIST, 'program')

/** Loaded from where they were installed: they carry binaries. */
const NATIVE = ['@chainsafe/blst', '@chainsafe/hashtree', 'classic-level', 'secp256k1']

/** Files that a module names relative to itself stay where they are. */
const ownLocation: Plugin = {
  name: 'own-location',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      if (!path.startsWith(DIST + sep)) return undefined
      const code = readFileSync(path, 'utf8')
      if (!code.includes('import.meta.url')) return undefined
      const from = JSON.stringify(relative(PROGRAM, path))
      return {
        contents: code.replaceAll('import.meta.url', `new URL(${from}, import.meta.url).href`),
        loader: 'js',
      }
    })
  },
}

rmSync(PROGRAM, { recursive: true, force: true })
const { metafile } = await build({
  entryPoints: [join(DIST, 'cli/cli.js')],
  outdir: PROGRAM,
  absWorkingDir: dirname(DIST),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: NATIVE,
  plugins: [ownLocation],
  // Libraries in CommonJS ask for Node's modules.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
})
writeFileSync(join(PROGRAM, 'LICENCES.txt'), licences(dirname(DIST), Object.keys(metafile.inputs)))
