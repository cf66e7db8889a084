// The proxy of a devnet's links and of `npm run test:faults`: its effect on bytes, and that it never reorders or loses them.
import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { GOOD_LINK, LinkProxy, type LinkRule } from '../../devnet/linkProxy.ts'
import { Random } from '../support/random.ts'

const pause = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs))

describe('devnet.linkProxy', () => {
  let server: Server
  let proxy: LinkProxy
  let outward: LinkRule
  let inward: LinkRule
  const accepted: Socket[] = []
  const dialled: Socket[] = []

  beforeEach(async () => {
    outward = GOOD_LINK
    inward = GOOD_LINK
    server = createServer((socket) => {
      accepted.push(socket)
      socket.on('error', () => {})
      // Echoes, so that both directions are tested.
      socket.pipe(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const random = new Random(1)
    proxy = await LinkProxy.open({
      targetPort: (server.address() as { port: number }).port,
      outward: () => outward,
      inward: () => inward,
      random: () => random.next(),
    })
  })
  afterEach(async () => {
    for (const socket of [...dialled.splice(0), ...accepted.splice(0)]) socket.destroy()
    await proxy.close()
    await new Promise((resolve) => server.close(resolve))
  })

  function dial(): { socket: Socket; received: () => Buffer; ended: Promise<string> } {
    const socket = connect({ host: '127.0.0.1', port: proxy.port })
    dialled.push(socket)
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    const ended = new Promise<string>((resolve) => {
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
      socket.once('close', () => resolve('closed'))
    })
    return { socket, received: () => Buffer.concat(chunks), ended }
  }

  async function untilReceived(client: { received: () => Buffer }, length: number): Promise<number> {
    const startedMs = performance.now()
    while (client.received().length < length) {
      assert.ok(performance.now() - startedMs < 20_000, `${client.received().length} of ${length} bytes`)
      await pause(2)
    }
    return performance.now() - startedMs
  }

  const pattern = (length: number): Buffer =>
    Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff))

  it('forwards all bytes both ways in order, with and without jitter', async () => {
    for (const rule of [GOOD_LINK, { ...GOOD_LINK, delayMs: 2, jitterMs: 20 }]) {
      outward = rule
      inward = rule
      const client = dial()
      const bytes = pattern(300_000)
      for (let at = 0; at < bytes.length; at += 9_000) client.socket.write(bytes.subarray(at, at + 9_000))
      await untilReceived(client, bytes.length)
      assert.ok(client.received().equals(bytes))
    }
  })

  it('delays each direction by its own rule', async () => {
    outward = { ...GOOD_LINK, delayMs: 60 }
    inward = { ...GOOD_LINK, delayMs: 40 }
    const client = dial()
    client.socket.write('x')
    const tookMs = await untilReceived(client, 1)
    assert.ok(tookMs >= 95 && tookMs < 2_000, `${tookMs} ms`)
  })

  it('limits bandwidth, and sends the backlog at once when the link heals', async () => {
    outward = { ...GOOD_LINK, bytesPerSecond: 200_000 }
    const client = dial()
    client.socket.write(pattern(40_000))
    const tookMs = await untilReceived(client, 40_000)
    assert.ok(tookMs >= 150, `${tookMs} ms`)
    outward = { ...GOOD_LINK, bytesPerSecond: 1_000 }
    client.socket.write(pattern(40_000))
    await pause(50)
    outward = GOOD_LINK
    proxy.reconsider()
    await untilReceived(client, 80_000)
  })

  it('holds bytes of a stalled direction only, and forwards them when healed', async () => {
    const client = dial()
    client.socket.write('before')
    await untilReceived(client, 6)
    inward = { ...GOOD_LINK, isStalled: true }
    client.socket.write('meanwhile')
    await pause(100)
    assert.equal(client.received().toString(), 'before')
    assert.equal(accepted[0]!.bytesRead, 15)
    inward = GOOD_LINK
    proxy.reconsider()
    await untilReceived(client, 15)
    assert.equal(client.received().toString(), 'beforemeanwhile')
  })

  it('applies back-pressure instead of buffering without bound', async () => {
    outward = { ...GOOD_LINK, isStalled: true }
    const client = dial()
    const bytes = Buffer.alloc(24 * 1024 * 1024, pattern(4_099))
    client.socket.write(bytes)
    await pause(300)
    assert.ok(
      client.socket.writableLength > 4 * 1024 * 1024,
      `${client.socket.writableLength} bytes wait at the sender`,
    )
    outward = GOOD_LINK
    proxy.reconsider()
    await untilReceived(client, bytes.length)
    assert.ok(client.received().equals(bytes))
  })

  it('sends again what is lost: all of it arrives in order, but later', async () => {
    outward = { ...GOOD_LINK, lossRate: 0.4 }
    const client = dial()
    const bytes = pattern(20_000)
    for (let at = 0; at < bytes.length; at += 2_000) {
      client.socket.write(bytes.subarray(at, at + 2_000))
      await pause(5)
    }
    const tookMs = await untilReceived(client, bytes.length)
    assert.ok(client.received().equals(bytes))
    assert.ok(tookMs > 100, `${tookMs} ms`)
  })

  it('resets connections, refuses new ones, and admits them again', async () => {
    const client = dial()
    client.socket.write('x')
    await untilReceived(client, 1)
    assert.equal(proxy.connectionCount, 1)
    proxy.reset()
    assert.equal(await client.ended, 'ECONNRESET')
    assert.equal(proxy.connectionCount, 0)
    proxy.isRefusing = true
    const refused = dial()
    refused.socket.write('x')
    assert.match(await refused.ended, /ECONNRESET|EPIPE|closed/)
    assert.equal(refused.received().length, 0)
    proxy.isRefusing = false
    const again = dial()
    again.socket.write('again')
    await untilReceived(again, 5)
  })

  it('forwards an end after the bytes before it, and resets when the target is down', async () => {
    outward = { ...GOOD_LINK, delayMs: 50 }
    const client = dial()
    client.socket.end('last words')
    assert.equal(await client.ended, 'closed')
    assert.equal(client.received().toString(), 'last words')
    await new Promise((resolve) => server.close(resolve))
    const lonely = dial()
    lonely.socket.write('x')
    assert.match(await lonely.ended, /ECONNRESET|EPIPE/)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
})
