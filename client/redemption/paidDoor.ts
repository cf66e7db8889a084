// Requests through an open door, each checked and paid by vouchers (GATEWAY §3). Owns: what happens between a request and its
// voucher. Not: which door (redeemer.ts), the count (ownMeter.ts).
import { equalBytes } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { maxBigint, minBigint } from '../../base/units.ts'
import { errorCodeOf, knock, readBody, readText, withoutLength } from './bodies.ts'
import { answerUsage, checkUsageBounds, type RequestBounds, requestBounds, textBytes } from './bounds.ts'
import type { Door } from './door.ts'
import { EventStreamReader } from './eventStream.ts'
import { apiKeyText, endpointOf } from './grant.ts'
import type { RedeemKeys } from './keys.ts'
import { type MeterState, OwnMeter } from './ownMeter.ts'
import { RedeemError } from './redeemError.ts'
import { checkStatement, type StatementPoint, statementStart } from './statement.ts'
import { pricesOf } from './tariff.ts'
import {
  type Charge,
  PATHS,
  readChargeHeaders,
  readWire,
  type Statement,
  type StreamCharge,
  statementInfo,
  streamCharge,
  voucherAccepted,
  voucherBody,
  voucherRefused,
  WIRE_BYTES_MAX,
} from './wire.ts'
import { readPaymentRequired, X402_HEADERS } from './x402Bodies.ts'

export const BODY_BYTES_MAX = 64 * 1024 * 1024
/** Vouchers for one request, before it is given up. */
const PAYMENTS_MAX = 32
/** A voucher is sent once this part of the provider's exposure is due. */
const DUE_PART = 4n
/** And at the latest so long after a charge. */
const DUE_MS = 1_000
/** A provider's word for an assignment of which too little is left. */
const USED_UP = 'assignment_used_up'
/** Part of an assignment that is believed to have been used by an earlier run. */
const EARLIER_PART = 10n
const STATEMENT_PAGES_MAX = 1_000
/** Paths of what is charged while it runs, in lines of the statement: fine-tuning and training. */
const JOB_PATHS = ['/v1/fine_tuning/jobs', PATHS.jobs]
/** Between two looks at those lines: while there are new ones, and while there are none. */
const JOB_LOOK_MS = 1_000
const JOB_LOOK_MAX_MS = 8_000

export interface PaidDoorOptions {
  readonly keys: RedeemKeys
  readonly state?: MeterState | undefined
  /** What may still be spent over all doors. */
  readonly budgetLeft: () => bigint
  /** Writes the count down, before a voucher that it is signed over leaves. */
  readonly save: (state: MeterState) => void
  readonly onCharge: (charge: {
    readonly model: string
    readonly costBase: bigint
    readonly meteredBase: bigint
  }) => void
  readonly onVoucher: (deliveredBase: bigint) => void
  /** The provider lies: nothing more goes through this door. */
  readonly onRefused: (error: RedeemError) => void
  readonly timeoutMs: number
}

export interface DoorRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
  readonly signal?: AbortSignal | undefined
}

export class PaidDoor {
  readonly door: Door
  readonly meter: OwnMeter
  readonly #options: PaidDoorOptions
  #refusal: RedeemError | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #sending: Promise<void> = Promise.resolve()
  /** Requests that wait for their payment, and what tells them that another one is over. */
  #paying = 0
  readonly #ends: (() => void)[] = []
  /** Where the statement was read to, for what other programs used. */
  #point: StatementPoint | undefined
  /** The holder has jobs here: their lines are counted from the statement, and no others. */
  #hasJobs = false
  /** What an earlier process had counted: the lines up to there. */
  readonly #startBase: bigint
  #jobTimer: ReturnType<typeof setTimeout> | undefined
  #jobPoint: StatementPoint | undefined
  #looking: Promise<boolean> | undefined

  constructor(door: Door, options: PaidDoorOptions) {
    this.door = door
    this.#options = options
    this.meter = new OwnMeter(door.tariff, door.terms.amountBase, options.state)
    this.#startBase = this.meter.state.meteredBase
  }

  /** Why nothing more goes through. */
  get refusal(): RedeemError | undefined {
    return this.#refusal
  }

  get isUsable(): boolean {
    return this.#refusal === undefined && this.meter.leftBase > 0n
  }

  /** One request, as often as it takes to pay for it. Throws RedeemError: `door` when it may be tried at another one. */
  async call(request: DoorRequest): Promise<Response> {
    if (this.#refusal !== undefined) throw this.#refusal
    const text = typeof request.body === 'string' ? request.body : ''
    const bounds = request.method === 'POST' ? requestBounds(request.path, text) : undefined
    if (JOB_PATHS.some((path) => request.path.startsWith(path))) this.#followJobs()
    if (bounds !== undefined) this.#checkMeans(bounds)
    this.meter.begin()
    let response: Response
    try {
      response = await this.#send(request)
    } catch (error) {
      // It may have been served, and not have arrived.
      if (bounds === undefined) this.meter.free()
      else this.meter.broken(bounds, 0)
      this.#ended()
      throw error
    }
    if (bounds === undefined || !response.ok) return this.#uncharged(response)
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
    return isStream ? this.#stream(response, bounds) : this.#whole(response, bounds)
  }

  #checkMeans(bounds: RequestBounds): void {
    const { tariff } = this.door
    if (pricesOf(tariff, bounds.model) === undefined)
      throw new RedeemError('unpriced', `the provider does not serve ${bounds.model}`, { path: bounds.model })
    if (this.#options.budgetLeft() <= this.meter.dueBase)
      throw new RedeemError('budget', 'the budget is spent')
    if (this.meter.leftBase <= tariff.minimumBase)
      throw new RedeemError('budget', 'the assignment is used up')
  }

  #headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { ...more, authorization: `Bearer ${apiKeyText(this.door.grant.apiKey)}` }
  }

  async #send(request: DoorRequest): Promise<Response> {
    const { method, path, headers, body, signal } = request
    const url = endpointOf(this.door.grant.baseUrl, path)
    const init = {
      method,
      redirect: 'error',
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    } as RequestInit
    let response = await knock(this.door.fetch, url, { ...init, headers: this.#headers(headers) })
    let mayRepeat = true
    for (let payments = 0; response.status === 402; payments++) {
      const demand = response.headers.get(X402_HEADERS.required)
      await response.body?.cancel().catch(() => undefined)
      if (demand === null)
        throw new RedeemError('wire', 'a 402 without its header', { path: X402_HEADERS.required })
      if (payments === PAYMENTS_MAX)
        throw new RedeemError('budget', 'the provider asks for more than this client has counted')
      const paid = await this.#pay(readPaymentRequired(demand).meteredBase, mayRepeat)
      if (paid === 'repeated') mayRepeat = false
      response = await knock(this.door.fetch, url, { ...init, headers: this.#headers(headers) })
    }
    if (response.status !== 401 && response.status !== 403 && response.status !== 410) return response
    const code = errorCodeOf(await readText(response, WIRE_BYTES_MAX))
    if (code === USED_UP)
      throw new RedeemError('budget', 'what is left of the assignment does not pay for the request')
    throw new RedeemError('door', `the provider refuses its key: HTTP ${response.status}, ${code}`, {
      path: code,
    })
  }

  /**
   * The provider asks for a voucher over so much: it gets one over what was counted here. Where that is no more than before, it gets
   * the same once more: after a crash it may have lost count, or one that was signed may not have arrived. Throws RedeemError.
   */
  async #pay(meteredBase: bigint, mayRepeat: boolean): Promise<'raised' | 'repeated' | 'waited'> {
    this.#paying++
    try {
      const others = this.meter.inFlight - this.#paying
      const { voucheredBase } = this.meter.state
      if (this.#hasJobs) await this.#lookAtJobs()
      else if (others <= 0) this.#checked(() => this.meter.reconcile(meteredBase, this.#paying))
      await this.flush()
      if (this.meter.state.voucheredBase > voucheredBase) return 'raised'
      if (others > 0) {
        await this.#nextEnd()
        return 'waited'
      }
      if (!mayRepeat || voucheredBase < minBigint(meteredBase, this.meter.state.meteredBase))
        throw new RedeemError('budget', 'the budget does not pay for what the provider asks')
      await this.flush({ isRepeated: true })
      return 'repeated'
    } finally {
      this.#paying--
    }
  }

  /** Resolves when another request is over, or in time. */
  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.timeoutMs)
      this.#ends.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #ended(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  #uncharged(response: Response): Response {
    this.meter.free()
    this.#ended()
    return response
  }

  /** Runs a check of what the provider says; what fails shuts the door for good. */
  #checked<T>(check: () => T): T {
    try {
      return check()
    } catch (error) {
      if (error instanceof RedeemError) this.#refuse(error)
      throw error
    }
  }

  #refuse(error: RedeemError): void {
    if (this.#refusal !== undefined) return
    this.#refusal = error
    this.#options.onRefused(error)
  }

  #take(bounds: RequestBounds, usage: Parameters<OwnMeter['charge']>[1], charge: Charge): void {
    this.meter.charge({ model: bounds.model }, usage, charge)
    const { meteredBase } = this.meter.state
    this.#options.onCharge({ model: bounds.model, costBase: charge.costBase, meteredBase })
    // With jobs, lines come that are in no answer.
    if (!this.#hasJobs) this.meter.reconcile(charge.meteredBase)
    this.#voucherSoon()
  }

  async #whole(response: Response, bounds: RequestBounds): Promise<Response> {
    let bytes: Uint8Array
    try {
      bytes = await readBody(response, BODY_BYTES_MAX)
    } catch (error) {
      this.meter.broken(bounds, 0)
      this.#ended()
      throw error
    }
    const { status, headers } = response
    // The answer is the program's in any case; a lie about it is not paid.
    try {
      const charge = readChargeHeaders((name) => headers.get(name))
      if (charge === undefined) this.meter.broken(bounds, bytes.length)
      else
        this.#take(bounds, answerUsage(bounds, JSON.parse(new TextDecoder().decode(bytes)) as Json), charge)
    } catch (error) {
      if (error instanceof RedeemError) this.#refuse(error)
      else this.#refuse(new RedeemError('wire', 'a charged answer is no JSON', { cause: error }))
    } finally {
      this.#ended()
    }
    return new Response(bytes as Uint8Array<ArrayBuffer>, { status, headers: withoutLength(headers) })
  }

  #takeStream(bounds: RequestBounds, { charge, line }: StreamCharge, shownBytes: number): void {
    try {
      // How much reasoning was not shown is not in the line: up to the request's own limit it may be all of it.
      checkUsageBounds(bounds, line, { shownBytes, hiddenTokens: bounds.completionTokensMax ?? 0 })
      this.#take(bounds, line, charge)
    } catch (error) {
      this.#refuse(error instanceof RedeemError ? error : new RedeemError('wire', errorText(error)))
    }
  }

  #stream(response: Response, bounds: RequestBounds): Response {
    let shownBytes = 0
    let charged: StreamCharge | undefined
    let isOver = false
    const reader = new EventStreamReader({
      data: (json) => {
        shownBytes += textBytes(json)
      },
      charge: (text) => {
        charged = readWire(streamCharge, text)
      },
    })
    const over = (): void => {
      if (isOver) return
      isOver = true
      if (charged === undefined) this.meter.broken(bounds, shownBytes)
      else this.#takeStream(bounds, charged, shownBytes)
      this.#ended()
    }
    const source = (response.body as ReadableStream<Uint8Array>).getReader()
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const { done, value } = await source.read()
          if (done || value === undefined) {
            reader.end()
            over()
            controller.close()
            return
          }
          reader.push(value)
          controller.enqueue(value)
        } catch (error) {
          over()
          const failure =
            error instanceof RedeemError
              ? error
              : new RedeemError('door', `the stream broke: ${errorText(error)}`, { cause: error })
          if (failure.code === 'wire') this.#refuse(failure)
          controller.error(failure)
        }
      },
      cancel: async (reason) => {
        over()
        await source.cancel(reason).catch(() => undefined)
      },
    })
    return new Response(body, { status: response.status, headers: withoutLength(response.headers) })
  }

  #voucherSoon(): void {
    const { dueBase } = this.meter
    if (dueBase <= 0n) return
    const send = (): void => {
      void this.flush().catch((error: unknown) => {
        // A door that does not take vouchers gets none; the window's end says the rest.
        if (error instanceof RedeemError && error.code !== 'door') this.#refuse(error)
      })
    }
    if (dueBase * DUE_PART >= this.door.session.exposureBase) {
      send()
      return
    }
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      send()
    }, DUE_MS)
    // A program that is done need not wait; one that serves flushes when it closes.
    ;(this.#timer as { unref?: () => void }).unref?.()
  }

  /** Sends a voucher over all that is due, after those under way; `isRepeated`: even if nothing is. Throws RedeemError. */
  flush({ isRepeated = false } = {}): Promise<void> {
    const result = this.#sending.then(() => this.#sendVoucher(isRepeated))
    this.#sending = result.catch(() => undefined)
    return result
  }

  async #sendVoucher(isRepeated: boolean): Promise<void> {
    const { meter, door } = this
    const budgetBase = maxBigint(0n, this.#options.budgetLeft() + meter.state.voucheredBase)
    const deliveredBase = minBigint(meter.state.meteredBase, budgetBase)
    const { voucheredBase } = meter.state
    if (isRepeated ? deliveredBase < voucheredBase : deliveredBase <= voucheredBase) return
    const { redemptionId, assignment, operator } = door.terms
    const { genesis, chainId } = door.session
    const voucher = { redemptionId, assignment, provider: operator, deliveredBase, genesis }
    const { signature } = this.#options.keys.sign(voucher, chainId)
    // What is signed is spent, whether or not it arrives.
    this.#options.save({ ...meter.state, voucheredBase: deliveredBase })
    const body = JSON.stringify(voucherBody.toJson({ deliveredBase, signature }))
    const { status, text } = await this.#ask(PATHS.vouchers, { method: 'POST', body })
    if (status === 409) {
      const { reason, message } = readWire(voucherRefused, text)
      throw new RedeemError('voucher', `the provider refuses the voucher: ${reason}: ${message}`)
    }
    if (status !== 200) throw new RedeemError('door', `the provider takes no voucher: HTTP ${status}`)
    readWire(voucherAccepted, text)
    meter.signed(deliveredBase)
    if (deliveredBase > voucheredBase) this.#options.onVoucher(deliveredBase)
  }

  async #ask(path: string, init: { readonly method?: string; readonly body?: string } = {}) {
    const headers = this.#headers(init.body === undefined ? {} : { 'content-type': 'application/json' })
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    const url = endpointOf(this.door.grant.baseUrl, path)
    const response = await knock(this.door.fetch, url, { ...init, headers, signal, redirect: 'error' })
    return { status: response.status, text: await readText(response, WIRE_BYTES_MAX) }
  }

  /**
   * Reads the provider's statement to its end, and counts what is in it by the tariff alone: for programs that use the key
   * themselves, whose requests this one does not see. Throws RedeemError, and shuts the door, when it is no honest statement.
   */
  async adoptStatement(): Promise<void> {
    await this.#readStatement(this.#point, (statement, last, known) => this.#adopt(statement, last, known))
    this.#voucherSoon()
  }

  /**
   * What the provider metered before this client came: by an earlier run of it that was killed, or by a program that had the key. By
   * the tariff alone, and at most a tenth of the assignment beyond the last voucher. Throws RedeemError, and shuts the door, beyond.
   */
  async adoptEarlier(): Promise<void> {
    const { voucheredBase, meteredBase } = this.meter.state
    if (this.door.session.meteredBase <= meteredBase) return
    await this.adoptStatement()
    this.#jobPoint = this.#point
    this.#checked(() => {
      if ((this.meter.state.meteredBase - voucheredBase) * EARLIER_PART <= this.meter.amountBase) return
      throw new RedeemError('cost', 'the provider metered more before than this client signs for unseen', {
        path: 'meteredBase',
      })
    })
  }

  /** Reads a statement from a point to its end, in checked parts. Throws RedeemError; a lie shuts the door. */
  async #readStatement(
    from: StatementPoint | undefined,
    take: (statement: Statement, last: StatementPoint, known: StatementPoint) => void,
  ): Promise<void> {
    const { redemptionId, assignment, operator } = this.door.terms
    const { genesis, chainId } = this.door.session
    const on = { genesis, chainId, redemptionId, assignment, provider: operator }
    let known = from ?? { lineCount: 0, head: statementStart(on), meteredBase: 0n }
    for (let page = 0; page < STATEMENT_PAGES_MAX; page++) {
      const { status, text } = await this.#ask(`${PATHS.statement}?after=${known.lineCount}`)
      if (status !== 200) throw new RedeemError('door', `the provider gives no statement: HTTP ${status}`)
      const isLast = this.#checked(() => {
        const statement = readWire(statementInfo, text)
        const last = checkStatement(statement, { ...on, known })
        take(statement, last, known)
        known = last
        return (
          last.lineCount === statement.lineCount &&
          (last.lineCount === 0 || equalBytes(last.head, statement.head))
        )
      })
      if (isLast) return
    }
  }

  #followJobs(): void {
    this.#hasJobs = true
    if (this.#jobTimer !== undefined || this.#refusal !== undefined) return
    const look = (pauseMs: number): void => {
      this.#jobTimer = setTimeout(() => {
        const again = (isNew: boolean): void => {
          if (this.#refusal === undefined && this.#jobTimer !== undefined)
            look(isNew ? JOB_LOOK_MS : Math.min(2 * pauseMs, JOB_LOOK_MAX_MS))
        }
        // A provider that does not answer is asked again; one that lies is not.
        void this.#lookAtJobs().then(again, () => again(false))
      }, pauseMs)
      ;(this.#jobTimer as { unref?: () => void }).unref?.()
    }
    look(JOB_LOOK_MS)
  }

  /** Counts what jobs have cost since the last look; whether there was anything. Throws RedeemError. */
  #lookAtJobs(): Promise<boolean> {
    this.#looking ??= this.#readJobs().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #readJobs(): Promise<boolean> {
    const { meteredBase } = this.meter.state
    await this.#readStatement(this.#jobPoint, (statement, last) => {
      this.meter.adoptJobs(statement, this.#startBase)
      this.#jobPoint = last
    })
    this.#voucherSoon()
    return this.meter.state.meteredBase > meteredBase
  }

  #adopt(statement: Statement, last: StatementPoint, { meteredBase }: StatementPoint): void {
    // What was counted before is in the first lines.
    const state = { meteredBase, voucheredBase: 0n }
    const known = new OwnMeter(this.door.tariff, this.door.terms.amountBase, state)
    known.adopt(statement)
    this.#point = last
    this.meter.raise(known.state.meteredBase)
  }

  close(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#jobTimer)
    this.#jobTimer = undefined
  }
}
