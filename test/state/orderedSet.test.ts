import assert from 'node:assert/strict'
import fc from 'fast-check'
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { defineModule } from '../../base/moduleDefinition.ts'
import { MEMBER_MAX, orderedSetsOf } from '../../state/orderedSet.ts'
import { MemoryState } from '../../state/overlay.ts'
import { setNodeRecord } from '../../state/recordShapes.ts'
import { tablesOf } from '../../state/table.ts'

const schema = defineModule({
  name: 'sets',
  id: 200,
  doc: 'Test module with ordered sets.',
  params: {},
  records: { node: setNodeRecord({ id: 1, doc: 'Sets.' }) },
  errors: {},
  events: {},
  actions: {},
  queries: {},
})
const sets = orderedSetsOf(tablesOf(schema).node)

describe('orderedSet', () => {
  const set = sha256(utf8('a set'))

  it('agrees with a sorted list under random inserts and removals', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.nat(600),
            fc.nat(200_000),
            fc.maxSafeNat().map((n) => n % (MEMBER_MAX + 1)),
          ),
          {
            maxLength: 60,
          },
        ),
        fc.nat(200_000),
        (members, from) => {
          const state = new MemoryState()
          const model = new Set<number>()
          for (const member of members) {
            assert.equal(sets.has(state, set, member), model.has(member))
            if (model.delete(member)) sets.remove(state, set, member)
            else {
              sets.insert(state, set, member)
              model.add(member)
            }
          }
          const sorted = [...model].sort((a, b) => a - b)
          assert.equal(
            sets.next(state, set, from),
            sorted.find((m) => m >= from),
          )
          assert.equal(
            sets.previous(state, set, from),
            sorted.findLast((m) => m <= from),
          )
          const walked: number[] = []
          for (let m = sets.next(state, set, 0); m !== undefined; m = sets.next(state, set, m + 1))
            walked.push(m)
          assert.deepEqual(walked, sorted)
          for (const member of sorted) sets.remove(state, set, member)
          assert.equal(state.size, 0)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('keeps sets of one table apart', () => {
    const state = new MemoryState()
    const other = sha256(utf8('another set'))
    sets.insert(state, set, 7)
    sets.insert(state, other, 9)
    assert.deepEqual([sets.next(state, set, 0), sets.next(state, set, 8)], [7, undefined])
    assert.deepEqual([sets.has(state, other, 7), sets.next(state, other, 0)], [false, 9])
  })

  it('rejects members out of bounds, repeated inserts, and removals of absent members', () => {
    const state = new MemoryState()
    sets.insert(state, set, MEMBER_MAX)
    assert.throws(() => sets.insert(state, set, MEMBER_MAX), /inserted once/)
    assert.throws(() => sets.insert(state, set, MEMBER_MAX + 1), /within the bounds/)
    assert.throws(() => sets.remove(state, set, 5))
    assert.equal(sets.next(state, set, MEMBER_MAX + 1), undefined)
  })
})
