// Pages that exist in two languages: a command that is changed in one is changed in the other.
import { strict as assert } from 'node:assert'
import { read } from './sources.ts'

/** What a page tells its reader to type, and what is answered. */
function blocksOf(page: string): readonly string[] {
  return [...read(page).matchAll(/^```[a-z]*\n[\s\S]*?^```$/gm)].map(([block]) => block)
}

describe('tidy.twins', () => {
  it('shows the same commands and answers in both languages', () => {
    const english = blocksOf('docs/first-redemption.md')
    assert.ok(english.length > 10)
    assert.deepEqual(blocksOf('docs/first-redemption.zh-Hant.md'), english)
  })
})
