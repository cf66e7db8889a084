// The endpoints: request in, answer out. Owns: which there are, streaming. Not: the server and its limits (demoBackend.ts).
import type { IncomingMessage, ServerResponse } from 'node:http'
import { toHex } from '../../base/bytes.ts'
import { CHAT, COMPLETION, Envelope, embeddingOf, type Shape, usageOf } from './answers.ts'
import { noModel, notFound } from './apiError.ts'
import type { Engine } from './engine.ts'
import { Bodies, sendJson, sendText } from './http.ts'
import { BASE_NAME, type Models, type Named } from './models.ts'
import { type GenerateRequest, Requests } from './requests.ts'
import { streamAnswer } from './streaming.ts'

export const MODEL_CARD = `tiny-llama: a language model of 139,584 parameters, trained on Moby-Dick (Herman Melville, 1851).
It babbles like a sailor and makes no sense. It is for demonstrations and for tests of metering.
It reads and writes 64 tokens in all; a longer prompt is refused.
`

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal
}

type Route = (call: Call) => Promise<void> | void

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/** Answers what the demo model can do. */
export class Routes {
  readonly #models: Models
  readonly #engine: Engine
  readonly #requests: Requests
  readonly #bodies = new Bodies()
  readonly #fingerprint: string
  readonly #table: ReadonlyMap<string, Route>

  constructor(models: Models, engine: Engine) {
    this.#models = models
    this.#engine = engine
    this.#requests = new Requests(models)
    this.#fingerprint = `fp_${toHex(models.base.hash).slice(2, 12)}`
    this.#table = new Map<string, Route>([
      ['GET /', ({ response }) => sendText(response, MODEL_CARD)],
      ['GET /health', ({ response }) => this.#showHealth(response)],
      ['GET /v1/models', ({ response }) => this.#listModels(response)],
      ['POST /v1/chat/completions', (call) => this.#generate(call, CHAT)],
      ['POST /v1/completions', (call) => this.#generate(call, COMPLETION)],
      ['POST /v1/embeddings', (call) => this.#embed(call)],
    ])
  }

  /** Rejects with what `asApiError` knows, before anything was sent. */
  async answer(call: Call): Promise<void> {
    const path = (call.request.url ?? '/').split('?')[0]!
    const route = this.#table.get(`${call.request.method} ${path}`)
    if (route !== undefined) return await route(call)
    const name = /^\/v1\/models\/([^/]+)$/.exec(path)?.[1]
    if (call.request.method !== 'GET' || name === undefined) throw notFound(path.slice(0, 200))
    this.#showModel(call.response, name)
  }

  #card({ name, createdAtSeconds }: Named): unknown {
    const card = { id: name, object: 'model', created: createdAtSeconds, owned_by: 'suanli' }
    const { context } = this.#models.base.model.sizes
    return {
      ...card,
      context_length: context,
      description: MODEL_CARD,
      ...(name === BASE_NAME ? {} : { parent: BASE_NAME }),
    }
  }

  #showHealth(response: ServerResponse): void {
    const isWell = this.#engine.failure === undefined
    sendJson(response, isWell ? 200 : 503, { status: isWell ? 'ok' : 'unavailable' })
  }

  #listModels(response: ServerResponse): void {
    const data = this.#models.list().map((model) => this.#card(model))
    sendJson(response, 200, { object: 'list', data })
  }

  #showModel(response: ServerResponse, encoded: string): void {
    let name = encoded
    try {
      name = decodeURIComponent(encoded)
    } catch {
      // Not encoded text: no model has such a name.
    }
    const model = this.#models.list().find((one) => one.name === name)
    if (model === undefined) throw noModel(name.slice(0, 100))
    sendJson(response, 200, this.#card(model))
  }

  async #generate(call: Call, shape: Shape): Promise<void> {
    const body = await this.#bodies.read(call.request)
    const asked = shape === CHAT ? this.#requests.chat(body) : this.#requests.completion(body)
    const createdAtSeconds = Math.floor(Date.now() / 1_000)
    const envelope = new Envelope(shape, {
      model: asked.model,
      fingerprint: this.#fingerprint,
      createdAtSeconds,
    })
    if (asked.isStreamed) await streamAnswer({ engine: this.#engine, ...call, asked, shape, envelope })
    else await this.#sendWhole(call, asked, envelope)
  }

  async #sendWhole(
    { response, signal }: Call,
    { commands }: GenerateRequest,
    envelope: Envelope,
  ): Promise<void> {
    const texts = commands.map(() => '')
    const onText = (index: number, text: string): void => {
      texts[index] += text
    }
    const generated = await this.#engine.generateAll(commands, { signal, onText })
    const choices = generated.map(({ finish }, index) => ({ index, text: texts[index]!, finish }))
    const promptTokens = sum(commands.map(({ prompt }) => prompt.length))
    const completionTokens = sum(generated.map((one) => one.completionTokens))
    sendJson(response, 200, envelope.whole(choices, usageOf(promptTokens, completionTokens)))
  }

  async #embed({ request, response, signal }: Call): Promise<void> {
    const { model, inputs, isBase64 } = this.#requests.embedding(await this.#bodies.read(request))
    const vectors = await this.#engine.embed({ model, inputs }, signal)
    const data = vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: embeddingOf(vector, isBase64),
    }))
    const tokens = sum(inputs.map(({ length }) => length))
    const usage = { prompt_tokens: tokens, total_tokens: tokens }
    sendJson(response, 200, { object: 'list', data, model, usage })
  }
}
