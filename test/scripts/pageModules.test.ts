// What the build writes for pages: the definitions as they are, but for their sentences. test/package shows who gets them.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { withoutDocs } from '../../scripts/withoutDocs.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'

const DIST = fileURLToPath(new URL('../..', import.meta.url))
const PAGE = join(DIST, 'page')

/** Everything that a value holds, by its path; a function by its name alone, as the copies have their own. */
function flatten(value: unknown, path = '', into = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value === 'function') into.set(path, `function ${value.name}`)
  else if (typeof value !== 'object' || value === null) into.set(path, value)
  else {
    into.set(path, `${value.constructor?.name} ${Object.keys(value).join()}`)
    for (const [name, inner] of Object.entries(value)) flatten(inner, `${path}.${name}`, into)
  }
  return into
}

describe('scripts.writePageModules', () => {
  it('changes nothing of a definition but its sentences', async () => {
    const page = (await import(pathToFileURL(join(PAGE, 'state/schemas.js')).href)) as {
      MODULE_SCHEMAS: typeof MODULE_SCHEMAS
    }
    assert.notEqual(page.MODULE_SCHEMAS, MODULE_SCHEMAS)
    const full = flatten(MODULE_SCHEMAS)
    const lean = flatten(page.MODULE_SCHEMAS)
    const isDoc = (path: string): boolean => path.endsWith('.doc')
    const rest = (all: Map<string, unknown>): unknown[] => [...all].filter(([path]) => !isDoc(path))
    assert.deepEqual(rest(lean), rest(full))
    const sentences = [...full].filter(([path]) => isDoc(path))
    assert.ok(sentences.length > 300, `${sentences.length} sentences`)
    const kept = [...lean].filter(([path, doc]) => isDoc(path) && doc !== '')
    // Those that are put together from parts.
    assert.ok(kept.length < 8, kept.map(([path]) => path).join())
  })

  it('has the names of the whole client, and each module once', async () => {
    const entry = 'client/client.js'
    const names = async (folder: string): Promise<string[]> =>
      Object.keys((await import(pathToFileURL(join(folder, entry)).href)) as object).sort()
    assert.deepEqual(await names(PAGE), await names(DIST))
    const files = readdirSync(PAGE, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.js'),
    )
    const written = new Set(files.map((file) => join(DIST, file)))
    for (const file of files) {
      for (const [, name] of readFileSync(join(PAGE, file), 'utf8').matchAll(/\bfrom\s*'(\.[^']+)'/g)) {
        const target = resolve(join(PAGE, file), '..', name!)
        assert.ok(!written.has(target), `${file} loads ${name}, which has a copy`)
      }
    }
  })

  it('takes sentences in every kind of quotes', () => {
    const text = ["doc: 'Nobody\\'s',", `doc: "A member's.",`, 'doc: `Of two`,', "docs: 'stays'"]
    assert.equal(
      withoutDocs(text.join('\n')),
      ["doc: '',", "doc: '',", "doc: '',", "docs: 'stays'"].join('\n'),
    )
    assert.equal(
      withoutDocs('{ id, doc }, doc: `\u0024{what}, windows.`'),
      '{ id, doc }, doc: `\u0024{what}, windows.`',
    )
  })
})
