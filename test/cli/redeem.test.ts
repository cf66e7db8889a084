// The local endpoint, the certificate that is pinned, the files: what `suanli redeem` adds to the library.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OperatorError } from '../../base/errors.ts'
import { type Hash32, ZERO_ADDRESS } from '../../base/ids.ts'
import { stateLine } from '../../cli/redeem/follow.ts'
import { LocalEndpoint } from '../../cli/redeem/localEndpoint.ts'
import { certificateHash, pinnedFetch } from '../../cli/redeem/pinnedFetch.ts'
import {
  listRedemptions,
  type RedemptionFile,
  storeOf,
  writeRedemption,
} from '../../cli/redeem/redeemFiles.ts'
import { createClient } from '../../client/chainClient.ts'
import { redeemKeys } from '../../client/redemption/keys.ts'
import { RedeemError } from '../../client/redemption/redeemError.ts'
import { Redeemer } from '../../client/redemption/redeemer.ts'
import { parseTariff, tariffHash } from '../../client/redemption/tariff.ts'
import { FakeProvider } from '../support/fakeProvider.ts'
import { CHAIN_ID, FakeRedemptionChain, GENESIS } from '../support/fakeRedemptionChain.ts'
import { TEST_CERTIFICATE, TEST_KEY } from '../support/testCertificate.ts'

const COIN = 10n ** 18n
const TARIFF = parseTariff(
  '{"version":1,"minimumBase":"10","models":{"tiny":{"promptBase":"1000000","completionBase":"2000000"}}}',
)
const KEYS = redeemKeys(new Uint8Array(32).fill(5), GENESIS)

describe('cli.redeem.serve', () => {
  let chain: FakeRedemptionChain
  let provider: FakeProvider
  let redeemer: Redeemer
  let endpoint: LocalEndpoint

  beforeEach(async () => {
    chain = new FakeRedemptionChain()
    provider = await FakeProvider.start({
      ...{ chainId: CHAIN_ID, genesis: GENESIS, redemptionId: 5, assignment: 1, amountBase: 5n * COIN },
      tariff: TARIFF,
      signers: { owner: ZERO_ADDRESS, voucherKey: KEYS.voucherKey },
      exposureBase: 1n,
    })
    chain.operator = provider.operator
    chain.tariffHash = tariffHash(TARIFF)
    chain.assign({ assignment: 1, window: 7, grant: await provider.grant(KEYS.clientKey) })
    const client = createClient(chain)
    redeemer = new Redeemer({ client, id: 5, keys: KEYS, pollMs: 5, graceMs: 0, waitMs: 2_000 }).start()
    endpoint = await LocalEndpoint.start(redeemer, 0)
  })

  afterEach(async () => {
    provider.release()
    await endpoint.close()
    await redeemer.close()
    await provider.close()
  })

  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${endpoint.url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const ask = { model: 'tiny', messages: [{ role: 'user', content: 'Who?' }] }
  const errorOf = async (
    response: Response,
  ): Promise<{ message: string; type: string; code: string | null }> =>
    ((await response.json()) as { error: { message: string; type: string; code: string | null } }).error

  it('forwards answers and streams, and pays for them', async () => {
    const answer = (await (await post(ask)).json()) as { choices: { message: { content: string } }[] }
    assert.equal(answer.choices[0]!.message.content, 'Call me Ishmael.')
    const text = await (await post({ ...ask, stream: true })).text()
    assert.ok(text.endsWith('data: [DONE]\n\n'))
    const models = (await (await fetch(`${endpoint.url}/models`)).json()) as { data: { id: string }[] }
    assert.equal(models.data[0]!.id, 'tiny')
    await redeemer.close()
    assert.equal(provider.voucheredBase, 40_000n)
  })

  it('answers no web page, and is asked by its address alone', async () => {
    assert.equal((await post(ask, { origin: 'https://evil.example' })).status, 403)
    const { port } = new URL(endpoint.url)
    const rebound = request({
      port,
      host: '127.0.0.1',
      path: '/v1/models',
      headers: { host: 'evil.example' },
    }).end()
    const [answer] = (await once(rebound, 'response')) as [{ statusCode: number; resume(): void }]
    answer.resume()
    assert.equal(answer.statusCode, 403)
    assert.equal((await post(ask, { 'content-type': 'text/plain' })).status, 415)
    assert.equal((await fetch(`${endpoint.url}/models`, { method: 'PUT' })).status, 405)
    assert.deepEqual(provider.requests, [])
  })

  it('forwards what a coin buys, jobs too, and nothing by which a provider is paid', async () => {
    const { port } = new URL(endpoint.url)
    const statusOf = async (path: string): Promise<number> => {
      const asked = request({ port, host: '127.0.0.1', path, headers: { host: '127.0.0.1' } }).end()
      const [answer] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }]
      answer.resume()
      return answer.statusCode
    }
    const refused = [
      ...['/suanli/v1/session', '/suanli/v1/vouchers', '/suanli/v1/jobsx', '/metrics', '/v1', '*'],
      ...['/v1/../suanli/v1/vouchers', '/v1/%2e%2e/suanli/v1/session', '/suanli/v1/jobs/../session'],
      ...['/v1/./models', '/v1/a\\b', '//v1/models'],
    ]
    for (const path of refused) assert.equal(await statusOf(path), 404, path)
    assert.equal(provider.requests.length, 0)
    await statusOf('/suanli/v1/jobs?limit=1')
    await statusOf('/suanli/v1/jobs/job-1/logs')
    const jobs = provider.requests.filter((path) => path.startsWith('/suanli/v1/jobs'))
    assert.deepEqual(Array.from(new Set(jobs)), ['/suanli/v1/jobs', '/suanli/v1/jobs/job-1/logs'])
  })

  it('refuses a body that is too long, before it is read', async () => {
    const { port } = new URL(endpoint.url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${2 ** 30}\r\n\r\n`,
    )
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 413 /)
    socket.destroy()
  })

  it('says what is wrong as OpenAI does', async () => {
    await redeemer.ready()
    const wrong = await post([])
    assert.deepEqual([wrong.status, (await errorOf(wrong)).type], [400, 'invalid_request_error'])
    chain.info = { ...chain.info, endReason: 'delivered' }
    const over = new Promise<void>((resolve) => {
      redeemer.on('state', ({ state }) => {
        if (state.kind === 'ended') resolve()
      })
    })
    await over
    const ended = await post(ask)
    assert.deepEqual([ended.status, (await errorOf(ended)).code], [503, 'ended'])
  })

  it('tells a stream that breaks off in the stream', async () => {
    provider.lies.breakAfter = 2
    const text = await (await post({ ...ask, stream: true })).text()
    assert.match(text, /"content":" me"/)
    assert.match(text, /data: \{"error":\{"message":"the stream broke[^\n]*\n\n$/)
  })

  it('lets what is under way end', async () => {
    provider.lies.isHeld = true
    const held = provider.held()
    const { url } = endpoint
    const stream = await post({ ...ask, stream: true })
    await held
    const closing = endpoint.close()
    provider.release()
    assert.match(await stream.text(), /Ishmael/)
    await closing
    await assert.rejects(fetch(`${url}/models`))
    endpoint = await LocalEndpoint.start(redeemer, 0)
  })
})

describe('cli.redeem.pinnedFetch', () => {
  const certificate = certificateHash(new X509Certificate(TEST_CERTIFICATE).raw)
  let server: Server
  let url: string
  let seen: string[]

  before(async () => {
    seen = []
    server = createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, (asked, answer) => {
      seen.push(`${asked.method} ${asked.headers.authorization}`)
      if (asked.url === '/away') answer.writeHead(302, { location: 'https://evil.example' })
      answer.end('hello')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('takes the certificate of the grant, though nobody vouches for it', async () => {
    const fetch = pinnedFetch(certificate)
    const response = await fetch(`${url}/`, {
      method: 'POST',
      headers: { authorization: 'Bearer x' },
      body: '{}',
    })
    assert.equal(await response.text(), 'hello')
    assert.deepEqual(seen.splice(0), ['POST Bearer x'])
    await assert.rejects(fetch(`${url}/away`, {}), /redirected elsewhere/)
    seen.splice(0)
  })

  it('sends nothing to another one', async () => {
    const other = Uint8Array.from(certificate, (byte, i) => (i === 0 ? byte ^ 1 : byte))
    const asked = pinnedFetch(other)(`${url}/`, { headers: { authorization: 'Bearer x' } })
    await assert.rejects(asked, (error) => error instanceof RedeemError && error.code === 'certificate')
    assert.deepEqual(seen, [])
  })
})

describe('cli.redeem.files', () => {
  const dir = join(mkdtempSync(join(tmpdir(), 'suanli-redeem-files-')), 'redeem')
  after(() => rmSync(join(dir, '..'), { recursive: true, force: true }))
  const file: RedemptionFile = {
    ...{ chainId: CHAIN_ID, genesis: GENESIS, id: 5, owner: ZERO_ADDRESS, service: 'infer' },
    amountBase: 5n * COIN,
    model: '',
    assignments: [],
  }

  it('are for their owner alone, and keep the counts', () => {
    writeRedemption(dir, file)
    assert.equal(statSync(dir).mode & 0o777, 0o700)
    const [name] = readdirSync(dir)
    assert.equal(statSync(join(dir, name!)).mode & 0o777, 0o600)
    const store = storeOf(dir, file)
    assert.equal(store.load(1), undefined)
    store.save(1, { meteredBase: 7n, voucheredBase: 3n })
    store.save(2, { meteredBase: 1n, voucheredBase: 1n })
    store.save(1, { meteredBase: 9n, voucheredBase: 9n })
    assert.equal(storeOf(dir, file).load(1)?.voucheredBase, 9n)
    assert.equal(listRedemptions(dir, GENESIS)[0]?.assignments.length, 2)
  })

  it('are bounded, and of one chain', () => {
    const count = { meteredBase: 1n, voucheredBase: 1n }
    const assignments = Array.from({ length: 256 }, (_, i) => ({ assignment: i + 1, ...count }))
    const six = { ...file, id: 6, assignments }
    writeRedemption(dir, six)
    const store = storeOf(dir, six)
    store.save(257, count)
    store.save(258, count)
    assert.equal(store.load(2), undefined)
    assert.equal(store.load(258)?.meteredBase, 1n)
    assert.deepEqual(listRedemptions(dir, new Uint8Array(32) as Hash32), [])
    assert.deepEqual(listRedemptions(join(dir, 'nowhere'), GENESIS), [])
  })

  it('say which one is damaged', () => {
    const [name] = readdirSync(dir)
    writeFileSync(join(dir, name!), '{"chainId":1}')
    assert.throws(
      () => listRedemptions(dir, GENESIS),
      (error) => error instanceof OperatorError && error.message.includes(name!),
    )
  })
})

describe('cli.redeem.stateLine', () => {
  it('fits a terminal', () => {
    const lines = [
      stateLine({ kind: 'queued', place: 3, expectedWindows: 2, queuedBase: 5n * COIN }),
      stateLine({ kind: 'queued', place: 0, expectedWindows: 0, queuedBase: 5n * COIN }),
      stateLine({ kind: 'assigned', window: 9, provider: 1, isGranted: false, startsInMs: 59_400 }),
      stateLine({
        ...{ kind: 'serving', window: 9, provider: 1, assignment: 1, baseUrl: '', parity: {} },
        ...{ endsInMs: 60_000, leftBase: COIN / 3n },
      }),
      stateLine({ kind: 'ended', reason: 'delivered', deliveredBase: COIN, refundedBase: 0n, feesBase: 0n }),
    ]
    assert.ok(
      lines.every((line) => line.length <= 80),
      lines.join('\n'),
    )
    assert.match(lines[3]!, /0\.333333 coins left, window ends in 60 s/)
  })
})
