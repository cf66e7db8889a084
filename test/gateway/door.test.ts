// Who may enter, within which limits, and what strangers are told.
import { strict as assert } from 'node:assert'
import { connect } from 'node:net'
import { assignedOf, codeOf, Door, WINDOW } from './door.ts'
import { FakeUpstream } from './fakeUpstream.ts'

describe('gateway: the door', () => {
  let upstream: FakeUpstream
  let door: Door

  beforeEach(async () => {
    upstream = await FakeUpstream.start()
    door = await Door.open({
      upstream,
      assignments: [assignedOf(), assignedOf({ redemptionId: 2, window: WINDOW + 1 })],
      config: {
        corsOrigins: ['https://app.example'],
        limits: { bodyBytesMax: 2_048, headerBytesMax: 4_096, requestMs: 300, connectionsMax: 20 },
      },
    })
  })
  afterEach(async () => {
    await door.close()
    await upstream.close()
  })

  it('opens to the key of an assignment whose window runs, and to no other', async () => {
    assert.equal((await door.chat()).status, 200)
    const key = door.keyOf()
    const wrong = [`${key}x`, key.slice(0, -1), key.toUpperCase(), '', 'x'.repeat(200), 'Bearer']
    for (const one of wrong) {
      const answer = await door.chat({}, { key: one })
      assert.deepEqual([answer.status, codeOf(answer)], [401, 'invalid_api_key'], one)
    }
    const early = await door.chat({}, { key: door.keyOf({ redemptionId: 2, assignment: 0 }) })
    assert.deepEqual([early.status, codeOf(early)], [403, 'window_not_begun'])
    assert.equal(upstream.seen.length, 1)
  })

  it('holds no key, only its hash', () => {
    const key = door.keyOf()
    const { log } = door
    assert.equal(key.length, 43)
    assert.doesNotMatch(JSON.stringify(log), new RegExp(key))
  })

  it('closes with the window, and a stream that the end meets goes on', async () => {
    upstream.behaviour = 'held'
    const streaming = door.chat({ stream: true })
    await upstream.requests(1)
    door.show([assignedOf({ redemptionId: 2, window: WINDOW + 1 })], WINDOW + 1)
    const late = await door.chat({}, { key: door.keyOf() })
    assert.deepEqual([late.status, codeOf(late)], [403, 'window_ended'])
    upstream.behaviour = 'honest'
    upstream.release()
    const answer = await streaming
    assert.equal(answer.status, 200)
    assert.match(answer.text, /\[DONE\]/)
    // What is metered can still be looked at.
    assert.equal((await door.get('/suanli/v1/session', { key: door.keyOf() })).json.meteredBase, '11000')
  })

  it('closes what the chain has closed, and opens it again where the node was behind', async () => {
    const key = door.keyOf()
    door.show([])
    const answer = await door.chat({}, { key })
    assert.deepEqual([answer.status, codeOf(answer)], [403, 'assignment_closed'])
    door.show([assignedOf()])
    assert.equal((await door.chat({}, { key })).status, 200)
  })

  it('refuses bodies that are too long or compressed', async () => {
    const long = await door.call('/v1/chat/completions', { model: 'tiny', x: 'y'.repeat(3_000) })
    assert.deepEqual([long.status, codeOf(long)], [413, 'body_too_large'])
    const zipped = await door.call('/v1/chat/completions', {}, { headers: { 'content-encoding': 'gzip' } })
    assert.deepEqual([zipped.status, codeOf(zipped)], [415, 'unsupported_encoding'])
    assert.equal((await door.get('/v1/models', { headers: { 'x-long': 'y'.repeat(8_000) } })).status, 431)
  })

  it('gives up whoever does not end a request in time', async () => {
    const text = await new Promise<string>((resolve) => {
      const socket = connect(door.server.port, '127.0.0.1')
      let seen = ''
      socket.on('data', (data) => (seen += data.toString('utf8')))
      socket.on('close', () => resolve(seen))
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${door.keyOf()}\r\nContent-Length: 10\r\n\r\n{`,
      )
    })
    assert.match(text, /^HTTP\/1\.1 408 /)
  })

  it('calls no key wrong before it has looked at the chain', async () => {
    const { sessions } = door.context
    Object.assign(door.context, { sessions: { find: () => undefined, isSynced: false } })
    const answer = await door.get('/v1/models', { key: 'any' })
    assert.deepEqual([answer.status, codeOf(answer)], [503, 'starting'])
    Object.assign(door.context, { sessions })
    assert.equal((await door.get('/v1/models')).status, 200)
  })

  it('has a bound of connections, and none is kept by whoever says nothing', async () => {
    const silent = Array.from({ length: 100 }, () => {
      const socket = connect(door.server.port, '127.0.0.1')
      socket.on('error', () => undefined)
      // Whatever it is told, it must be read for the end to be seen.
      return new Promise<void>((resolve) => socket.resume().once('close', () => resolve()))
    })
    await Promise.all(silent)
    assert.equal((await door.chat()).status, 200)
  }).timeout(20_000)

  it('tells strangers the tariff and whether it is ready, and nothing else', async () => {
    const open = await fetch(`${door.url}/suanli/v1/tariff`)
    assert.equal(await open.text(), door.context.tariffText)
    assert.equal((await fetch(`${door.url}/health`)).status, 200)
    for (const path of ['/suanli/v1/session', '/suanli/v1/statement', '/v1/models', '/metrics', '/']) {
      assert.equal((await fetch(`${door.url}${path}`)).status, 401, path)
    }
  })

  it('answers web pages of configured origins alone', async () => {
    const from = (origin: string) => door.get('/v1/models', { headers: { origin } })
    assert.equal(
      (await from('https://app.example')).headers.get('access-control-allow-origin'),
      'https://app.example',
    )
    assert.equal((await from('https://evil.example')).headers.get('access-control-allow-origin'), null)
    const preflight = await fetch(`${door.url}/v1/models`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example' },
    })
    assert.equal(preflight.status, 204)
    assert.match(preflight.headers.get('access-control-allow-headers')!, /payment-signature/)
    const foreign = await fetch(`${door.url}/v1/models`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example' },
    })
    assert.equal(foreign.status, 403)
  })

  it('writes no prompt into its log, unless told so in capitals', async () => {
    await door.chat({ messages: [{ role: 'user', content: 'my secret wish' }] })
    assert.doesNotMatch(JSON.stringify(door.log), /secret wish/)
    const loud = await Door.open({ upstream, config: { LOG_PROMPTS_OF_CUSTOMERS: true } })
    try {
      await loud.chat({ messages: [{ role: 'user', content: 'my secret wish' }] })
      assert.match(JSON.stringify(loud.log), /secret wish/)
    } finally {
      await loud.close()
    }
  })

  it('drains: ends what is under way and takes nothing new', async () => {
    upstream.behaviour = 'held'
    const answer = door.chat()
    await upstream.requests(1)
    const drained = door.server.drain(5_000)
    await assert.rejects(fetch(`${door.url}/health`))
    upstream.behaviour = 'honest'
    upstream.release()
    assert.equal((await answer).status, 200)
    await drained
  })
})
