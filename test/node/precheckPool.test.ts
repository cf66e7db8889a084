import assert from 'node:assert/strict'
import { concatBytes, u32be, utf8 } from '../../base/bytes.ts'
import { PrecheckPool, type PrecheckPoolOptions } from '../../node/pool/precheckPool.ts'
import { addressOf, LEDGER_MODULES } from '../support/chainHarness.ts'
import {
  CRASH,
  computed,
  digestOf,
  PROVING_ADDRESS,
  proveCall,
  provingModule,
} from '../support/precheckModule.ts'

const entry = new URL('../support/precheckThread.js', import.meta.url)
const callOf = (n: number) => ({ to: PROVING_ADDRESS, data: proveCall(n, utf8(`proof ${n}`)) })
const calls = (count: number, from = 0) => Array.from({ length: count }, (_, i) => callOf(from + i))

describe('node.precheckPool', () => {
  const open: PrecheckPool[] = []
  const create = (options: Partial<PrecheckPoolOptions> = {}): PrecheckPool => {
    const pool = new PrecheckPool({
      chainId: 7,
      modules: [...LEDGER_MODULES, provingModule],
      workers: 1,
      entry,
      ...options,
    })
    open.push(pool)
    return pool
  }
  const knows = (pool: PrecheckPool, list: readonly { readonly data: Uint8Array }[]) =>
    list.filter(({ data }) => pool.known(210, data) !== undefined).length

  afterEach(async () => {
    await Promise.all(open.splice(0).map((pool) => pool.close()))
  })

  for (const workers of [1, 2]) {
    it(`computes in ${workers} threads what this thread would compute, and only there`, async () => {
      const pool = create({ workers })
      computed.count = 0
      const list = calls(100)
      await pool.prepare(list)
      for (const { data } of list) assert.deepEqual(pool.known(210, data), digestOf(data))
      assert.equal(computed.count, 0)
      assert.equal(pool.known(209, list[0]!.data), undefined)
    })
  }

  it('leaves everything to execution without threads, and calls without a precheck at all times', async () => {
    const none = create({ workers: 0 })
    await none.prepare(calls(3))
    assert.equal(knows(none, calls(3)), 0)
    // No thread starts for them: this one has no entry point.
    const lost: Error[] = []
    const pool = create({
      entry: new URL('../support/noSuchThread.js', import.meta.url),
      onWorkerLost: (error) => lost.push(error),
    })
    await pool.prepare([{ to: addressOf('alice'), data: callOf(1).data }])
    assert.equal(lost.length, 0)
    await pool.prepare(calls(1))
    assert.equal(lost.length, 1)
    assert.equal(knows(pool, calls(1)), 0)
  })

  it('remembers a bounded number, the latest ones', async () => {
    const pool = create({ rememberedMax: 20 })
    const list = calls(60)
    for (const call of list) await pool.prepare([call])
    assert.ok(knows(pool, list) <= 20)
    assert.equal(knows(pool, list.slice(-10)), 10)
  })

  it('bounds what waits, except for a block, which also overtakes', async () => {
    const pool = create()
    const many = calls(1_100)
    const slow = pool.prepare(many)
    const late = calls(8, 5_000)
    // Beyond the bound: left to execution at once.
    await pool.prepare(late)
    assert.equal(knows(pool, late), 0)
    const block = [...calls(8, 6_000), ...many.slice(1_000, 1_008)]
    await pool.prepare(block, { urgent: true })
    assert.equal(knows(pool, block), 16)
    assert.ok(knows(pool, many) < 1_024, 'the block did not wait for the rest')
    await slow
    assert.equal(knows(pool, many), 1_024)
  })

  it('loses no waiter with a thread, and goes on with the others', async () => {
    const lost: Error[] = []
    const pool = create({ workers: 2, onWorkerLost: (error) => lost.push(error) })
    const crash = { to: PROVING_ADDRESS, data: concatBytes(CRASH, u32be(1)) }
    await pool.prepare([crash])
    assert.equal(pool.known(210, crash.data), undefined)
    assert.equal(lost.length, 1)
    await pool.prepare(calls(40))
    assert.equal(knows(pool, calls(40)), 40)
    await pool.prepare([crash])
    assert.equal(lost.length, 2)
    await pool.prepare(calls(3, 900))
    assert.equal(knows(pool, calls(3, 900)), 0)
  })

  it('releases whoever waits when it is closed', async () => {
    const pool = create()
    const waits = pool.prepare(calls(200))
    await pool.close()
    await waits
    await pool.prepare(calls(1, 800))
    assert.equal(knows(pool, calls(1, 800)), 0)
  })
})
