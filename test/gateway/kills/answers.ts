// Requests of programs, and what came of each: whole, visibly cut, refused. Owns: counting what was served. Not: who asks when.
import { CHARGE_COMMENT, COST_HEADERS, streamCharge } from '../../../client/redemption/wire.ts'
import { MODEL, TOKEN_BASE } from '../../support/gatewayStage.ts'

export type Outcome =
  | 'whole'
  /** Broke off, so that the program knows. */
  | 'cut'
  /** Nobody listened. */
  | 'away'
  /** An error with a status. */
  | `refused ${number}`

export interface Answer {
  readonly outcome: Outcome
  /** Of the tokens that certainly came. */
  readonly servedBase: bigint
  /** The highest voucher that the gateway says it has. */
  readonly voucheredBase: bigint
}

export class AnswerError extends Error {}

const NOTHING = { servedBase: 0n, voucheredBase: 0n } as const

/** `tokens`: of the answer at most. Throws AnswerError for one that ends without an end. */
export async function ask(
  baseUrl: string,
  request: { readonly isStream: boolean; readonly tokens: number; readonly apiKey?: string },
  onToken: () => void = () => undefined,
): Promise<Answer> {
  const { isStream, tokens, apiKey } = request
  let response: Response
  try {
    response = await fetch(`${baseUrl}/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify({
        model: MODEL,
        messages: [{ role: 'user', content: 'Call me' }],
        max_tokens: tokens,
        ...(isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
      }),
    })
  } catch {
    return { ...NOTHING, outcome: 'away' }
  }
  try {
    if (!response.ok) {
      await response.body?.cancel()
      return { ...NOTHING, outcome: `refused ${response.status}` }
    }
    return await (isStream ? streamed(response, onToken) : whole(response))
  } catch (error) {
    if (error instanceof AnswerError) throw error
    return { ...NOTHING, outcome: 'cut' }
  }
}

async function whole(response: Response): Promise<Answer> {
  const { usage } = (await response.json()) as { usage: { total_tokens: number } }
  const vouchered = response.headers.get(COST_HEADERS.vouchered)
  return {
    outcome: 'whole',
    servedBase: TOKEN_BASE * BigInt(usage.total_tokens),
    voucheredBase: BigInt(vouchered ?? 0),
  }
}

async function streamed(response: Response, onToken: () => void): Promise<Answer> {
  const decoder = new TextDecoder()
  let [text, pieces] = ['', 0]
  const outcomeOf = (outcome: Outcome): Answer => {
    const line = text.split('\n').find((one) => one.startsWith(CHARGE_COMMENT))
    const charged =
      line === undefined ? undefined : streamCharge.fromJson(JSON.parse(line.slice(CHARGE_COMMENT.length)))
    const [, total] = /"total_tokens":(\d+)/.exec(text) ?? []
    return {
      outcome,
      servedBase: TOKEN_BASE * BigInt(total ?? pieces),
      voucheredBase: charged?.charge.voucheredBase ?? 0n,
    }
  }
  try {
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      const more = decoder.decode(piece, { stream: true })
      text += more
      for (const _ of more.matchAll(/"content":"[^"]/g)) {
        pieces++
        onToken()
      }
    }
  } catch {
    return outcomeOf('cut')
  }
  if (/^data: \[DONE\]$/m.test(text)) {
    if (!text.includes('"finish_reason":"'))
      throw new AnswerError(`[DONE] without a reason: ${text.slice(-300)}`)
    return outcomeOf('whole')
  }
  // The proxy tells a program in the stream.
  if (/^data: \{"error":/m.test(text)) return outcomeOf('cut')
  throw new AnswerError(`a stream that is over without an end: ${text.slice(-300)}`)
}
