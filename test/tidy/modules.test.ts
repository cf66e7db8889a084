// The common shape of native modules (docs/architecture.md): their files, and allowed calls between modules.
import { strict as assert } from 'node:assert'
import { MODULES } from '../../state/registry.ts'
import { schemas } from '../../state/schemas.ts'
import { ownImports, read, sources, withoutComments } from './sources.ts'

const FOLDER = 'state/modules'
/** In the order of the registry. */
const NAMES = MODULES.map(({ definition }) => definition.name)
const MODULE_LINES_MAX = 80
/** The agreed order (docs/architecture.md); modules that do not exist yet have their place. */
const ORDER = [
  ...['compliance', 'accounts', 'assets', 'catalogue', 'providers', 'oracle', 'capacity', 'audit', 'backing'],
  ...['issuance', 'series', 'redemption', 'market', 'default', 'evidence', 'governance'],
]

/** `state/modules/<name>/<file>` as its two names; undefined for other files. */
function placeOf(path: string): { readonly name: string; readonly file: string } | undefined {
  const [, , name, file, ...deeper] = path.split('/')
  return path.startsWith(`${FOLDER}/`) && file !== undefined && deeper.length === 0
    ? { name: name!, file }
    : undefined
}

const filesOf = (name: string): readonly string[] => sources(`${FOLDER}/${name}`)
const code = (file: string): string => withoutComments(read(file))

/** A module's imports from other modules. */
function foreignImports(name: string) {
  return filesOf(name).flatMap((from) =>
    ownImports(from).flatMap((to) => {
      const place = placeOf(to)
      return place === undefined || place.name === name ? [] : [{ from, to, ...place }]
    }),
  )
}

const line = ({ from, to }: { readonly from: string; readonly to: string }): string => `${from} imports ${to}`

/** Files of a definition: data that any later module may use. */
const DATA = ['schema.ts', 'shapes.ts']

describe('tidy.modules', () => {
  it('every folder is a module of the registry', () => {
    const folders = new Set(sources(FOLDER).flatMap((file) => placeOf(file)?.name ?? []))
    assert.deepEqual([...folders].sort(), [...NAMES].sort())
  })

  it('the registry keeps the agreed order, and the list of schemas the same', () => {
    assert.deepEqual(
      NAMES,
      ORDER.filter((name) => NAMES.includes(name)),
    )
    assert.deepEqual(Object.keys(schemas), NAMES)
  })

  for (const { definition, rules } of MODULES) {
    const { name } = definition
    const own = (file: string): string => `${FOLDER}/${name}/${file}`

    it(`${name} has the files that every module has`, () => {
      const wanted = ['schema.ts', 'tables.ts', 'module.ts']
      if (Object.keys(definition.queries).length > 0) wanted.push('queries.ts')
      if ((rules.invariants ?? []).length > 0) wanted.push('invariants.ts')
      const calls = foreignImports(name).some(({ file }) => !DATA.includes(file))
      if (calls) wanted.push('external.ts')
      const files = filesOf(name)
      assert.deepEqual(
        wanted.filter((file) => !files.includes(own(file))),
        [],
      )
      assert.equal(files.includes(own('external.ts')), calls, 'external.ts is for calls to other modules')
    })

    it(`${name} defines its tables, parameters, events and failures only in tables.ts`, () => {
      const makers = /\b(?:tablesOf|paramsOf|eventsOf|failuresOf)\(/
      const wrong = filesOf(name).filter((file) => file !== own('tables.ts') && makers.test(code(file)))
      assert.deepEqual(wrong, [])
      assert.deepEqual(
        code(own('tables.ts')).match(/\b(?:function|class|interface)\b/),
        null,
        'tables.ts holds only them',
      )
    })

    it(`${name}/module.ts only assembles`, () => {
      const text = code(own('module.ts'))
      assert.ok(text.split('\n').length <= MODULE_LINES_MAX, 'too long')
      assert.match(text, new RegExp(`export const ${name}Module = implement\\(${name}Schema, \\{`))
      assert.deepEqual([...text.matchAll(/^export\b/gm)].length, 1, 'exports only the module')
      assert.doesNotMatch(text, /\bfunction\b|=>|\breturn\b/, 'rules belong in the files of their topics')
    })

    it(`${name} calls other modules only through external.ts`, () => {
      const wrong = foreignImports(name).filter(
        ({ from, file }) => from !== own('external.ts') && !DATA.includes(file),
      )
      assert.deepEqual(wrong.map(line), [])
    })

    it(`${name} calls only modules before it, and nothing private to them`, () => {
      const earlier = NAMES.slice(0, NAMES.indexOf(name))
      const closed = ['module.ts', 'external.ts', 'queries.ts', 'invariants.ts']
      const wrong = foreignImports(name).filter(
        (to) => !earlier.includes(to.name) || closed.includes(to.file),
      )
      assert.deepEqual(wrong.map(line), [])
    })

    it(`${name} re-exports nothing`, () => {
      const wrong = filesOf(name).filter((file) => /^export\s+(?:type\s+)?[*{]/m.test(code(file)))
      assert.deepEqual(wrong, [])
    })
  }
})
