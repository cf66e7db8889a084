// HTTP 402 as x402 v2 has it (GATEWAY §3): what the provider asks for, how the holder answers, the acknowledgement.
// Owns: building and reading the three headers. Not: who decides to pay (x402.ts, ownMeter.ts).
import { parseHex, toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import type { Address, Hash32 } from '../../base/ids.ts'
import { message, t } from '../../base/schema.ts'
import { parseBase64Json, toBase64Json } from './base64.ts'
import { RedeemError } from './redeemError.ts'
import { wireOf } from './wire.ts'

export const X402_VERSION = 2
export const X402_SCHEME = 'suanli-redemption'
export const X402_HEADERS = {
  required: 'PAYMENT-REQUIRED',
  signature: 'PAYMENT-SIGNATURE',
  response: 'PAYMENT-RESPONSE',
} as const
/** The native coin, as ERC-7528 names it. */
export const X402_ASSET = '0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE'
const HEADER_CHARS_MAX = 16_384
const ACCEPTS_MAX = 16

/** `extra` of the requirement: which voucher is asked for. */
const extraShape = message('PaymentExtra', {
  redemptionId: t.u64,
  assignment: t.u32,
  /** All that was metered: what the voucher is to say. */
  meteredBase: t.amount,
  /** The highest voucher accepted. */
  voucheredBase: t.amount,
  genesis: t.hash,
})

/** One way to pay, as x402 writes it. */
export interface PaymentRequirements {
  readonly scheme: string
  readonly network: string
  readonly asset: string
  readonly amount: string
  readonly payTo: string
  readonly maxTimeoutSeconds: number
  readonly extra: { readonly [name: string]: unknown }
}

export interface PaymentRequired {
  readonly x402Version: number
  readonly error?: string
  readonly resource: { readonly url: string; readonly description?: string; readonly mimeType?: string }
  readonly accepts: readonly PaymentRequirements[]
}

/** What the provider asks to be signed. */
export interface VoucherDemand {
  readonly chainId: number
  /** The provider's account. */
  readonly payTo: Address
  readonly redemptionId: number
  readonly assignment: number
  readonly meteredBase: bigint
  readonly voucheredBase: bigint
  readonly genesis: Hash32
}

export function networkOf(chainId: number): string {
  return `eip155:${chainId}`
}

/** The body of a 402, also its `PAYMENT-REQUIRED` header in base64. */
export function paymentRequired(
  demand: VoucherDemand,
  options: { readonly url: string; readonly error?: string; readonly maxTimeoutSeconds?: number },
): PaymentRequired {
  const { chainId, payTo, meteredBase, voucheredBase } = demand
  const { redemptionId, assignment, genesis } = demand
  const extra = extraShape.toJson({
    redemptionId,
    assignment,
    meteredBase,
    voucheredBase,
    genesis,
  }) as PaymentRequirements['extra']
  return {
    x402Version: X402_VERSION,
    error: options.error ?? `${X402_HEADERS.signature} header is required`,
    resource: {
      url: options.url,
      description: 'AI compute paid by redemption vouchers',
      mimeType: 'application/json',
    },
    accepts: [
      {
        scheme: X402_SCHEME,
        network: networkOf(chainId),
        asset: X402_ASSET,
        amount: `${meteredBase - voucheredBase}`,
        payTo: toHex(payTo),
        maxTimeoutSeconds: options.maxTimeoutSeconds ?? 60,
        extra,
      },
    ],
  }
}

export function encodePaymentHeader(value: unknown): string {
  return toBase64Json(value)
}

function decoded(header: string, name: string): { readonly [name: string]: Json } {
  const value = header.length > HEADER_CHARS_MAX ? undefined : parseBase64Json(header)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as never
  throw new RedeemError('wire', `${name}: expected base64 of a JSON object`, { path: name })
}

/** The voucher that requirements ask for. Throws RedeemError `wire` when they are of another scheme, or contradict themselves. */
export function demandOf(requirements: PaymentRequirements): VoucherDemand {
  const bad = (path: string, expected: string): RedeemError =>
    new RedeemError('wire', `payment requirements: ${path}: expected ${expected}`, { path })
  const { scheme, network, payTo, amount } = requirements
  if (scheme !== X402_SCHEME) throw bad('scheme', X402_SCHEME)
  const chainId = /^eip155:([1-9]\d{0,15})$/.exec(network)?.[1]
  if (chainId === undefined || !Number.isSafeInteger(Number(chainId))) throw bad('network', 'eip155:CHAIN_ID')
  if (String(requirements.asset).toLowerCase() !== X402_ASSET.toLowerCase())
    throw bad('asset', 'the native coin')
  const account = /^0x[0-9a-fA-F]{40}$/.test(String(payTo))
    ? parseHex(payTo.slice(2).toLowerCase())
    : undefined
  if (account === undefined) throw bad('payTo', 'an account')
  const extra = wireOf(extraShape, requirements.extra as Json)
  if (extra.meteredBase < extra.voucheredBase || amount !== `${extra.meteredBase - extra.voucheredBase}`)
    throw bad('amount', 'what is metered and not vouchered')
  return { chainId: Number(chainId), payTo: account as Address, ...extra }
}

/** What a `PAYMENT-REQUIRED` header asks for. Throws RedeemError `wire`. */
export function readPaymentRequired(header: string): VoucherDemand {
  const { accepts, x402Version } = decoded(header, X402_HEADERS.required)
  if (x402Version !== X402_VERSION)
    throw new RedeemError('wire', `${X402_HEADERS.required}: x402Version: expected ${X402_VERSION}`, {
      path: 'x402Version',
    })
  const ways = Array.isArray(accepts) ? (accepts as readonly unknown[]).slice(0, ACCEPTS_MAX) : []
  const own = ways.find((way) => (way as PaymentRequirements | null)?.scheme === X402_SCHEME)
  if (own === undefined)
    throw new RedeemError('wire', `${X402_HEADERS.required}: accepts: no ${X402_SCHEME}`, { path: 'accepts' })
  return demandOf(own as PaymentRequirements)
}

const payloadShape = message('PaymentVoucher', {
  redemptionId: t.u64,
  assignment: t.u32,
  deliveredBase: t.amount,
  signature: t.fixed(65),
})

/** The voucher of a payment, without what both sides know: provider and genesis. */
export interface PaymentVoucher {
  readonly redemptionId: number
  readonly assignment: number
  readonly deliveredBase: bigint
  readonly signature: Uint8Array
}

/** `payload` of an x402 payment. */
export function paymentPayload(voucher: PaymentVoucher): Record<string, unknown> {
  const { redemptionId, assignment, deliveredBase, signature } = voucher
  return payloadShape.toJson({
    redemptionId,
    assignment,
    deliveredBase,
    signature,
  }) as Record<string, unknown>
}

/** The `PAYMENT-SIGNATURE` header that pays requirements. */
export function paymentSignature(accepted: PaymentRequirements, voucher: PaymentVoucher): string {
  return encodePaymentHeader({ x402Version: X402_VERSION, accepted, payload: paymentPayload(voucher) })
}

/** Throws RedeemError `wire`. */
export function readPaymentSignature(header: string): PaymentVoucher {
  const { payload, x402Version } = decoded(header, X402_HEADERS.signature)
  if (x402Version !== X402_VERSION)
    throw new RedeemError('wire', `${X402_HEADERS.signature}: x402Version: expected ${X402_VERSION}`, {
      path: 'x402Version',
    })
  return wireOf(payloadShape, payload ?? null)
}

/** The `PAYMENT-RESPONSE` header. Nothing was sent to the chain yet, so there is no transaction. */
export function paymentResponse(
  demand: Pick<VoucherDemand, 'chainId'>,
  outcome:
    | { readonly success: true; readonly payer: Address; readonly acceptedBase: bigint }
    | { readonly success: false; readonly errorReason: string },
): string {
  const network = networkOf(demand.chainId)
  return encodePaymentHeader(
    outcome.success
      ? {
          success: true,
          transaction: '',
          network,
          payer: toHex(outcome.payer),
          amount: `${outcome.acceptedBase}`,
        }
      : { success: false, transaction: '', network, errorReason: outcome.errorReason },
  )
}
