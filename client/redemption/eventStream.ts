// Reads a stream of server-sent events as it passes: the JSON of its data, and the charge in its comment. Owns: lines and their
// bound. Not: what the events mean (paidDoor.ts); the bytes go on to the program unchanged.
import type { Json } from '../../base/field.ts'
import { RedeemError } from './redeemError.ts'
import { CHARGE_COMMENT } from './wire.ts'

/** Characters of one line. */
const LINE_MAX = 4_194_304

export class EventStreamReader {
  readonly #decoder = new TextDecoder()
  readonly #onData: (json: Json) => void
  readonly #onCharge: (text: string) => void
  #rest = ''

  constructor(on: { readonly data: (json: Json) => void; readonly charge: (text: string) => void }) {
    this.#onData = on.data
    this.#onCharge = on.charge
  }

  /** Throws RedeemError `wire` for a line without end. */
  push(chunk: Uint8Array): void {
    this.#take(this.#decoder.decode(chunk, { stream: true }))
  }

  /** The stream is over. */
  end(): void {
    this.#take(`${this.#decoder.decode()}\n`)
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    if (this.#rest.length > LINE_MAX) throw new RedeemError('wire', 'a line of the event stream is too long')
    for (const line of lines) this.#line(line.endsWith('\r') ? line.slice(0, -1) : line)
  }

  #line(line: string): void {
    if (line.startsWith(CHARGE_COMMENT)) this.#onCharge(line.slice(CHARGE_COMMENT.length))
    if (!line.startsWith('data:')) return
    const data = line.slice(5).trim()
    if (data === '[DONE]' || data === '') return
    try {
      this.#onData(JSON.parse(data) as Json)
    } catch (error) {
      if (error instanceof RedeemError) throw error
      // Not OpenAI's: it shows no text, and so counts for none.
    }
  }
}
