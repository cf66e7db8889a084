// Pages that exist in two languages; the twin is named `.zh-Hant.md`. What is changed in one is changed in the other.
import { strict as assert } from 'node:assert'
import { existsSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import { ROOT, read } from './sources.ts'

const TWIN = /\.zh-Hant\.md$/
const FENCED = /^```[^\n]*\n[\s\S]*?^```$/gm
const COMMENT = /(?:^|\s+)#\s.*$/
const HAN = /\p{Script=Han}/u

/** The pages in Chinese, as paths from the repository's root. */
const TWINS = ['.', 'docs', 'docs/operations', 'docs/decisions']
  .flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => posix.join(folder, name)))
  .filter((page) => TWIN.test(page))
  .sort()

/** What a page tells its reader to type, and what is answered. */
function blocksOf(page: string): readonly string[] {
  return [...read(page).matchAll(FENCED)].map(([block]) => block)
}

function proseOf(page: string): string {
  return read(page).replace(FENCED, '')
}

const isDrawing = (block: string): boolean => /[─│]/.test(block)

/** A drawing without its words and the lengths of its lines. */
const shapeOf = (block: string): string => block.replace(/[^─│└┴┘├^>\n]/g, '').replace(/─+/g, '─')

/** A block with the twin's words where a translation may differ: comments of commands. */
function untranslated(block: string, original: string): string {
  const lines = original.split('\n')
  return block
    .split('\n')
    .map((line, i) => {
      const comment = COMMENT.exec(line)?.[0] ?? ''
      return HAN.test(comment) ? line.replace(COMMENT, () => COMMENT.exec(lines[i] ?? '')?.[0] ?? '') : line
    })
    .join('\n')
}

/** The levels of the headings, in their order. */
function headingsOf(page: string): readonly number[] {
  return [...proseOf(page).matchAll(/^(#+) /gm)].map(([, marks]) => marks!.length)
}

/** Rows of each table. */
function tablesOf(page: string): readonly number[] {
  return [...proseOf(page).matchAll(/(?:^\|.*\n)+/gm)].map(([table]) => table.trimEnd().split('\n').length)
}

/** Names in code font: options, methods, settings. Formulas and sentences have spaces, and are translated. */
function namesOf(page: string): readonly string[] {
  const names = [...proseOf(page).matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
  return [...new Set(names.filter((name) => !/\s/.test(name)))].sort()
}

describe('tidy.twins', () => {
  it('finds the pages', () => {
    assert.ok(TWINS.includes('README.zh-Hant.md') && TWINS.includes('docs/operators.zh-Hant.md'))
  })

  for (const page of TWINS) {
    const original = page.replace(TWIN, '.md')

    it(`${page} and its twin name each other at the top`, () => {
      assert.ok(existsSync(join(ROOT, original)))
      for (const [here, there] of [
        [page, original],
        [original, page],
      ] as const) {
        const name = posix.basename(there)
        assert.ok(read(here).split('\n').slice(0, 20).join('\n').includes(`[${name}](${name})`), here)
      }
    })

    it(`${page} shows the commands and answers of its twin`, () => {
      const expected = blocksOf(original)
      const found = blocksOf(page).map((block, i) => untranslated(block, expected[i] ?? ''))
      const comparable = (block: string): string => (isDrawing(block) ? shapeOf(block) : block)
      assert.deepEqual(found.map(comparable), expected.map(comparable))
    })

    it(`${page} has the headings, tables and names of its twin`, () => {
      assert.deepEqual(headingsOf(page), headingsOf(original))
      assert.deepEqual(tablesOf(page), tablesOf(original))
      assert.deepEqual(namesOf(page), namesOf(original))
    })
  }
})
