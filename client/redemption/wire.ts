// What holder and provider exchange over HTTP besides OpenAI's own bodies (GATEWAY §3): headers, paths, JSON shapes.
// Owns: their names and bounds. Not: the statement's hashes (statement.ts), HTTP 402 (x402Bodies.ts).
import { errorText } from '../../base/errors.ts'
import { type Field, type Infer, type Json, SchemaError } from '../../base/field.ts'
import { message, t } from '../../base/schema.ts'
import { SERVICES } from '../../state/modules/catalogue/schema.ts'
import { RedeemError } from './redeemError.ts'
import { MODEL_BYTES_MAX } from './tariff.ts'

/** Of every answer that was charged and is no stream; base units, decimal. */
export const COST_HEADERS = {
  /** Of this request. */
  cost: 'suanli-cost',
  /** All that was metered under the assignment, this request included. */
  metered: 'suanli-metered',
  /** The highest voucher accepted. */
  vouchered: 'suanli-vouchered',
  /** Of the assignment, not metered yet. */
  left: 'suanli-left',
} as const

/**
 * Begins the comment that a charged stream has before `data: [DONE]`, or last where there is none: the headers of a stream are sent
 * before its cost is known. The JSON of `streamCharge` follows on the same line. Every reader of event streams passes over comments.
 */
export const CHARGE_COMMENT = ': suanli-charge '

export const PATHS = {
  tariff: '/suanli/v1/tariff',
  session: '/suanli/v1/session',
  vouchers: '/suanli/v1/vouchers',
  statement: '/suanli/v1/statement',
  jobs: '/suanli/v1/jobs',
} as const

export const WIRE_BYTES_MAX = 1_048_576
/** Lines of one answer to `GET /suanli/v1/statement?after=SEQUENCE`. */
export const STATEMENT_LINES_MAX = 500

/** What one request cost, and where that leaves the assignment: as headers, `chargeHeaders`. */
export const chargeInfo = message('Charge', {
  costBase: t.amount,
  meteredBase: t.amount,
  voucheredBase: t.amount,
  leftBase: t.amount,
})
export type Charge = Infer<typeof chargeInfo>

/** `GET /suanli/v1/session`. */
export const sessionInfo = message('Session', {
  chainId: t.u64,
  genesis: t.hash,
  redemptionId: t.u64,
  assignment: t.u32,
  /** Account of the provider, which vouchers name. */
  provider: t.address,
  service: t.oneOf(SERVICES),
  /** Coins of the assignment. */
  amountBase: t.amount,
  meteredBase: t.amount,
  voucheredBase: t.amount,
  /** The part of the vouchers that the chain has settled. */
  settledBase: t.amount,
  /** How far metered may be ahead of vouchered. */
  exposureBase: t.amount,
  tariffHash: t.hash,
  validFromMs: t.u64,
  validUntilMs: t.u64,
  /** The provider's clock. */
  nowMs: t.u64,
})
export type Session = Infer<typeof sessionInfo>

/** One charged request. */
export const statementLine = message('StatementLine', {
  /** 1, 2, 3 … within the assignment. */
  sequence: t.u64,
  atMs: t.u64,
  /** Model, or for a job its service. */
  model: t.text(MODEL_BYTES_MAX),
  promptTokens: t.u64,
  cachedPromptTokens: t.u64,
  completionTokens: t.u64,
  embeddingTokens: t.u64,
  images: t.u64,
  audios: t.u64,
  deviceMs: t.u64,
  costBase: t.amount,
  /** All lines to this one. */
  meteredBase: t.amount,
})
export type StatementLine = Infer<typeof statementLine>

/** A stream's charge: with the line of the statement, as the program may not have asked for the usage. */
export const streamCharge = message('StreamCharge', { charge: chargeInfo, line: statementLine })
export type StreamCharge = Infer<typeof streamCharge>

/** `GET /suanli/v1/statement?after=SEQUENCE`, and the body's `statement` of a 409. */
export const statementInfo = message('Statement', {
  redemptionId: t.u64,
  assignment: t.u32,
  /** Lines before the first one here, and the chain's hash after them. */
  after: t.u64,
  afterHead: t.hash,
  lines: t.list(statementLine, STATEMENT_LINES_MAX),
  /** All lines there are, and the chain's hash after them: equal to the last line here when nothing was left off. */
  lineCount: t.u64,
  head: t.hash,
  meteredBase: t.amount,
  voucheredBase: t.amount,
  /** The provider's, over the head: `statementDigest`. */
  signature: t.bytes(65),
})
export type Statement = Infer<typeof statementInfo>

/** `POST /suanli/v1/vouchers`, and the payload of a 402's answer with the two numbers before it. */
export const voucherBody = message('VoucherBody', { deliveredBase: t.amount, signature: t.fixed(65) })
export type VoucherBody = Infer<typeof voucherBody>

/** 200 of `POST /suanli/v1/vouchers`. */
export const voucherAccepted = message('VoucherAccepted', { accepted: t.amount })

/** Why a voucher was refused with 409; the statement says what the meter has. */
export const VOUCHER_REFUSALS = [
  /** Lower than one that was accepted. */
  'decreases',
  /** More than the assignment. */
  'tooLarge',
  /** More than was metered: nobody should sign in advance. */
  'beyondMeter',
  'badSignature',
  'wrongSigner',
  /** The assignment's window is over. */
  'closed',
] as const

/** 409 of `POST /suanli/v1/vouchers`. */
export const voucherRefused = message('VoucherRefused', {
  reason: t.oneOf(VOUCHER_REFUSALS),
  message: t.text(512),
  statement: statementInfo,
})
export type VoucherRefused = Infer<typeof voucherRefused>

/** An error as OpenAI's clients read it. */
export interface OpenAiError {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly code: string | null
    readonly param: string | null
  }
}

/** `type` is OpenAI's: `invalid_request_error`, `authentication_error`, `insufficient_quota`, `server_error`. */
export function openAiError(error: {
  readonly message: string
  readonly type: string
  readonly code?: string
  readonly param?: string
}): OpenAiError {
  const { message, type, code = null, param = null } = error
  return { error: { message, type, code, param } }
}

/** Reads a body of the other side. Throws RedeemError `wire`, whose `path` names the field. */
export function readWire<T>(shape: Field<T> & { readonly name: string }, text: string): T {
  if (text.length > WIRE_BYTES_MAX) throw new RedeemError('wire', `${shape.name}: too long`)
  let json: Json
  try {
    json = JSON.parse(text) as Json
  } catch (cause) {
    throw new RedeemError('wire', `${shape.name}: no JSON`, { cause })
  }
  return wireOf(shape, json)
}

/** The same of a JSON value. */
export function wireOf<T>(shape: Field<T> & { readonly name: string }, json: Json): T {
  try {
    return shape.fromJson(json)
  } catch (cause) {
    const path = cause instanceof SchemaError ? /^([\w.[\]]+):/.exec(cause.message)?.[1] : undefined
    throw new RedeemError('wire', `${shape.name}: ${errorText(cause)}`, {
      cause,
      ...(path === undefined ? {} : { path }),
    })
  }
}

export function chargeHeaders(charge: Charge): Readonly<Record<string, string>> {
  return {
    [COST_HEADERS.cost]: `${charge.costBase}`,
    [COST_HEADERS.metered]: `${charge.meteredBase}`,
    [COST_HEADERS.vouchered]: `${charge.voucheredBase}`,
    [COST_HEADERS.left]: `${charge.leftBase}`,
  }
}

/** Undefined when the answer has none of the headers. Throws RedeemError `wire` for some, or malformed ones. */
export function readChargeHeaders(header: (name: string) => string | null | undefined): Charge | undefined {
  const values = Object.values(COST_HEADERS).map((name) => [name, header(name) ?? undefined] as const)
  if (values.every(([, value]) => value === undefined)) return undefined
  const [costBase, meteredBase, voucheredBase, leftBase] = values.map(([name, value]) => {
    if (value === undefined || !/^(0|[1-9]\d{0,38})$/.test(value))
      throw new RedeemError('wire', `${name}: expected base units as a decimal number`, { path: name })
    return value
  })
  return wireOf(chargeInfo, {
    costBase: costBase!,
    meteredBase: meteredBase!,
    voucheredBase: voucheredBase!,
    leftBase: leftBase!,
  })
}
