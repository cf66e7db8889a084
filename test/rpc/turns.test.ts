import assert from 'node:assert/strict'
import { HeavyGate } from '../../rpc/heavyGate.ts'
import { Turns } from '../../rpc/turns.ts'
import { busy, TurnCount } from '../support/turnCount.ts'

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}

describe('rpc.turns', () => {
  it('has room until 10 ms are used, and again in the next turn', async () => {
    const turns = new Turns()
    assert.ok(turns.hasRoom() && turns.mayStart())
    busy(11)
    assert.ok(!turns.hasRoom() && !turns.mayStart())
    await new Promise(setImmediate)
    assert.ok(turns.mayStart())
  })

  it('has room for a moment only while connections arrive, of which the loop accepts one a turn', async () => {
    const turns = new Turns()
    turns.arrived()
    turns.prompt('a', () => undefined)
    await new Promise(setImmediate)
    assert.ok(turns.hasRoom())
    busy(2)
    assert.ok(!turns.hasRoom())
    await new Promise(setImmediate)
    assert.ok(turns.hasRoom())
    busy(2)
    assert.ok(turns.hasRoom(), 'none arrived in this one')
  })

  it('serves prompt work before long work, and lets neither starve', async () => {
    const turns = new Turns()
    const served: string[] = []
    busy(11)
    void turns.long('a').then(() => served.push('long'))
    for (let i = 0; i < 40; i++) {
      turns.prompt('b', () => {
        busy(1)
        served.push('prompt')
      })
    }
    assert.ok(!turns.mayStart(), 'nobody overtakes who waits')
    await until(() => served.length === 41)
    assert.equal(served[0], 'prompt')
    const at = served.indexOf('long')
    assert.ok(at > 5 && at < 40, `the long work came after ${at} others`)
  })

  it('counts what follows from prompt work into its turn', async () => {
    const turns = new Turns()
    const count = new TurnCount()
    let sent = 0
    for (let i = 0; i < 40; i++) {
      void new Promise<void>((resolve) => turns.prompt('a', resolve)).then(() => {
        count.add()
        sent++
        busy(1)
      })
    }
    await until(() => sent === 40)
    count.close()
    assert.ok(count.most <= 20, `${count.most} of 40 answers of 1 ms in one turn`)
  })

  it('lets clients take turns', async () => {
    const turns = new Turns()
    const served: string[] = []
    for (const client of ['a', 'a', 'a', 'a', 'b']) void turns.long(client).then(() => served.push(client))
    await until(() => served.length === 5)
    assert.equal(served.join(''), 'abaaa')
    for (const client of ['a', 'a', 'a', 'a', 'b']) turns.prompt(client, () => served.push(client))
    await until(() => served.length === 10)
    assert.equal(served.slice(5).join(''), 'abaaa')
  })

  it('serves at most 20 ms of work in one turn', async () => {
    const turns = new Turns()
    const count = new TurnCount()
    let left = 60
    const load = async (client: string): Promise<void> => {
      while (left-- > 0) {
        if (!turns.hasRoom()) await turns.long(client)
        count.add()
        busy(3)
      }
    }
    await Promise.all(['a', 'b', 'c'].map(load))
    count.close()
    // Each of the two periods that may fall into a turn begins a last step before its end.
    assert.ok(count.most <= 8, `${count.most} steps of 3 ms in one turn`)
  })
})

describe('rpc.heavyGate', () => {
  it('limits each client and all together, and is fair', async () => {
    const gate = new HeavyGate({ perClientMax: 2, totalMax: 3 })
    const order: string[] = []
    const enter = (client: string): void => {
      const entered = gate.enter(client)
      if (entered === undefined) order.push(client)
      else void entered.then(() => order.push(client))
    }
    for (const client of ['a', 'a', 'a', 'a', 'b', 'c']) enter(client)
    assert.equal(order.join(''), 'aab')
    for (const client of ['a', 'a', 'b']) {
      gate.leave(client)
      await new Promise(setImmediate)
    }
    // The second `a` was over its own limit while `c` waited behind it.
    assert.equal(order.join(''), 'aabaca')
  })
})
