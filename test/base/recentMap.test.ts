import assert from 'node:assert/strict'
import { RecentMap } from '../../base/recentMap.ts'

describe('base.recentMap', () => {
  it('holds the latest entries, between half of its bound and all of it', () => {
    const map = new RecentMap<number>(8)
    for (let i = 0; i < 100; i++) {
      map.set(`key ${i}`, i)
      for (let back = 0; back < 4 && back <= i; back++) assert.equal(map.get(`key ${i - back}`), i - back)
      assert.equal(map.has(`key ${i - 8}`), false)
      assert.equal(map.get(`key ${i - 8}`), undefined)
    }
  })

  it('treats an entry that is set again as new', () => {
    const map = new RecentMap<string>(4)
    map.set('kept', 'first')
    for (let i = 0; i < 20; i++) {
      map.set('kept', `value ${i}`)
      map.set(`other ${i}`, 'x')
      assert.equal(map.get('kept'), `value ${i}`)
    }
  })

  it('sets a known key in a full half without dropping entries', () => {
    const map = new RecentMap<number>(4)
    map.set('a', 1)
    map.set('b', 2)
    map.set('c', 3)
    map.set('d', 4)
    map.set('d', 5)
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((key) => map.get(key)),
      [1, 2, 3, 5],
    )
  })
})
