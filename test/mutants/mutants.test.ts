// Keeps the lists current: every patch and edit still matches the sources. `npm run test:mutants` runs them.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { applyEdit } from './edit.ts'
import { GUARDS } from './guards/all.ts'
import { applyPatch, parsePatch } from './patch.ts'
import { Reach } from './reach.ts'
import { compile } from './scratch.ts'

const PATCHES = 'test/mutants/bugs'
const read = (file: string): string => readFileSync(file, 'utf8')

describe('mutants', () => {
  it('every listed guard occurs exactly once in the sources, under a unique name', () => {
    const names = new Set(GUARDS.map((edit) => edit.name))
    assert.equal(names.size, GUARDS.length)
    for (const edit of GUARDS) {
      const source = read(edit.file)
      assert.notEqual(applyEdit(source, edit), source, edit.name)
    }
  })

  it('every bug patch still applies and changes its file', () => {
    const files = readdirSync(PATCHES).filter((file) => file.endsWith('.patch'))
    assert.ok(files.length >= 10, `${files.length} bugs`)
    for (const file of files) {
      for (const patch of parsePatch(read(`${PATCHES}/${file}`)).files) {
        const source = read(patch.file)
        assert.notEqual(applyPatch(source, patch), source, file)
      }
    }
  })

  it('compiles one file, and refuses what does not parse', () => {
    // Put together here, so that this file imports nothing of the kind.
    const above = '../a.ts'
    const text = `import { a } from '${above}'\nexport const later = () => import('./b.ts')\nexport const c: number = a\n`
    const code = compile('x.ts', text)
    assert.match(code, /from "\.\.\/a\.js"/)
    assert.match(code, /import\("\.\/b\.js"\)/)
    assert.match(code, /c = a/)
    assert.throws(() => compile('x.ts', 'export const = 1'), /Expected identifier/)
  })

  it('finds what a test can see, through imports and workers', () => {
    const reach = new Reach('.')
    const pool = 'dist/test/node/verifierPool.test.js'
    assert.ok(reach.sees(pool, ['dist/node/verifierPool.js']))
    assert.ok(reach.sees(pool, ['dist/node/verifierWorker.js']))
    assert.ok(!reach.sees(pool, ['dist/client/lightClient.js']))
  })

  it('rejects an edit or a patch that matches nowhere or twice', () => {
    const edit = { name: 'x', file: 'f', find: 'a', replace: 'b', why: '' }
    assert.throws(() => applyEdit('c', edit), /no longer has/)
    assert.throws(() => applyEdit('a a', edit), /more than once/)
    const [patch] = parsePatch('title\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n').files
    assert.equal(applyPatch('a\nc\n', patch!), 'b\nc\n')
    assert.throws(() => applyPatch('c\n', patch!), /no such lines/)
    assert.throws(() => applyPatch('a\na\n', patch!), /more than one place/)
    assert.throws(() => parsePatch('title\n'), /names a file/)
  })
})
