// The demo backend over HTTP, as OpenAI's clients use it.
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { type DemoBackend, startDemoBackend } from '../../../gateway/demo/demoBackend.ts'
import { base, greedy } from './demoFixture.ts'

interface Answer {
  readonly choices: readonly {
    readonly index: number
    readonly text?: string
    readonly message?: { readonly role: string; readonly content: string }
    readonly delta?: { readonly role?: string; readonly content?: string }
    readonly finish_reason: string | null
  }[]
  readonly usage?: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly total_tokens: number
  } | null
  readonly error?: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
  }
}

const CHAT = '/v1/chat/completions'
const COMPLETIONS = '/v1/completions'
const HELLO = { model: 'tiny-llama', messages: [{ role: 'user', content: 'Call me' }], temperature: 0 }

describe('demo.backend', function () {
  this.timeout(30_000)
  let backend: DemoBackend
  const unexpected: unknown[] = []
  before(async () => {
    backend = await startDemoBackend({ onError: (error) => unexpected.push(error) })
  })
  after(async () => {
    await backend.close()
    assert.deepEqual(unexpected, [])
  })

  const post = (path: string, body: unknown, more: RequestInit = {}): Promise<Response> =>
    fetch(`${backend.url}${path}`, { method: 'POST', body: JSON.stringify(body), ...more })
  const ask = async (path: string, body: unknown): Promise<Answer> => {
    const response = await post(path, body)
    assert.equal(response.status, 200)
    return (await response.json()) as Answer
  }
  /** The events of a stream, which must end with the mark. */
  const stream = async (path: string, body: object): Promise<readonly Answer[]> => {
    const response = await post(path, { ...body, stream: true })
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    const lines = (await response.text()).split('\n\n')
    assert.deepEqual(lines.slice(-2), ['data: [DONE]', ''])
    return lines.slice(0, -2).map((line) => JSON.parse(line.replace(/^data: /, '')) as Answer)
  }
  const refused = async (
    path: string,
    body: unknown,
    status: number,
    code: string,
    param?: string,
  ): Promise<void> => {
    const response = await post(path, body)
    const { error } = (await response.json()) as Answer
    assert.deepEqual([response.status, error?.code, error?.param], [status, code, param ?? null])
  }

  it('chats: the greedy text of the model, with its usage', async () => {
    const prompt = base.tokenizer.encode('Call me ')
    const tokens = greedy(base.model, prompt, 12)
    const { choices, usage } = await ask(CHAT, { ...HELLO, max_tokens: 12 })
    assert.deepEqual(choices, [
      {
        index: 0,
        message: { role: 'assistant', content: base.tokenizer.decode(tokens), refusal: null },
        logprobs: null,
        finish_reason: 'length',
      },
    ])
    assert.deepEqual(usage, {
      prompt_tokens: prompt.length,
      completion_tokens: 12,
      total_tokens: prompt.length + 12,
      prompt_tokens_details: { cached_tokens: 0 },
    })
  })

  it('streams the same, a token at a time, with usage when asked', async () => {
    const whole = await ask(CHAT, { ...HELLO, max_completion_tokens: 12 })
    const chunks = await stream(CHAT, {
      ...HELLO,
      max_completion_tokens: 12,
      stream_options: { include_usage: true },
    })
    const text = chunks.map(({ choices }) => choices[0]?.delta?.content ?? '').join('')
    assert.equal(text, whole.choices[0]!.message!.content)
    assert.equal(chunks[0]!.choices[0]!.delta!.role, 'assistant')
    assert.equal(chunks.length, 1 + 12 + 1 + 1)
    assert.deepEqual(
      chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? []),
      ['length'],
    )
    assert.deepEqual(chunks.at(-1), { ...chunks.at(-1), choices: [], usage: whole.usage })
    assert.ok(chunks.slice(0, -1).every(({ usage }) => usage === null))
    const plain = await stream(CHAT, { ...HELLO, max_tokens: 3 })
    assert.ok(plain.every((chunk) => !('usage' in chunk)))
  })

  it('counts in every chunk when asked', async () => {
    const options = { stream_options: { include_usage: true, continuous_usage_stats: true } }
    const chunks = await stream(COMPLETIONS, {
      model: 'tiny-llama',
      prompt: 'The',
      max_tokens: 4,
      seed: 1,
      ...options,
    })
    const counts = chunks.map(({ usage }) => usage!.completion_tokens)
    assert.deepEqual([counts[0], counts.at(-1)], [1, 4])
    assert.deepEqual([...counts].sort(), counts)
  })

  it('completes several prompts, as texts and as tokens', async () => {
    const common = { model: 'tiny-llama', temperature: 0, max_tokens: 8 }
    const texts = await ask(COMPLETIONS, { ...common, prompt: ['The whale', 'Call me'] })
    assert.deepEqual(
      texts.choices.map(({ index }) => index),
      [0, 1],
    )
    const tokens = [base.tokenizer.encode('The whale'), base.tokenizer.encode('Call me')]
    const same = await ask(COMPLETIONS, { ...common, prompt: tokens })
    assert.deepEqual(same.choices, texts.choices)
    assert.deepEqual(same.usage, texts.usage)
    const streamed = await stream(COMPLETIONS, { ...common, prompt: tokens })
    for (const { index, text } of texts.choices) {
      const parts = streamed.flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
      assert.equal(parts.map((choice) => choice.text).join(''), text)
    }
  })

  it('draws with a seed, stops at stop strings', async () => {
    const body = { ...HELLO, temperature: 1.2, top_p: 0.9, seed: 5 }
    const [first, again, other] = await Promise.all([
      ask(CHAT, body),
      ask(CHAT, body),
      ask(CHAT, { ...body, seed: 6 }),
    ])
    assert.deepEqual(first.choices, again.choices)
    assert.notDeepEqual(first.choices, other.choices)
    const stopped = await ask(COMPLETIONS, {
      model: 'tiny-llama',
      prompt: 'The whale',
      temperature: 0,
      stop: ['Pequod', '\n'],
    })
    assert.deepEqual([stopped.choices[0]!.text, stopped.choices[0]!.finish_reason], [', and if the ', 'stop'])
  })

  it('embeds, as numbers and as base64', async () => {
    type Embeddings = { data: readonly { embedding: string | readonly number[] }[]; usage: object }
    const body = { model: 'tiny-llama', input: ['The white whale', 'Ahab'] }
    const plain = (await (await post('/v1/embeddings', body)).json()) as Embeddings
    const packed = (await (
      await post('/v1/embeddings', { ...body, encoding_format: 'base64' })
    ).json()) as Embeddings
    for (const [i, { embedding }] of packed.data.entries()) {
      const bytes = new Uint8Array(Buffer.from(embedding as string, 'base64'))
      assert.deepEqual([...new Float32Array(bytes.buffer)], plain.data[i]!.embedding)
    }
    const tokens = base.tokenizer.encode('The white whale').length + base.tokenizer.encode('Ahab').length
    assert.deepEqual(plain.usage, { prompt_tokens: tokens, total_tokens: tokens })
  })

  it('says what it is', async () => {
    assert.match(await (await fetch(backend.url)).text(), /babbles/)
    const models = (await (await fetch(`${backend.url}/v1/models`)).json()) as {
      data: readonly { id: string; description: string }[]
    }
    assert.deepEqual(
      models.data.map(({ id }) => id),
      ['tiny-llama'],
    )
    assert.match(models.data[0]!.description, /makes no sense/)
    assert.equal((await fetch(`${backend.url}/v1/models/tiny-llama`)).status, 200)
    assert.equal((await fetch(`${backend.url}/v1/models/%ff`)).status, 404)
    assert.deepEqual(await (await fetch(`${backend.url}/health`)).json(), { status: 'ok' })
  })

  it('refuses prompts that the context cannot hold', async () => {
    const long = { ...HELLO, messages: [{ role: 'user', content: 'zxq '.repeat(30) }] }
    await refused(CHAT, long, 400, 'context_length_exceeded', 'messages')
    await refused(
      COMPLETIONS,
      { ...HELLO, prompt: 'a'.repeat(500_000) },
      400,
      'context_length_exceeded',
      'prompt',
    )
    await refused(
      COMPLETIONS,
      { ...HELLO, prompt: Array(64).fill(5) },
      400,
      'context_length_exceeded',
      'prompt',
    )
    const last = await ask(COMPLETIONS, { ...HELLO, prompt: Array(63).fill(300) })
    assert.equal(last.usage!.completion_tokens, 1)
    await refused(
      '/v1/embeddings',
      { model: 'tiny-llama', input: Array(65).fill(5) },
      400,
      'context_length_exceeded',
      'input',
    )
    await refused('/v1/embeddings', { model: 'tiny-llama', input: '' }, 400, 'invalid_value', 'input')
  })

  const wrong: readonly (readonly [string, object, string])[] = [
    [CHAT, { messages: [] }, 'messages'],
    [CHAT, { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages[0].content[0]'],
    [CHAT, { messages: ['x'] }, 'messages[0]'],
    [CHAT, { max_tokens: 0 }, 'max_tokens'],
    [CHAT, { max_tokens: 1.5 }, 'max_tokens'],
    [CHAT, { temperature: 3 }, 'temperature'],
    [CHAT, { temperature: 'hot' }, 'temperature'],
    [CHAT, { top_p: -1 }, 'top_p'],
    [CHAT, { seed: 0.5 }, 'seed'],
    [CHAT, { stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
    [CHAT, { stop: '' }, 'stop'],
    [CHAT, { stream: 'yes' }, 'stream'],
    [CHAT, { stream_options: 1 }, 'stream_options'],
    [CHAT, { n: 2 }, 'n'],
    [CHAT, { logprobs: true }, 'logprobs'],
    [CHAT, { logit_bias: { 5: 1 } }, 'logit_bias'],
    [CHAT, { tool_choice: 'required' }, 'tool_choice'],
    [CHAT, { response_format: { type: 'json_object' } }, 'response_format'],
    [CHAT, { model: 7 }, 'model'],
    [COMPLETIONS, { prompt: '' }, 'prompt'],
    [COMPLETIONS, { prompt: [] }, 'prompt'],
    [COMPLETIONS, { prompt: Array(17).fill('a') }, 'prompt'],
    [COMPLETIONS, { prompt: [5, 512] }, 'prompt'],
    [COMPLETIONS, { prompt: [[5], 5] }, 'prompt'],
    [COMPLETIONS, { prompt: 'a', echo: true }, 'echo'],
    [COMPLETIONS, { prompt: 'a', suffix: 'b' }, 'suffix'],
    [COMPLETIONS, { prompt: 'a', best_of: 3 }, 'best_of'],
    ['/v1/embeddings', { input: 'a', dimensions: 32 }, 'dimensions'],
    ['/v1/embeddings', { input: 'a', encoding_format: 'hex' }, 'encoding_format'],
    ['/v1/embeddings', { input: Array(257).fill('a') }, 'input'],
  ]
  for (const [path, change, param] of wrong) {
    it(`names the field that it cannot use: ${path} ${JSON.stringify(change).slice(0, 60)}`, () =>
      refused(path, { ...HELLO, ...change }, 400, 'invalid_value', param))
  }

  it('refuses unknown models, paths, bodies', async () => {
    await refused(CHAT, { ...HELLO, model: 'gpt-4' }, 404, 'model_not_found', 'model')
    await refused('/v1/responses', HELLO, 404, 'not_found')
    await refused(CHAT, [], 400, 'invalid_value', 'body')
    const broken = await post(CHAT, '', { body: '{' })
    assert.equal(broken.status, 400)
    const zipped = await post(CHAT, HELLO, { headers: { 'content-encoding': 'gzip' } })
    assert.equal(zipped.status, 415)
  })

  it('refuses a body over a mebibyte, announced or not', async () => {
    const big = 'x'.repeat(1024 * 1024 + 1)
    const announced = httpRequest(`${backend.url}${CHAT}`, {
      method: 'POST',
      headers: { 'content-length': big.length },
    })
    announced.flushHeaders()
    const [early] = await once(announced, 'response')
    assert.equal(early.statusCode, 413)
    announced.on('error', () => {}).destroy()
    const chunked = httpRequest(`${backend.url}${CHAT}`, { method: 'POST' })
    chunked.on('error', () => {})
    chunked.write(big)
    const [late] = await once(chunked, 'response')
    assert.equal(late.statusCode, 413)
    chunked.destroy()
  })

  it('refuses a head that is too long', async () => {
    const response = await fetch(backend.url, { headers: { 'x-long': 'x'.repeat(20_000) } })
    assert.equal(response.status, 431)
  })

  it('forgets a request whose client has gone', async () => {
    const { hostname, port } = new URL(backend.url)
    const body = JSON.stringify({
      model: 'tiny-llama',
      input: Array(256).fill('The white whale and the Pequod'),
    })
    const head = `POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`
    const socket = connect(Number(port), hostname)
    socket.write(head + body)
    while (backend.pendingCount === 0) await new Promise(setImmediate)
    socket.destroy()
    while (backend.pendingCount > 0) await new Promise(setImmediate)
    await ask(CHAT, { ...HELLO, max_tokens: 1 })
  })

  it('serves many at once, each to its end', async () => {
    const asked = Array.from({ length: 100 }, (_, seed) => ask(CHAT, { ...HELLO, temperature: 1, seed }))
    const answers = await Promise.all(asked)
    assert.ok(answers.every(({ usage }) => usage!.completion_tokens > 0))
    assert.equal(backend.pendingCount, 0)
  })
})

describe('demo.backend limits', () => {
  it('refuses what may neither run nor wait, and serves the rest', async () => {
    const backend = await startDemoBackend({ activeMax: 1, queuedMax: 1 })
    try {
      const body = JSON.stringify({ model: 'tiny-llama', input: Array(256).fill('The white whale') })
      const embed = (): Promise<Response> => fetch(`${backend.url}/v1/embeddings`, { method: 'POST', body })
      const served = [embed(), embed()]
      while (backend.pendingCount < 2) await new Promise(setImmediate)
      const refused = await embed()
      assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1'])
      assert.deepEqual(
        (await Promise.all(served)).map(({ status }) => status),
        [200, 200],
      )
    } finally {
      await backend.close()
    }
  })

  it('refuses several prompts together when one of them finds no room', async () => {
    const backend = await startDemoBackend({ activeMax: 1, queuedMax: 1 })
    try {
      const body = JSON.stringify({ model: 'tiny-llama', prompt: ['a', 'b', 'c'], stream: true })
      const response = await fetch(`${backend.url}${COMPLETIONS}`, { method: 'POST', body })
      assert.equal(response.status, 503)
      while (backend.pendingCount > 0) await new Promise(setImmediate)
    } finally {
      await backend.close()
    }
  })

  it('slows answers down when asked', async () => {
    const backend = await startDemoBackend({ tokensPerSecond: 100 })
    try {
      const startMs = performance.now()
      const body = JSON.stringify({
        model: 'tiny-llama',
        prompt: 'The whale',
        temperature: 0,
        max_tokens: 10,
      })
      const response = await fetch(`${backend.url}${COMPLETIONS}`, { method: 'POST', body })
      assert.equal(response.status, 200)
      await response.arrayBuffer()
      // A timer may come a millisecond early.
      assert.ok(performance.now() - startMs >= 11 * 9)
      await assert.rejects(startDemoBackend({ tokensPerSecond: 0 }), { name: 'OperatorError' })
    } finally {
      await backend.close()
    }
  })

  it('asks for the key when there is one', async () => {
    const backend = await startDemoBackend({ key: 'secret' })
    try {
      const status = async (authorization?: string): Promise<number> =>
        (
          await fetch(
            `${backend.url}/v1/models`,
            authorization === undefined ? {} : { headers: { authorization } },
          )
        ).status
      assert.deepEqual(
        [await status(), await status('Bearer wrong'), await status('secret'), await status('Bearer secret')],
        [401, 401, 401, 200],
      )
    } finally {
      await backend.close()
    }
  })

  it('rejects for an address that is taken, and leaves nothing open', async () => {
    const backend = await startDemoBackend()
    const port = Number(new URL(backend.url).port)
    await assert.rejects(startDemoBackend({ port }), { code: 'EADDRINUSE' })
    await backend.close()
  })

  it('ends requests when it is closed', async () => {
    const backend = await startDemoBackend()
    const body = JSON.stringify({
      model: 'tiny-llama',
      input: Array(256).fill('The white whale and the Pequod'),
    })
    const request = fetch(`${backend.url}/v1/embeddings`, { method: 'POST', body })
    const failed = assert.rejects(request)
    while (backend.pendingCount === 0) await new Promise(setImmediate)
    await backend.close()
    await failed
  })
})
