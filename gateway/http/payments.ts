// HTTP 402 as x402 v2 has it: asking for a voucher, and taking one with a request. Not: the header's shapes (client/redemption/x402Bodies.ts).
import type { ServerResponse } from 'node:http'
import { RedeemError } from '../../client/redemption/redeemError.ts'
import {
  encodePaymentHeader,
  paymentRequired,
  paymentResponse,
  readPaymentSignature,
  X402_HEADERS,
} from '../../client/redemption/x402Bodies.ts'
import type { Session } from '../sessions.ts'
import { type Headers, sendJson } from './answers.ts'
import type { GatewayContext } from './context.ts'

/** A voucher that came with a request: the headers of its answer, or why it is not taken. */
export type Payment =
  | { readonly kind: 'paid'; readonly headers: Headers }
  | { readonly kind: 'refused'; readonly reason: string; readonly headers: Headers }

/** Takes the voucher of a `PAYMENT-SIGNATURE` header; undefined without one. */
export async function takePayment(
  context: GatewayContext,
  session: Session,
  header: string | readonly string[] | undefined,
): Promise<Payment | undefined> {
  if (header === undefined) return undefined
  const { identity, ledger, metrics } = context
  const refused = (reason: string): Payment => ({
    kind: 'refused',
    reason,
    headers: { [X402_HEADERS.response]: paymentResponse(identity, { success: false, errorReason: reason }) },
  })
  let voucher: ReturnType<typeof readPaymentSignature>
  try {
    voucher = readPaymentSignature(String(header))
  } catch (error) {
    if (error instanceof RedeemError) return refused('invalid_payload')
    throw error
  }
  const { redemptionId, assignment, owner } = session.assigned
  if (voucher.redemptionId !== redemptionId || voucher.assignment !== assignment)
    return refused('wrong_assignment')
  const outcome = await ledger.accept(session.opened, voucher)
  metrics.add('vouchers_total', { outcome: outcome.kind === 'accepted' ? 'accepted' : outcome.reason })
  if (outcome.kind === 'refused') return refused(outcome.reason)
  const { acceptedBase } = outcome
  const success = paymentResponse(identity, { success: true, payer: owner, acceptedBase })
  return { kind: 'paid', headers: { [X402_HEADERS.response]: success } }
}

/** 402: what is metered is to be vouchered before more is served. */
export function demandPayment(
  context: GatewayContext,
  session: Session,
  response: ServerResponse,
  options: { readonly url: string; readonly reason?: string; readonly headers?: Headers },
): void {
  const { identity, provider } = context
  const { redemptionId, assignment } = session.assigned
  const { meteredBase, voucheredBase } = session.opened.meter
  const demand = { ...identity, payTo: provider, redemptionId, assignment, meteredBase, voucheredBase }
  const why = options.reason === undefined ? '' : `the voucher was refused: ${options.reason}; `
  const body = paymentRequired(demand, {
    url: options.url,
    error: `${why}a voucher for ${meteredBase} base units is due (${X402_HEADERS.signature}, or POST /suanli/v1/vouchers)`,
  })
  sendJson(response, 402, body, {
    [X402_HEADERS.required]: encodePaymentHeader(body),
    'X-Should-Retry': 'false',
    ...options.headers,
  })
}
