// Names: what may be one, and which two are one, by the same tables on every Node.
import assert from 'node:assert/strict'
import { isPrintable, withoutSilent } from '../../base/nameCharacters.ts'
import { foldedName, nameFault } from '../../base/names.ts'

const CODE_POINTS = 0x110000

describe('names', () => {
  it('are printable, composed, and have no space around them', () => {
    for (const name of ['aurora', 'Société Générale', '台灣算力股份有限公司', 'ООО «Вычисления»', 'a‑b']) {
      assert.equal(nameFault(name), undefined, name)
    }
    const faults = ['', ' a', 'a\u200b', 'a\u202eb', 'a\nb', 'a\u2028b', '\ud800', '\ue000', 'e\u0301'].map(
      nameFault,
    )
    assert.deepEqual(
      faults.map((fault) => fault?.replace(/^expected /, '')),
      [
        'a name',
        'no space around it',
        ...Array(6).fill('printable characters'),
        'the composed form of its characters (NFC)',
      ],
    )
  })

  it('are one name when they differ in case, accents, width, spaces or punctuation alone', () => {
    const folded = ['Acme Ltd.', 'ACME, LTD', 'ａｃｍｅ ltd', 'Ácmé-Ltd'].map(foldedName)
    assert.deepEqual(new Set(folded), new Set(['acmeltd']))
    assert.notEqual(foldedName('台灣'), foldedName('台湾'))
  })

  it('know no character that came after Unicode 14, whatever this Node knows', () => {
    // A wireless sign and a letter of Nag Mundari came with 15, an Old Italic-like Garay letter with 16.
    for (const later of [0x1f6dc, 0x1e4d0, 0x10d50]) {
      assert.equal(nameFault(`a${String.fromCodePoint(later)}`), 'expected printable characters')
    }
  })

  it('judge each older character as this Node does', () => {
    let known = 0
    const differing: string[] = []
    for (let codePoint = 0; codePoint < CODE_POINTS; codePoint++) {
      const character = String.fromCodePoint(codePoint)
      if (!isPrintable(character)) continue
      known++
      const isSilent = withoutSilent(character) === ''
      const isMark = /[\p{M}\p{P}\p{S}\p{Z}]/u.test(character)
      if (/[\p{C}\p{Zl}\p{Zp}]/u.test(character) || isSilent !== isMark)
        differing.push(codePoint.toString(16))
    }
    assert.ok(known > 140_000, `${known}`)
    // Versions of Unicode move a few between letters and marks.
    assert.ok(differing.length < 16, differing.join(' '))
  })
})
