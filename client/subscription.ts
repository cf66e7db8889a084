// What happens on the chain, block by block, over lost connections. Owns: resuming, the bounded buffer, giving up.
// Not: what messages say (messages.ts), the connection (transports/webSocket.ts).
import type { Json } from '../base/field.ts'
import { isWholeNumber } from '../base/integers.ts'
import { ClientError } from './clientError.ts'
import type { SubscriptionTopic } from './messages.ts'
import {
  type ChainMessage,
  type ItemOf,
  isTopic,
  messageOf,
  type ResumePoint,
  resumePointOf,
  TOPIC_NAMES,
} from './messages.ts'
import { rpcError } from './transports/transport.ts'
import type { SubscriptionMessage, WebSocketTransport } from './transports/webSocket.ts'

export interface SubscribeOptions extends Partial<ResumePoint> {
  /** Of `transactions` and `transfers`: only from or to these. */
  readonly address?: string | readonly string[]
  /** Of a module: only events of these names. */
  readonly event?: string | readonly string[]
  /** Of the market: only events of these books, numbered as in `market_book`. */
  readonly book?: number | readonly number[]
  /** Messages that wait for the program; beyond, the node is asked again once half are taken. Default 256. */
  readonly bufferMax?: number
  /** For how long a lost node is tried again before the iteration throws, default 10 minutes. */
  readonly retryMs?: number
}

/** Ends with `return`, as when a `for await` is left. */
export interface ChainSubscription<T> extends AsyncIterableIterator<ChainMessage<T>> {
  return(): Promise<IteratorResult<ChainMessage<T>>>
}

const BUFFER_MAX_DEFAULT = 256
const RETRY_MS_DEFAULT = 10 * 60_000
const PAUSE_MS = { first: 100, most: 10_000, growth: 2 } as const
/** The node's code for a limit, which passes. */
const LIMIT = -32005

/** The node no longer tells of what comes next. */
function isMissed({ data }: ClientError): boolean {
  return isWholeNumber((data as { readonly heightMin?: Json } | null | undefined)?.heightMin, 0)
}

/** An attempt that a later one may better. */
function isPassing(error: ClientError): boolean {
  return error.code === 'transport' || (error.rpcCode === LIMIT && !isMissed(error))
}

/** Why a connection's part of a subscription ended; `full`: the program has not taken what there is. */
type Ending = 'full' | 'lost' | 'closed' | ClientError

interface Part {
  readonly ended: Promise<Ending>
  unsubscribe(): Promise<void>
}

class Following<T extends SubscriptionTopic> implements ChainSubscription<ItemOf<T>> {
  readonly #transport: WebSocketTransport
  readonly #topic: T
  readonly #choice: { readonly [name: string]: Json }
  readonly #bufferMax: number
  readonly #retryMs: number
  readonly #buffer: ChainMessage<ItemOf<T>>[] = []
  /** Where the next part begins. */
  #resume: Partial<ResumePoint>
  #isOver = false
  #end: () => void = () => undefined
  readonly #over = new Promise<Ending>((resolve) => {
    this.#end = () => resolve('closed')
  })
  #error: ClientError | undefined
  /** Before the next attempt; the first again with each message. */
  #pauseMs: number = PAUSE_MS.first
  /** Whoever waits for a message or for room. */
  #waiting: (() => void)[] = []

  constructor(transport: WebSocketTransport, topic: T, options: SubscribeOptions) {
    const { address, event, book, ...others } = options
    const { bufferMax = BUFFER_MAX_DEFAULT, retryMs = RETRY_MS_DEFAULT, ...resume } = others
    if (!isWholeNumber(bufferMax, 1)) throw new ClientError('input', 'bufferMax: expected an integer from 1')
    if (!isTopic(topic)) {
      throw new ClientError(
        'input',
        `no topic ${String(topic)}: ${TOPIC_NAMES.join(', ')}, or a module itself`,
      )
    }
    this.#transport = transport
    this.#topic = topic
    this.#choice = {
      ...(address === undefined ? {} : { address: address as Json }),
      ...(event === undefined ? {} : { event: event as Json }),
      ...(book === undefined ? {} : { book: book as Json }),
    }
    this.#bufferMax = bufferMax
    this.#retryMs = retryMs
    this.#resume = resume
  }

  /** Resolves once the node has taken it; from then on it goes on by itself. */
  async start(): Promise<void> {
    const first = await this.#open()
    void this.#goOn(first)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<ChainMessage<ItemOf<T>>>> {
    for (;;) {
      const value = this.#buffer.shift()
      if (value !== undefined) {
        this.#stir()
        return { done: false, value }
      }
      const error = this.#error
      this.#error = undefined
      if (error !== undefined) throw error
      if (this.#isOver) return { done: true, value: undefined }
      await this.#stirred()
    }
  }

  async return(): Promise<IteratorResult<ChainMessage<ItemOf<T>>>> {
    this.#buffer.length = 0
    this.#finish()
    return { done: true, value: undefined }
  }

  #stir(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  #stirred(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #fail(error: ClientError): void {
    this.#error = isMissed(error)
      ? new ClientError('missed', error.message, { data: error.data ?? null, cause: error })
      : error
    this.#finish()
  }

  #finish(): void {
    this.#isOver = true
    this.#end()
    this.#stir()
  }

  async #goOn(first: Part): Promise<void> {
    for (let part: Part | undefined = first; part !== undefined; part = await this.#again()) {
      const ending = await Promise.race([part.ended, this.#over])
      void part.unsubscribe()
      if (this.#isOver) return
      if (ending === 'closed') {
        this.#fail(new ClientError('transport', `${this.#transport.name}: closed by this client`))
      } else if (ending === 'lost') await this.#pause()
      else if (ending === 'full') await this.#room()
      else this.#fail(ending)
    }
  }

  /** Half the buffer at once, not one message at a time. */
  async #room(): Promise<void> {
    while (!this.#isOver && this.#buffer.length > this.#bufferMax / 2) await this.#stirred()
  }

  /** The next part; undefined when the subscription is over. */
  async #again(): Promise<Part | undefined> {
    const sinceMs = performance.now()
    while (!this.#isOver) {
      try {
        return await this.#open()
      } catch (error) {
        const failure = error as ClientError
        if (!isPassing(failure) || performance.now() - sinceMs >= this.#retryMs) this.#fail(failure)
        else await this.#pause()
      }
    }
    return undefined
  }

  async #pause(): Promise<void> {
    const ms = this.#pauseMs
    this.#pauseMs = Math.min(PAUSE_MS.most, ms * PAUSE_MS.growth)
    let timer: ReturnType<typeof setTimeout> | undefined
    const passed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms)
    })
    await Promise.race([passed, this.#over])
    clearTimeout(timer)
  }

  async #open(): Promise<Part> {
    const { name } = typeof this.#topic === 'string' ? { name: this.#topic } : this.#topic.definition
    let end: (ending: Ending) => void = () => undefined
    let isEnded = false
    const ended = new Promise<Ending>((resolve) => {
      end = (ending) => {
        isEnded = true
        resolve(ending)
      }
    })
    const options: Json = { ...this.#choice, ...(this.#resume as { readonly [name: string]: Json }) }
    const { answer, unsubscribe } = await this.#transport.follow(
      [name, options],
      (message) => {
        const ending = isEnded ? undefined : this.#take(message)
        if (ending !== undefined) end(ending)
      },
      (_, isClosed) => end(isClosed ? 'closed' : 'lost'),
    )
    // Messages may have come before this line runs.
    if (this.#resume.sequence === undefined || this.#resume.fromBlock === undefined) {
      this.#resume = resumePointOf(answer)
    }
    return { ended, unsubscribe }
  }

  /** Why nothing more is taken from this part; undefined while more is. */
  #take({ result, error }: SubscriptionMessage): Ending | undefined {
    if (error !== undefined) return rpcError('subscribe', (error ?? {}) as { readonly message?: Json })
    let message: ChainMessage<ItemOf<T>>
    try {
      message = messageOf(this.#topic, result ?? null)
    } catch (cause) {
      return cause as ClientError
    }
    const { sequence = message.sequence } = this.#resume
    // Another node's, or a message was lost on the way: ask again from where this program is.
    if (message.sequence !== sequence) return 'lost'
    this.#resume = message.resume
    this.#pauseMs = PAUSE_MS.first
    this.#buffer.push(message)
    this.#stir()
    return this.#buffer.length >= this.#bufferMax ? 'full' : undefined
  }
}

/**
 * What happens on the chain from now on, or from `fromBlock` on: each block that has something for the topic, in order, none
 * missing and none twice, over lost connections and restarts of the node. A topic is `blocks`, `transactions`, `transfers`,
 * or a module, for its events. Throws ClientError; the iteration throws one when it cannot continue: `missed` when the node
 * no longer has what comes next, `transport` when it stays away.
 *
 * @example
 * import { WebSocket } from 'ws'
 * const transport = webSocketTransport('ws://127.0.0.1:8545', { WebSocket })
 * for await (const { height, items, resume } of await subscribe(transport, 'blocks', { fromBlock: 1 })) {
 *   console.log(height, items.length, resume.fromBlock)
 *   if (height >= 1) break
 * }
 * transport.close()
 */
export async function subscribe<const T extends SubscriptionTopic>(
  transport: WebSocketTransport,
  topic: T,
  options: SubscribeOptions = {},
): Promise<ChainSubscription<ItemOf<T>>> {
  const following = new Following(transport, topic, options)
  await following.start()
  return following
}
