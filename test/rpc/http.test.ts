import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { NodeHealth } from '../../rpc/backend.ts'
import { createPages, pageText } from '../../rpc/pages.ts'
import { FakeBackend } from '../support/fakeBackend.ts'
import { type Loose, post, type Served, serve } from '../support/rpcHarness.ts'

const LOOK = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId' })

function request(head: string, body: Uint8Array | string = ''): Buffer {
  const lines = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${head}`
  return Buffer.concat([
    Buffer.from(`${lines}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`),
    Buffer.from(body),
  ])
}

async function exchange(port: number, bytes: Buffer): Promise<{ head: string; body: Buffer }> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.write(bytes)
  await once(socket, 'close')
  const all = Buffer.concat(chunks)
  const at = all.indexOf('\r\n\r\n')
  return { head: all.toString('latin1', 0, at).toLowerCase(), body: all.subarray(at + 4) }
}

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

describe('rpc.http', () => {
  let served: Served
  before(async () => {
    served = await serve()
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  it('packs long answers for clients that take gzip, and only those', async () => {
    const long = JSON.stringify(Array.from({ length: 50 }, (_, id) => ({ ...JSON.parse(LOOK), id })))
    const plain = await exchange(served.rpc.port, request('', long))
    assert.doesNotMatch(plain.head, /content-encoding/)
    assert.match(plain.head, /vary: accept-encoding/)
    const packed = await exchange(served.rpc.port, request('Accept-Encoding: gzip\r\n', long))
    assert.match(packed.head, /content-encoding: gzip/)
    assert.ok(packed.body.length < plain.body.length / 4)
    assert.deepEqual(gunzipSync(packed.body), plain.body)
    const short = await exchange(served.rpc.port, request('Accept-Encoding: gzip\r\n', LOOK))
    assert.doesNotMatch(short.head, /content-encoding|vary/)
  })

  it('sends an answer of many parts whole, to pipelined requests too', async () => {
    const calls = Array.from({ length: 8 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'rpc.discover' }))
    const body = JSON.stringify(calls)
    const { text } = await post(served.rpc.url, body)
    assert.ok(text.length > 2 * 256 * 1024)
    const answers = JSON.parse(text) as Loose
    assert.deepEqual(
      answers.map(({ id }: Loose) => id),
      [0, 1, 2, 3, 4, 5, 6, 7],
    )
    assert.deepEqual(answers[7].result, answers[0].result)
    const first = request('', body).toString().replace('Connection: close\r\n', '')
    const both = await exchange(served.rpc.port, Buffer.from(first + request('', LOOK).toString()))
    const all = both.body.toString()
    assert.ok(all.startsWith(text))
    assert.match(all.slice(text.length), /^HTTP\/1.1 200 [\s\S]*0x1cbd/)
  })

  it('refuses a packed request as a type that it does not support', async () => {
    const answer = await exchange(served.rpc.port, request('Content-Encoding: gzip\r\n', gzipSync(LOOK)))
    assert.match(answer.head, /^http\/1.1 415/)
    assert.match(answer.head, /accept-encoding: identity/)
    assert.match(answer.body.toString(), /send the body as it is/)
    const plain = await exchange(served.rpc.port, request('Content-Encoding: identity\r\n', LOOK))
    assert.match(plain.body.toString(), /0x1cbd/)
  })

  it('names itself at GET /', async () => {
    const { status, text } = await post(served.rpc.url, '', { method: 'GET' })
    assert.equal(status, 200)
    const { name, version, chainId } = JSON.parse(text) as Loose
    assert.deepEqual([name, version, chainId], ['suanli', '0.1.0', 7357])
    assert.equal((await post(`${served.rpc.url}/nothing`, '', { method: 'GET' })).status, 404)
    assert.equal((await post(`${served.rpc.url}/health?x=1`, '', { method: 'GET' })).status, 200)
    assert.equal((await post(`${served.rpc.url}/ready`, '', { method: 'GET' })).status, 200)
    assert.equal((await post(served.rpc.url, '', { method: 'HEAD' })).status, 200)
    const foreign = await post(served.rpc.url, '', { method: 'GET', headers: { host: 'evil.example' } })
    assert.equal(foreign.status, 403)
  })

  it('answers a preflight with the headers that it asks for', async () => {
    const preflight = async (names: string) =>
      (
        await post(served.rpc.url, '', {
          method: 'OPTIONS',
          headers: {
            origin: 'http://localhost:3000',
            'access-control-request-method': 'POST',
            'access-control-request-headers': names,
          },
        })
      ).headers['access-control-allow-headers']
    assert.equal(await preflight('content-type, traceparent,x-a'), 'content-type, traceparent,x-a')
    assert.equal(await preflight('a b'), 'Content-Type, Authorization')
  })

  it('lets the longest body make room, not a short one', async () => {
    const small = await serve({ serverLimits: { bufferedBytesMax: 5_000 } })
    try {
      const slow = await opened(small.rpc.port)
      const answered = once(slow, 'data')
      slow.write(
        'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n',
      )
      slow.write('x'.repeat(4_900))
      await post(small.rpc.url, LOOK)
      const short = await post(small.rpc.url, JSON.stringify({ ...JSON.parse(LOOK), note: 'x'.repeat(200) }))
      assert.equal(short.status, 200)
      assert.match(String((await answered)[0]), /^HTTP\/1.1 503/)
      slow.destroy()
    } finally {
      await small.rpc.close()
    }
  })

  it('refuses a body with too many values while it still arrives', async () => {
    const socket = await opened(served.rpc.port)
    const answered = once(socket, 'data')
    socket.write(
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n[',
    )
    socket.write('[],'.repeat(30_000))
    const [answer] = (await answered) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1.1 413[\s\S]*more than 50000 values/)
    socket.destroy()
    // As many commas in a text are one value.
    const text = JSON.stringify({ ...JSON.parse(LOOK), note: ','.repeat(100_000) })
    assert.equal((await post(served.rpc.url, text)).status, 200)
  })

  it('closes the longest idle connection for a new one', async () => {
    const small = await serve({ serverLimits: { connectionsMax: 3 } })
    try {
      const silent = [await opened(small.rpc.port), await opened(small.rpc.port)]
      const closed = once(silent[0]!, 'close')
      for (let i = 0; i < 3; i++) assert.equal((await post(small.rpc.url, LOOK)).status, 200)
      const third = await opened(small.rpc.port)
      const fourth = await opened(small.rpc.port)
      await closed
      for (const socket of [silent[1]!, third, fourth]) socket.destroy()
    } finally {
      await small.rpc.close()
    }
  })
})

describe('rpc.pages', () => {
  const healthy: Partial<NodeHealth> = { live: true, finalizedAgeMs: 100, peerCount: 2 }
  async function readyWith(health: Partial<NodeHealth>, isSyncing = false): Promise<readonly string[]> {
    const backend = new FakeBackend()
    if (isSyncing) backend.progress = { startingHeight: 0, currentHeight: 1, highestHeight: 9 }
    const all = { ...backend.health(), ...healthy, ...health }
    backend.health = () => all
    const page = (await createPages(backend)('/ready', true))!
    const { failing } = JSON.parse(pageText(page)) as { failing: readonly string[] }
    assert.equal(page.status, failing.length === 0 ? 200 : 503)
    return failing
  }

  it('is ready when it is current, finality moves, and it can sign', async () => {
    assert.deepEqual(await readyWith({}), [])
    assert.deepEqual(await readyWith({}, true), ['caughtUp'])
    assert.deepEqual(await readyWith({ finalizedAgeMs: 31_000 }), ['finality'])
    assert.deepEqual(await readyWith({ peerCount: 0 }), ['peers'])
    // Of four validators three decide: this one and two peers.
    assert.deepEqual(await readyWith({ validatorIndex: 0, signer: 'ready', peerCount: 2 }), [])
    assert.deepEqual(await readyWith({ validatorIndex: 0, signer: 'ready', peerCount: 1 }), ['peers'])
    assert.deepEqual(await readyWith({ validatorIndex: 0, signer: 'away' }), ['signer'])
    assert.deepEqual(await readyWith({ validatorIndex: 0, signer: 'observing' }), ['signer'])
  })

  it('is live until it halts', async () => {
    const backend = new FakeBackend()
    assert.equal((await createPages(backend)('/health', true))?.status, 200)
    const halted = { ...backend.health(), live: false, halted: 'state root differs' }
    backend.health = () => halted
    const page = await createPages(backend)('/health', true)
    assert.equal(page!.status, 503)
    assert.equal(JSON.parse(pageText(page!)).halted, 'state root differs')
  })
})
