// docs/genesis.md against the schema: a field that is missing on the page, or no longer exists, fails here.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { AnyField, Fields } from '../../base/field.ts'
import { genesisSchema } from '../../genesis/schema.ts'
import { withTables } from '../../scripts/genesisPage.ts'

const read = (name: string): string => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')
const page = read('genesis.md')

/** Paths of all fields that hold a value, such as `providers[].lots[].region`. */
function paths(fields: Fields, prefix: string): readonly string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const path = `${prefix}${name}`
    const of: AnyField = field.list?.of ?? field
    const inner = `${path}${field.list === undefined ? '' : '[]'}.`
    return of.struct === undefined ? [path] : paths(of.struct.fields, inner)
  })
}

describe('docs/genesis.md', () => {
  it('has a row for every field of genesis.json, and for nothing else', () => {
    const cells = page.split('\n').flatMap((line) => (line.startsWith('| `') ? [line.split(' | ')[0]!] : []))
    const isPath = (text: string): boolean => /^[a-z]/.test(text) && !text.startsWith('-')
    const listed = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
    const found = new Set(listed.filter((name) => isPath(name) && !name.includes(' ') && !/[…:(]/.test(name)))
    const wanted = new Set(paths(genesisSchema.fields, ''))
    assert.deepEqual(
      [...wanted].filter((path) => !found.has(path)),
      [],
      'missing on the page',
    )
    assert.deepEqual(
      [...found].filter((path) => !wanted.has(path)),
      [],
      'no field of genesis.json',
    )
    assert.ok(wanted.size > 80)
  })

  it('has the parameters as they are declared (`npm run docs:genesis` writes them)', () => {
    for (const text of [page, read('genesis.zh-Hant.md')]) assert.equal(withTables(text), text)
  })
})
