import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  type AddressInfo,
  connect,
  createServer as createTcp,
  type Socket,
  type Server as TcpServer,
} from 'node:net'
import { HeldBytes } from '../../rpc/heldBytes.ts'
import { MeteredSocket } from '../../rpc/meteredSocket.ts'

const GET = 'GET / HTTP/1.1\r\nHost:a\r\n\r\n'

describe('rpc.meteredSocket', () => {
  let http: Server
  let tcp: TcpServer
  let raw: Socket
  const held = new HeldBytes(1_000_000)
  let serve: (request: IncomingMessage, response: ServerResponse) => void

  beforeEach(async () => {
    http = createServer((request, response) => {
      MeteredSocket.of(request).begin(request, response)
      serve(request, response)
    })
    tcp = createTcp({ allowHalfOpen: true }, (socket) => {
      raw = socket
      http.emit('connection', new MeteredSocket(socket, held))
    })
    await once(tcp.listen(0, '127.0.0.1'), 'listening')
  })
  afterEach(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => tcp.close(resolve))
    assert.equal(held.total, 0)
  })

  async function open(): Promise<Socket> {
    const socket = connect((tcp.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }

  /** All that comes until the server closes. */
  async function received(socket: Socket): Promise<string> {
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
    })
    await once(socket, 'close')
    return text
  }

  it('gives the parser few of thousands of requests before the first are answered', async () => {
    let [open_, most, count] = [0, 0, 0]
    serve = (_, response) => {
      most = Math.max(most, ++open_)
      const number = count++
      setImmediate(() => {
        open_--
        response.end(`number ${number};`)
      })
    }
    const client = await open()
    client.write(GET.repeat(3_000) + GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    const text = await received(client)
    assert.equal(count, 3_001)
    assert.ok(most > 1 && most <= 40, String(most))
    assert.deepEqual(
      [...text.matchAll(/number (\d+);/g)].map(([, number]) => Number(number)),
      Array.from({ length: 3_001 }, (_, i) => i),
    )
  })

  it('passes bodies of every kind on, whole', async () => {
    const bodies: string[] = []
    serve = (request, response) => {
      let body = ''
      request.setEncoding('latin1')
      request.on('data', (part: string) => {
        body += part
      })
      request.on('end', () => {
        bodies.push(body)
        response.end('ok')
      })
    }
    const client = await open()
    const long = 'abcdefg'.repeat(100_000)
    client.write(`POST / HTTP/1.1\r\nHost:a\r\nContent-Length: ${long.length}\r\n\r\n${long}`)
    client.write(`POST / HTTP/1.1\r\nHost:a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nparts\r\n0\r\n\r\n`)
    client.end('POST / HTTP/1.1\r\nHost:a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast')
    const text = await received(client)
    assert.equal(text.match(/HTTP\/1.1 200/g)?.length, 3)
    assert.deepEqual(bodies, [long, 'parts', 'last'])
  })

  it('tells a request in progress that its client is gone', async () => {
    const closed = new Promise((resolve) => {
      serve = (request) => request.once('close', resolve)
    })
    const client = await open()
    client.write('POST / HTTP/1.1\r\nHost:a\r\nContent-Length: 0\r\n\r\n')
    await once(http, 'request')
    client.destroy()
    await closed
  })

  it('leaves the socket to another protocol with every byte that it did not read', async () => {
    http.on('upgrade', (request, _, head) => {
      const bare = MeteredSocket.of(request).release()
      assert.equal(bare, raw)
      bare.unshift(head)
      let text = ''
      bare.on('data', (bytes: Buffer) => {
        text += bytes.toString('latin1')
        if (text.endsWith('.')) bare.end(`got ${text}`)
      })
      bare.resume()
    })
    const client = await open()
    client.write(`GET / HTTP/1.1\r\nHost:a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n${'y'.repeat(5_000)}`)
    client.write('z.')
    assert.equal(await received(client), `got ${'y'.repeat(5_000)}z.`)
  })
})
