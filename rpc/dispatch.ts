// From request text to response text. Owns: JSON-RPC 2.0 framing, batches, budgets. Not: transports (server.ts).
import type { Json } from '../base/field.ts'
import { methodNotFound, RPC_CODE, RpcError } from './errors.ts'
import { HeavyGate } from './heavyGate.ts'
import { HeldBytes } from './heldBytes.ts'
import { jsonSteps, writtenText } from './lazyJson.ts'
import type { Call, Method } from './method.ts'
import { type RequestScan, scanRequest } from './requestScan.ts'
import type { RpcMeter } from './rpcMeter.ts'
import { turns } from './turns.ts'

export interface DispatchLimits {
  /** Elements in one batch; at least 100. */
  readonly batchCountMax: number
  /** Nesting of arrays and objects in a request. */
  readonly depthMax: number
  /** Values in a request, counted before it is parsed. */
  readonly valuesMax: number
  /** Work units per request; a batch is one request. */
  readonly costMax: number
  /** Characters in one response. */
  readonly responseLengthMax: number
  /** Characters that requests in progress and unread answers hold, over all clients; one client may hold half. */
  readonly heldBytesMax: number
}

export const DISPATCH_LIMITS: DispatchLimits = {
  batchCountMax: 1_000,
  depthMax: 32,
  valuesMax: 50_000,
  costMax: 20_000,
  responseLengthMax: 8 * 1024 * 1024,
  heldBytesMax: 64 * 1024 * 1024,
}

/** A call of this cost waits for its turn among the heavy ones. */
const HEAVY_COST = 20
/** Characters of an answer that count as one unit of work; writing them takes about as long. */
const UNIT_LENGTH = 1_024
/** Characters of an answer that count as one more request for the rate limit. */
const REQUEST_LENGTH = 65_536
/** Light calls of a batch in progress at a time. */
const BATCH_PENDING_MAX = 256
/** Elements of a batch above the limit that are answered one by one, in batches of the limit. */
const REFUSED_BATCHES = 4

const IS_NUMBER = /^-?\d/

/** The operator's log: never the caller's mistakes. */
export interface DispatchLog {
  /** `err` is the name under which pino serialises errors. */
  error(fields: { readonly method: string; readonly err: unknown }): void
}

interface Budget {
  cost: number
  length: number
}

/** One request with what its answer needs. */
interface Asked {
  readonly request: Json
  /** The id as it stands in the request, undefined for a notification. */
  readonly idText: string | undefined
  readonly call: Call
  readonly budget: Budget
}

function errorResponse(idText: string, error: RpcError): string {
  const data = error.data === undefined ? '' : `,"data":${JSON.stringify(error.data)}`
  return `{"jsonrpc":"2.0","id":${idText},"error":{"code":${error.code},"message":${JSON.stringify(error.message)}${data}}}`
}

/** The response to a request that was unreadable, or refused before it was read. */
export function refusalText(code: number, message: string): string {
  return errorResponse('null', new RpcError(code, message))
}

/** The id of an element that was never parsed, when it is valid. */
function scannedId(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  try {
    const id = JSON.parse(text) as Json
    return id === null || typeof id === 'number' || typeof id === 'string' ? text : undefined
  } catch {
    return undefined
  }
}

export class Dispatcher {
  /** What requests in progress hold here, and unread answers in the transports. */
  readonly held: HeldBytes
  readonly #methods: ReadonlyMap<string, Method>
  readonly #limits: DispatchLimits
  readonly #log: DispatchLog
  readonly #meter: RpcMeter | undefined
  readonly #gate = new HeavyGate()

  constructor(
    methods: ReadonlyMap<string, Method>,
    limits: DispatchLimits,
    log: DispatchLog,
    meter?: RpcMeter,
  ) {
    this.#meter = meter
    this.#methods = methods
    this.#limits = limits
    this.#log = log
    this.held = new HeldBytes(limits.heldBytesMax)
  }

  /** The response text; empty for notifications, and when the caller is gone. Never throws. */
  handle(text: string, call: Call): string | Promise<string> {
    if (turns.mayStart()) return this.#handle(text, call)
    return new Promise((resolve) => turns.prompt(call.client, () => resolve(this.#handle(text, call))))
  }

  /** Refuses a request without looking at its methods; a batch gets a refusal for each of its elements. */
  refuse(text: string, code: number, message: string): string {
    return this.#refusals(this.#scan(text), new RpcError(code, message))
  }

  #scan(text: string): RequestScan {
    const { depthMax, valuesMax, batchCountMax } = this.#limits
    return scanRequest(text, { depthMax, valuesMax, elementsMax: batchCountMax * REFUSED_BATCHES })
  }

  #handle(text: string, call: Call): string | Promise<string> {
    const { depthMax, valuesMax, batchCountMax } = this.#limits
    const scan = this.#scan(text)
    if (scan.isBatch && scan.count > batchCountMax) {
      call.charge?.(batchCountMax)
      const message = `batch of ${scan.count} requests exceeds the limit of ${batchCountMax}`
      return this.#refusals(scan, new RpcError(RPC_CODE.invalidRequest, message))
    }
    if (scan.exceeds !== undefined) {
      const message =
        scan.exceeds === 'depth'
          ? `nested deeper than ${depthMax} levels`
          : `more than ${valuesMax} values in one request`
      return this.#refusals(scan, new RpcError(RPC_CODE.invalidRequest, message))
    }
    let request: Json
    try {
      request = JSON.parse(text) as Json
    } catch {
      return refusalText(RPC_CODE.parse, 'parse error: the body is not valid JSON')
    }
    call.charge?.(Array.isArray(request) ? request.length : 1)
    const budget: Budget = { cost: this.#limits.costMax, length: this.#limits.responseLengthMax }
    if (!Array.isArray(request)) {
      return this.#one({ request, idText: scan.ids[0], call, budget })
    }
    if (request.length === 0) return refusalText(RPC_CODE.invalidRequest, 'empty batch')
    return this.#batch(
      (request as readonly Json[]).map((element, i) => ({
        request: element,
        idText: scan.ids[i],
        call,
        budget,
      })),
      text.length,
    )
  }

  /** One error for each element that waits for an answer, as clients of batches expect. */
  #refusals(scan: RequestScan, error: RpcError): string {
    const idTexts = scan.ids.map(scannedId).filter((text) => text !== undefined)
    if (!scan.isBatch) return errorResponse(idTexts[0] ?? 'null', error)
    return `[${(idTexts.length === 0 ? ['null'] : idTexts).map((id) => errorResponse(id, error)).join(',')}]`
  }

  /** Answers light elements at once while the turn has room; then goes on step by step. */
  #batch(elements: readonly Asked[], textLength: number): string | Promise<string> {
    const answers: (string | Promise<string>)[] = []
    for (const element of elements) {
      if (this.#costOf(element.request) >= HEAVY_COST || !turns.hasRoom()) {
        return this.#batchInSteps(elements, answers, textLength)
      }
      answers.push(this.#one(element))
    }
    if (answers.every((answer) => typeof answer === 'string')) return joinBatch(answers as string[])
    return Promise.all(answers).then(joinBatch)
  }

  async #batchInSteps(
    elements: readonly Asked[],
    answers: (string | Promise<string>)[],
    textLength: number,
  ): Promise<string> {
    const { call } = elements[0]!
    let heldBytes = textLength
    this.held.add(call.client, textLength)
    const take = (answer: string): string => {
      heldBytes += answer.length
      this.held.add(call.client, answer.length)
      return answer
    }
    try {
      for (let i = answers.length; i < elements.length; i++) {
        if (!turns.hasRoom()) await turns.long(call.client)
        if (call.isGone?.() === true) return ''
        const isHeavy = this.#costOf(elements[i]!.request) >= HEAVY_COST
        const answer = this.#one(elements[i]!)
        if (typeof answer === 'string') answers.push(take(answer))
        else answers.push(isHeavy ? take(await answer) : answer.then(take))
        if (i % BATCH_PENDING_MAX === 0) await Promise.all(answers)
      }
      return joinBatch(await Promise.all(answers))
    } finally {
      this.held.release(call.client, heldBytes)
    }
  }

  #costOf(request: Json): number {
    const name = (request as { readonly method?: Json } | null)?.method
    return typeof name === 'string' ? (this.#methods.get(name)?.cost ?? 0) : 0
  }

  #one(asked: Asked): string | Promise<string> {
    const { request } = asked
    if (request === null || typeof request !== 'object' || Array.isArray(request)) {
      return refusalText(RPC_CODE.invalidRequest, 'invalid request: expected an object')
    }
    const { id, method: name, params, jsonrpc } = request as { readonly [key: string]: Json | undefined }
    if (id !== undefined && id !== null && typeof id !== 'number' && typeof id !== 'string') {
      return refusalText(RPC_CODE.invalidRequest, 'invalid request: id must be a string, a number or null')
    }
    const idText = id === undefined ? undefined : idTextOf(id, asked.idText)
    const invalid = (reason: string): string =>
      errorResponse(idText ?? 'null', new RpcError(RPC_CODE.invalidRequest, `invalid request: ${reason}`))
    if (typeof name !== 'string') return invalid('method must be a string')
    if (jsonrpc !== undefined && jsonrpc !== '2.0') return invalid('jsonrpc must be "2.0"')
    if (params !== undefined && typeof params !== 'object') {
      return invalid('params must be an array or an object')
    }
    const method = this.#methods.get(name)
    if (method === undefined) {
      this.#meter?.note(name, 'refused', 0)
      return this.#failure(idText, name, methodNotFound(name))
    }
    const answered = { ...asked, idText }
    return method.cost >= HEAVY_COST
      ? this.#heavy(answered, method, params ?? undefined)
      : this.#run(answered, method, params ?? undefined)
  }

  /** A heavy call waits until few of its client, and few in all, are in progress. */
  #heavy(asked: Asked, method: Method, params: Json | undefined): string | Promise<string> {
    const { client } = asked.call
    if (this.held.isFullFor(client)) return this.#unread(asked, method)
    const entered = this.#gate.enter(client)
    if (entered !== undefined) return this.#heavyLater(entered, asked, method, params)
    const answer = this.#run(asked, method, params)
    if (typeof answer !== 'string') return answer.finally(() => this.#gate.leave(client))
    this.#gate.leave(client)
    return answer
  }

  #unread(asked: Asked, method: Method): string {
    const message = 'this node holds too many answers that were not read yet: retry later'
    return this.#failure(asked.idText, method.name, new RpcError(RPC_CODE.limit, message))
  }

  async #heavyLater(
    entered: Promise<void>,
    asked: Asked,
    method: Method,
    params: Json | undefined,
  ): Promise<string> {
    await entered
    try {
      if (!turns.hasRoom()) await turns.long(asked.call.client)
      if (asked.call.isGone?.() === true) return ''
      // Those before it may have filled the memory.
      if (this.held.isFullFor(asked.call.client)) return this.#unread(asked, method)
      return await this.#run(asked, method, params)
    } finally {
      this.#gate.leave(asked.call.client)
    }
  }

  #run(asked: Asked, method: Method, params: Json | undefined): string | Promise<string> {
    const { idText, budget, call } = asked
    const { name } = method
    const startedMs = performance.now()
    const refuse = (error: unknown): string => {
      const outcome = error instanceof RpcError ? 'refused' : 'failed'
      this.#meter?.note(name, outcome, performance.now() - startedMs)
      return this.#failure(idText, name, error)
    }
    const answer = (result: Json): string | Promise<string> => {
      this.#meter?.note(name, 'ok', performance.now() - startedMs)
      return this.#success(asked, name, result)
    }
    let outcome: Json | Promise<Json>
    try {
      this.#spend(budget, method)
      outcome = method.invoke(params, call)
    } catch (error) {
      return refuse(error)
    }
    return outcome instanceof Promise ? outcome.then(answer, refuse) : answer(outcome)
  }

  /** Refuses before any work is done, once the cost or the length of the answers so far is used up. */
  #spend(budget: Budget, method: Method): void {
    if (budget.length < 0) throw this.#tooLong()
    budget.cost -= method.cost
    if (budget.cost >= 0) return
    const most = Math.max(1, Math.floor(this.#limits.costMax / method.cost))
    throw new RpcError(
      RPC_CODE.limit,
      `this batch exceeds the work limit of one request: at most ${most} calls of ${method.name} fit, fewer when their answers are long`,
    )
  }

  #tooLong(): RpcError {
    return new RpcError(
      RPC_CODE.limit,
      `the response exceeds ${this.#limits.responseLengthMax} characters: request less at a time`,
    )
  }

  #success(asked: Asked, name: string, result: Json): string | Promise<string> {
    if (asked.idText === undefined) return ''
    try {
      const known = writtenText(result)
      if (known !== undefined) return this.#written(asked, name, known)
      const steps = jsonSteps(result)
      if (steps === undefined) return this.#written(asked, name, JSON.stringify(result))
      return this.#writeSteps(asked, name, steps)
    } catch (error) {
      return this.#failure(asked.idText, name, error)
    }
  }

  /** Writes a long answer, at once while the turn has room. */
  #writeSteps(asked: Asked, name: string, steps: Generator<string>): string | Promise<string> {
    let text = ''
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      text += step.value
      if (text.length > asked.budget.length) break
      if (!turns.hasRoom()) return this.#writeLater(asked, name, steps, text)
    }
    return this.#written(asked, name, text)
  }

  async #writeLater(asked: Asked, name: string, steps: Generator<string>, begin: string): Promise<string> {
    const { client } = asked.call
    let text = begin
    try {
      await turns.long(client)
      for (let step = steps.next(); step.done !== true; step = steps.next()) {
        text += step.value
        if (text.length > asked.budget.length || asked.call.isGone?.() === true) break
        if (!turns.hasRoom()) await turns.long(client)
      }
      return this.#written(asked, name, text)
    } catch (error) {
      return this.#failure(asked.idText, name, error)
    }
  }

  /** Charges an answer by what it holds. */
  #written(asked: Asked, name: string, text: string): string {
    const { budget, idText, call } = asked
    budget.length -= text.length
    budget.cost -= Math.floor(text.length / UNIT_LENGTH)
    if (text.length >= REQUEST_LENGTH) call.charge?.(Math.floor(text.length / REQUEST_LENGTH))
    if (budget.length < 0) return this.#failure(idText, name, this.#tooLong())
    return `{"jsonrpc":"2.0","id":${idText},"result":${text}}`
  }

  #failure(idText: string | undefined, name: string, error: unknown): string {
    if (!(error instanceof RpcError)) this.#log.error({ method: name, err: error })
    if (idText === undefined) return ''
    if (error instanceof RpcError) return errorResponse(idText, error)
    return errorResponse(idText, new RpcError(RPC_CODE.internal, 'internal error'))
  }
}

/** The id as it was written: a number beyond 2^53 or 1e400 has no other exact form. */
function idTextOf(id: string | number | null, scanned: string | undefined): string {
  if (scanned === undefined) return JSON.stringify(id)
  const isSame = typeof id === 'number' ? IS_NUMBER.test(scanned) : scanned[0] === (id === null ? 'n' : '"')
  return isSame ? scanned : JSON.stringify(id)
}

function joinBatch(answers: readonly string[]): string {
  const owed = answers.filter((answer) => answer !== '')
  if (owed.length === 0) return ''
  // The brackets go into the parts, so that the long text is made once.
  owed[0] = `[${owed[0]}`
  owed[owed.length - 1] += ']'
  return owed.join(',')
}
