import assert from 'node:assert/strict'
import { DISPATCH_LIMITS, Dispatcher, type DispatchLimits } from '../../rpc/dispatch.ts'
import { lazyJson } from '../../rpc/lazyJson.ts'
import { type Call, defineMethod, methodTable } from '../../rpc/method.ts'
import { p } from '../../rpc/params.ts'
import type { Loose } from '../support/rpcHarness.ts'
import { busy, TurnCount } from '../support/turnCount.ts'

let count: TurnCount

const CALL: Call = { connection: undefined, client: '10.0.0.1' }

interface Made {
  readonly dispatcher: Dispatcher
  readonly runs: { [method: string]: number }
  ask(body: unknown, call?: Call): Promise<Loose>
  raw(text: string, call?: Call): Promise<string>
}

function made(limits: Partial<DispatchLimits> = {}): Made {
  const runs: { [method: string]: number } = {}
  const method = (name: string, cost: number, run: () => Loose) =>
    defineMethod({
      name,
      doc: name,
      cost,
      params: {},
      returns: {},
      run: () => {
        runs[name] = (runs[name] ?? 0) + 1
        return run()
      },
    })
  const table = methodTable([
    method('light', 1, () => 'x'),
    method('busy', 1, () => {
      count.add()
      busy(2)
      return 'busy'
    }),
    method('heavy', 20, () => 'h'),
    method('long', 20, () =>
      Array.from({ length: 1_000 }, (_, i) => lazyJson(() => `${i}`.padStart(98, '.'))),
    ),
    method('slowList', 20, () =>
      Array.from({ length: 40 }, (_, i) =>
        lazyJson(() => {
          count.add()
          busy(2)
          return i
        }),
      ),
    ),
    method('whole', 20, () => ({
      a: 1,
      b: undefined,
      list: Array.from({ length: 70 }, (_, i) => ({ i })),
      c: [],
    })),
    method('broken', 20, () => [lazyJson(() => assert.fail('a bug'))]),
    defineMethod({ name: 'echo', doc: '', cost: 1, params: { x: p.json }, returns: {}, run: ({ x }) => x }),
  ])
  const dispatcher = new Dispatcher(table, { ...DISPATCH_LIMITS, ...limits }, { error: () => undefined })
  const raw = async (text: string, call = CALL): Promise<string> => dispatcher.handle(text, call)
  return {
    dispatcher,
    runs,
    raw,
    ask: async (body, call) => JSON.parse(await raw(JSON.stringify(body), call)),
  }
}

function calls(count: number, method: string): Loose[] {
  return Array.from({ length: count }, (_, id) => ({ jsonrpc: '2.0', id, method }))
}

describe('rpc.dispatch', () => {
  beforeEach(() => {
    count = new TurnCount()
  })
  afterEach(() => count.close())

  it('echoes ids byte for byte', async () => {
    const { raw } = made()
    const ids = [
      '9007199254740993',
      '1e400',
      '-0',
      '1.0',
      '"a\\u0062"',
      '""',
      'null',
      '123456789012345678901234567890',
    ]
    for (const id of ids) {
      const answer = `{"jsonrpc":"2.0","id":${id},"result":"x"}`
      assert.equal(await raw(`{"jsonrpc":"2.0","id":${id},"method":"light"}`), answer)
      assert.equal(await raw(`[{"id": ${id} ,"method":"light"}]`), `[${answer}]`)
    }
    // A key written with escapes is the same key; the number that was parsed stands for it.
    assert.equal((JSON.parse(await raw('{"\\u0069d":7,"method":"light"}')) as Loose).id, 7)
    assert.equal((JSON.parse(await raw('{"\\u0069d":1e400,"method":"light"}')) as Loose).id, null)
    assert.match(await raw('{"id":5,"method":"nope"}'), /"id":5,"error"/)
    for (const id of ['true', '[1]', '{"id":1}']) {
      assert.match(await raw(`{"id":${id},"method":"light"}`), /"id":null,"error".*id must be/)
    }
  })

  it('takes null params as none', async () => {
    const { ask, runs } = made()
    assert.equal((await ask({ id: 1, method: 'light', params: null })).result, 'x')
    assert.match((await ask({ id: 1, method: 'echo', params: null })).error.message, /missing value .* \(x\)/)
    assert.equal((await ask({ id: 1, method: 'echo', params: [null] })).result, null)
    assert.equal(runs.light, 1)
  })

  it('answers each element of a batch that is too long, by its id', async () => {
    const { ask, raw, runs } = made({ batchCountMax: 100 })
    const answers = await ask([{ method: 'light' }, ...calls(100, 'light')])
    assert.equal(answers.length, 100)
    assert.deepEqual(answers[99].id, 99)
    assert.match(answers[0].error.message, /batch of 101 requests exceeds the limit of 100/)
    assert.equal(runs.light, undefined)
    const many = JSON.parse(await raw(`[${'{},'.repeat(100_000)}{}]`)) as Loose
    assert.equal(many.length, 1)
    assert.equal(many[0].id, null)
    const deep = await raw(`{"id":3,"method":"echo","params":${'['.repeat(40)}${']'.repeat(40)}}`)
    assert.match(deep, /"id":3,"error".*nested deeper than 32/)
    assert.match(await raw(`[{"id":3,"x":[${'[],'.repeat(60_000)}[]]}]`), /"id":3.*more than 50000 values/)
  })

  it('does no work for a batch whose budget is used up', async () => {
    const byLength = made({ responseLengthMax: 250_000 })
    const answers = await byLength.ask(calls(50, 'long'))
    assert.equal(byLength.runs.long, 3, 'two fit, the third showed that it does not')
    assert.equal(answers[1].result.length, 1_000)
    assert.match(answers[2].error.message, /exceeds 250000 characters/)
    assert.match(answers[49].error.message, /exceeds 250000 characters/)
    // 20 for the call, 98 for the answer of 100 KiB.
    const byCost = made({ costMax: 1_000 })
    const charged = await byCost.ask(calls(50, 'long'))
    assert.equal(byCost.runs.long, 9)
    assert.match(charged[49].error.message, /work limit of one request/)
  })

  it('charges the rate limit by what the answer holds', async () => {
    const { ask } = made()
    let charged = 0
    const call: Call = { ...CALL, charge: (count) => void (charged += count) }
    await ask(calls(3, 'long'), call)
    assert.equal(charged, 3 + 3)
  })

  it('yields between the elements of a batch, and within a long answer', async () => {
    const { ask, runs } = made()
    await ask(calls(100, 'busy'))
    assert.equal(runs.busy, 100)
    assert.ok(count.most <= 12, `${count.most} elements of 2 ms in one turn`)
    await ask({ id: 1, method: 'slowList' })
    assert.ok(count.most <= 12, `${count.most} parts of 2 ms in one turn`)
  })

  it('stops when nobody waits any more', async () => {
    const { raw, runs } = made()
    let isGone = false
    const answer = raw(JSON.stringify(calls(100, 'busy')), { ...CALL, isGone: () => isGone })
    isGone = true
    assert.equal(await answer, '')
    assert.ok(runs.busy! < 20)
  })

  it('writes long answers as JSON.stringify does', async () => {
    const { ask, dispatcher } = made()
    const { result } = await ask({ id: 1, method: 'whole' })
    assert.deepEqual(result, { a: 1, list: Array.from({ length: 70 }, (_, i) => ({ i })), c: [] })
    assert.equal((await ask({ id: 1, method: 'slowList' })).result.length, 40)
    assert.equal((await ask({ id: 1, method: 'broken' })).error.code, -32603)
    assert.equal(dispatcher.held.total, 0)
  })

  it('refuses heavy calls of a client that does not read, not those of others', async () => {
    const { ask, dispatcher } = made({ heldBytesMax: 1_000 })
    dispatcher.held.add(CALL.client, 500)
    assert.match((await ask({ id: 1, method: 'heavy' })).error.message, /answers that were not read/)
    assert.equal((await ask({ id: 1, method: 'light' })).result, 'x')
    assert.equal((await ask({ id: 1, method: 'heavy' }, { ...CALL, client: '10.0.0.2' })).result, 'h')
  })

  it('lets a light call pass heavy batches', async () => {
    const { ask } = made()
    const done: string[] = []
    const batches = Array.from({ length: 5 }, () => ask(calls(2, 'slowList')).then(() => done.push('batch')))
    const light = ask({ id: 1, method: 'light' }, { ...CALL, client: '10.0.0.2' }).then(() =>
      done.push('light'),
    )
    await light
    assert.deepEqual(done, ['light'])
    await Promise.all(batches)
  })
})
