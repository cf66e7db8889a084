// From request text to response text. Owns: JSON-RPC 2.0 framing, batches, budgets. Not: transports (server.ts).
import type { Json } from '../base/field.ts'
import { methodNotFound, RPC_CODE, RpcError } from './errors.ts'
import type { Call, Method } from './method.ts'

export interface DispatchLimits {
  /** Elements in one batch; at least 100. */
  readonly batchCountMax: number
  /** Nesting of arrays and objects in a request. */
  readonly depthMax: number
  /** Work units per request; a batch is one request. */
  readonly costMax: number
  /** Characters in one response. */
  readonly responseLengthMax: number
}

export const DISPATCH_LIMITS: DispatchLimits = {
  batchCountMax: 1_000,
  depthMax: 32,
  costMax: 20_000,
  responseLengthMax: 32 * 1024 * 1024,
}

/** From this cost on, a batch runs its elements one at a time. */
const HEAVY_COST = 20

/** The operator's log: never the caller's mistakes. */
export interface DispatchLog {
  /** `err` is the name under which pino serialises errors. */
  error(fields: { readonly method: string; readonly err: unknown }): void
}

interface Budget {
  cost: number
  length: number
}

/** Whether arrays and objects nest at most `depthMax` deep, without parsing. */
export function withinDepth(text: string, depthMax: number): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) i = stringEnd(text, i)
    else if (c === 91 || c === 123) {
      if (++depth > depthMax) return false
    } else if (c === 93 || c === 125) depth--
  }
  return true
}

const QUOTE = 34
const BACKSLASH = 92

/** Index of the closing quote of the string at `start`; the text's length when there is none. */
function stringEnd(text: string, start: number): number {
  // Most bytes of a transaction request are inside strings, where indexOf is far faster than a loop.
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let first = at
    while (text.charCodeAt(first - 1) === BACKSLASH) first--
    if ((at - first) % 2 === 0) return at
  }
  return text.length
}

function errorResponse(idText: string, error: RpcError): string {
  const data = error.data === undefined ? '' : `,"data":${JSON.stringify(error.data)}`
  return `{"jsonrpc":"2.0","id":${idText},"error":{"code":${error.code},"message":${JSON.stringify(error.message)}${data}}}`
}

/** The response to a request that was unreadable, or refused before it was read. */
export function refusalText(code: number, message: string): string {
  return errorResponse('null', new RpcError(code, message))
}

export class Dispatcher {
  readonly #methods: ReadonlyMap<string, Method>
  readonly #limits: DispatchLimits
  readonly #log: DispatchLog

  constructor(methods: ReadonlyMap<string, Method>, limits: DispatchLimits, log: DispatchLog) {
    this.#methods = methods
    this.#limits = limits
    this.#log = log
  }

  /** The response text; empty for notifications. Never throws. */
  handle(text: string, call: Call): string | Promise<string> {
    if (!withinDepth(text, this.#limits.depthMax)) {
      return refusalText(RPC_CODE.invalidRequest, `nested deeper than ${this.#limits.depthMax} levels`)
    }
    let request: Json
    try {
      request = JSON.parse(text) as Json
    } catch {
      return refusalText(RPC_CODE.parse, 'parse error: the body is not valid JSON')
    }
    call.charge?.(Array.isArray(request) ? request.length : 1)
    const budget: Budget = { cost: this.#limits.costMax, length: this.#limits.responseLengthMax }
    return Array.isArray(request) ? this.#batch(request, call, budget) : this.#one(request, call, budget)
  }

  #batch(requests: readonly Json[], call: Call, budget: Budget): string | Promise<string> {
    const { batchCountMax } = this.#limits
    if (requests.length === 0) return refusalText(RPC_CODE.invalidRequest, 'empty batch')
    if (requests.length > batchCountMax) {
      return refusalText(
        RPC_CODE.invalidRequest,
        `batch of ${requests.length} requests exceeds the limit of ${batchCountMax}`,
      )
    }
    const answers: (string | Promise<string>)[] = []
    for (let i = 0; i < requests.length; i++) {
      const answer = this.#one(requests[i]!, call, budget)
      answers.push(answer)
      if (typeof answer !== 'string' && this.#costOf(requests[i]!) >= HEAVY_COST) {
        return this.#batchSlowly(requests, answers, call, budget)
      }
    }
    if (answers.every((a) => typeof a === 'string')) return joinBatch(answers as string[])
    return Promise.all(answers).then(joinBatch)
  }

  /** Continues one element at a time after a heavy one, so that a request never has many disk reads in flight. */
  async #batchSlowly(
    requests: readonly Json[],
    answers: (string | Promise<string>)[],
    call: Call,
    budget: Budget,
  ): Promise<string> {
    const done = await Promise.all(answers)
    for (let i = done.length; i < requests.length; i++) done.push(await this.#one(requests[i]!, call, budget))
    return joinBatch(done)
  }

  #costOf(request: Json): number {
    const name = (request as { readonly method?: Json } | null)?.method
    return typeof name === 'string' ? (this.#methods.get(name)?.cost ?? 0) : 0
  }

  #one(request: Json, call: Call, budget: Budget): string | Promise<string> {
    if (request === null || typeof request !== 'object' || Array.isArray(request)) {
      return refusalText(RPC_CODE.invalidRequest, 'invalid request: expected an object')
    }
    const { id, method: name, params, jsonrpc } = request as { readonly [key: string]: Json | undefined }
    const owed = id !== undefined
    if (owed && id !== null && typeof id !== 'number' && typeof id !== 'string') {
      return refusalText(RPC_CODE.invalidRequest, 'invalid request: id must be a string, a number or null')
    }
    const idText = typeof id === 'number' ? `${id}` : JSON.stringify(id ?? null)
    if (typeof name !== 'string' || (jsonrpc !== undefined && jsonrpc !== '2.0')) {
      const reason = typeof name !== 'string' ? 'method must be a string' : 'jsonrpc must be "2.0"'
      return errorResponse(idText, new RpcError(RPC_CODE.invalidRequest, `invalid request: ${reason}`))
    }
    if (params !== undefined && (params === null || typeof params !== 'object')) {
      const error = new RpcError(
        RPC_CODE.invalidRequest,
        'invalid request: params must be an array or an object',
      )
      return errorResponse(idText, error)
    }
    let outcome: Json | Promise<Json>
    try {
      outcome = this.#invoke(name, params, call, budget)
    } catch (error) {
      return owed ? this.#failure(idText, name, error) : ''
    }
    if (outcome instanceof Promise) {
      return outcome.then(
        (result) => (owed ? this.#success(idText, name, result, budget) : ''),
        (error: unknown) => (owed ? this.#failure(idText, name, error) : ''),
      )
    }
    return owed ? this.#success(idText, name, outcome, budget) : ''
  }

  #invoke(name: string, params: Json | undefined, call: Call, budget: Budget): Json | Promise<Json> {
    const method = this.#methods.get(name)
    if (method === undefined) throw methodNotFound(name)
    budget.cost -= method.cost
    if (budget.cost < 0) {
      const most = Math.max(1, Math.floor(this.#limits.costMax / method.cost))
      throw new RpcError(
        RPC_CODE.limit,
        `this batch exceeds the work limit of one request: at most ${most} calls of ${name} fit`,
      )
    }
    return method.invoke(params, call)
  }

  #success(idText: string, name: string, result: Json, budget: Budget): string {
    let text: string
    try {
      text = JSON.stringify(result)
    } catch (error) {
      return this.#failure(idText, name, error)
    }
    budget.length -= text.length
    if (budget.length < 0) {
      const error = new RpcError(
        RPC_CODE.limit,
        `the response exceeds ${this.#limits.responseLengthMax} characters: request less at a time`,
      )
      return errorResponse(idText, error)
    }
    return `{"jsonrpc":"2.0","id":${idText},"result":${text}}`
  }

  #failure(idText: string, name: string, error: unknown): string {
    if (error instanceof RpcError) return errorResponse(idText, error)
    this.#log.error({ method: name, err: error })
    return errorResponse(idText, new RpcError(RPC_CODE.internal, 'internal error'))
  }
}

function joinBatch(answers: readonly string[]): string {
  const owed = answers.filter((answer) => answer !== '')
  return owed.length === 0 ? '' : `[${owed.join(',')}]`
}
