// A provider's service over real sockets that can lie: tariff, session, vouchers, statement, chat completions.
// Owns: what a gateway answers, and each lie. Not: a gateway (no backend, no store).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { secretKeyAddress } from '../../base/address.ts'
import { utf8 } from '../../base/bytes.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import { apiKeyText, type Grant, sealGrant } from '../../client/redemption/grant.ts'
import { nextHead, signStatement, statementStart } from '../../client/redemption/statement.ts'
import { costOf, type Tariff, tariffHash, tariffText } from '../../client/redemption/tariff.ts'
import { NO_USAGE, type Usage } from '../../client/redemption/usage.ts'
import { type VoucherSigners, verifyVoucher } from '../../client/redemption/voucher.ts'
import {
  CHARGE_COMMENT,
  type Charge,
  chargeHeaders,
  PATHS,
  readWire,
  type Session,
  type Statement,
  type StatementLine,
  sessionInfo,
  statementInfo,
  streamCharge,
  voucherAccepted,
  voucherBody,
} from '../../client/redemption/wire.ts'
import {
  encodePaymentHeader,
  paymentRequired,
  paymentResponse,
  readPaymentSignature,
  type VoucherDemand,
  X402_HEADERS,
} from '../../client/redemption/x402Bodies.ts'

export interface FakeProviderOptions {
  readonly chainId: number
  readonly genesis: Hash32
  readonly redemptionId: number
  readonly assignment: number
  readonly amountBase: bigint
  readonly tariff: Tariff
  readonly signers: VoucherSigners
  readonly exposureBase?: bigint
  /** Of the provider's account. */
  readonly secretKey?: Uint8Array
  /** What the clock says; default: 1,000. */
  readonly nowMs?: number
}

/** What it does wrong, from now on. */
export interface Lies {
  /** So many vouchers do not arrive. */
  vouchersDropped?: number
  /** Answers every request with this status. */
  status?: number
  /** Serves another tariff than its grant names. */
  tariff?: Tariff
  session?: Partial<Session>
  usage?: (usage: Usage) => Usage
  costBase?: (costBase: bigint) => bigint
  /** Claims this much more than it metered. */
  meteredBase?: bigint
  /** Breaks a stream off after so many pieces. */
  breakAfter?: number
  /** Cuts the connection before it answers. */
  isCut?: boolean
  /** Holds streams after the first piece, until `release`. */
  isHeld?: boolean
}

const PIECES = ['Call', ' me', ' Ishmael', '.'] as const
const PROMPT_TOKENS = 12

export class FakeProvider {
  readonly secretKey: Uint8Array
  readonly operator: Address
  readonly apiKey = new Uint8Array(32).fill(0x77)
  readonly lies: Lies = {}
  readonly vouchers: bigint[] = []
  readonly requests: string[] = []
  voucheredBase = 0n
  /** Of the highest voucher. */
  signature = new Uint8Array(65)
  meteredBase = 0n
  readonly #options: FakeProviderOptions
  readonly #server: Server
  readonly #lines: StatementLine[] = []
  #head: Hash32
  #release: () => void = () => {}
  #onHeld: () => void = () => {}

  private constructor(options: FakeProviderOptions) {
    this.#options = options
    this.secretKey = options.secretKey ?? new Uint8Array(32).fill(0x51)
    this.operator = secretKeyAddress(this.secretKey)
    this.#head = statementStart(options)
    this.#server = createServer((request, response) => {
      void this.#answer(request, response).catch(() => response.destroy())
    })
  }

  static async start(options: FakeProviderOptions): Promise<FakeProvider> {
    const provider = new FakeProvider(options)
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve))
    return provider
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#release()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Resolves when a held stream has sent its first piece. */
  held(): Promise<void> {
    return new Promise((resolve) => {
      this.#onHeld = resolve
    })
  }

  release(): void {
    this.#release()
  }

  /** What it posts on the chain. */
  grant(clientKey: Uint8Array, part: Partial<Grant> = {}): Promise<Uint8Array> {
    const { genesis, redemptionId, assignment, tariff } = this.#options
    return sealGrant(
      { genesis, redemptionId, assignment, clientKey },
      {
        baseUrl: this.baseUrl,
        apiKey: this.apiKey,
        tariffHash: tariffHash(tariff),
        validFromMs: 1,
        validUntilMs: 2,
        ...part,
      },
    )
  }

  /** A request of somebody else with the same key. */
  use(completionTokens: number): void {
    this.#charge({ ...NO_USAGE, promptTokens: PROMPT_TOKENS, completionTokens })
  }

  #charge(usage: Usage): { readonly charge: Charge; readonly line: StatementLine } {
    const { lies } = this
    const told = lies.usage?.(usage) ?? usage
    const rightBase = costOf(this.#options.tariff, { model: 'tiny' }, told)
    const costBase = lies.costBase?.(rightBase) ?? rightBase
    this.meteredBase += costBase
    const line: StatementLine = {
      sequence: this.#lines.length + 1,
      atMs: 1_000,
      model: 'tiny',
      ...told,
      costBase,
      meteredBase: this.meteredBase,
    }
    this.#lines.push(line)
    this.#head = nextHead(this.#head, line)
    const meteredBase = this.meteredBase + (lies.meteredBase ?? 0n)
    const leftBase = this.#options.amountBase - this.meteredBase
    return { charge: { costBase, meteredBase, voucheredBase: this.voucheredBase, leftBase }, line }
  }

  #session(): Session {
    const { chainId, genesis, redemptionId, assignment, amountBase, tariff } = this.#options
    return {
      ...{ chainId, genesis, redemptionId, assignment, amountBase },
      provider: this.operator,
      service: 'infer',
      meteredBase: this.meteredBase,
      voucheredBase: this.voucheredBase,
      settledBase: 0n,
      exposureBase: this.#options.exposureBase ?? amountBase / 100n,
      tariffHash: tariffHash(tariff),
      validFromMs: 1,
      validUntilMs: 2,
      nowMs: this.#options.nowMs ?? 1_000,
      ...this.lies.session,
    }
  }

  #statement(after: number): Statement {
    const { chainId, genesis, redemptionId, assignment } = this.#options
    let afterHead = statementStart(this.#options)
    for (const line of this.#lines.slice(0, after)) afterHead = nextHead(afterHead, line)
    const signed = {
      redemptionId,
      assignment,
      lineCount: this.#lines.length,
      head: this.#head,
      meteredBase: this.meteredBase,
      voucheredBase: this.voucheredBase,
    }
    const signature = signStatement(signed, { genesis, chainId, secretKey: this.secretKey })
    return { ...signed, after, afterHead, lines: this.#lines.slice(after), signature }
  }

  #accept(deliveredBase: bigint, signature: Uint8Array): void {
    const { chainId, genesis, redemptionId, assignment, signers } = this.#options
    const voucher = { redemptionId, assignment, provider: this.operator, deliveredBase, genesis, signature }
    verifyVoucher(voucher, chainId, signers)
    this.vouchers.push(deliveredBase)
    if (deliveredBase <= this.voucheredBase) return
    this.voucheredBase = deliveredBase
    this.signature = Uint8Array.from(signature)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const url = new URL(request.url!, this.baseUrl)
    const json = (status: number, text: string, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
    }
    if (this.lies.isCut === true) return void response.destroy()
    if (this.lies.status !== undefined) return json(this.lies.status, '{}')
    if (url.pathname === PATHS.tariff) return json(200, tariffText(this.lies.tariff ?? this.#options.tariff))
    if (request.headers.authorization !== `Bearer ${apiKeyText(this.apiKey)}`) return json(401, '{}')
    if (url.pathname === PATHS.session) return json(200, JSON.stringify(sessionInfo.toJson(this.#session())))
    if (url.pathname === PATHS.statement) {
      const statement = this.#statement(Number(url.searchParams.get('after') ?? 0))
      return json(200, JSON.stringify(statementInfo.toJson(statement)))
    }
    if (url.pathname === PATHS.vouchers && (this.lies.vouchersDropped ?? 0) > 0) {
      this.lies.vouchersDropped!--
      return void response.destroy()
    }
    if (url.pathname === PATHS.vouchers) {
      const { deliveredBase, signature } = readWire(voucherBody, body)
      this.#accept(deliveredBase, signature)
      return json(200, JSON.stringify(voucherAccepted.toJson({ accepted: deliveredBase })))
    }
    this.requests.push(url.pathname)
    if (url.pathname === '/v1/models')
      return json(200, '{"object":"list","data":[{"id":"tiny","object":"model"}]}')
    return this.#complete(request, response, body, json)
  }

  async #complete(
    request: IncomingMessage,
    response: ServerResponse,
    body: string,
    json: (status: number, text: string, headers?: Record<string, string>) => void,
  ): Promise<void> {
    const paid = request.headers[X402_HEADERS.signature.toLowerCase()]
    const headers: Record<string, string> = {}
    if (typeof paid === 'string') {
      const { deliveredBase, signature } = readPaymentSignature(paid)
      this.#accept(deliveredBase, signature)
      const { chainId, signers } = this.#options
      const outcome = { success: true, payer: signers.owner, acceptedBase: deliveredBase } as const
      headers[X402_HEADERS.response] = paymentResponse({ chainId }, outcome)
    }
    const { exposureBase = this.#options.amountBase / 100n } = this.#options
    if (this.meteredBase - this.voucheredBase > exposureBase) {
      const required = paymentRequired(this.#demand(), { url: `${this.baseUrl}${request.url}` })
      return json(402, JSON.stringify(required), { [X402_HEADERS.required]: encodePaymentHeader(required) })
    }
    const usage: Usage = { ...NO_USAGE, promptTokens: PROMPT_TOKENS, completionTokens: PIECES.length }
    if ((JSON.parse(body) as { stream?: boolean }).stream === true)
      return this.#streamed(response, usage, headers)
    const { charge, line } = this.#charge(usage)
    const answer = {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'tiny',
      choices: [
        { index: 0, message: { role: 'assistant', content: PIECES.join('') }, finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: line.promptTokens, completion_tokens: line.completionTokens, total_tokens: 16 },
    }
    return json(200, JSON.stringify(answer), { ...headers, ...chargeHeaders(charge) })
  }

  #demand(): VoucherDemand {
    const { chainId, genesis, redemptionId, assignment } = this.#options
    const { meteredBase, voucheredBase } = this
    return {
      ...{ chainId, genesis, redemptionId, assignment, meteredBase, voucheredBase },
      payTo: this.operator,
    }
  }

  async #streamed(response: ServerResponse, usage: Usage, headers: Record<string, string>): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/event-stream', ...headers })
    const send = (text: string): Promise<void> =>
      new Promise((resolve) => response.write(utf8(text), () => resolve()))
    for (const [i, content] of PIECES.entries()) {
      if (i === this.lies.breakAfter) {
        this.#charge({ ...usage, completionTokens: i })
        return void response.destroy()
      }
      const delta = { index: 0, delta: { content }, finish_reason: null }
      await send(
        `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'tiny', choices: [delta] })}\n\n`,
      )
      if (i > 0 || this.lies.isHeld !== true) continue
      const released = new Promise<void>((resolve) => {
        this.#release = resolve
      })
      this.#onHeld()
      await released
    }
    const charged = this.#charge(usage)
    await send(`${CHARGE_COMMENT}${JSON.stringify(streamCharge.toJson(charged))}\n\ndata: [DONE]\n\n`)
    response.end()
  }
}
