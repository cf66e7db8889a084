// The documents quote the examples, word for word, so that neither drifts. A quote is a fenced block under a comment that
// names the file, or a region of it: `<!-- from examples/sendCoins.ts#pay -->`.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = resolve(fileURLToPath(new URL('../../..', import.meta.url)))
const DOCUMENTS = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((file) => join('docs', file))].filter(
  (file) => file.endsWith('.md'),
)
const QUOTE = /^<!-- from (examples\/\w+\.\w+)(?:#(\w+))? -->\n```\w+\n([\s\S]*?)\n```$/gm
const EXAMPLES = readdirSync(join(ROOT, 'examples')).filter((file) => /\.(?:ts|py)$/.test(file))

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** The text between a region's marks; the whole file without one. */
function textOf(file: string, region: string | undefined): string {
  const text = read(file)
  if (region === undefined) return text.trimEnd()
  const parts = text.split(new RegExp(`^(?://|#) #?region ${region}\\n`, 'm'))
  assert.equal(parts.length, 2, `${file} has ${parts.length - 1} regions ${region}`)
  const [inside, after] = parts[1]!.split(/^(?:\/\/|#) #?endregion$/m)
  assert.ok(after !== undefined, `${file}: the region ${region} does not end`)
  return inside!.trim()
}

describe('examples.quotes', () => {
  const quoted = new Set<string>()
  for (const document of DOCUMENTS) {
    const marks = read(document).match(/<!-- from /g)?.length ?? 0
    if (marks === 0) continue
    it(`${document} quotes them as they are`, () => {
      const quotes = [...read(document).matchAll(QUOTE)]
      assert.equal(quotes.length, marks, 'each mark stands right above a fenced block')
      for (const [, file, region, block] of quotes) {
        assert.equal(block, textOf(file!, region), `${document}: ${file}${region ? `#${region}` : ''}`)
        quoted.add(file!.replace('examples/', ''))
      }
    })
  }

  it('every example is quoted, and has its line in examples/README.md', () => {
    assert.deepEqual([...quoted].sort(), [...EXAMPLES].sort())
    const readme = read('examples/README.md')
    for (const file of EXAMPLES)
      assert.ok(readme.includes(`\`${file}\``) || readme.includes(`](${file})`), file)
  })
})
