// Passes a stream of events on as it comes, and counts it. Owns: hiding what the client did not ask for, back-pressure, and what
// happens when either side breaks off. Not: the counting (meter/answerUsage.ts), the charge (generate.ts).
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { StreamUsage } from '../meter/answerUsage.ts'
import type { Body } from '../meter/price.ts'
import { EventCutter, eventData } from './sse.ts'

/** A client that takes nothing for so long is gone. */
const DRAIN_MS = 60_000
const EARLY_BYTES_MAX = 65_536
const DONE = '[DONE]'
/** For a backend to close its answer after that: nothing that comes later is part of it. */
const DONE_MS = 1_000

/** Who broke a stream off; `end`: nobody. */
export type StreamEnd = 'end' | 'client' | 'backend'

export interface Streamed {
  readonly end: StreamEnd
  /** The `[DONE]` that is still to be sent, after the charge. */
  readonly done: Uint8Array | undefined
  readonly hasSent: boolean
}

/**
 * Passes the events of an answer on until either side ends. The backend's request is given up with the client's. `onText`
 * gets what is generated, where somebody must count it.
 */
export function passStream(options: {
  readonly answer: IncomingMessage
  readonly response: ServerResponse
  readonly usage: StreamUsage
  readonly wantsUsage: boolean
  /** What was reserved: a backend that goes on beyond is cut off. */
  readonly partsMax: number
  readonly bytesMax: number
  /** Before the first byte: what covers it is on disk, and the head is written. */
  readonly begin: () => Promise<void>
  readonly onText?: (part: Body) => void
}): Promise<Streamed> {
  return new Passing(options).run()
}

type Options = Parameters<typeof passStream>[0]

class Passing {
  readonly #options: Options
  readonly #cutter = new EventCutter()
  /** Events that came before the head was sent. */
  readonly #early: Uint8Array[] = []
  #isBegun = false
  #done: Uint8Array | undefined
  #hasSent = false
  #size = 0
  #stall: NodeJS.Timeout | undefined
  #closing: NodeJS.Timeout | undefined
  #finish: (end: StreamEnd) => void = () => undefined

  constructor(options: Options) {
    this.#options = options
  }

  async run(): Promise<Streamed> {
    const { answer, response, begin } = this.#options
    const onClose = (): void => this.#finish('client')
    // Listens from the start: what a backend sends just before it breaks would be lost.
    const ended = new Promise<StreamEnd>((resolve) => {
      this.#finish = resolve
    })
    response.once('close', onClose)
    answer.on('data', (piece: Uint8Array) => this.#take(piece))
    answer.once('end', () => this.#finish('end'))
    // After its last event it may do as it likes.
    const onBroken = (): void => this.#finish(this.#done === undefined ? 'backend' : 'end')
    answer.once('error', onBroken)
    answer.once('close', onBroken)
    if (response.destroyed) this.#finish('client')
    await begin()
    this.#isBegun = true
    this.#send(this.#early.splice(0))
    const end = await ended
    clearTimeout(this.#stall)
    clearTimeout(this.#closing)
    response.off('close', onClose)
    answer.removeAllListeners('data')
    // A whole answer leaves its connection for the next one.
    if (!answer.complete) answer.destroy()
    return { end, done: this.#done, hasSent: this.#hasSent }
  }

  #take(piece: Uint8Array): void {
    if (this.#done !== undefined) return
    const { answer, usage, partsMax, bytesMax } = this.#options
    this.#size += piece.length
    let events: readonly Uint8Array[]
    try {
      events = this.#cutter.push(piece)
    } catch {
      this.#finish('backend')
      return
    }
    const out: Uint8Array[] = []
    let isBeyond = this.#size > bytesMax
    for (const event of events) {
      const passed = this.#pass(event)
      isBeyond ||= usage.parts > partsMax
      if (isBeyond) break
      if (passed !== undefined) out.push(passed)
      if (this.#done !== undefined) break
    }
    if (this.#isBegun) this.#send(out)
    else {
      this.#early.push(...out)
      // A few events come before the head may be sent; more would fill the memory.
      if (this.#size > EARLY_BYTES_MAX) answer.pause()
    }
    if (isBeyond) this.#finish('backend')
  }

  #send(out: readonly Uint8Array[]): void {
    const { answer, response } = this.#options
    if (answer.isPaused() && this.#stall === undefined) answer.resume()
    if (out.length === 0) return
    this.#hasSent = true
    if (response.write(out.length === 1 ? out[0]! : Buffer.concat(out))) return
    answer.pause()
    this.#stall = setTimeout(() => response.destroy(), DRAIN_MS)
    response.once('drain', () => {
      clearTimeout(this.#stall)
      this.#stall = undefined
      answer.resume()
    })
  }

  /** What the client gets of an event; undefined for nothing. */
  #pass(event: Uint8Array): Uint8Array | undefined {
    const { usage, wantsUsage, onText } = this.#options
    const data = eventData(event)
    if (data === undefined) return event
    if (data === DONE) {
      this.#done = event
      this.#closing = setTimeout(() => this.#finish('end'), DONE_MS)
      return undefined
    }
    let part: Body
    try {
      part = JSON.parse(data) as Body
    } catch {
      return event
    }
    if (typeof part !== 'object' || part === null) return event
    const isUsageAlone = usage.take(part)
    onText?.(part)
    if (wantsUsage || !Object.hasOwn(part, 'usage')) return event
    if (isUsageAlone) return undefined
    const { usage: _hidden, ...rest } = part
    return Buffer.from(`data: ${JSON.stringify(rest)}\n\n`)
  }
}
