import assert from 'node:assert/strict'
import { AssertionFailed } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import {
  defineModule,
  isLive,
  isSystemAddress,
  moduleAddress,
  paramsMessage,
  presetOf,
  SYSTEM_KIND,
  sectionsMessage,
  systemAddress,
} from '../../base/moduleDefinition.ts'
import { param } from '../../base/parameters.ts'
import { indexed, t } from '../../base/schema.ts'

const empty = {
  doc: 'A module of the test.',
  params: {},
  records: {},
  errors: {},
  events: {},
  actions: {},
  queries: {},
}

describe('base.module', () => {
  it('lays out system addresses as in WALLETS §2', () => {
    assert.equal(
      toHex(systemAddress(SYSTEM_KIND.module, 9)),
      '0x7375616e6c6900000000000000000000000000' + '09',
    )
    assert.equal(
      toHex(systemAddress(SYSTEM_KIND.escrow, 258)),
      '0x7375616e6c69030000000000000000000000' + '0102',
    )
    assert.deepEqual(moduleAddress({ id: 9 }), systemAddress(0, 9))
  })

  it('recognizes the reserved range by its prefix', () => {
    assert.equal(isSystemAddress(systemAddress(SYSTEM_KIND.series, 1)), true)
    assert.equal(isSystemAddress(systemAddress(200, 0)), true)
    const near = systemAddress(SYSTEM_KIND.asset, 1).slice()
    near[5]! ^= 1
    assert.equal(isSystemAddress(near), false)
    assert.equal(isSystemAddress(new Uint8Array(20)), false)
  })

  it('returns the definition unchanged', () => {
    const definition = defineModule({
      ...empty,
      name: 'sample',
      id: 77,
      params: {
        feePpm: param({ field: t.ppm, doc: 'A fee.', main: 5n }),
        periodMs: param({ field: t.u64, doc: 'A period.', main: 1000 }),
      },
      records: { item: { id: 1, key: { id: t.u64 }, value: { note: t.text(8) }, doc: 'One item.' } },
      errors: { TooSmall: { minimum: t.u64 } },
      actions: { add: { args: { id: t.u64 }, fails: ['TooSmall'], gas: 1, doc: 'Adds.' } },
    })
    assert.deepEqual(definition.actions.add.fails, ['TooSmall'])
    const params = paramsMessage(definition)
    assert.equal(params.name, 'sample.Params')
    const value = { feePpm: 5n, periodMs: 1000 }
    assert.deepEqual(params.decode(params.encode(value)), value)
  })

  it('asserts record ids and topic counts', () => {
    const record = (id: number) => ({ id, key: { id: t.u64 }, value: { n: t.u8 }, doc: 'A record.' })
    const define = (records: Record<string, ReturnType<typeof record>>) => () =>
      defineModule({ ...empty, name: 'sample', id: 77, records })
    assert.throws(define({ a: record(0) }), AssertionFailed)
    assert.throws(define({ a: record(256) }), AssertionFailed)
    assert.throws(define({ a: record(1), b: record(1) }), AssertionFailed)
    assert.doesNotThrow(define({ a: record(1), b: record(255) }))
    const topic = indexed(t.u8)
    const events = { Happened: { a: topic, b: topic, c: topic, d: topic } }
    assert.throws(() => defineModule({ ...empty, name: 'sample', id: 77, events }), /at most three indexed/)
  })

  it('asserts that lifetimes are within the module and later parameters come last', () => {
    const action = (lifetime: object) => ({
      ...empty,
      name: 'sample',
      id: 77,
      since: 2,
      until: 5,
      actions: { add: { args: {}, fails: [], gas: 1, doc: 'Adds.', ...lifetime } },
    })
    assert.doesNotThrow(() => defineModule(action({ since: 2, until: 5 })))
    assert.throws(() => defineModule(action({ since: 1 })), /add: lives in versions 1 to 5/)
    assert.throws(() => defineModule(action({ until: 6 })), AssertionFailed)
    assert.throws(() => defineModule(action({ since: 4, until: 3 })), AssertionFailed)
    const size = (since: number) => param({ field: t.u8, doc: 'A size.', main: 1, since })
    const params = (a: number, b: number) => ({
      ...empty,
      name: 's',
      id: 77,
      params: { a: size(a), b: size(b) },
    })
    assert.doesNotThrow(() => defineModule(params(1, 2)))
    assert.throws(() => defineModule(params(2, 1)), /a later parameter comes last/)
  })

  it('is live from `since` to `until`, both included', () => {
    assert.deepEqual(
      [1, 2, 3, 4].map((version) => isLive({ since: 2, until: 3 }, version)),
      [false, true, true, false],
    )
    assert.equal(isLive({}, 1), true)
  })
})

describe('base.module sections', () => {
  const width = param({ field: t.u32, doc: 'A width.', main: 7, dev: 8 })
  const one = defineModule({ ...empty, name: 'one', id: 9, params: { width } })
  const late = param({ field: t.u32, doc: 'A height.', main: 3, since: 2 })
  const two = defineModule({ ...empty, name: 'two', id: 4, since: 2, params: { width, late } })
  const bare = defineModule({ ...empty, name: 'bare', id: 5 })

  it('have the module id as number, and none for a module without parameters', () => {
    const sections = sectionsMessage('Sections', { one, bare })
    assert.deepEqual(Object.keys(sections.fields), ['one'])
    assert.equal(toHex(sections.encode({ one: { width: 7 } })), '0x4a020807')
  })

  it('of a later module may be absent, so that documents without it keep their bytes', () => {
    const before = sectionsMessage('Sections', { one }).encode({ one: { width: 7 } })
    const sections = sectionsMessage('Sections', { one, two })
    assert.deepEqual(sections.encode({ one: { width: 7 } } as never), before)
    assert.deepEqual(sections.decode(before), { one: { width: 7 } })
    assert.deepEqual(sections.fromJson({ one: { width: 7 } }), { one: { width: 7 } })
  })

  it('read a later parameter that is absent as its default, and write the default as absent', () => {
    const params = paramsMessage(two)
    const before = params.encode({ width: 7 } as never)
    assert.equal(toHex(before), '0x0807')
    assert.deepEqual(params.decode(before), { width: 7, late: 0 })
    assert.deepEqual(params.encode({ width: 7, late: 0 }), before)
    assert.deepEqual(params.encode(params.fromJson({ width: 7 })), before)
    assert.equal(toHex(params.encode({ width: 7, late: 3 })), '0x08071003')
  })

  it('take their values from a preset', () => {
    assert.deepEqual(presetOf({ one, two, bare }, 'dev'), { one: { width: 8 }, two: { width: 8, late: 3 } })
    assert.deepEqual(presetOf({ one }, 'test'), { one: { width: 7 } })
  })
})
