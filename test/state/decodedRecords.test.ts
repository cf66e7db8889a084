import assert from 'node:assert/strict'
import type { Fields } from '../../base/field.ts'
import type { ModuleDef } from '../../base/moduleDefinition.ts'
import { DecodedRecords } from '../../state/decodedRecords.ts'
import { Overlay } from '../../state/overlay.ts'
import { MODULES } from '../../state/registry.ts'
import { tablesOf } from '../../state/table.ts'
import { sampleFields } from '../support/sample.ts'

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values)

/** Counts what is decoded; a record is the number that its bytes begin with. */
function counting() {
  const read: number[] = []
  const records = new DecodedRecords((stored: Uint8Array) => {
    read.push(stored[0]!)
    return { number: stored[0]! }
  })
  return { records, read }
}

/** The least value of each field, and nothing that may be absent. */
function leastOf(fields: Fields): Record<string, unknown> {
  const values = Object.entries(fields).map(([name, field]) => {
    if (field.list !== undefined) return [name, []]
    if (field.struct !== undefined) return [name, leastOf(field.struct.fields)]
    try {
      return [name, field.absent()]
    } catch {
      // Bytes of a fixed size are never absent.
      return [name, sampleFields(name, { field }).field]
    }
  })
  return Object.fromEntries(values.filter(([, value]) => value !== undefined))
}

describe('decoded records', () => {
  it('are read once for the same bytes, and anew for others under the same key', () => {
    const { records, read } = counting()
    const [one, two, again] = [bytes(1), bytes(2), bytes(1)]
    assert.equal(records.read('a', one), records.read('a', one))
    assert.deepEqual(records.read('a', two), { number: 2 })
    // A fork that has the earlier bytes: equal ones that are other bytes tell nothing.
    assert.deepEqual([records.read('a', one).number, records.read('a', again).number], [1, 1])
    assert.deepEqual(read, [1, 2, 1, 1])
  })

  it('are few: the ones that nobody asked for go', () => {
    const { records, read } = counting()
    const stored = Array.from({ length: 200 }, (_, i) => bytes(i))
    for (let i = 0; i < 200; i++) {
      records.read(String(i), stored[i]!)
      records.read('0', stored[0]!)
    }
    assert.equal(read.length, 200)
    for (const [i, of] of stored.entries()) if (i >= 1 && i < 100) records.read(String(i), of)
    assert.equal(read.length, 299)
  })

  it('are what their bytes say, where a rule has just written them', () => {
    for (const { definition } of MODULES) {
      const tables = tablesOf<ModuleDef>(definition)
      for (const [name, { key, value }] of Object.entries(definition.records)) {
        const state = new Overlay({ get: () => undefined })
        const at = sampleFields(`${name}.key`, key)
        const table = tables[name]!
        const full = sampleFields(name, value)
        for (const written of [full, { ...full, unknown: 1n }, leastOf(value)]) {
          table.set(state, at, written)
          assert.deepEqual(table.get(state, at), table.decode(state.get(table.key(at))!), table.name)
        }
      }
    }
  })
})
