import assert from 'node:assert/strict'
import { parseJson } from '../../base/json.ts'

describe('base.json', () => {
  it('reads what JSON.parse reads', () => {
    const value = { a: ['[[[', '\\"{', '\\', { b: null }], '"': '}' }
    assert.deepEqual(parseJson(JSON.stringify(value)), value)
    const deep = '['.repeat(64) + ']'.repeat(64)
    assert.deepEqual(parseJson(deep), JSON.parse(deep))
    for (const text of ['', '{', '"', '"\\', ']', '[}']) assert.throws(() => parseJson(text), SyntaxError)
  })

  it('refuses at once what is nested without end', () => {
    for (const open of ['[', '{"a":', '[{"\\"":'])
      assert.throws(() => parseJson(open.repeat(2_000_000)), /nested deeper than 64/)
  })
})
