// What the page says is there in both languages. That an entry is missing does not compile; this looks at what it says.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { consoleMessages } from '../../web/console/messages.ts'
import { explorerMessages } from '../../web/explorer/messages.ts'
import { frameMessages } from '../../web/frame/messages.ts'
import { operatorMessages } from '../../web/operator/messages.ts'
import { reservesMessages } from '../../web/reserves/messages.ts'
import { uiMessages } from '../../web/ui/messages.ts'
import { verifyMessages } from '../../web/verify/messages.ts'
import type { Entries } from '../../web/words/catalogue.ts'

const CATALOGUES = {
  console: consoleMessages,
  operator: operatorMessages,
  explorer: explorerMessages,
  frame: frameMessages,
  reserves: reservesMessages,
  ui: uiMessages,
  verify: verifyMessages,
} as const

const HAN = /[\p{Script=Han}（）：、]/u
/** The same in every language. */
const NAMES = new Set(['Suanli'])

/** Every text with the path to it; those made from values, with the names of the values. */
function textsOf(entries: Entries, path = ''): readonly (readonly [string, string])[] {
  return Object.entries(entries).flatMap(([name, entry]): readonly (readonly [string, string])[] => {
    const at = `${path}${name}`
    if (typeof entry === 'string') return [[at, entry]]
    if (typeof entry !== 'function') return textsOf(entry, `${at}.`)
    return [[at, entry(...Array.from({ length: entry.length }, (_, i) => `{${i}}`))]]
  })
}

describe('web.catalogues', () => {
  it('knows every catalogue', () => {
    const folder = fileURLToPath(new URL('../../../web', import.meta.url))
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    const found = files.flatMap((file) => /^(\w+)\/messages\.ts$/.exec(file)?.[1] ?? [])
    assert.deepEqual(found.sort(), Object.keys(CATALOGUES).sort())
  })

  for (const [name, catalogue] of Object.entries(CATALOGUES)) {
    it(`says the same in both languages: ${name}`, () => {
      const english = textsOf(catalogue.en as Entries)
      const chinese = new Map(textsOf(catalogue['zh-Hant'] as Entries))
      assert.deepEqual(
        [...chinese.keys()],
        english.map(([path]) => path),
      )
      for (const [path, text] of english) {
        const other = chinese.get(path)!
        assert.ok(text !== '' && other !== '', `${path} is empty`)
        assert.ok(!HAN.test(text), `${path} is not English: ${text}`)
        const values = (of: string): string[] => (of.match(/\{\d\}/g) ?? []).sort()
        assert.deepEqual(values(other), values(text), `${path} uses other values`)
        const isBare = text.replace(/\{\d\}/g, '').trim() === '' || NAMES.has(text)
        assert.ok(isBare || /^[^a-z]*$/i.test(text) || HAN.test(other), `${path} is not translated: ${other}`)
      }
    })
  }
})
