// The sources of a reporter: what is read in them, what is refused, which of them count.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scaledDecimal } from '../../cli/oracle/decimal.ts'
import { fetchSource } from '../../cli/oracle/fetchSource.ts'
import { combine, type SourceResult } from '../../cli/oracle/observe.ts'
import { csvFields, readNumber } from '../../cli/oracle/readNumber.ts'
import { readSourcesFile } from '../../cli/oracle/sourcesFile.ts'
import { makeCertificates } from '../../signer/tlsCertificates.ts'

const LIMITS = { timeoutMs: 300, bytesMax: 1_000 }
const JSON_SOURCE = { name: 'a', file: 'f', json: '/data/0/price', decimals: 6 }
const CSV_SOURCE = { name: 'b', file: 'f', column: 'price', time: 'at', decimals: 6 }

describe('cli.oracle: numbers', () => {
  it('are exact, rounded down, and above 0', () => {
    const cases: readonly (readonly [string, number, bigint | undefined])[] = [
      ['3.0282', 6, 3_028_200n],
      ['3', 0, 3n],
      ['0.0000019', 6, 1n],
      ['1e-3', 6, 1_000n],
      ['1.5E3', 0, 1_500n],
      [' 7 ', 1, 70n],
      ['0', 6, undefined],
      ['-1', 6, undefined],
      ['0.0000001', 6, undefined],
      ['1e999', 6, undefined],
      ['0x10', 6, undefined],
      ['1,5', 6, undefined],
      ['NaN', 6, undefined],
      ['9'.repeat(61), 0, undefined],
    ]
    for (const [text, decimals, value] of cases) assert.equal(scaledDecimal(text, decimals), value, text)
  })

  it('are found in JSON by a pointer, and in the last row of a CSV table by its column', () => {
    assert.equal(readNumber(JSON_SOURCE, '{"data":[{"price":3.0282}]}').value, 3_028_200n)
    assert.equal(readNumber({ ...JSON_SOURCE, json: '/a~1b' }, '{"a/b":"2"}').value, 2_000_000n)
    const table = '\uFEFFat,price\n2026-01-01T00:00:00Z,1\r\n1767225600,"3.5"\n'
    assert.deepEqual(readNumber(CSV_SOURCE, table), { value: 3_500_000n, timeMs: 1_767_225_600_000 })
    assert.deepEqual(csvFields('a,"b,""c""",'), ['a', 'b,"c"', ''])
  })

  it('are refused when they are not there, or no numbers', () => {
    assert.throws(() => readNumber(JSON_SOURCE, '{"data":[]}'), /nothing at \/data\/0\/price/)
    assert.throws(() => readNumber(JSON_SOURCE, '{"data":[{"price":null}]}'), /expected a number/)
    assert.throws(
      () => readNumber(JSON_SOURCE, '{"data":[{"price":"free"}]}'),
      /free is not a number above 0/,
    )
    assert.throws(() => readNumber({ ...JSON_SOURCE, json: '/constructor' }, '{}'), /nothing at/)
    assert.throws(() => readNumber(CSV_SOURCE, 'at,price\n'), /a heading and a row/)
    assert.throws(() => readNumber(CSV_SOURCE, 'at,price\n1,2,3\n'), /as many fields/)
    assert.throws(() => readNumber(CSV_SOURCE, 'at,cost\n1,2\n'), /no column price/)
    assert.throws(() => readNumber(CSV_SOURCE, 'at,price\nsoon,2\n'), /soon is not a time/)
  })
})

describe('cli.oracle: what sources say together', () => {
  const quantity = { sources: [], sourcesMin: 2, outlierPpm: 100_000n, maxAgeMs: 60_000 }
  const say = (value: bigint, over: Partial<SourceResult> = {}): SourceResult => ({
    name: `${value}`,
    value,
    ...over,
  })
  const dead: SourceResult = { name: 'dead', dropped: 'HTTP status 500' }

  it('is the median of those that are fresh and near the median', () => {
    assert.equal(combine(quantity, [say(100n), say(104n), say(102n)], 0).value, 102n)
    assert.equal(combine(quantity, [say(100n), say(103n), dead], 0).value, 101n)
    const { value, sources } = combine(quantity, [say(100n), say(104n), say(900n)], 0)
    assert.equal(value, 102n)
    assert.match(sources[2]!.dropped!, /far from the median 104/)
  })

  it('is an alarm when too few answer, too few are fresh, or too few agree', () => {
    const codeOf = (results: readonly SourceResult[]) => combine(quantity, results, 1_000_000).alarm?.code
    assert.equal(codeOf([say(100n), dead, dead]), 'sourceDead')
    assert.equal(codeOf([say(100n), say(100n, { timeMs: 900_000 }), dead]), 'sourceStale')
    assert.equal(codeOf([say(100n), say(200n)]), 'sourcesDisagree')
    assert.equal(codeOf([say(100n, { timeMs: 990_000 }), say(101n, { timeMs: 940_000 })]), undefined)
    const text = combine(quantity, [say(100n), dead, dead], 0).alarm!.text
    assert.match(text, /1 of 3 sources answer with a fresh number, 2 are needed: dead: HTTP status 500/)
    assert.equal(codeOf([say(100n, { timeMs: 2_000_000 }), say(100n)]), 'sourceDead')
  })
})

describe('cli.oracle: reading a source', function () {
  this.timeout(10_000)
  let server: Server
  let url = ''
  const folder = mkdtempSync(join(tmpdir(), 'suanli-sources-'))
  before(async () => {
    server = createServer((request, answer) => {
      const path = request.url ?? ''
      const hops = Number(/^\/hop\/(\d+)/.exec(path)?.[1] ?? Number.NaN)
      if (path === '/slow') return
      if (path === '/trickle') {
        answer.write('{')
        return
      }
      if (path === '/large') return void answer.end('x'.repeat(2_000))
      if (path === '/broken') return void answer.writeHead(503).end('no')
      if (path === '/elsewhere') return void answer.writeHead(302, { location: 'file:///etc/passwd' }).end()
      if (Number.isNaN(hops) || hops === 0) return void answer.end('{"a":1}')
      answer.writeHead(302, { location: `/hop/${hops - 1}` }).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('takes files and HTTP, and follows three redirects', async () => {
    const file = join(folder, 'a.json')
    writeFileSync(file, '{"a":2}')
    assert.equal(await fetchSource({ file }, LIMITS), '{"a":2}')
    assert.equal(await fetchSource({ url }, LIMITS), '{"a":1}')
    assert.equal(await fetchSource({ url: `${url}/hop/3` }, LIMITS), '{"a":1}')
  })

  it('is bounded in time, size, redirects and where they lead', async () => {
    const refused = (path: string, reason: RegExp) =>
      assert.rejects(fetchSource({ url: `${url}${path}` }, LIMITS), reason)
    await refused('/hop/4', /more than 3 redirects/)
    await refused('/elsewhere', /a redirect from http: to file:/)
    await refused('/slow', /no answer in 300 ms/)
    await refused('/trickle', /no answer in 300 ms/)
    await refused('/large', /more than 1000 bytes/)
    await refused('/broken', /HTTP status 503/)
    await assert.rejects(fetchSource({ url: 'http://127.0.0.1:1/' }, LIMITS), /ECONNREFUSED/)
    const file = join(folder, 'large')
    writeFileSync(file, 'x'.repeat(1_001))
    await assert.rejects(fetchSource({ file }, LIMITS), /more than 1000 bytes/)
    await assert.rejects(fetchSource({ file: join(folder, 'absent') }, LIMITS), /ENOENT/)
  })
})

describe('cli.oracle: HTTPS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'suanli-sources-'))
  const known = process.env.SSL_CERT_FILE
  const made = makeCertificates({ hosts: ['127.0.0.1'], days: 1, nowMs: Date.now() })
  const server = createHttpsServer({ cert: made.server.cert, key: made.server.key }, (request, answer) => {
    if (request.url === '/down') answer.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
    else answer.end('{}')
  })
  let url = ''
  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    if (known === undefined) delete process.env.SSL_CERT_FILE
    else process.env.SSL_CERT_FILE = known
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('trusts the authorities of the system and no others, and is not left by a redirect', async () => {
    await assert.rejects(
      fetchSource({ url }, { ...LIMITS, timeoutMs: 5_000 }),
      /unable to verify|self.signed/,
    )
    const store = join(folder, 'store.pem')
    writeFileSync(store, made.authority)
    process.env.SSL_CERT_FILE = store
    assert.equal(await fetchSource({ url }, { ...LIMITS, timeoutMs: 5_000 }), '{}')
    await assert.rejects(
      fetchSource({ url: `${url}/down` }, { ...LIMITS, timeoutMs: 5_000 }),
      /a redirect from https: to http:/,
    )
  })
})

describe('cli.oracle: the file of sources', () => {
  const folder = mkdtempSync(join(tmpdir(), 'suanli-sources-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const read = (json: unknown) => {
    const path = join(folder, 'sources.json')
    writeFileSync(path, typeof json === 'string' ? json : JSON.stringify(json))
    return readSourcesFile(path)
  }
  const one = { url: 'https://a.example/x', json: '/x' }

  it('names sources with defaults, and more than half of them must agree', () => {
    const file = read({
      rating: { sources: [one, { ...one, name: 'other' }, { file: 'f.csv', column: 'rating' }], decimals: 0 },
      prices: { 1: { sources: [one], maxAgeSeconds: 60 } },
    })
    assert.deepEqual([file.rating.sourcesMin, file.rating.sources[2]!.decimals], [2, 0])
    assert.deepEqual([file.prices.get(1)!.sourcesMin, file.prices.get(1)!.maxAgeMs], [1, 60_000])
    assert.deepEqual([file.timeoutMs, file.bytesMax], [10_000, 1_048_576])
  })

  it('says where it is wrong', () => {
    const rating = { sources: [one] }
    assert.throws(() => read('{'), /sources\.json: /)
    assert.throws(() => read({}), /rating: expected an object/)
    assert.throws(() => read({ rating: { sources: [] } }), /rating sources: expected 1 to 16/)
    assert.throws(() => read({ rating: { sources: [{ ...one, file: 'f' }] } }), /either url or file/)
    assert.throws(() => read({ rating: { sources: [{ url: one.url }] } }), /either json or column/)
    assert.throws(() => read({ rating: { sources: [{ ...one, url: 'ftp://x' }] } }), /http or https/)
    assert.throws(() => read({ rating: { sources: [one, one] } }), /two sources of one name/)
    assert.throws(
      () => read({ rating: { ...rating, sourcesMin: 2 } }),
      /sourcesMin: expected a whole number, 1 to 1/,
    )
    assert.throws(
      () => read({ rating, prices: { devUSD: rating } }),
      /prices devUSD: expected the id of an asset/,
    )
    assert.throws(() => read({ rating, price: {} }), /price: unknown/)
    assert.throws(() => read({ rating: { sources: [{ ...one, uri: 'x' }] } }), /uri: unknown/)
  })
})
