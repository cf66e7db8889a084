import assert from 'node:assert/strict'
import fc from 'fast-check'
import { pageDown, pageUp } from '../../state/pages.ts'

const walk = (page: typeof pageUp, list: Parameters<typeof pageUp>[1], limit: number) => {
  const found: unknown[] = []
  let cursor = 0
  let pages = 0
  do {
    const { items, nextCursor } = page({ cursor, limit }, list)
    assert.ok(items.length <= Math.min(limit === 0 ? list.pageMax : limit, list.pageMax))
    found.push(...items)
    cursor = nextCursor
    assert.ok(++pages <= list.count + 1, 'the pages end')
  } while (cursor !== 0)
  return found
}

describe('pages', () => {
  it('walk a list with gaps completely, in both directions, for any limit', () => {
    const sizes = fc.record({
      pageMax: fc.integer({ min: 1, max: 7 }),
      lookMore: fc.nat(9),
      limit: fc.nat(12),
      present: fc.array(fc.boolean(), { maxLength: 40 }),
    })
    fc.assert(
      fc.property(sizes, ({ pageMax, lookMore, limit, present }) => {
        const read = (index: number) => (present[index] ? index : undefined)
        const list = { count: present.length, pageMax, lookMax: pageMax + lookMore, read }
        const all = present.flatMap((is, index) => (is ? [index] : []))
        assert.deepEqual(walk(pageUp, list, limit), all)
        assert.deepEqual(walk(pageDown, list, limit), all.reverse())
      }),
    )
  })

  it('look at no more than their bound', () => {
    for (const page of [pageUp, pageDown]) {
      let looked = 0
      const read = () => {
        looked++
        return undefined
      }
      const { items, nextCursor } = page(
        { cursor: 0, limit: 0 },
        { count: 100, pageMax: 4, lookMax: 9, read },
      )
      assert.deepEqual([items.length, looked, nextCursor], [0, 9, page === pageUp ? 9 : 91])
    }
  })

  it('end at a cursor beyond the list', () => {
    const list = { count: 3, pageMax: 5, read: (index: number) => index }
    assert.deepEqual(pageUp({ cursor: 9, limit: 0 }, list), { items: [], nextCursor: 0 })
    assert.deepEqual(pageDown({ cursor: 9, limit: 2 }, list), { items: [2, 1], nextCursor: 1 })
  })
})
