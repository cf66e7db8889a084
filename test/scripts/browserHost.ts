// A page's world for the bundle: a context with what browsers offer and nothing of Node's. Run as a process of its own
// with --experimental-vm-modules; standard input is {code, script, given}, standard output what `script` returns.
import { createContext, runInContext, SourceTextModule } from 'node:vm'

const ORIGIN = 'https://wallet.example/suanli-light.js'

async function readInput(): Promise<{ code: string; script: string; given: string }> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const piece of process.stdin) text += piece
  return JSON.parse(text)
}

const { code, script, given } = await readInput()
const context = createContext({ TextEncoder, TextDecoder, AbortSignal, performance, given })
const globals: string[] = runInContext('Object.getOwnPropertyNames(globalThis)', context)
for (const name of ['process', 'Buffer', 'require', 'global', 'module']) {
  if (globals.includes(name)) throw new Error(`the context has ${name}`)
}
const bundle = new SourceTextModule(code, {
  context,
  identifier: ORIGIN,
  initializeImportMeta: (meta) => {
    meta.url = ORIGIN
  },
})
await bundle.link((specifier) => {
  throw new Error(`the bundle imports ${specifier}`)
})
await bundle.evaluate()
const page = new SourceTextModule(
  `import * as suanli from 'suanli'\nexport const answer = await (${script})(suanli)`,
  {
    context,
  },
)
await page.link(() => bundle)
await page.evaluate()
process.stdout.write(JSON.stringify((page.namespace as { answer: unknown }).answer))
