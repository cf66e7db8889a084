// The page's files over HTTP: which addresses there are, their headers, compression, and what is no page.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { WebSocket } from 'ws'
import { type HttpAnswer, post, type Served, serve } from '../support/rpcHarness.ts'

const LIST = JSON.parse(readFileSync(new URL('../../site/site.json', import.meta.url), 'utf8')) as {
  readonly routes: readonly string[]
  readonly files: readonly { readonly path: string; readonly type: string }[]
}
const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

describe('rpc.site', () => {
  let served: Served
  before(async () => {
    served = await serve({ hosts: ['node.example'] })
  })
  after(() => served.rpc.close())

  const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<HttpAnswer> =>
    post(`${served.rpc.url}${path}`, '', { method, headers })
  const bytesOf = async (path: string, encoding: string): Promise<Buffer> => {
    const answer = await fetch(`${served.rpc.url}${path}`, { headers: { 'accept-encoding': encoding } })
    return Buffer.from(await answer.arrayBuffer())
  }

  it('sends the page to browsers at each of its addresses, and name and version to programs', async () => {
    for (const route of LIST.routes) {
      const { status, headers, text } = await get(`/${route}`, HTML)
      assert.equal(status, 200, route)
      assert.match(String(headers['content-type']), /^text\/html/)
      assert.match(text, /<script type="module" src="\/assets\/main-/)
      assert.equal(headers['cache-control'], 'no-cache')
    }
    const deep = await get('/explorer/block/7?x=1', HTML)
    assert.match(String(deep.headers['content-type']), /^text\/html/)
    const program = await get('/', { accept: '*/*' })
    assert.equal((JSON.parse(program.text) as { name: string }).name, 'suanli')
    assert.equal(program.headers['content-security-policy'], undefined)
  })

  it('lets nothing run, frame or be asked but itself', async () => {
    const { headers } = await get('/', HTML)
    const policy = headers['content-security-policy'] as string
    for (const part of [
      "default-src 'none'",
      "script-src 'self' 'wasm-unsafe-eval'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "require-trusted-types-for 'script'",
      "frame-ancestors 'none'",
    ]) {
      assert.ok(policy.includes(part), part)
    }
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
  })

  it('sends each file for ever, in the form that the browser takes', async () => {
    for (const { path, type } of LIST.files) {
      const plain = await get(path)
      assert.equal(plain.status, 200, path)
      assert.equal(plain.headers['content-type'], type)
      assert.match(String(plain.headers['cache-control']), /immutable/)
      assert.ok(plain.headers['content-security-policy'] !== undefined, path)
    }
    const { path } = LIST.files.find((file) => file.path.endsWith('.js'))!
    const raw = readFileSync(new URL(`../../site${path}`, import.meta.url))
    assert.deepEqual(await bytesOf(path, 'br, gzip'), raw)
    for (const [encoding, unpack] of [
      ['br', brotliDecompressSync],
      ['gzip', gunzipSync],
    ] as const) {
      const { headers } = await get(path, { 'accept-encoding': `${encoding};q=0.5` })
      assert.equal(headers['content-encoding'], encoding)
      const packed = readFileSync(
        new URL(`../../site${path}.${encoding === 'br' ? 'br' : 'gz'}`, import.meta.url),
      )
      assert.equal(headers['content-length'], String(packed.length))
      assert.deepEqual(unpack(packed), raw)
    }
    const refused = await get(path, { 'accept-encoding': 'br;q=0, identity' })
    assert.equal(refused.headers['content-encoding'], undefined)
  })

  it('sends nothing again to who has it', async () => {
    const first = await get('/', HTML)
    const again = await get('/', { ...HTML, 'if-none-match': `W/"x", ${first.headers.etag}` })
    assert.equal(again.status, 304)
    assert.equal(again.text, '')
    const head = await get('/verify', HTML, 'HEAD')
    assert.equal(head.status, 200)
    assert.equal(head.text, '')
    assert.equal(head.headers['content-length'], first.headers['content-length'])
  })

  it('knows no other address', async () => {
    for (const path of [
      '/assets/',
      '/assets/main.js',
      '/assets/../site.json',
      '/assets/%2e%2e/site.json',
      '/site.json',
      '/index.html',
      '/..%2f..%2fpackage.json',
      '//verify',
      '/Verify',
    ]) {
      assert.equal((await get(path, HTML)).status, 404, path)
    }
    assert.equal((await get('/', HTML, 'PUT')).status, 405)
    assert.equal((await get('/', { ...HTML, host: 'evil.example' })).status, 403)
  })

  it('answers JSON-RPC wherever it is posted', async () => {
    const { text } = await post(
      `${served.rpc.url}/verify`,
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'chain_info' }),
      { headers: HTML },
    )
    assert.match(text, /"result"/)
  })

  it('lets its own page connect, under a configured name too, and no other', async () => {
    const connects = (headers: Record<string, string>, origin: string): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = new WebSocket(`ws://127.0.0.1:${served.rpc.port}/`, { headers, origin })
        socket.on('open', () => {
          socket.close()
          resolve(true)
        })
        socket.on('error', () => resolve(false))
      })
    assert.equal(await connects({ host: 'node.example' }, 'https://node.example'), true)
    assert.equal(await connects({ host: 'node.example' }, 'https://other.example'), false)
    assert.equal(await connects({ host: 'evil.example' }, 'https://evil.example'), false)
  })
})
