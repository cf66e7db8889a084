import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type ScanLimits, scanRequest, ValueCounter } from '../../rpc/requestScan.ts'

const WIDE: ScanLimits = { depthMax: 1_000, valuesMax: 1e9, elementsMax: 1e9 }

function depthOf(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

/** Lists and objects count, and what stands between commas. */
function valuesOf(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0
  const inner = Object.values(value)
  return 1 + Math.max(0, inner.length - 1) + inner.reduce((sum: number, one) => sum + valuesOf(one), 0)
}

describe('rpc.scanRequest', () => {
  it('agrees with the parsed value on depth, values and elements', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value)
        const depth = depthOf(value)
        const exceeds = (limits: Partial<ScanLimits>) => scanRequest(text, { ...WIDE, ...limits }).exceeds
        assert.equal(exceeds({ depthMax: depth }), undefined)
        if (depth > 0) assert.equal(exceeds({ depthMax: depth - 1 }), 'depth')
        const values = 1 + valuesOf(value)
        assert.equal(exceeds({ valuesMax: values }), undefined)
        if (values > 1) assert.equal(exceeds({ valuesMax: values - 1 }), 'values')
        const { isBatch, count } = scanRequest(text, WIDE)
        assert.equal(isBatch, Array.isArray(value))
        assert.equal(count, Array.isArray(value) ? value.length : 1)
      }),
    )
  })

  it('handles quotes, escapes and unterminated strings', () => {
    const exceeds = (text: string, depthMax: number) => scanRequest(text, { ...WIDE, depthMax }).exceeds
    assert.equal(exceeds(JSON.stringify(['\\', '"[[[[', '\\"[[[']), 1), undefined)
    assert.equal(exceeds('["\\\\", [[]]]', 2), 'depth')
    assert.equal(exceeds('["[[[[[[', 1), undefined)
    for (const text of ['', ' ', '{"id":', '{"id"', '[{"id":"', '{"id":1e400', '[', '"'])
      scanRequest(text, WIDE)
  })

  it('finds the text of ids, and only of ids', () => {
    const ids = (text: string) => [...scanRequest(text, WIDE).ids]
    assert.deepEqual(ids('{"id":9007199254740993}'), ['9007199254740993'])
    assert.deepEqual(ids(' {"params":[{"id":5}],"x":"id", "id" : 1e400 }'), ['1e400'])
    assert.deepEqual(ids('{"id":"a\\"}b","method":"id"}'), ['"a\\"}b"'])
    assert.deepEqual(ids('{"id":1,"id":null}'), ['null'])
    assert.deepEqual(ids('{"id":{"id":3}}'), [undefined])
    assert.deepEqual(ids('{"id":[1]}'), [undefined])
    const batch = '[{"id":1.0},{"method":"x"},{"params":{"id":7},"id":"two"},[{"id":9}],{"id":-0}]'
    assert.deepEqual(Array.from(scanRequest(batch, WIDE).ids), ['1.0', undefined, '"two"', undefined, '-0'])
  })

  it('stops at a limit, however long the text is', () => {
    const lists = `[${'[],'.repeat(2_500_000)}[]]`
    const scan = scanRequest(lists, { depthMax: 32, valuesMax: 50_000, elementsMax: 4_000 })
    assert.equal(scan.count, 4_001)
    assert.equal(scanRequest(`{"a":${lists}}`, { ...WIDE, valuesMax: 50_000 }).exceeds, 'values')
  })
})

describe('rpc.valueCounter', () => {
  it('counts as the scan does, wherever the text is cut', () => {
    const texts = fc.oneof(
      fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.stringify(value)),
      fc
        .array(fc.constantFrom('"', '\\', ',', '[', '{', 'x'), { maxLength: 40 })
        .map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(texts, fc.array(fc.nat(50), { maxLength: 4 }), (text, cuts) => {
        const bytes = new TextEncoder().encode(text)
        const counter = new ValueCounter()
        const places = [...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
        let count = 1
        let from = 0
        for (const to of places) {
          count = counter.add(bytes.subarray(from, to))
          from = to
        }
        // The text may not be JSON: then what the scan says of nesting does not matter, but the values must agree.
        const limits = { depthMax: 1_000, elementsMax: 1_000 }
        const whole = text.startsWith('[') || text.startsWith('{') || text.startsWith('"') ? text : ` ${text}`
        assert.equal(scanRequest(whole, { ...limits, valuesMax: count }).exceeds, undefined)
        if (count > 1) assert.equal(scanRequest(whole, { ...limits, valuesMax: count - 1 }).exceeds, 'values')
      }),
      { numRuns: 500 },
    )
  })
})
