import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import { Answers } from '../../rpc/answers.ts'
import { Connections } from '../../rpc/connections.ts'
import { DISPATCH_LIMITS, Dispatcher } from '../../rpc/dispatch.ts'
import { Exchanges } from '../../rpc/exchanges.ts'
import { LeanHttp } from '../../rpc/leanHttp.ts'
import { Load } from '../../rpc/load.ts'
import type { Method } from '../../rpc/method.ts'
import { Policy } from '../../rpc/policy.ts'
import { readPostHead } from '../../rpc/postHead.ts'
import { type Served, serve } from '../support/rpcHarness.ts'

const LOOK = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId' })
const HEAD = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'

function plain(body = LOOK, fields = ''): string {
  return `${HEAD}${fields}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** Requests that look like a plain one and are not quite. */
const ODD: readonly string[] = [
  plain().replace('POST / ', 'POST /x '),
  plain().replace('POST / ', 'POST  / '),
  plain().replace('POST', 'post'),
  plain().replace('HTTP/1.1', 'HTTP/1.0'),
  plain().replace('HTTP/1.1', 'HTTP/1.1 '),
  plain().replace('Host: localhost\r\n', ''),
  plain().replace('Host: localhost', 'Host: evil.example'),
  plain().replace('Host: localhost', 'Host: localhost\r\nHost: localhost'),
  plain().replace('Host: localhost', 'Host : localhost'),
  plain().replace('Host: localhost', 'Host:  localhost'),
  plain().replace('Host: localhost', 'Host: localhost '),
  plain().replace('Host: localhost', 'Host: local\thost'),
  plain().replace('Host: localhost', 'Host: local\u0000host'),
  plain().replace('Host: localhost', 'Host: local\nhost'),
  plain().replace('Host: localhost', 'Host: localhost\r\n folded: x'),
  plain().replaceAll('\r\n', '\n'),
  plain().replace('application/json', 'text/plain'),
  plain().replace('Content-Type: application/json\r\n', ''),
  plain().replace('Content-Length: ', 'Content-Length: 0'),
  plain().replace('Content-Length: ', 'Content-Length: +'),
  plain().replace('Content-Length: ', 'Content-Length: 1\r\nContent-Length: '),
  plain(LOOK, 'Transfer-Encoding: chunked\r\n'),
  plain(LOOK, 'Content-Encoding: gzip\r\n'),
  plain(LOOK, 'Connection: close\r\n'),
  plain(LOOK, 'Connection: upgrade\r\nUpgrade: websocket\r\n'),
  plain(LOOK, 'Expect: 100-continue\r\n'),
  plain(LOOK, 'X-Unknown: 1\r\n'),
  plain(LOOK, `Cookie: ${'c'.repeat(5_000)}\r\n`),
  plain(LOOK, 'Accept: \u00e9\r\n'),
  plain().slice(0, -1),
  plain().slice(0, 40),
  `\r\n${plain()}`,
  plain('x'.repeat(20_000)),
  'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n',
]

function methods(later: ((answer: string) => void)[], asked: string[]): ReadonlyMap<string, Method> {
  const define = (name: string, invoke: Method['invoke']): [string, Method] => [
    name,
    { name, doc: '', cost: 1, params: [], returns: {}, invoke },
  ]
  return new Map([
    define('eth_chainId', () => '0x1cbd'),
    define('name', () => '鏈'),
    define('note', (params) => {
      asked.push((params as readonly string[])[0]!)
      return ''
    }),
    define('long', () => 'x'.repeat(400_000)),
    define('later', () => new Promise<string>((resolve) => void later.push(resolve))),
  ])
}

/** The lean path alone: what it hands over is answered with `over:` and its unread bytes. */
class Fixture {
  readonly load = new Load(8)
  readonly later: ((answer: string) => void)[] = []
  /** Parameters of `note`, in the order in which it was called. */
  readonly asked: string[] = []
  readonly connections = new Connections({ connectionsMax: 9, connectionsPerAddressMax: 9 })
  readonly lean: LeanHttp
  readonly #server: Server

  constructor(
    over: {
      readonly headersTimeoutMs?: number
      readonly keepAliveMs?: number
      readonly heldBytesMax?: number
    } = {},
  ) {
    const { heldBytesMax = DISPATCH_LIMITS.heldBytesMax, ...leanOver } = over
    const limits = { ...DISPATCH_LIMITS, heldBytesMax }
    const dispatcher = new Dispatcher(methods(this.later, this.asked), limits, {
      error: ({ err }) => assert.fail(err as Error),
    })
    const { load, connections } = this
    this.lean = new LeanHttp({
      policy: new Policy({ hosts: [], origins: [], bodyBytesMax: 1e6, rate: undefined, load }),
      exchanges: new Exchanges({ dispatcher, connections, load, rate: undefined }),
      answers: new Answers(dispatcher.held),
      held: dispatcher.held,
      handOver: (socket) => {
        socket.on('error', () => socket.destroy())
        socket.once('data', (bytes: Buffer) => socket.end(Buffer.concat([Buffer.from('over:'), bytes])))
      },
      refuse: (socket) => socket.end('refused', () => socket.destroy()),
      headersTimeoutMs: 10_000,
      keepAliveMs: 65_000,
      silenceMs: 120_000,
      ...leanOver,
    })
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      connections.admit(socket)
      this.lean.serve(socket)
    })
  }

  async open(): Promise<Client> {
    if (!this.#server.listening) await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    return Client.open((this.#server.address() as AddressInfo).port)
  }

  close(): Promise<unknown> {
    this.lean.destroyAll()
    return new Promise((resolve) => this.#server.close(resolve))
  }
}

class Client {
  readonly socket: Socket
  text = ''
  #isClosed = false
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1')
      this.#wake()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  static async open(port: number): Promise<Client> {
    const client = new Client(connect(port, '127.0.0.1'))
    await once(client.socket, 'connect')
    return client
  }

  /** What came since the last call, once it ends with `end`, or the connection is closed. */
  async until(end: string): Promise<string> {
    while (!this.text.endsWith(end) && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const { text } = this
    this.text = ''
    return text
  }

  async closed(): Promise<string> {
    if (!this.#isClosed) await once(this.socket, 'close')
    return this.text
  }

  /** Writes the parts, each in a turn of its own. */
  async write(parts: readonly Buffer[]): Promise<void> {
    for (const part of parts) {
      if (this.socket.destroyed) return
      this.socket.write(part)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

describe('rpc.postHead', () => {
  it('reads the head of a plain POST', () => {
    const fields =
      'Accept: */*\r\nOrigin: http://localhost:3000\r\nConnection: Keep-Alive\r\naccept-encoding:gzip, br\r\n'
    const head = readPostHead(plain('{}', fields))!
    assert.equal(head.text, plain('{}', fields).slice(0, -2))
    assert.equal(head.bodyBytes, 2)
    assert.equal(head.acceptEncoding, 'gzip, br')
    assert.deepEqual(head.headers, {
      host: 'localhost',
      origin: 'http://localhost:3000',
      'content-type': 'application/json',
      'content-length': '2',
    })
  })

  it('reads no head with a byte more or less than it knows', () => {
    const head = readPostHead(plain())!
    const text = head.text.replace('localhost', 'l')
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 0, max: 255 }), (at, code) => {
        const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)
        const read = readPostHead(changed)
        if (read === undefined) return
        // Only letters of another case, and values, may differ.
        assert.equal(read.text, changed)
        assert.ok(/^[\x20-\x7e\r\n]+$/.test(changed))
        assert.deepEqual(
          changed.split('\r\n').map((line) => line.split(':')[0]!.toLowerCase()),
          ['post / http/1.1', 'host', 'content-type', 'content-length', '', ''],
        )
        assert.ok(changed.startsWith('POST / HTTP/1.1\r\n'))
      }),
      { numRuns: 500 },
    )
  })
})

describe('rpc.leanHttp', () => {
  let fixture: Fixture
  beforeEach(() => {
    fixture = new Fixture()
  })
  afterEach(() => fixture.close())

  it('answers plain requests one after another', async () => {
    const client = await fixture.open()
    for (const fields of ['', '', 'Origin: http://localhost\r\n']) {
      client.socket.write(plain(LOOK, fields))
      const answer = await client.until('"0x1cbd"}')
      assert.match(
        answer,
        /^HTTP\/1.1 200 OK\r\n(Access-Control-Allow-Origin: http:\/\/localhost\r\nVary: Origin\r\n)?Con/,
      )
      assert.match(answer, /\r\nContent-Length: 42\r\n/)
      assert.equal(answer.includes('Vary'), fields !== '')
    }
    client.socket.write(plain('{"id":1,"method":"name","note":"中"}'))
    assert.ok((await client.until('"}')).endsWith(Buffer.from('"result":"鏈"}').toString('latin1')))
    client.socket.end()
    await client.closed()
  })

  it('hands everything else over with its unread bytes, also after a plain request', async () => {
    for (const request of ODD) {
      for (const isFirst of [true, false]) {
        const client = await fixture.open()
        if (!isFirst) {
          client.socket.write(plain())
          await client.until('"0x1cbd"}')
        }
        client.socket.write(Buffer.from(request, 'latin1'))
        assert.equal(await client.closed(), `over:${request}`)
      }
    }
  })

  it('answers what was sent at once in its order, and hands over from the first odd request on', async () => {
    for (const [odd, left] of [
      ['GET / HTTP/1.1\r\n\r\n', `GET / HTTP/1.1\r\n\r\n${plain()}`],
      ['\r\n', `\r\n${plain()}`],
      ['', plain().slice(0, -1)],
    ] as const) {
      const client = await fixture.open()
      const numbered = Array.from({ length: 40 }, (_, i) => plain(`{"id":${i},"method":"name"}`))
      const end = odd === '' ? plain().slice(0, -1) : odd + plain()
      client.socket.write(numbered.join('') + end)
      const text = await client.closed()
      assert.deepEqual(
        [...text.matchAll(/"id":(\d+)/g)].slice(0, 40).map(([, id]) => Number(id)),
        numbered.map((_, i) => i),
      )
      assert.ok(text.endsWith(`over:${left}`), text.slice(-300))
    }
  })

  it('lets the others have their turn between the requests that one sent at once', async () => {
    const [eager, other] = [await fixture.open(), await fixture.open()]
    const note = (text: string): string => plain(`{"id":1,"method":"note","params":["${text}"]}`)
    eager.socket.write(Array.from({ length: 100 }, (_, i) => note(`eager ${i}`)).join(''))
    other.socket.write(note('other'))
    await other.until('""}')
    assert.ok(fixture.asked.indexOf('other') <= 32, String(fixture.asked.indexOf('other')))
    while (fixture.asked.length < 101) assert.notEqual(await eager.until('""}'), '')
  })

  it('cuts who sends more ahead than it may hold', async () => {
    const small = new Fixture({ heldBytesMax: 60_000 })
    const client = await small.open()
    client.socket.write(plain('{"id":1,"method":"later"}'))
    while (small.later.length === 0) await new Promise((resolve) => setImmediate(resolve))
    client.socket.write('x'.repeat(200_000))
    assert.equal(await client.until('an answer'), '')
    await small.close()
  })

  it('leaves a request that is refused now to node:http', async () => {
    for (let i = 0; i < 4; i++) fixture.load.begin('127.0.0.1')
    const client = await fixture.open()
    client.socket.write(plain())
    assert.equal(await client.closed(), `over:${plain()}`)
  })

  it('answers what came meanwhile after the request in progress', async () => {
    const client = await fixture.open()
    client.socket.write(plain('{"id":1,"method":"later"}'))
    while (fixture.later.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await client.write([Buffer.from(plain()), Buffer.alloc(0)])
    assert.equal(client.text, '')
    fixture.later[0]!('now')
    assert.match(await client.until('"0x1cbd"}'), /"result":"now"}HTTP[\s\S]*"result":"0x1cbd"}$/)
  })

  it('sends long answers in parts, and counts no connection twice', async () => {
    const client = await fixture.open()
    client.socket.write(plain('{"id":1,"method":"long"}'))
    assert.ok((await client.until('x"}')).length > 400_000)
    client.socket.write(plain())
    await client.until('"0x1cbd"}')
    assert.equal(fixture.connections.count, 1)
  })

  it('closes idle connections, and busy ones once they are answered', async () => {
    const idle = await fixture.open()
    const busy = await fixture.open()
    busy.socket.write(plain('{"id":1,"method":"later"}'))
    while (fixture.later.length === 0) await new Promise((resolve) => setImmediate(resolve))
    fixture.lean.close()
    assert.equal(await idle.closed(), '')
    fixture.later[0]!('last')
    assert.match(await busy.closed(), /"last"}$/)
  })

  it('ends connections that send nothing, at first and later', async () => {
    const quick = new Fixture({ headersTimeoutMs: 20, keepAliveMs: 30 })
    const silent = await quick.open()
    assert.equal(await silent.closed(), 'refused')
    const kept = await quick.open()
    kept.socket.write(plain())
    assert.match(await kept.closed(), /"0x1cbd"}$/)
    await quick.close()
  })
})

describe('rpc.leanHttp beside node:http', () => {
  let served: Served
  before(async () => {
    served = await serve({ serverLimits: { bodyBytesMax: 30_000 } })
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })

  const LAST = 'GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
  /** Requests after which the server closes: whether it still reads what follows them is a matter of time. */
  const CLOSES = /HTTP\/1.0|Connection: close/
  const FIRST = LAST.replace('Connection: close\r\n', '')
  const END = 'no such page"}}'

  /** All answers until the server closes, without their dates; on a connection of node:http when it is `handed` over. */
  async function answersTo(parts: readonly Buffer[], isHanded: boolean): Promise<string> {
    const client = await Client.open(served.rpc.port)
    if (isHanded) {
      client.socket.write(FIRST)
      assert.match(await client.until(END), /^HTTP\/1.1 404/)
    }
    const isLast = CLOSES.test(parts.toString())
    await client.write(isLast ? parts : [...parts, Buffer.from(LAST)])
    return (await client.closed()).replace(/Date: .*\r\n/g, '')
  }

  async function assertSame(parts: readonly Buffer[]): Promise<string> {
    const [lean, handed] = await Promise.all([answersTo(parts, false), answersTo(parts, true)])
    // At malformed bytes node:http closes, and may lose the last answers to whole requests in front of them.
    const [shorter, longer] = lean.length < handed.length ? [lean, handed] : [handed, lean]
    const isCut = lean.endsWith(BAD_REQUEST) && handed.endsWith(BAD_REQUEST)
    if (isCut && longer.startsWith(shorter.slice(0, -BAD_REQUEST.length))) return lean
    assert.equal(lean, handed, JSON.stringify(parts.map((part) => part.toString('latin1'))))
    return lean
  }

  it('answers a request that is cut anywhere', async () => {
    const bytes = Buffer.from(plain(LOOK, 'Origin: http://localhost\r\n'))
    for (let at = 0; at < bytes.length; at += 3) {
      assert.match(await assertSame([bytes.subarray(0, at), bytes.subarray(at)]), /"result":"0x1cbd"/)
    }
  })

  it('gives the same answers to odd requests', async () => {
    const batch = JSON.stringify(Array.from({ length: 60 }, (_, id) => ({ ...JSON.parse(LOOK), id })))
    const good = [
      plain('{'),
      plain(''),
      plain('{"method":"eth_chainId"}'),
      plain('{"id":1,"method":"\u00e9\u4e2d"}'),
      plain(LOOK, 'Origin: https://evil.example\r\n'),
      plain(batch),
      plain(batch, 'Accept-Encoding: gzip\r\nOrigin: http://localhost\r\n'),
      plain('{"id":1,"method":"rpc.discover"}'),
    ]
    for (const request of [...good, ...ODD]) await assertSame([Buffer.from(request)])
  })

  it('gives the same answers to random requests in random parts', async () => {
    const request = fc.oneof(
      { weight: 3, arbitrary: fc.constant(plain()) },
      { weight: 1, arbitrary: fc.constantFrom(...ODD.filter((odd) => !CLOSES.test(odd))) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(fc.nat(plain().length - 1), fc.integer({ min: 0, max: 255 }))
          .map(([at, code]) => plain().slice(0, at) + String.fromCharCode(code) + plain().slice(at + 1)),
      },
    )
    const cuts = fc.array(fc.nat(600), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 4 }), cuts, async (requests, at) => {
        const bytes = Buffer.from(requests.join(''), 'latin1')
        const marks = [0, ...at.filter((mark) => mark < bytes.length).sort((a, b) => a - b), bytes.length]
        await assertSame(marks.slice(1).map((mark, i) => bytes.subarray(marks[i]!, mark)))
      }),
      { numRuns: 40 },
    )
  })
})
