import assert from 'node:assert/strict'
import { TextCache } from '../../rpc/textCache.ts'

describe('rpc.textCache', () => {
  const text = (length: number, height = 1) => ({ height, text: 'x'.repeat(length) })

  it('drops the least recently used when the texts are too long together', () => {
    const cache = new TextCache(160)
    for (let i = 0; i < 16; i++) cache.set(`${i}`, text(10, i))
    assert.equal(cache.get('0')?.height, 0)
    cache.set('16', text(10, 16))
    assert.equal(cache.get('0')?.height, 0)
    assert.equal(cache.get('1'), undefined)
    assert.equal(cache.get('2')?.height, 2)
  })

  it('keeps no text that would push many others out, and counts a replaced one once', () => {
    const cache = new TextCache(160)
    cache.set('long', text(11))
    assert.equal(cache.get('long'), undefined)
    for (let i = 0; i < 15; i++) cache.set(`${i}`, text(10))
    for (let i = 0; i < 50; i++) cache.set('same', text(10, i))
    assert.equal(cache.get('same')?.height, 49)
    assert.notEqual(cache.get('0'), undefined)
  })
})
