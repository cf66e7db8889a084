// An OpenAI-compatible backend that can lie, stall and break. Owns: what it answers and what it saw. One word is one token.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Behaviour =
  | 'honest'
  /** Waits for `release()` before its answer. */
  | 'held'
  /** Silent after two tokens. */
  | 'stalls'
  /** Destroys the connection after two tokens. */
  | 'breaks'
  /** Counts a million tokens. */
  | 'lies'
  | 'malformedUsage'
  | 'noUsage'
  /** Never stops by itself. */
  | 'endless'
  | 'refuses'
  | 'fails'
  | 'html'
  /** Usage in every part of a stream. */
  | 'continuous'
  /** Goes on after `[DONE]`, with text and another usage, and never closes. */
  | 'babbles'
  /** One event without an end, in large pieces. */
  | 'floods'

export interface Seen {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: { readonly [name: string]: unknown }
}

const WORDS_DEFAULT = 5
const FLOOD_BYTES = 262_144

export class FakeUpstream {
  behaviour: Behaviour = 'honest'
  /** Cached prompt tokens that it reports. */
  cachedTokens = 0
  readonly seen: Seen[] = []
  /** Tokens that were written to anybody. */
  tokensSent = 0
  aborted = 0
  readonly #server: Server
  #held: (() => void)[] = []
  #onAbort: (() => void)[] = []
  #onSeen: (() => void)[] = []

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(): Promise<FakeUpstream> {
    const upstream = new FakeUpstream()
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  release(): void {
    const held = this.#held
    this.#held = []
    for (const go of held) go()
  }

  /** Resolves when a request was given up. */
  nextAbort(): Promise<void> {
    return new Promise((resolve) => this.#onAbort.push(resolve))
  }

  /** Resolves once this many requests were seen. */
  async requests(count: number): Promise<void> {
    while (this.seen.length < count) await new Promise<void>((resolve) => this.#onSeen.push(resolve))
  }

  async close(): Promise<void> {
    this.release()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Uint8Array[] = []
    for await (const part of request as AsyncIterable<Uint8Array>) parts.push(part)
    const text = Buffer.concat(parts).toString('utf8')
    const body = (text === '' ? {} : JSON.parse(text)) as Seen['body']
    this.seen.push({ path: request.url ?? '', headers: request.headers, body })
    for (const tell of this.#onSeen.splice(0)) tell()
    response.on('close', () => {
      if (response.writableFinished) return
      this.aborted++
      for (const tell of this.#onAbort.splice(0)) tell()
    })
    if (this.behaviour === 'held') await new Promise<void>((resolve) => this.#held.push(resolve))
    if (response.destroyed) return
    if (request.url === '/tokenize')
      this.#json(response, { tokens: String(body.prompt).split(/\s+/).filter(Boolean) })
    else if (this.behaviour === 'refuses') {
      this.#json(
        response,
        {
          error: {
            message: 'too long',
            type: 'invalid_request_error',
            code: 'context_length_exceeded',
            param: 'messages',
          },
        },
        400,
      )
    } else if (this.behaviour === 'fails')
      this.#json(response, { error: 'at /secret/path: out of memory' }, 500)
    else if (this.behaviour === 'html')
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>moved')
    else if (request.url === '/v1/embeddings') this.#embed(response, body)
    else if (body.stream === true) this.#stream(request.url ?? '', response, body)
    else this.#whole(request.url ?? '', response, body)
  }

  #json(response: ServerResponse, body: unknown, status = 200): void {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
  }

  #usage(body: Seen['body'], completion: number): object | undefined {
    if (this.behaviour === 'noUsage') return undefined
    if (this.behaviour === 'malformedUsage') return { prompt_tokens: -1, completion_tokens: 1.5 }
    const prompt = JSON.stringify(body.messages ?? body.prompt ?? body.input ?? '').split(/\s+/).length
    const lie = this.behaviour === 'lies' ? 1_000_000 : 0
    return {
      prompt_tokens: prompt + lie,
      completion_tokens: completion + lie,
      total_tokens: prompt + completion + 2 * lie,
      ...(this.cachedTokens === 0 ? {} : { prompt_tokens_details: { cached_tokens: this.cachedTokens } }),
    }
  }

  #words(body: Seen['body']): number {
    return Number(body.max_tokens ?? body.max_completion_tokens ?? body.max_output_tokens ?? WORDS_DEFAULT)
  }

  #embed(response: ServerResponse, body: Seen['body']): void {
    const usage = this.#usage(body, 0)
    this.#json(response, {
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
      model: body.model,
      usage,
    })
  }

  #whole(path: string, response: ServerResponse, body: Seen['body']): void {
    const count = this.#words(body)
    this.tokensSent += count
    const content = 'word '.repeat(count)
    const usage = this.#usage(body, count)
    if (path === '/v1/responses') {
      const { prompt_tokens: input_tokens, completion_tokens: output_tokens } = (usage ?? {}) as Record<
        string,
        number
      >
      this.#json(response, { object: 'response', output: [], usage: { input_tokens, output_tokens } })
    } else if (path === '/v1/completions') this.#json(response, { choices: [{ text: content }], usage })
    else
      this.#json(response, {
        object: 'chat.completion',
        choices: [{ index: 0, message: { role: 'assistant', content } }],
        usage,
      })
  }

  #stream(path: string, response: ServerResponse, body: Seen['body']): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    const isChat = path === '/v1/chat/completions'
    const count = this.behaviour === 'endless' ? 1e9 : this.#words(body)
    let at = 0
    const step = (): void => {
      if (response.destroyed) return
      if (this.behaviour === 'floods') {
        // As fast as it is taken.
        if (response.write(Buffer.alloc(FLOOD_BYTES, 'x'))) setImmediate(step)
        else response.once('drain', step)
        return
      }
      const isBroken = this.behaviour === 'breaks' || this.behaviour === 'stalls'
      if (isBroken && at === 2) {
        if (this.behaviour === 'breaks') response.destroy()
        return
      }
      if (at === count) {
        const asked = (body.stream_options as { include_usage?: boolean } | undefined)?.include_usage === true
        const usage = asked ? this.#usage(body, count) : undefined
        if (usage !== undefined) response.write(`data: ${JSON.stringify({ choices: [], usage })}\n\n`)
        if (this.behaviour !== 'babbles') return void response.end('data: [DONE]\n\n')
        const more = {
          choices: [{ index: 0, delta: { content: 'more ' } }],
          usage: { ...usage, completion_tokens: 1 },
        }
        response.write(`data: [DONE]\n\ndata: ${JSON.stringify(more)}\n\n`)
        return
      }
      at++
      this.tokensSent++
      const choice = isChat ? { index: 0, delta: { content: 'word ' } } : { index: 0, text: 'word ' }
      const usage = this.behaviour === 'continuous' ? { usage: this.#usage(body, at) } : {}
      response.write(`data: ${JSON.stringify({ object: 'chunk', choices: [choice], ...usage })}\n\n`)
      setImmediate(step)
    }
    step()
  }
}
