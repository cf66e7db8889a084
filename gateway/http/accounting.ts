// `/suanli/v1`: the tariff, what a session has, vouchers, the statement. Not: calls to models (generate.ts).
import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseWholeNumber } from '../../base/integers.ts'
import { RedeemError } from '../../client/redemption/redeemError.ts'
import { signStatement } from '../../client/redemption/statement.ts'
import {
  readWire,
  STATEMENT_LINES_MAX,
  type Statement,
  sessionInfo,
  statementInfo,
  voucherAccepted,
  voucherBody,
  voucherRefused,
} from '../../client/redemption/wire.ts'
import { windowTimes } from '../chain/granter.ts'
import type { Session } from '../sessions.ts'
import { Refusal, sendBytes, sendJson } from './answers.ts'
import { readBody } from './body.ts'
import type { GatewayContext } from './context.ts'

const VOUCHER_BYTES_MAX = 4_096

/** Open to everybody: its hash is in the listing. */
export function sendTariff({ tariffText }: GatewayContext, response: ServerResponse): void {
  sendBytes(response, 200, 'application/json', tariffText)
}

export function sendSession(context: GatewayContext, session: Session, response: ServerResponse): void {
  const { identity, provider, tariffHash, book } = context
  const { assigned, opened } = session
  const { redemptionId, assignment, service, amountBase, settledBase } = assigned
  const { meteredBase, voucheredBase, exposureBase } = opened.meter
  const body = sessionInfo.toJson({
    ...identity,
    redemptionId,
    assignment,
    provider,
    service,
    amountBase,
    meteredBase,
    voucheredBase,
    settledBase,
    exposureBase,
    tariffHash,
    ...windowTimes(book.clock!, assigned.window),
    nowMs: Date.now(),
  })
  sendJson(response, 200, body)
}

/** Lines after a number, signed; as far as they are on disk. */
async function statementOf(context: GatewayContext, session: Session, after: number): Promise<Statement> {
  const { ledger, identity, providerSecret } = context
  const { opened, assigned } = session
  const { redemptionId, assignment } = assigned
  const { lineCount, head, meteredBase } = opened.durable
  const found = await ledger.lines(opened, Math.min(after, lineCount), STATEMENT_LINES_MAX)
  const lines = found.lines.filter(({ sequence }) => sequence <= lineCount)
  const { voucheredBase } = opened.meter
  const signed = { redemptionId, assignment, lineCount, head, meteredBase, voucheredBase }
  const signature = signStatement(signed, { ...identity, secretKey: providerSecret })
  return { ...signed, after: found.after, afterHead: found.afterHead, lines, signature }
}

export async function sendStatement(
  context: GatewayContext,
  session: Session,
  response: ServerResponse,
  query: URLSearchParams,
): Promise<void> {
  const after = parseWholeNumber(query.get('after') ?? '0')
  if (after === undefined)
    throw new Refusal(400, 'invalid_value', 'after: expected the number of a line', { param: 'after' })
  sendJson(response, 200, statementInfo.toJson(await statementOf(context, session, after)))
}

export async function takeVoucher(
  context: GatewayContext,
  session: Session,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { ledger, metrics } = context
  const text = Buffer.from(await readBody(request, VOUCHER_BYTES_MAX)).toString('utf8')
  let voucher: ReturnType<typeof voucherBody.decode>
  try {
    voucher = readWire(voucherBody, text)
  } catch (error) {
    if (error instanceof RedeemError) throw new Refusal(400, 'invalid_voucher', error.message)
    throw error
  }
  const outcome = await ledger.accept(session.opened, voucher)
  metrics.add('vouchers_total', { outcome: outcome.kind === 'accepted' ? 'accepted' : outcome.reason })
  if (outcome.kind === 'accepted') {
    sendJson(response, 200, voucherAccepted.toJson({ accepted: outcome.acceptedBase }))
    return
  }
  const { reason, message } = outcome
  // The newest lines tell most.
  const from = Math.max(0, session.opened.durable.lineCount - STATEMENT_LINES_MAX)
  const statement = await statementOf(context, session, from)
  sendJson(response, 409, voucherRefused.toJson({ reason, message, statement }))
}

/** The models of all backends and the holder's own, as OpenAI lists them. */
export function modelsOf({ backends, tariff, jobs }: GatewayContext, session: Session): readonly object[] {
  const shared = [...backends].flatMap(([id, { config }]) =>
    tariff.models.has(id)
      ? [{ id, object: 'model', created: 0, owned_by: 'suanli', context_window: config.contextTokens }]
      : [],
  )
  return [...shared, ...(jobs?.modelsOf(session) ?? [])]
}
