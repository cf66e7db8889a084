// A running subscription of the console. Owns: its connection, the newest messages, how often the page is told. Not: what it shows.
import type { Json } from '../../base/field.ts'
import { ClientError } from '../../client/clientError.ts'
import {
  type SubscriptionMessage,
  type WebSocketTransport,
  webSocketTransport,
} from '../../client/transports/webSocket.ts'

/** Newest messages that are kept, and the text of each. */
export const MESSAGES_KEPT = 100
const TEXT_MAX = 4_096
/** A node that is away is tried again after this long. */
const PAUSE_MS: { readonly first: number; readonly most: number } = { first: 500, most: 10_000 }

export interface FollowedMessage {
  readonly number: number
  readonly heardMs: number
  readonly text: string
}

export type FollowState = 'connecting' | 'live' | 'ended'

const textOf = (value: unknown): string => JSON.stringify(value).slice(0, TEXT_MAX)

export class Followed {
  state: FollowState = 'connecting'
  error: unknown
  count = 0
  /** Newest first. */
  messages: readonly FollowedMessage[] = []
  readonly #transport: WebSocketTransport
  readonly #onChange: () => void
  #stop: () => void = () => undefined
  #isTold = false

  /** `onChange` is called at most once a frame. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
    const url = new URL('/', location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    this.#transport = webSocketTransport(url.href)
  }

  /** `subscribe` goes on over lost connections; `eth_subscribe` ends with its connection. */
  async start(method: string, params: readonly Json[]): Promise<void> {
    try {
      if (method === 'subscribe') await this.#follow(params)
      else await this.#listen(params)
    } catch (error) {
      if (this.state !== 'ended') this.error = error
      this.stop()
    }
  }

  /** Continues after the last message whenever the connection is back. */
  async #follow([topic = null, options]: readonly Json[]): Promise<void> {
    const given = typeof options === 'object' && options !== null && !Array.isArray(options) ? options : {}
    let resume: { readonly [name: string]: Json } = {}
    let pauseMs = PAUSE_MS.first
    while (this.state !== 'ended') {
      try {
        await new Promise<void>((resolve, reject) => {
          const take = ({ result, error }: SubscriptionMessage): void => {
            if (error !== undefined) {
              reject(new Error(textOf(error)))
              return
            }
            const message = (result ?? {}) as { readonly resume?: { readonly [name: string]: Json } }
            resume = message.resume ?? resume
            pauseMs = PAUSE_MS.first
            this.#take(result ?? null)
          }
          this.#transport
            .follow([topic, { ...given, ...resume }], take, () => resolve())
            .then(({ unsubscribe }) => this.#begin(() => void unsubscribe()), reject)
        })
      } catch (error) {
        if (!(error instanceof ClientError) || error.code !== 'transport') throw error
      }
      if (this.#isEnded()) return
      this.state = 'connecting'
      this.#tell()
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2)
    }
  }

  #isEnded(): boolean {
    return this.state === 'ended'
  }

  async #listen(params: readonly Json[]): Promise<void> {
    const subscription = await this.#transport.subscribe(
      params,
      (value) => this.#take(value),
      (error) => this.#fail(error),
    )
    this.#begin(() => void subscription.unsubscribe())
  }

  #begin(stop: () => void): void {
    if (this.state === 'ended') {
      stop()
      return
    }
    this.state = 'live'
    this.#stop = stop
    this.#tell()
  }

  #fail(error: unknown): void {
    if (this.state === 'ended') return
    this.error = error instanceof Error ? error : new Error(textOf(error))
    this.stop()
  }

  #take(value: unknown): void {
    if (this.state === 'ended') return
    this.count++
    const message = { number: this.count, heardMs: Date.now(), text: textOf(value) }
    this.messages = [message, ...this.messages].slice(0, MESSAGES_KEPT)
    this.#tell()
  }

  #tell(): void {
    if (this.#isTold) return
    this.#isTold = true
    requestAnimationFrame(() => {
      this.#isTold = false
      this.#onChange()
    })
  }

  stop(): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    this.#stop()
    this.#transport.close()
    this.#tell()
  }
}
