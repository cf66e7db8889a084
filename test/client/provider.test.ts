import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LightClientError } from '../../client/errors.ts'
import { httpProvider } from '../../client/provider.ts'

describe('client.provider', () => {
  let server: Server
  let url: string
  let answer: { status?: number; text: string } | 'silence'
  let asked: unknown
  before(async () => {
    server = createServer((request, response) => {
      let text = ''
      request.on('data', (piece) => {
        text += piece
      })
      request.on('end', () => {
        asked = { ...JSON.parse(text), type: request.headers['content-type'], method: request.method }
        if (answer === 'silence') return
        response.writeHead(answer.status ?? 200).end(answer.text)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const refuses = (what: RegExp, options = {}): Promise<void> =>
    assert.rejects(httpProvider(url, options).request('chain_info', {}), (error: LightClientError) => {
      assert.ok(error instanceof LightClientError)
      assert.deepEqual([error.code, error.provider], ['provider', url])
      assert.match(error.message, what)
      return true
    })

  it('sends JSON-RPC and returns the result, including null', async () => {
    answer = { text: '{"jsonrpc":"2.0","id":1,"result":{"height":7}}' }
    assert.deepEqual(await httpProvider(url).request('chain_info', { a: 1 }), { height: 7 })
    assert.deepEqual(asked, {
      ...{ jsonrpc: '2.0', id: 1, params: { a: 1 }, type: 'application/json' },
      method: 'POST',
    })
    answer = { text: '{"jsonrpc":"2.0","id":1,"result":null}' }
    assert.equal(await httpProvider(url).request('tx_receiptProof', {}), null)
  })

  it("reports the node's error", async () => {
    answer = { text: '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"header not found"}}' }
    await refuses(/chain_info: header not found$/)
    answer = { status: 429, text: 'slow down' }
    await refuses(/HTTP status 429/)
    answer = { status: 500, text: '{"error":{"message":"broken"}}' }
    await refuses(/broken/)
  })

  it('rejects malformed answers', async () => {
    for (const [text, what] of [
      ['', /JSON/],
      ['<html>', /JSON/],
      ['null', /not a JSON-RPC response/],
      ['7', /not a JSON-RPC response/],
      ['{}', /no result/],
    ] as const) {
      answer = { text }
      await refuses(what)
    }
  })

  it('limits size and time', async () => {
    answer = { text: `{"result":"${'x'.repeat(5_000)}"}` }
    await refuses(/exceeds 4096 bytes/, { bytesMax: 4096 })
    answer = 'silence'
    await refuses(/timeout/i, { timeoutMs: 50 })
  })

  it('rejects other URL schemes', () => {
    for (const wrong of ['ftp://a', 'a', 'ws://a', ''])
      assert.throws(() => httpProvider(wrong), /is not an http/)
  })
})
