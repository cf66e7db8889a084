// Calls to models through the gateway's door, with a backend that can lie, stall and break.
import { strict as assert } from 'node:assert'
import { CHARGE_COMMENT, COST_HEADERS, readWire, streamCharge } from '../../client/redemption/wire.ts'
import { type Answer, codeOf, cost, Door } from './door.ts'
import { FakeUpstream } from './fakeUpstream.ts'

/** Three words, and what four more cost. */
const PROMPT_BASE = 3_000n
const COST_BASE = PROMPT_BASE + 8_000n

const parts = ({ text }: Answer): readonly { readonly [name: string]: unknown }[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice(6)) as { readonly [name: string]: unknown })

function chargeOf({ text }: Answer) {
  const line = text.split('\n').find((one) => one.startsWith(CHARGE_COMMENT))
  return line === undefined ? undefined : readWire(streamCharge, line.slice(CHARGE_COMMENT.length))
}

describe('gateway: calls to models', () => {
  let upstream: FakeUpstream
  let door: Door

  beforeEach(async () => {
    upstream = await FakeUpstream.start()
    door = await Door.open({ upstream, config: { limits: { backendIdleMs: 300 } } })
  })
  afterEach(async () => {
    await door.close()
    await upstream.close()
  })

  it('charges what the backend counts, by the tariff', async () => {
    const answer = await door.chat()
    assert.equal(answer.status, 200)
    assert.equal(cost(answer), COST_BASE)
    assert.equal(answer.headers.get(COST_HEADERS.metered), `${COST_BASE}`)
    assert.equal(answer.headers.get(COST_HEADERS.vouchered), '0')
    assert.equal(answer.headers.get(COST_HEADERS.left), `${10n ** 18n - COST_BASE}`)
    assert.equal(door.meter().reservedBase, 0n)
  })

  it('passes on the body as it came, with its own key and none of the headers', async () => {
    const body = '{ "model":"tiny",  "messages":[], "max_tokens": 1, "unknown":{"kept":1} }'
    await door.call('/v1/chat/completions', body, { headers: { 'x-secret': 'mine', cookie: 'a=b' } })
    const [{ headers, body: seen }] = upstream.seen as [(typeof upstream.seen)[0]]
    assert.deepEqual(seen, JSON.parse(body))
    assert.equal(headers.authorization, 'Bearer backend-key')
    assert.equal(headers['x-secret'], undefined)
    assert.equal(headers.cookie, undefined)
  })

  it('prices cached prompt tokens apart', async () => {
    upstream.cachedTokens = 2
    assert.equal(cost(await door.chat()), COST_BASE - 1_000n)
  })

  it('serves text completions, embeddings and responses', async () => {
    assert.equal(
      cost(await door.call('/v1/completions', { model: 'tiny', prompt: 'a b', max_tokens: 2 })),
      6_000n,
    )
    assert.equal(cost(await door.call('/v1/embeddings', { model: 'tiny', input: 'a b' })), 2_000n)
    const answer = await door.call('/v1/responses', { model: 'tiny', input: 'a b', max_output_tokens: 2 })
    assert.equal(cost(answer), 6_000n)
    // Nothing of one customer stays where another could name it.
    assert.equal(upstream.seen.at(-1)!.body.store, false)
  })

  it('refuses what would reach into answers that are kept', async () => {
    for (const name of ['previous_response_id', 'conversation', 'background']) {
      const answer = await door.call('/v1/responses', { model: 'tiny', input: 'a', [name]: 'x' })
      assert.deepEqual([answer.status, codeOf(answer)], [400, 'unsupported'], name)
    }
  })

  it('lists the models that have a price', async () => {
    const { json } = await door.get('/v1/models')
    assert.deepEqual(
      (json.data as { id: string }[]).map(({ id }) => id),
      ['tiny'],
    )
    assert.equal((await door.get('/v1/models/tiny')).json.id, 'tiny')
    assert.equal((await door.get('/v1/models/other')).status, 404)
  })

  it('streams, asks for usage and hides it, and ends with the charge as a comment', async () => {
    const answer = await door.chat({ stream: true })
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type')!, /^text\/event-stream/)
    assert.deepEqual(upstream.seen[0]!.body.stream_options, { include_usage: true })
    assert.equal(parts(answer).length, 4)
    assert.ok(parts(answer).every((part) => !Object.hasOwn(part, 'usage')))
    const charged = chargeOf(answer)!
    assert.equal(charged.charge.costBase, COST_BASE)
    assert.equal(charged.line.completionTokens, 4)
    assert.ok(answer.text.endsWith('data: [DONE]\n\n'))
  })

  it('shows usage to whoever asks for it', async () => {
    const answer = await door.chat({ stream: true, stream_options: { include_usage: true } })
    assert.equal((parts(answer).at(-1)!.usage as { completion_tokens: number }).completion_tokens, 4)
  })

  it('hides the usage of every part where the backend counts as it goes', async () => {
    upstream.behaviour = 'continuous'
    const answer = await door.chat({ stream: true })
    assert.equal(parts(answer).length, 4)
    assert.ok(parts(answer).every((part) => !Object.hasOwn(part, 'usage') && Array.isArray(part.choices)))
    assert.equal(chargeOf(answer)!.charge.costBase, COST_BASE)
  })

  it('counts a stream that the client leaves by what was streamed, and gives up the backend', async () => {
    upstream.behaviour = 'endless'
    const leaving = new AbortController()
    const aborted = upstream.nextAbort()
    const response = await door.fetch('/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({
        model: 'tiny',
        messages: [{ role: 'user', content: 'a'.repeat(80) }],
        stream: true,
      }),
      signal: leaving.signal,
    })
    await response.body!.getReader().read()
    leaving.abort()
    await aborted
    await lines(1)
    const { meter, lineCount } = door.context.sessions.get({ redemptionId: 1, assignment: 0 })!.opened
    assert.equal(lineCount, 1)
    assert.ok(meter.meteredBase >= 2_000n, `${meter.meteredBase}`)
    assert.equal(meter.reservedBase, 0n)
    assert.equal(door.context.metrics.value('streams_broken_total', { by: 'client' }), 1)
  })

  /** Resolves once the statement has so many lines. */
  async function lines(count: number): Promise<void> {
    const { opened } = door.context.sessions.get({ redemptionId: 1, assignment: 0 })!
    while (opened.durable.lineCount < count) await new Promise((resolve) => setImmediate(resolve))
  }

  it('cuts a backend off that goes on beyond what was reserved', async () => {
    upstream.behaviour = 'endless'
    const answer = await door.chat({ stream: true, max_tokens: 20 })
    assert.ok(parts(answer).filter(({ choices }) => choices !== undefined).length <= 20)
    assert.match(answer.text, /"code":"backend_broken"/)
    assert.equal(chargeOf(answer)!.line.completionTokens, 20)
  })

  it('charges what came of a stream that the backend breaks, and says so', async () => {
    upstream.behaviour = 'breaks'
    const answer = await door.chat({ stream: true })
    assert.match(answer.text, /"code":"backend_broken"/)
    const { line, charge } = chargeOf(answer)!
    assert.equal(line.completionTokens, 2)
    // Nobody counted the prompt: an eighth of its bytes is never too many.
    assert.equal(charge.costBase, BigInt(line.promptTokens) * 1_000n + 4_000n)
    assert.equal(door.context.metrics.value('streams_broken_total', { by: 'backend' }), 1)
  })

  it('takes nothing of what a backend says after its end, and does not wait for it', async () => {
    upstream.behaviour = 'babbles'
    const aborted = upstream.nextAbort()
    const answer = await door.chat({ stream: true })
    assert.doesNotMatch(answer.text, /more /)
    assert.doesNotMatch(answer.text, /"error"/)
    assert.match(answer.text, /data: \[DONE\]\n\n$/)
    assert.equal(chargeOf(answer)!.line.completionTokens, 4)
    await aborted
  })

  it('gives up a backend whose event does not end, long before it fills the memory', async () => {
    upstream.behaviour = 'floods'
    const aborted = upstream.nextAbort()
    const answer = await door.chat({ stream: true })
    await aborted
    // By whether the head had left already.
    assert.match(answer.text, /"code":"backend_(broken|unavailable)"/)
    assert.equal(door.meter().meteredBase, 0n)
    assert.equal(door.meter().reservedBase, 0n)
  })

  it('gives up a backend that stalls in a stream', async () => {
    upstream.behaviour = 'stalls'
    const answer = await door.chat({ stream: true })
    assert.match(answer.text, /"code":"backend_broken"/)
    assert.equal(chargeOf(answer)!.line.completionTokens, 2)
  })

  it('gives up a backend that does not answer, and charges nothing', async () => {
    upstream.behaviour = 'held'
    const answer = await door.chat()
    assert.deepEqual([answer.status, codeOf(answer)], [504, 'backend_unavailable'])
    assert.equal(door.meter().meteredBase, 0n)
    assert.equal(door.meter().reservedBase, 0n)
  })

  it('does not believe a usage beyond what the request allowed', async () => {
    upstream.behaviour = 'lies'
    const answer = await door.chat()
    assert.equal(answer.status, 200)
    const reserved = cost(answer)
    // 256 tokens of context, and four of an answer.
    assert.equal(reserved, 256_000n + 8_000n)
    assert.equal(
      door.context.metrics.value('usage_doubts_total', { backend: upstream.url, kind: 'beyond' }),
      1,
    )
  })

  it('counts a stream itself where the usage is missing or malformed', async () => {
    for (const behaviour of ['noUsage', 'malformedUsage'] as const) {
      upstream.behaviour = behaviour
      assert.equal(chargeOf(await door.chat({ stream: true }))!.line.completionTokens, 4, behaviour)
    }
  })

  it('passes on the mistakes of a client and hides the troubles of a backend', async () => {
    upstream.behaviour = 'refuses'
    const mistake = await door.chat()
    assert.deepEqual([mistake.status, codeOf(mistake)], [400, 'context_length_exceeded'])
    upstream.behaviour = 'fails'
    const trouble = await door.chat()
    assert.deepEqual([trouble.status, codeOf(trouble)], [502, 'backend_unavailable'])
    assert.doesNotMatch(trouble.text, /secret/)
    upstream.behaviour = 'html'
    assert.equal((await door.chat()).status, 502)
    assert.equal(door.meter().meteredBase, 0n)
    assert.equal(door.meter().reservedBase, 0n)
  })

  it('answers 502 where nobody listens', async () => {
    const closed = await FakeUpstream.start()
    await closed.close()
    const other = await Door.open({ upstream: closed }).catch(() => undefined)
    await other?.close()
    await upstream.close()
    const answer = await door.chat()
    assert.deepEqual([answer.status, codeOf(answer)], [502, 'backend_unavailable'])
    upstream = await FakeUpstream.start()
  })

  it('names what is wrong with a request', async () => {
    const cases: readonly (readonly [unknown, number, string])[] = [
      ['{', 400, 'invalid_json'],
      ['[]', 400, 'invalid_json'],
      [{ messages: [] }, 400, 'missing_model'],
      [{ model: 'none' }, 404, 'model_not_found'],
      [{ model: 'tiny', n: 0 }, 400, 'invalid_value'],
      [{ model: 'tiny', n: 1_000 }, 400, 'invalid_value'],
      [{ model: 'tiny', max_tokens: -1 }, 400, 'invalid_value'],
      [{ model: 'tiny', max_tokens: 1.5 }, 400, 'invalid_value'],
      [{ model: 'tiny', stream: 'yes' }, 400, 'invalid_value'],
    ]
    for (const [body, status, code] of cases) {
      const answer = await door.call('/v1/chat/completions', body)
      assert.deepEqual([answer.status, codeOf(answer)], [status, code], JSON.stringify(body))
    }
    assert.equal(upstream.seen.length, 0)
    assert.equal(door.meter().reservedBase, 0n)
  })
})

describe('gateway: a backend that does not count', () => {
  it('is counted by its tokenizer', async () => {
    const upstream = await FakeUpstream.start()
    upstream.behaviour = 'noUsage'
    const door = await Door.open({ upstream, backend: { tokenizerUrl: `${upstream.url}/tokenize` } })
    try {
      assert.equal(door.meter().meteredBase, 0n)
      const answer = await door.chat()
      // Four words of an answer, and the body as three words.
      assert.equal(cost(answer), 8_000n + 3_000n)
      const streamed = chargeOf(await door.chat({ stream: true }))!
      assert.equal(streamed.line.completionTokens, 4)
      assert.equal(streamed.line.promptTokens, 3)
    } finally {
      await door.close()
      await upstream.close()
    }
  })
})
