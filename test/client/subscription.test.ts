import assert from 'node:assert/strict'
import { WebSocket } from 'ws'
import { toHex } from '../../base/bytes.ts'
import { ClientError, type ClientErrorCode } from '../../client/clientError.ts'
import type { ChainMessage } from '../../client/messages.ts'
import { providers } from '../../client/modules.ts'
import { type ChainSubscription, subscribe } from '../../client/subscription.ts'
import { type WebSocketTransport, webSocketTransport } from '../../client/transports/webSocket.ts'
import { addressOf } from '../support/chainHarness.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { type Served, serve } from '../support/rpcHarness.ts'

async function take<T>(messages: ChainSubscription<T>, count: number): Promise<ChainMessage<T>[]> {
  const taken: ChainMessage<T>[] = []
  while (taken.length < count) taken.push((await messages.next()).value)
  return taken
}

async function failing(promise: Promise<unknown>, code: ClientErrorCode): Promise<ClientError> {
  const error = await promise.then(
    () => assert.fail('no error'),
    (caught: unknown) => caught,
  )
  assert.ok(error instanceof ClientError, String(error))
  assert.equal(error.code, code, error.message)
  return error
}

describe('client.subscribe', () => {
  let served: Served
  let transport: WebSocketTransport
  let sockets: WebSocket[]
  const mine = (count: number): void => {
    for (let i = 0; i < count; i++) served.backend.mine()
  }
  const connect = (url: string): WebSocketTransport => {
    class Kept extends WebSocket {
      constructor(to: string) {
        super(to)
        sockets.push(this)
      }
    }
    return webSocketTransport(url.replace('http', 'ws'), { WebSocket: Kept })
  }
  beforeEach(async () => {
    sockets = []
    served = await serve({ followLimits: { replayBlocksMax: 20 } })
    transport = connect(served.rpc.url)
  })
  afterEach(async () => {
    transport.close()
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('tells what happened since a block, and what happens, typed', async () => {
    const { backend } = served
    const [alice, bob] = [accountOf('alice'), accountOf('bob')]
    backend.fund([alice, bob], 5n)
    const moved = await subscribe(transport, 'transfers', { fromBlock: 1, address: toHex(bob.address) })
    backend.fund([bob], 6n)
    const [first, second] = await take(moved, 2)
    assert.deepEqual(
      [first, second].map((message) => message!.items.map(({ to, amountBase }) => [to, amountBase])),
      [[[toHex(bob.address), 5n]], [[toHex(bob.address), 6n]]],
    )
    assert.deepEqual(second!.resume, { fromBlock: 3, fromIndex: 0, sequence: 3 })
    assert.deepEqual(await moved.return(), { done: true, value: undefined })
    assert.deepEqual(await moved.next(), { done: true, value: undefined })

    const sent = await subscribe(transport, 'transactions', { fromBlock: 2 })
    const [{ items } = assert.fail()] = await take(sent, 1)
    assert.equal(items[0]!.from, toHex(addressOf('faucet')))
    assert.equal(typeof items[0]!.feeBase, 'bigint')
    await failing(subscribe(transport, providers, { event: 'Rain' }), 'rpc')
    for (const topic of ['providers', '__proto__', undefined]) {
      const error = await failing(subscribe(transport, topic as never), 'input')
      assert.match(error.message, /: blocks, transactions, transfers, or a module itself$/)
    }
    const events = await subscribe(transport, providers, { event: 'PeerIdChanged' })
    await events.return()
  })

  it('goes on over lost connections without a gap or a double', async () => {
    const blocks = await subscribe(transport, 'blocks')
    mine(2)
    const before = await take(blocks, 1)
    sockets.at(-1)!.terminate()
    mine(3)
    const between = await take(blocks, 4)
    sockets.at(-1)!.terminate()
    mine(1)
    const after = await take(blocks, 1)
    const all = [...before, ...between, ...after]
    assert.deepEqual(
      all.map(({ sequence, height, items }) => [sequence, height, items[0]!.header.height]),
      [1, 2, 3, 4, 5, 6].map((n) => [n, n, n]),
    )
    assert.equal(sockets.length, 3)
  })

  it('keeps no more than its buffer for a slow program, which misses nothing', async () => {
    const blocks = await subscribe(transport, 'blocks', { bufferMax: 4 })
    mine(15)
    const got: number[] = []
    for await (const { height } of blocks) {
      await new Promise(setImmediate)
      if (got.push(height) === 15) break
    }
    assert.deepEqual(got, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    assert.equal(sockets.length, 1)
    await assert.rejects(subscribe(transport, 'blocks', { bufferMax: 0 }), /bufferMax: expected/)
  })

  it('says what it missed when the node no longer has it', async () => {
    const blocks = await subscribe(transport, 'blocks')
    mine(1)
    await take(blocks, 1)
    sockets.at(-1)!.terminate()
    mine(40)
    const error = await failing(blocks.next(), 'missed')
    assert.deepEqual(error.data, { heightMin: 22 })
    assert.match(error.message, /begins subscriptions at block 22/)
    assert.deepEqual(await blocks.next(), { done: true, value: undefined })
  })

  it('gives up in time, and when the transport is closed', async () => {
    const blocks = await subscribe(transport, 'blocks', { retryMs: 1 })
    const others = await subscribe(transport, 'blocks')
    transport.close()
    assert.match((await failing(others.next(), 'transport')).message, /closed by this client/)
    await failing(blocks.next(), 'transport')
    const again = await subscribe(transport, 'blocks', { retryMs: 1 })
    await served.rpc.close()
    await failing(again.next(), 'transport')
    await failing(subscribe(transport, 'blocks'), 'transport')
  })
})
