// What watches a node: figures in Prometheus' format, beside JSON-RPC or on a port of their own.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { MetricsText } from '../../rpc/metricsText.ts'
import { createPages } from '../../rpc/pages.ts'
import { RpcMeter } from '../../rpc/rpcMeter.ts'
import { FakeBackend } from '../support/fakeBackend.ts'
import { parsePrometheus, sampleOf } from '../support/prometheusText.ts'
import { post, RpcFailure, type Served, serve } from '../support/rpcHarness.ts'

const metrics = async (out: MetricsText): Promise<void> => out.gauge('suanli_test', 'A figure.', 7)
const get = (url: string, method = 'GET') => post(url, '', { method })

describe('rpc.metricsText', () => {
  it('escapes labels, and writes what is unknown as nothing', () => {
    const out = new MetricsText()
    out.gauge('a_b', 'Names.', [[{ name: 'a "quoted" \\ name\nof two lines, {x="y"}', other: '公司' }, 1]])
    out.gauge('c_seconds', 'Unknown.', undefined)
    const families = parsePrometheus(out.text())
    const [sample] = families.get('a_b')!.samples
    assert.equal(sample!.labels.name, 'a "quoted" \\ name\nof two lines, {x="y"}')
    assert.equal(sample!.labels.other, '公司')
    assert.deepEqual(families.get('c_seconds')!.samples, [])
    assert.throws(() => out.gauge('a_b', 'Again.', 1), /one well-formed name/)
    assert.throws(() => out.gauge('A-b', 'Bad.', 1), /one well-formed name/)
    assert.throws(() => out.counter('d', 'Bad.', 1), /a counter is named so/)
  })
})

describe('rpc.rpcMeter', () => {
  it('counts by class of method, cumulative buckets, and no class that a caller invents', () => {
    const meter = new RpcMeter(['eth_call', 'eth_chainId', 'chain_info', 'rpc.discover'])
    for (const ms of [0.05, 0.4, 3_000, 60_000]) meter.note('eth_call', 'ok', ms)
    meter.note('eth_chainId', 'refused', 0)
    for (let i = 0; i < 100; i++) meter.note(`made_up_${i}`, 'refused', 0)
    const out = new MetricsText()
    meter.write(out)
    const families = parsePrometheus(out.text())
    const of = (name: string, labels: Record<string, string>) => sampleOf(families, name, labels)
    assert.equal(of('suanli_rpc_requests_total', { class: 'eth', result: 'ok' }), 4)
    assert.equal(of('suanli_rpc_requests_total', { class: 'eth', result: 'refused' }), 1)
    assert.equal(of('suanli_rpc_requests_total', { class: 'unknown', result: 'refused' }), 100)
    const bucket = (le: string) => of('suanli_rpc_request_duration_seconds_bucket', { class: 'eth', le })
    assert.deepEqual(['0.0001', '0.0005', '1', '5', '30', '+Inf'].map(bucket), [2, 3, 3, 4, 4, 5])
    assert.equal(of('suanli_rpc_request_duration_seconds_count', { class: 'eth' }), 5)
    const sum = of('suanli_rpc_request_duration_seconds_sum', { class: 'eth' })!
    assert.ok(Math.abs(sum - 63.00045) < 1e-9)
    const classes = families.get('suanli_rpc_requests_total')!.samples.map(({ labels }) => labels.class)
    assert.deepEqual([...new Set(classes)], ['chain', 'eth', 'rpc', 'unknown'])
  })
})

describe('rpc.metrics', () => {
  let served: Served
  before(async () => {
    served = await serve({ metrics })
  })
  after(() => served.rpc.close())

  it('are a page beside JSON-RPC, with its own calls in it', async () => {
    await served.call('chain_info')
    await assert.rejects(served.call('chain_block', ['junk']), RpcFailure)
    await assert.rejects(served.call('no_such'), RpcFailure)
    assert.equal(served.rpc.metricsUrl, `${served.rpc.url}/metrics`)
    const { status, headers, text } = await get(served.rpc.metricsUrl!)
    assert.deepEqual([status, headers['content-type']], [200, 'text/plain; version=0.0.4; charset=utf-8'])
    const families = parsePrometheus(text)
    assert.equal(sampleOf(families, 'suanli_test'), 7)
    const calls = (kind: string, result: string) =>
      sampleOf(families, 'suanli_rpc_requests_total', { class: kind, result })
    assert.deepEqual(
      [
        calls('chain', 'ok'),
        calls('chain', 'refused'),
        calls('unknown', 'refused'),
        calls('chain', 'failed'),
      ],
      [1, 1, 1, 0],
    )
    assert.equal((await get(served.rpc.metricsUrl!, 'HEAD')).text, '')
  })

  it('are for callers on the same machine, and absent where the node gives none', async () => {
    const pages = createPages(new FakeBackend(), async () => 'x')
    assert.equal(await pages('/metrics', false), undefined)
    assert.deepEqual(await pages('/metrics', true), { status: 200, text: 'x' })
    assert.equal(await createPages(new FakeBackend())('/metrics', true), undefined)
  })

  it('have a port of their own where one is set, and then none beside JSON-RPC', async () => {
    const own = await serve({ metrics, metricsPort: { host: '127.0.0.1', port: 0 } })
    try {
      const { metricsUrl, url } = own.rpc
      assert.notEqual(new URL(metricsUrl!).port, new URL(url).port)
      assert.equal(sampleOf(parsePrometheus((await get(metricsUrl!)).text), 'suanli_test'), 7)
      const base = metricsUrl!.replace('/metrics', '')
      assert.equal((await get(`${base}/ready?x=1`)).status, 200)
      assert.equal((await get(`${base}/no`)).status, 404)
      assert.equal((await get(base, 'POST')).status, 405)
      const rebound = await post(metricsUrl!, '', { method: 'GET', headers: { host: 'evil.example' } })
      assert.equal(rebound.status, 403)
      assert.equal((await get(`${url}/metrics`)).status, 404)
    } finally {
      await own.rpc.close()
    }
  })

  it('answer whoever asks, beside a thousand connections that send or read next to nothing', async () => {
    const own = await serve({ metrics, metricsPort: { host: '127.0.0.1', port: 0 } })
    const { hostname: host, port } = new URL(own.rpc.metricsUrl!)
    const silent: Socket[] = []
    const request = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'
    try {
      for (const bytes of ['', 'GET /met', request.slice(0, -2), request.repeat(500)]) {
        for (let i = 0; i < 250; i++) {
          const socket = connect({ host, port: Number(port) })
          socket.on('error', () => {})
          socket.pause()
          await once(socket, 'connect')
          socket.write(bytes)
          silent.push(socket)
        }
        assert.equal((await get(own.rpc.metricsUrl!)).status, 200)
      }
    } finally {
      for (const socket of silent) socket.destroy()
      await own.rpc.close()
    }
  })

  it('are answered once on a connection', async () => {
    const own = await serve({ metrics, metricsPort: { host: '127.0.0.1', port: 0 } })
    try {
      const { hostname: host, port } = new URL(own.rpc.metricsUrl!)
      const socket = connect({ host, port: Number(port) })
      socket.on('error', () => {})
      let text = ''
      socket.on('data', (part) => {
        text += part
      })
      socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1_000))
      await once(socket, 'close')
      assert.ok(text.split('HTTP/1.1 200').length <= 2, text.slice(0, 500))
    } finally {
      await own.rpc.close()
    }
  })

  it('leave no port open when theirs is taken', async () => {
    const taken = createServer()
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port))
    })
    try {
      await assert.rejects(serve({ metrics, metricsPort: { host: '127.0.0.1', port } }), {
        code: 'EADDRINUSE',
        port,
      })
    } finally {
      taken.close()
    }
  })
})
