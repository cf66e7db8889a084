// One request to a model, from its body to its line in the statement. Owns: the order of things: reserve, slot, backend, answer,
// charge. Whatever goes wrong, what was reserved is charged or released, and the slot is left.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { minBigint } from '../../base/units.ts'
import { costOf, pricedAs } from '../../client/redemption/tariff.ts'
import { NO_USAGE, type Usage } from '../../client/redemption/usage.ts'
import {
  CHARGE_COMMENT,
  COST_HEADERS,
  chargeHeaders,
  type StreamCharge,
  streamCharge,
} from '../../client/redemption/wire.ts'
import { harmless } from '../gatewayLog.ts'
import { StreamUsage, usageOfAnswer } from '../meter/answerUsage.ts'
import type { Call } from '../meter/price.ts'
import type { Session } from '../sessions.ts'
import { type Admitted, admit } from './admit.ts'
import { type Headers, later, Refusal, sendBytes } from './answers.ts'
import { type Backend, BackendError, parsed } from './backend.ts'
import { parseBody, readBody } from './body.ts'
import type { GatewayContext } from './context.ts'
import { textOfPart } from './generated.ts'
import { forwarded, prepare } from './prepare.ts'
import { passStream } from './streaming.ts'

interface Exchange {
  readonly context: GatewayContext
  readonly session: Session
  readonly call: Call
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Of the payment that came with the request. */
  readonly headers: Headers
}

/** Serves one of the calls under `/v1`. Rejects with Refusal or PaymentDue before anything is sent. */
export async function generate(exchange: Exchange): Promise<void> {
  const { context, session, call, request, response } = exchange
  const { config, ledger, tariff, backends, jobs, log } = context
  const bytes = await readBody(request, config.limits.bodyBytesMax)
  const body = parseBody(bytes)
  if (config.LOG_PROMPTS_OF_CUSTOMERS) log.info({ call, body }, 'PROMPT OF A CUSTOMER')
  const backendOf = (model: string): Backend | undefined =>
    backends.get(model) ?? jobs?.backendOf(session, model)
  const asked = prepare({ call, body, bytes, backendOf, tariff })
  const gone = new AbortController()
  const onClose = (): void => gone.abort()
  response.once('close', onClose)
  try {
    if (response.destroyed) return
    const { queueMs } = config.limits
    const admitted = await admit({ prepared: asked, session, ledger, tariff, queueMs, signal: gone.signal })
    await new Serving(exchange, admitted, gone.signal).run(forwarded(admitted.prepared, body))
  } finally {
    response.off('close', onClose)
  }
}

/** A request that has its reservation and its slot. */
class Serving {
  readonly #exchange: Exchange
  readonly #admitted: Admitted
  readonly #signal: AbortSignal
  #isSettled = false

  constructor(exchange: Exchange, admitted: Admitted, signal: AbortSignal) {
    this.#exchange = exchange
    this.#admitted = admitted
    this.#signal = signal
  }

  async run(body: Uint8Array | string): Promise<void> {
    const { context, session, call } = this.#exchange
    const { backend } = this.#admitted.prepared
    try {
      const answer = await backend.post(`/v1/${call}`, body, this.#signal)
      const status = answer.statusCode ?? 502
      if (status >= 300) await this.#fail(answer, status)
      else if (/^text\/event-stream\b/.test(answer.headers['content-type'] ?? '')) await this.#stream(answer)
      else await this.#whole(answer)
    } catch (error) {
      if (this.#signal.aborted || !(error instanceof BackendError)) throw error
      context.metrics.add('backend_failures_total', { backend: backend.name, kind: error.kind })
      context.log.warn({ backend: backend.name, kind: error.kind }, harmless(error.message))
      throw new Refusal(
        error.kind === 'stalled' ? 504 : 502,
        'backend_unavailable',
        'the model does not answer',
        {
          headers: later(5),
        },
      )
    } finally {
      if (!this.#isSettled) context.ledger.release(session.opened, this.#admitted.reservation)
      this.#admitted.leave()
    }
  }

  /** What the backend refuses: the client's own mistakes are passed on, its troubles are not told. */
  async #fail(answer: IncomingMessage, status: number): Promise<never> {
    const { context } = this.#exchange
    const { backend } = this.#admitted.prepared
    const json = parsed(await backend.readAll(answer)) as { readonly error?: unknown } | undefined
    context.metrics.add('backend_failures_total', { backend: backend.name, kind: `${status}` })
    if (status === 429 || status === 503)
      throw new Refusal(429, 'backend_busy', 'the model is busy', { headers: later(2) })
    const isMistake = status >= 400 && status < 500 && status !== 401 && status !== 403
    const given = json?.error as
      | { readonly message?: unknown; readonly code?: unknown; readonly param?: unknown }
      | undefined
    if (isMistake && typeof given?.message === 'string') {
      const param = typeof given.param === 'string' ? { param: harmless(given.param) } : {}
      const code = typeof given.code === 'string' ? harmless(given.code) : 'invalid_request'
      throw new Refusal(status, code, given.message.slice(0, 2_000), param)
    }
    context.log.warn({ backend: backend.name, status }, 'a backend refuses')
    throw new Refusal(502, 'backend_unavailable', 'the model does not answer', { headers: later(5) })
  }

  async #whole(answer: IncomingMessage): Promise<void> {
    const { context, call, response, headers, session } = this.#exchange
    const { prepared, reservation } = this.#admitted
    const { backend, model, body } = prepared
    const bytes = await backend.readAll(answer, context.config.limits.answerBytesMax)
    const json = parsed(bytes)
    if (json === undefined) throw new BackendError('broken', `${backend.name}: the answer is not JSON`)
    let usage = usageOfAnswer(call, json)
    if (usage === undefined) usage = await this.#count(textOfPart(json as never), JSON.stringify(body))
    await reservation.isCovered
    if (this.#signal.aborted) return
    const charged = await this.#charge(model, usage)
    const charge = charged?.charge ?? context.ledger.chargeOf(session.opened, 0n)
    sendBytes(response, 200, 'application/json', bytes, { ...headers, ...chargeHeaders(charge) })
  }

  async #stream(answer: IncomingMessage): Promise<void> {
    const { context, call, response, headers } = this.#exchange
    const { prepared, reservation } = this.#admitted
    const { model, backend, body, bytes } = prepared
    const usage = new StreamUsage(call, bytes.length)
    const counts = backend.config.tokenizerUrl !== undefined
    let text = ''
    const { end, done, hasSent } = await passStream({
      answer,
      response,
      usage,
      wantsUsage: prepared.wantsUsage || call === 'responses',
      partsMax: prepared.bound.choices * prepared.bound.answerTokens,
      bytesMax: context.config.limits.answerBytesMax,
      begin: async () => {
        await reservation.isCovered
        if (!this.#signal.aborted) this.#beginStream(headers)
      },
      ...(counts ? { onText: (part) => void (text += textOfPart(part)) } : {}),
    })
    if (end !== 'end') context.metrics.add('streams_broken_total', { by: end })
    const counted =
      usage.isReported || !counts || !hasSent
        ? usage.usage()
        : await this.#count(text, JSON.stringify(body), usage.usage())
    if (usage.isMalformed || (end === 'end' && !usage.isReported && !counts)) this.#doubt('missing')
    const charged = await this.#charge(model, counted)
    this.#endStream({ end, done, charged })
  }

  #beginStream(headers: Headers): void {
    const { response } = this.#exchange
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // Proxies that gather a stream would hold every token back.
      'X-Accel-Buffering': 'no',
      Trailer: Object.values(COST_HEADERS).join(', '),
      ...headers,
    })
    response.flushHeaders()
  }

  #endStream({
    end,
    done,
    charged,
  }: {
    end: string
    done: Uint8Array | undefined
    charged: StreamCharge | undefined
  }): void {
    const { response } = this.#exchange
    if (response.destroyed) return
    if (end === 'backend') {
      const error = {
        message: 'the model broke off',
        type: 'server_error',
        code: 'backend_broken',
        param: null,
      }
      response.write(`data: ${JSON.stringify({ error })}\n\n`)
    }
    if (charged !== undefined) {
      response.addTrailers(chargeHeaders(charged.charge))
      response.write(`${CHARGE_COMMENT}${JSON.stringify(streamCharge.toJson(charged))}\n\n`)
    }
    response.end(done)
  }

  /** By the tokenizer, where there is one; what was generated counts at least as `known`. */
  async #count(text: string, prompt: string, known: Usage = NO_USAGE): Promise<Usage> {
    const { call } = this.#exchange
    const { backend, model } = this.#admitted.prepared
    const [promptTokens, completionTokens] = await Promise.all([
      backend.countTokens(model, prompt),
      backend.countTokens(model, text),
    ])
    if (promptTokens === undefined || completionTokens === undefined) this.#doubt('missing')
    if (call === 'embeddings') return { ...NO_USAGE, embeddingTokens: promptTokens ?? 0 }
    return {
      ...NO_USAGE,
      promptTokens: promptTokens ?? known.promptTokens,
      completionTokens: Math.max(completionTokens ?? 0, known.completionTokens),
    }
  }

  #doubt(kind: string): void {
    const { context } = this.#exchange
    const { backend } = this.#admitted.prepared
    context.metrics.add('usage_doubts_total', { backend: backend.name, kind })
    context.log.warn({ backend: backend.name, kind }, 'a usage that cannot be believed')
  }

  /** A backend that counts more than the request allowed is not believed. */
  #within(usage: Usage): Usage {
    const { bound } = this.#admitted.prepared
    const completionMax = bound.choices * bound.answerTokens
    const isWithin =
      usage.promptTokens <= bound.promptTokens &&
      usage.completionTokens <= completionMax &&
      usage.embeddingTokens <= bound.promptTokens
    if (isWithin) return usage
    this.#doubt('beyond')
    const promptTokens = Math.min(usage.promptTokens, bound.promptTokens)
    return {
      ...usage,
      promptTokens,
      cachedPromptTokens: Math.min(usage.cachedPromptTokens, promptTokens),
      completionTokens: Math.min(usage.completionTokens, completionMax),
      embeddingTokens: Math.min(usage.embeddingTokens, bound.promptTokens),
    }
  }

  /** The line that is on disk now; undefined where nothing was used. */
  async #charge(model: string, given: Usage): Promise<StreamCharge | undefined> {
    const { context, session } = this.#exchange
    const { ledger, tariff, metrics } = context
    const { reservation } = this.#admitted
    const usage = this.#within(given)
    const costBase = minBigint(costOf(tariff, { model }, usage), reservation.costMaxBase)
    this.#isSettled = true
    if (costBase === 0n && usage.promptTokens + usage.completionTokens + usage.embeddingTokens === 0) {
      ledger.release(session.opened, reservation)
      return undefined
    }
    // What a customer calls a model of its own is in no label.
    const label = { model: pricedAs(tariff, model) }
    metrics.add('prompt_tokens_total', label, usage.promptTokens + usage.embeddingTokens)
    metrics.add('completion_tokens_total', label, usage.completionTokens)
    metrics.add('metered_coins_total', {}, Number(costBase) / 1e18)
    return ledger.charge(session.opened, reservation, {
      model,
      usage,
      costBase,
      atMs: Math.floor(context.book.time.nowMs()),
    })
  }
}
