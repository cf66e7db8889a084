// The console's forms without a browser: every method that a node describes, and what typed text means.
import assert from 'node:assert/strict'
import type { Json, JsonSchema } from '../../base/field.ts'
import { DraftError, draftOf, jsonOf, shapeOf } from '../../web/console/draft.ts'
import { type Description, descriptionOf, spaceOf } from '../../web/console/openrpc.ts'
import { copiesOf, draftsOf, paramsOf } from '../../web/console/request.ts'
import { type Served, serve } from '../support/rpcHarness.ts'

const asIs = (schema: JsonSchema): JsonSchema => schema

describe('web.consoleForms', () => {
  let served: Served
  let description: Description
  before(async () => {
    served = await serve()
    description = descriptionOf(await served.call('rpc.discover'))
  })
  after(() => served.rpc.close())

  it('has a form for every method, and its example comes out of the form as it went in', () => {
    assert.ok(description.methods.size > 100)
    let forms = 0
    for (const method of description.methods.values()) {
      // An empty text is nothing typed.
      if (method.example.includes('')) continue
      const drafts = draftsOf(method, method.example as Json, description)
      const params = paramsOf(method, drafts, description)
      assert.deepEqual(params, method.example, method.name)
      forms++
    }
    assert.ok(forms > 0.9 * description.methods.size, `${forms} forms`)
  })

  it('runs what the form says: the node takes it', async () => {
    const method = description.methods.get('chain_series')!
    const typed = ['1', 'latest', '', undefined, undefined, undefined]
    const params = paramsOf(method, typed, description)
    assert.deepEqual(params, [1, 'latest'])
    served.backend.mine()
    const { points } = (await served.call('chain_series', params as Json)) as { points: Json[] }
    assert.ok(points.length >= 1)
    // A gap between: by name.
    const named = paramsOf(method, ['', 'latest', '5', undefined, '', ''], description)
    assert.deepEqual(named, { toBlock: 'latest', points: 5 })
  })

  it('asks for what is missing, and says where a text is no JSON and no number', () => {
    const method = description.methods.get('account_get')!
    assert.throws(
      () => paramsOf(method, [], description),
      (error) => error instanceof DraftError && error.reason === 'missing' && error.path[0] === 'address',
    )
    const schema: JsonSchema = {
      type: 'object',
      properties: {
        count: { type: 'integer' },
        any: {},
        list: { type: 'array', items: { type: 'boolean' } },
      },
      required: ['count'],
    }
    const of = (draft: Parameters<typeof jsonOf>[0]) => jsonOf(draft, schema, asIs, ['p'])
    assert.deepEqual(of({ count: '7', any: '{"a":[1]}', list: ['true', 'false'] }), {
      count: 7,
      any: { a: [1] },
      list: [true, false],
    })
    assert.equal(of({ count: '', any: '' }), undefined)
    const reasonOf = (draft: Parameters<typeof jsonOf>[0]) => {
      try {
        of(draft)
        return 'none'
      } catch (error) {
        return `${(error as DraftError).path.join('.')} ${(error as DraftError).reason}`
      }
    }
    assert.equal(reasonOf({ count: 'many' }), 'p.count number')
    assert.equal(reasonOf({ count: '1', any: '{' }), 'p.any json')
    assert.equal(reasonOf({ any: '1' }), 'p.count missing')
  })

  it('types numbers as numbers and hex as text where both are taken, and any depth ends in JSON', () => {
    const both: JsonSchema = { anyOf: [{ type: 'integer' }, { type: 'string' }, { enum: ['latest'] }] }
    assert.equal(jsonOf('12', both, asIs), 12)
    assert.equal(jsonOf('0x12', both, asIs), '0x12')
    assert.equal(jsonOf('9007199254740993', both, asIs), '9007199254740993', 'no digit is lost')
    assert.deepEqual(jsonOf('{"blockHash":"0x1"}', both, asIs), { blockHash: '0x1' })
    let deep: JsonSchema = { type: 'string' }
    for (let i = 0; i < 40; i++) deep = { type: 'object', properties: { in: deep } }
    const value = Array.from({ length: 40 }).reduce<Json>((inner) => ({ in: inner }), 'x')
    assert.deepEqual(jsonOf(draftOf(value, deep, asIs), deep, asIs), value)
    // A description that refers to itself is no endless form.
    const circle: JsonSchema = { $ref: '#' }
    const tree: JsonSchema = { type: 'array', items: circle }
    const resolve = (schema: JsonSchema): JsonSchema => (schema.$ref === undefined ? schema : tree)
    assert.equal(shapeOf(circle, resolve, 7).kind, 'json')
  })

  it('writes requests that shells and programs read as one, whatever is in them', () => {
    const evil = `'; rm -rf ~ "$(id)" \``
    const { curl, viem, cast } = copiesOf('eth_call', [evil, { to: evil }], 'http://127.0.0.1:8545')
    const words = (text: string): number => (text.match(/'(?:[^']|'\\'')*'/g) ?? []).length
    assert.ok(curl.startsWith("curl -s http://127.0.0.1:8545 -H 'content-type: application/json' -d '"))
    assert.equal(words(curl), 2)
    assert.ok(cast.startsWith("cast rpc --rpc-url http://127.0.0.1:8545 eth_call '"))
    assert.ok(viem.includes(JSON.stringify([evil, { to: evil }])))
    assert.match(copiesOf('chain_series', { points: 2 }, 'http://h').cast, /--raw '\{"points":2\}'$/)
    assert.equal(spaceOf('eth_call'), 'eth')
    assert.equal(spaceOf('rpc.discover'), 'rpc')
    assert.equal(spaceOf('subscribe'), 'rpc')
  })
})
