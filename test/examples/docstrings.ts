// Every function and class that the package exports shows an `@example`; each is compiled strictly and run against a devnet.
// A line that ends in `// value` is checked: `formatCoins(15n * 10n ** 17n) // '1.5'`.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Devnet } from '../../devnet/devnet.ts'
import { tsc } from '../support/typescript.ts'

const ROOT = resolve(fileURLToPath(new URL('../../..', import.meta.url)))
/** The file behind each name of the package, and what it is imported as. */
const ENTRIES = {
  'suanli/client': 'client/client.ts',
  'suanli/devnet': 'devnet/devnet.ts',
  'suanli/schemas': 'state/schemas.ts',
} as const
/** Compiled here and played elsewhere: test/support/devnetSteps.ts starts, asks and closes the same devnet. */
const PLAYED_ELSEWHERE: readonly string[] = ['createDevnet']
/** What the compiler says of good programs. */
const COMPILED = { code: 0, stdout: '', stderr: '' } as const
/** Where examples say that a node listens. */
const URL_IN_TEXT = 'http://127.0.0.1:8545'

interface Example {
  /** What it is an example of. */
  readonly name: string
  readonly from: keyof typeof ENTRIES
  readonly code: string | undefined
}

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** Values that a file exports, each with the file that defines it and its name there. Types need no example. */
function valuesOf(
  entry: string,
): readonly { readonly name: string; readonly file: string; readonly own: string }[] {
  const text = read(entry)
  const direct = [...text.matchAll(/^export (?:async )?(?:function\*?|class|const) (\w+)/gm)].map(
    ([, name]) => ({
      name: name!,
      file: entry,
      own: name!,
    }),
  )
  const passed = [...text.matchAll(/^export \{([^}]*)\} from '([^']+)'/gm)].flatMap(([, names, path]) =>
    names!
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name) => {
        const [own, alias = own] = name.split(' as ')
        return { name: alias!, file: posix.join(posix.dirname(entry), path!), own: own! }
      }),
  )
  return [...direct, ...passed]
}

/** The example in the docstring above a definition. */
function exampleOf(file: string, own: string): string | undefined {
  const text = read(file)
  const at = text.search(new RegExp(`^export (?:async )?(?:function\\*?|class|const) ${own}\\b`, 'm'))
  assert.ok(at >= 0, `${file} defines ${own}`)
  const docstring = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n$/.exec(text.slice(0, at))?.[0]
  const [, example] = docstring?.split(/^ \* @example\n/m) ?? []
  return example
    ?.split('\n')
    .filter((line) => line.startsWith(' * ') || line === ' *')
    .map((line) => line.slice(3))
    .join('\n')
}

function examples(): readonly Example[] {
  return Object.entries(ENTRIES).flatMap(([from, entry]) =>
    valuesOf(entry).map(({ name, file, own }) => ({
      name,
      from: from as Example['from'],
      code: exampleOf(file, own),
    })),
  )
}

/** The program of an example: imports what it uses, asks the devnet instead of port 8545, checks what it says. */
function programOf({ code, from }: Example, url: string): string {
  assert.ok(code !== undefined)
  const imported = new Set<string>()
  // What two entries export comes from the example's own.
  const entries = Object.entries(ENTRIES).sort(([a], [b]) => Number(b === from) - Number(a === from))
  const imports = entries.map(([name, entry]) => {
    const used = valuesOf(entry)
      .map((value) => value.name)
      .filter((value) => new RegExp(`\\b${value}\\b`).test(code) && !imported.has(value))
    for (const value of used) imported.add(value)
    return used.length === 0 ? '' : `import { ${used.join(', ')} } from '${name}'`
  })
  const body = code.split('\n').map((line) => {
    const checked = /^(?!const |let |import )(\S.*?)\s+\/\/ (['"\d{[-].*|true|false|undefined)$/.exec(line)
    return checked === null ? line : `assert.deepEqual(${checked[1]}, ${checked[2]})`
  })
  return [
    "import assert from 'node:assert/strict'",
    ...imports.filter((line) => line !== ''),
    ...body,
    'export {}',
    '',
  ]
    .join('\n')
    .replaceAll(URL_IN_TEXT, url)
    .replaceAll(URL_IN_TEXT.replace('http', 'ws'), url.replace('http', 'ws'))
}

/** Runs every compiled example in one process: `done`, or what it threw. */
async function runAll(dir: string, names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const runner = join(dir, 'runner.js')
  writeFileSync(
    runner,
    `const outcomes = {}
for (const name of ${JSON.stringify(names)}) {
  try {
    await import('./' + name + '.js')
    outcomes[name] = 'done'
  } catch (error) {
    outcomes[name] = String(error?.stack ?? error)
  }
}
process.stdout.write('\\n' + JSON.stringify(outcomes))
process.exit(0)
`,
  )
  // The devnet runs in this process: it must not wait.
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [runner], {
    cwd: dir,
    encoding: 'utf8',
    timeout: 50_000,
  })
  const last = stdout.slice(stdout.lastIndexOf('\n') + 1)
  assert.ok(last.startsWith('{'), stderr)
  return JSON.parse(last)
}

/** Registers the tests of the docstrings' examples in the suite around it, on its devnet and before anything was paid there. */
export function testDocstrings(devnet: () => Devnet): void {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'suanli-docstrings-')))
  const all = examples()
  const shown = all.filter(({ code }) => code !== undefined)
  const fileOf = ({ name }: Example): string => join(dir, `${name}.ts`)
  let outcomes: Promise<Readonly<Record<string, string>>> | undefined

  before(async () => {
    // The package's declarations, which only packing makes.
    const made = await tsc(['-p', join(ROOT, 'tsconfig.package.json')], ROOT)
    assert.deepEqual(made, COMPILED)
    for (const [name, target] of [
      ['suanli', ROOT],
      ['@types', join(ROOT, 'node_modules/@types')],
      ['ws', join(ROOT, 'node_modules/ws')],
    ] as const) {
      const link = join(dir, 'node_modules', name)
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(target, link)
    }
    writeFileSync(join(dir, 'package.json'), '{"type": "module"}')
    for (const example of shown) writeFileSync(fileOf(example), programOf(example, devnet().rpcUrl))
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  it('every function and class that the package exports shows an example', () => {
    assert.deepEqual(
      all.filter(({ code }) => code === undefined).map(({ from, name }) => `${from} ${name}`),
      [],
    )
  })

  it('the examples in docstrings compile', async () => {
    const flags = [
      '--strict',
      '--skipLibCheck',
      '--target',
      'es2023',
      '--lib',
      'es2023,dom',
      '--types',
      'node',
    ]
    const how = ['--module', 'nodenext', '--moduleResolution', 'nodenext']
    assert.deepEqual(await tsc([...flags, ...how, ...shown.map(fileOf)], dir), COMPILED)
  })

  const played = shown.map(({ name }) => name).filter((name) => !PLAYED_ELSEWHERE.includes(name))
  for (const name of played) {
    it(`${name} does what it says`, async () => {
      outcomes ??= runAll(dir, played)
      assert.equal((await outcomes)[name], 'done')
    })
  }
}
