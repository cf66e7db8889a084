import assert from 'node:assert/strict'
import { connect } from 'node:net'
import fc from 'fast-check'
import type { DevControl } from '../../rpc/dev/control.ts'
import { serverLimitsOf } from '../../rpc/start.ts'
import { type Loose, post, type Served, serve } from '../support/rpcHarness.ts'

const LOOK = { jsonrpc: '2.0', id: 1, method: 'eth_chainId' }

function errorOf(text: string): Loose {
  return (JSON.parse(text) as Loose).error
}

describe('rpc.server', () => {
  let served: Served
  let url: string
  before(async () => {
    served = await serve({ serverLimits: { bodyBytesMax: 100_000 } })
    url = served.rpc.url
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
    assert.equal(served.backend.listenerCount, 0)
  })
  afterEach(async () => {
    assert.equal(await served.call('net_version'), '7357')
  })

  it('answers malformed JSON with a parse error', async () => {
    for (const body of ['', '{', '{"jsonrpc":"2.0",', 'not json', '[1,', '\u0000']) {
      const { status, text } = await post(url, body)
      assert.equal(status, 200)
      assert.equal(errorOf(text).code, -32700)
      assert.equal((JSON.parse(text) as Loose).id, null)
    }
  })

  it('refuses a body above the limit, with or without content-length', async () => {
    const huge = 'x'.repeat(100_001)
    const announced = await post(url, huge)
    assert.equal(announced.status, 413)
    assert.match(errorOf(announced.text).message, /body exceeds 100000 bytes/)
    const chunked = await post(url, huge, { headers: { 'transfer-encoding': 'chunked' } })
    assert.equal(chunked.status, 413)
  })

  it('lets callers wait as long as a devnet may need for its answer', () => {
    // As long as the page of the devnet tells cast to wait.
    const longestMs = 600_000
    assert.ok(serverLimitsOf({ control: {} as DevControl }).silenceMs! > longestMs)
    assert.equal(serverLimitsOf({}).silenceMs, undefined)
    assert.equal(serverLimitsOf({ control: {} as DevControl, serverLimits: { silenceMs: 5 } }).silenceMs, 5)
  })

  it('bounds the buffered bytes of all connections', async () => {
    const small = await serve({ serverLimits: { bufferedBytesMax: 5_000 } })
    try {
      const large = JSON.stringify({ ...LOOK, note: 'x'.repeat(6_000) })
      const refused = await post(small.rpc.url, large)
      assert.equal(refused.status, 503)
      assert.equal(refused.headers['retry-after'], '1')
      assert.equal((await post(small.rpc.url, JSON.stringify(LOOK))).status, 200)
      assert.equal(
        (await post(small.rpc.url, JSON.stringify({ ...LOOK, note: 'x'.repeat(4_000) }))).status,
        200,
      )
    } finally {
      await small.rpc.close()
    }
  })

  it('refuses deep nesting before parsing it', async () => {
    const deep = `{"jsonrpc":"2.0","id":1,"method":"eth_call","params":${'['.repeat(40_000)}${']'.repeat(40_000)}}`
    assert.match(errorOf((await post(url, deep)).text).message, /nested deeper than 32/)
    const brackets = JSON.stringify({ ...LOOK, params: [], note: '['.repeat(100) })
    assert.equal((JSON.parse((await post(url, brackets)).text) as Loose).result, '0x1cbd')
  })

  it('reports what is wrong with a request', async () => {
    const cases: [unknown, number, RegExp][] = [
      [1, -32600, /expected an object/],
      [null, -32600, /expected an object/],
      ['eth_chainId', -32600, /expected an object/],
      [{ jsonrpc: '1.0', id: 1, method: 'eth_chainId' }, -32600, /jsonrpc must be/],
      [{ jsonrpc: '2.0', id: 1 }, -32600, /method must be a string/],
      [{ jsonrpc: '2.0', id: {}, method: 'eth_chainId' }, -32600, /id must be/],
      [{ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: 'x' }, -32600, /params must be/],
      [{ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [1] }, -32602, /too many arguments/],
      [
        { jsonrpc: '2.0', id: 1, method: 'eth_hashrate' },
        -32601,
        /the method eth_hashrate does not exist\/is not available/,
      ],
      [{ jsonrpc: '2.0', id: 1, method: '__proto__' }, -32601, /does not exist/],
    ]
    for (const [body, code, message] of cases) {
      const error = errorOf((await post(url, JSON.stringify(body))).text)
      assert.equal(error.code, code)
      assert.match(error.message, message)
    }
  })

  it('echoes ids of every type and accepts missing params', async () => {
    for (const id of [0, 7, 'a"b', null]) {
      const { text } = await post(url, JSON.stringify({ ...LOOK, id }))
      assert.deepEqual(JSON.parse(text), { jsonrpc: '2.0', id, result: '0x1cbd' })
    }
  })

  it('answers batches in order, without responses to notifications', async () => {
    const batch = [
      LOOK,
      { ...LOOK, id: 'two', method: 'nope' },
      5,
      { jsonrpc: '2.0', method: 'eth_chainId' },
      { ...LOOK, id: 3, method: 'eth_getLogs', params: [{ fromBlock: '0x0' }] },
      { ...LOOK, id: 4, method: 'eth_blockNumber' },
    ]
    const answers = JSON.parse((await post(url, JSON.stringify(batch))).text) as Loose
    assert.deepEqual(
      answers.map((a: Loose) => a.id),
      [1, 'two', null, 3, 4],
    )
    const silent = await post(url, JSON.stringify([{ jsonrpc: '2.0', method: 'eth_chainId' }]))
    assert.equal(silent.text, '')
  })

  it('limits the elements and the total work of a batch', async () => {
    const many = (count: number, method: string): string =>
      JSON.stringify(Array.from({ length: count }, (_, id) => ({ jsonrpc: '2.0', id, method, params: [{}] })))
    const refused = JSON.parse((await post(url, many(1001, 'x'))).text) as Loose
    assert.equal(refused.length, 1001)
    assert.deepEqual(
      refused.map((answer: Loose) => answer.id),
      Array.from({ length: 1001 }, (_, id) => id),
    )
    assert.match(refused[1000].error.message, /batch of 1001 .* limit of 1000/)
    assert.equal(refused[1000].error.code, -32600)
    assert.match(errorOf((await post(url, '[]')).text).message, /empty batch/)
    const heavy = JSON.parse((await post(url, many(101, 'eth_getLogs'))).text) as Loose
    assert.equal(heavy.length, 101)
    assert.deepEqual(heavy[99].result, [])
    assert.match(heavy[100].error.message, /at most 100 calls of eth_getLogs fit/)
  })

  it('accepts only JSON by POST', async () => {
    assert.equal((await post(url, '{}', { headers: { 'content-type': 'text/plain' } })).status, 415)
    const put = await post(url, '', { method: 'PUT' })
    assert.equal(put.status, 405)
    assert.equal(put.headers.allow, 'POST, GET, HEAD, OPTIONS')
  })

  it('refuses foreign Host names, against DNS rebinding', async () => {
    const body = JSON.stringify(LOOK)
    for (const host of ['localhost', 'LOCALHOST:8545', '127.0.0.1:1', '[::1]:8545', '192.168.1.9']) {
      assert.equal((await post(url, body, { headers: { host } })).status, 200, host)
    }
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8545', '[evil]']) {
      assert.equal((await post(url, body, { headers: { host } })).status, 403, host)
    }
  })

  it('answers CORS preflight for pages of this machine only', async () => {
    const preflight = (origin: string) =>
      post(url, '', {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-private-network': 'true',
        },
      })
    const own = await preflight('http://localhost:3000')
    assert.equal(own.status, 204)
    assert.equal(own.headers['access-control-allow-origin'], 'http://localhost:3000')
    assert.equal(own.headers['access-control-allow-private-network'], 'true')
    assert.match(String(own.headers['access-control-allow-headers']), /Content-Type/)
    const foreign = await preflight('https://evil.example')
    assert.equal(foreign.headers['access-control-allow-origin'], undefined)
    const trick = await preflight('https://localhost.evil.example')
    assert.equal(trick.headers['access-control-allow-origin'], undefined)
  })

  it('survives bytes that are not HTTP', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(served.rpc.port, '127.0.0.1')
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString()
      })
      socket.on('close', () => resolve(text))
      socket.write('\u0000\u0001\u0002 nonsense\r\n\r\n')
    })
    assert.match(answer, /^HTTP\/1.1 400/)
  })

  it('answers every malformed request', async () => {
    const document = (await served.call('rpc.discover')) as Loose
    const methods: string[] = document.methods.map((m: Loose) => m.name)
    const plausible = fc.oneof(
      fc.constantFrom(
        'latest',
        'pending',
        '0x0',
        '0x1',
        '0xffffffffffffff',
        `0x${'11'.repeat(20)}`,
        `0x${'22'.repeat(32)}`,
      ),
      fc.constantFrom(true, false, 0, 1, 5, Number.MAX_SAFE_INTEGER, -1, 1.5, null, {}, []),
      fc.jsonValue(),
    )
    const anyRequest = fc.record(
      {
        jsonrpc: fc.constant('2.0'),
        id: fc.integer(),
        method: fc.oneof(
          { weight: 9, arbitrary: fc.constantFrom(...methods) },
          { weight: 1, arbitrary: fc.string() },
        ),
        params: fc.oneof(
          { weight: 9, arbitrary: fc.array(plausible, { maxLength: 4 }) },
          { weight: 1, arbitrary: fc.jsonValue() },
        ),
      },
      { requiredKeys: ['id', 'method'] },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 9, arbitrary: anyRequest }, { weight: 1, arbitrary: fc.jsonValue() }),
        async (body) => {
          const { status, text } = await post(url, JSON.stringify(body))
          assert.equal(status, 200)
          if (text === '') return
          const answer = JSON.parse(text) as Loose
          if (answer.error !== undefined) assert.notEqual(answer.error.code, -32603)
        },
      ),
      { numRuns: 400 },
    )
  })
})

describe('rpc.server rate limit', () => {
  it('returns 429 with Retry-After only when configured', async () => {
    const served = await serve({ rateLimit: { perSecond: 1, burst: 5 } })
    try {
      const batch = JSON.stringify(Array.from({ length: 5 }, (_, id) => ({ ...LOOK, id })))
      assert.equal((await post(served.rpc.url, batch)).status, 200)
      const refused = await post(served.rpc.url, JSON.stringify(LOOK))
      assert.equal(refused.status, 429)
      assert.ok(Number(refused.headers['retry-after']) >= 1)
      assert.match(errorOf(refused.text).message, /rate limit exceeded: retry after/)
    } finally {
      await served.rpc.close()
    }
  })
})

describe('rpc.startRpc', () => {
  it('rejects when the port is taken and unsubscribes from the backend', async () => {
    const first = await serve()
    await assert.rejects(serve({ port: first.rpc.port }), /EADDRINUSE/)
    await first.rpc.close()
    assert.equal(first.backend.listenerCount, 0)
  })

  it('serves configured hosts and origins', async () => {
    const served = await serve({ hosts: ['node.example'], origins: ['https://wallet.example'] })
    try {
      const headers = { host: 'node.example:8545', origin: 'https://wallet.example' }
      const answer = await post(served.rpc.url, JSON.stringify(LOOK), { headers })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['access-control-allow-origin'], 'https://wallet.example')
    } finally {
      await served.rpc.close()
    }
  })
})
