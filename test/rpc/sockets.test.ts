import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { accountOf } from '../support/fakeBackend.ts'
import { type Loose, post, type Served, serve } from '../support/rpcHarness.ts'
import { signed } from '../support/sign.ts'
import { TurnCount } from '../support/turnCount.ts'

class Client {
  readonly socket: WebSocket
  readonly #messages: Loose[] = []
  #wake: () => void = () => undefined

  constructor(url: string, options: { origin?: string; headers?: Record<string, string> } = {}) {
    this.socket = new WebSocket(url.replace('http', 'ws'), options)
    this.socket.on('message', (data: Buffer) => {
      this.#messages.push(JSON.parse(data.toString()))
      this.#wake()
    })
  }

  async next(): Promise<Loose> {
    while (this.#messages.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#messages.shift()
  }

  async call(method: string, params: unknown[] = []): Promise<Loose> {
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
    const answer = await this.next()
    if (answer.error !== undefined) throw new Error(answer.error.message)
    return answer.result
  }
}

async function open(served: Served): Promise<Client> {
  const client = new Client(served.rpc.url)
  await once(client.socket, 'open')
  return client
}

describe('rpc.sockets', () => {
  let served: Served
  before(async () => {
    served = await serve({ socketLimits: { pingMs: 30, messageBytesMax: 50_000 } })
    served.backend.fund([accountOf('alice')], 10n ** 18n)
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('answers requests and batches on the HTTP port', async () => {
    const client = await open(served)
    assert.equal(await client.call('eth_chainId'), '0x1cbd')
    client.socket.send(JSON.stringify([{ jsonrpc: '2.0', id: 5, method: 'eth_accounts' }]))
    assert.deepEqual(await client.next(), [{ jsonrpc: '2.0', id: 5, result: [] }])
    client.socket.send('{')
    assert.equal((await client.next()).error.code, -32700)
    client.socket.close()
  })

  it('answers few of thousands of messages in one turn', async () => {
    const client = await open(served)
    const count = new TurnCount()
    const { backend } = served
    const { head } = backend
    backend.head = () => {
      count.add()
      return head.call(backend)
    }
    const socket = (client.socket as unknown as { readonly _socket: Socket })._socket
    socket.cork()
    for (let i = 0; i < 1_000; i++) client.socket.send('{"id":1,"method":"eth_blockNumber"}')
    socket.uncork()
    for (let i = 0; i < 1_000; i++) assert.equal((await client.next()).error, undefined)
    backend.head = head
    count.close()
    assert.ok(count.most <= 4, `${count.most} in one turn`)
    client.socket.close()
  })

  it('reads binary frames as text', async () => {
    const client = await open(served)
    client.socket.send(Buffer.from('{"id":9007199254740993,"method":"eth_chainId"}'))
    const [data] = (await once(client.socket, 'message')) as [Buffer]
    assert.equal(data.toString(), '{"jsonrpc":"2.0","id":9007199254740993,"result":"0x1cbd"}')
    client.socket.close()
  })

  it('refuses a subscription that begins elsewhere than with the next block', async () => {
    const client = await open(served)
    for (const past of [{ fromBlock: '0x1' }, { fromBlock: 'earliest' }, { toBlock: '0x5' }]) {
      await assert.rejects(client.call('eth_subscribe', ['logs', past]), /begins with the next block/)
    }
    await assert.rejects(
      client.call('eth_subscribe', ['logs', { blockHash: `0x${'11'.repeat(32)}` }]),
      /begins with the next block/,
    )
    assert.match(await client.call('eth_subscribe', ['logs', { fromBlock: 'latest', toBlock: null }]), /^0x/)
    client.socket.close()
  })

  it('sends heads, logs and pending transactions until unsubscribed', async () => {
    const client = await open(served)
    const heads = await client.call('eth_subscribe', ['newHeads'])
    const logs = await client.call('eth_subscribe', [
      'logs',
      { address: '0xfffffffffffffffffffffffffffffffffffffffe' },
    ])
    const none = await client.call('eth_subscribe', ['logs', { address: `0x${'11'.repeat(20)}` }])
    assert.equal(new Set([heads, logs, none]).size, 3)
    served.backend.fund([accountOf('bob')], 5n)
    const head = (await client.next()).params
    assert.equal(head.subscription, heads)
    assert.equal(Number(head.result.number), served.backend.head().header.height)
    assert.equal(head.result.transactions, undefined)
    const log = (await client.next()).params
    assert.equal(log.subscription, logs)
    assert.equal(BigInt(log.result.data), 5n)
    assert.equal(await client.call('eth_unsubscribe', [heads]), true)
    assert.equal(await client.call('eth_unsubscribe', [heads]), false)
    assert.equal(await client.call('eth_unsubscribe', [logs]), true)
    served.backend.fund([accountOf('bob')], 5n)
    assert.equal(await client.call('eth_chainId'), '0x1cbd')
    client.socket.close()
  })

  it('limits subscriptions per connection and rejects unknown kinds', async () => {
    const client = await open(served)
    for (let i = 0; i < 64; i++) await client.call('eth_subscribe', ['newHeads'])
    await assert.rejects(client.call('eth_subscribe', ['newHeads']), /at most 64 subscriptions/)
    await assert.rejects(client.call('eth_subscribe', ['weather']), /choose newHeads, logs/)
    await assert.rejects(client.call('eth_subscribe', ['logs', { address: 'x' }]), /expected an address/)
    client.socket.terminate()
    await assert.rejects(served.call('eth_subscribe', ['newHeads']), /connect by WebSocket/)
  })

  it('closes connections that do not answer pings', async () => {
    const client = new Client(served.rpc.url, {})
    let pings = 0
    client.socket.on('ping', () => pings++)
    await once(client.socket, 'open')
    await once(client.socket, 'ping')
    assert.ok(pings >= 1)
    const dead = new WebSocket(served.rpc.url.replace('http', 'ws'), { autoPong: false })
    await once(dead, 'open')
    const [code] = await once(dead, 'close')
    assert.equal(code, 1006)
    assert.equal(client.socket.readyState, WebSocket.OPEN)
    client.socket.close()
  })

  it('closes with a specific close code', async () => {
    const large = await open(served)
    large.socket.send('x'.repeat(60_000))
    assert.equal((await once(large.socket, 'close'))[0], 1009)
  })

  it('refuses foreign origins and hosts, accepts extensions', async () => {
    const refused = async (options: ConstructorParameters<typeof Client>[1]): Promise<string> => {
      const client = new Client(served.rpc.url, options)
      const [error] = (await once(client.socket, 'error')) as [Error]
      return error.message
    }
    assert.match(await refused({ origin: 'https://evil.example' }), /403/)
    assert.match(await refused({ headers: { host: 'evil.example' } }), /403/)
    const extension = new Client(served.rpc.url, { origin: 'chrome-extension://abcdef' })
    await once(extension.socket, 'open')
    extension.socket.close()
  })
})

describe('rpc.sockets limits', () => {
  it('cuts the longest unfinished message of who holds most of them', async () => {
    const served = await serve({ socketLimits: { unfinishedBytesMax: 200_000 } })
    try {
      const [short, long, other] = [await open(served), await open(served), await open(served)]
      const closed = once(long.socket, 'close')
      const begun = (client: Client, bytes: number): Socket => {
        const { _socket: socket } = client.socket as unknown as { readonly _socket: Socket }
        // The head of a masked frame of 1,000,000 bytes, and a part of it.
        socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 0, 0, 0, 0]))
        socket.write(Buffer.alloc(bytes, ' '))
        return socket
      }
      begun(short, 60_000)
      begun(long, 130_000)
      begun(other, 60_000)
      await closed
      assert.equal(short.socket.readyState, WebSocket.OPEN)
      assert.equal(other.socket.readyState, WebSocket.OPEN)
      for (const { socket } of [short, other]) socket.terminate()
    } finally {
      await served.rpc.close()
    }
  })

  it('closes a slow reader', async () => {
    const served = await serve({ socketLimits: { queueBytesMax: 200_000 } })
    const client = await open(served)
    for (let i = 0; i < 20; i++) await client.call('eth_subscribe', ['newHeads'])
    client.socket.pause()
    const closed = once(client.socket, 'close')
    for (let i = 0; i < 400; i++) {
      served.backend.mine()
      await new Promise(setImmediate)
    }
    client.socket.resume()
    const [code] = await closed
    assert.ok(code === 1008 || code === 1006)
    await served.rpc.close()
  })

  it('cuts the slowest readers when all queues together are too long', async () => {
    const served = await serve({ socketLimits: { queuesBytesMax: 3_000_000 } })
    const [slow, fast] = [await open(served), await open(served)]
    for (let i = 0; i < 60; i++) await slow.call('eth_subscribe', ['newHeads'])
    slow.socket.pause()
    const closed = once(slow.socket, 'close')
    for (let i = 0; i < 200; i++) {
      served.backend.mine()
      assert.equal(await fast.call('eth_chainId'), '0x1cbd')
    }
    slow.socket.resume()
    assert.ok([1006, 1008].includes((await closed)[0] as number))
    assert.equal(fast.socket.readyState, WebSocket.OPEN)
    fast.socket.close()
    await served.rpc.close()
  })

  it('counts requests over HTTP and WebSocket together', async () => {
    const served = await serve({ serverLimits: { inFlightMax: 1 } })
    served.backend.automine = false
    served.backend.fund([accountOf('alice')], 10n ** 18n)
    const client = await open(served)
    const wait = {
      jsonrpc: '2.0',
      id: 7,
      method: 'eth_sendRawTransactionSync',
      params: [signed(accountOf('alice')), 30_000],
    }
    client.socket.send(JSON.stringify(wait))
    const other = await open(served)
    other.socket.send(JSON.stringify([{ jsonrpc: '2.0', id: 'x', method: 'eth_chainId' }]))
    const [refused] = await other.next()
    assert.equal(refused.id, 'x')
    assert.match(refused.error.message, /too many requests in progress/)
    assert.equal((await post(served.rpc.url, '{"id":1,"method":"eth_chainId"}')).status, 503)
    served.backend.mine()
    assert.equal((await client.next()).result.status, '0x1')
    assert.equal(await other.call('eth_chainId'), '0x1cbd')
    await served.rpc.close()
  })

  it('refuses sockets above the limit and sends 1001 on shutdown', async () => {
    const served = await serve({ socketLimits: { socketsMax: 1 } })
    const client = await open(served)
    const second = new WebSocket(served.rpc.url.replace('http', 'ws'))
    const [error] = (await once(second, 'error')) as [Error]
    assert.match(error.message, /503/)
    const closed = once(client.socket, 'close')
    await served.rpc.close()
    assert.equal((await closed)[0], 1001)
  })
})
