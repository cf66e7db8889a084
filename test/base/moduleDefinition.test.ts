import assert from 'node:assert/strict'
import { AssertionFailed } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import {
  defineModule,
  isSystemAddress,
  moduleAddress,
  paramsMessage,
  SYSTEM_KIND,
  systemAddress,
} from '../../base/moduleDefinition.ts'
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
      params: { feePpm: t.ppm, periodMs: t.u64 },
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
})
