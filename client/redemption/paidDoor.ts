// Requests through an open door, each checked and paid by vouchers (GATEWAY §3). Owns: what happens between a request and its
// voucher. Not: which door (redeemer.ts), the count (ownMeter.ts), vouchers (voucherSender.ts), the statement (statementCount.ts).
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { minBigint } from '../../base/units.ts'
import { errorCodeOf, knock, readBody, readText, withoutLength } from './bodies.ts'
import { answerUsage, checkUsageBounds, type RequestBounds, requestBounds } from './bounds.ts'
import { countedStream, type StreamEnd } from './countedStream.ts'
import type { Door } from './door.ts'
import { DoorCore, type PaidDoorOptions } from './doorCore.ts'
import { endpointOf } from './grant.ts'
import type { OwnMeter } from './ownMeter.ts'
import { RedeemError } from './redeemError.ts'
import { StatementCount } from './statementCount.ts'
import { pricesOf } from './tariff.ts'
import { VoucherSender } from './voucherSender.ts'
import { type Charge, PATHS, readChargeHeaders, type StreamCharge, WIRE_BYTES_MAX } from './wire.ts'
import { readPaymentRequired, X402_HEADERS } from './x402Bodies.ts'

export const BODY_BYTES_MAX = 64 * 1024 * 1024
/** Vouchers for one request, before it is given up. */
const PAYMENTS_MAX = 32
/** A provider's word for an assignment of which too little is left. */
const USED_UP = 'assignment_used_up'
/** Paths of what is charged while it runs, in lines of the statement: fine-tuning and training. */
const JOB_PATHS = ['/v1/fine_tuning/jobs', PATHS.jobs]

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
  readonly #core: DoorCore
  readonly #vouchers: VoucherSender
  readonly #statement: StatementCount
  /** Requests that wait for their payment, and what tells them that another one is over. */
  #paying = 0
  readonly #ends: (() => void)[] = []

  constructor(door: Door, options: PaidDoorOptions) {
    this.#core = new DoorCore(door, options)
    this.door = door
    this.meter = this.#core.meter
    this.#vouchers = new VoucherSender(this.#core)
    this.#statement = new StatementCount(this.#core, this.#vouchers)
  }

  /** Why nothing more goes through. */
  get refusal(): RedeemError | undefined {
    return this.#core.refusal
  }

  get isUsable(): boolean {
    return this.#core.refusal === undefined && this.meter.leftBase > 0n
  }

  /** One request, as often as it takes to pay for it. Throws RedeemError: `door` when it may be tried at another one. */
  async call(request: DoorRequest): Promise<Response> {
    if (this.#core.refusal !== undefined) throw this.#core.refusal
    const text = typeof request.body === 'string' ? request.body : ''
    const bounds = request.method === 'POST' ? requestBounds(request.path, text) : undefined
    if (JOB_PATHS.some((path) => request.path.startsWith(path))) this.#statement.followJobs()
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
    if (this.#core.options.budgetLeft() <= this.meter.dueBase)
      throw new RedeemError('budget', 'the budget is spent')
    if (this.meter.leftBase <= tariff.minimumBase)
      throw new RedeemError('budget', 'the assignment is used up')
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
    let response = await knock(this.door.fetch, url, { ...init, headers: this.#core.headers(headers) })
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
      response = await knock(this.door.fetch, url, { ...init, headers: this.#core.headers(headers) })
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
      if (this.#core.hasJobs) await this.#statement.lookAtJobs()
      else if (others <= 0) this.#core.checked(() => this.meter.reconcile(meteredBase, this.#paying))
      await this.#vouchers.flush()
      if (this.meter.state.voucheredBase > voucheredBase) return 'raised'
      if (others > 0) {
        await this.#nextEnd()
        return 'waited'
      }
      if (!mayRepeat || voucheredBase < minBigint(meteredBase, this.meter.state.meteredBase))
        throw new RedeemError('budget', 'the budget does not pay for what the provider asks')
      await this.#vouchers.flush({ isRepeated: true })
      return 'repeated'
    } finally {
      this.#paying--
    }
  }

  /** Resolves when another request is over, or in time. */
  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#core.options.timeoutMs)
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

  #take(bounds: RequestBounds, usage: Parameters<OwnMeter['charge']>[1], charge: Charge): void {
    this.meter.charge({ model: bounds.model }, usage, charge)
    const { meteredBase } = this.meter.state
    this.#core.options.onCharge({ model: bounds.model, costBase: charge.costBase, meteredBase })
    // With jobs, lines come that are in no answer.
    if (!this.#core.hasJobs) this.meter.reconcile(charge.meteredBase)
    this.#vouchers.soon()
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
      if (error instanceof RedeemError) this.#core.refuse(error)
      else this.#core.refuse(new RedeemError('wire', 'a charged answer is no JSON', { cause: error }))
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
      this.#core.refuse(error instanceof RedeemError ? error : new RedeemError('wire', errorText(error)))
    }
  }

  #stream(response: Response, bounds: RequestBounds): Response {
    const onEnd = ({ charged, shownBytes }: StreamEnd): void => {
      if (charged === undefined) this.meter.broken(bounds, shownBytes)
      else this.#takeStream(bounds, charged, shownBytes)
      this.#ended()
    }
    return countedStream(response, onEnd, (error) => this.#core.refuse(error))
  }

  /** Sends a voucher over all that is due, after those under way. Throws RedeemError. */
  flush(): Promise<void> {
    return this.#vouchers.flush()
  }

  /** Counts what other programs used with the same key. Throws RedeemError, and shuts the door, when the provider lies. */
  adoptStatement(): Promise<void> {
    return this.#statement.adoptStatement()
  }

  /** Counts what an earlier run used. Throws RedeemError, and shuts the door, when it is too much. */
  adoptEarlier(): Promise<void> {
    return this.#statement.adoptEarlier()
  }

  close(): void {
    this.#vouchers.close()
    this.#statement.close()
  }
}
