// JSON-RPC over one WebSocket, with subscriptions. Owns: matching answers to requests, bounded waiting. Not: retrying.
import type { Json } from '../../base/field.ts'
import { parseJson } from '../../base/json.ts'
import { ClientError } from '../clientError.ts'
import { noAnswer, resultOf, TIMEOUT_MS_DEFAULT, type Transport } from './transport.ts'

/** The subset of the browser's WebSocket in use; the package `ws` has it too. */
export interface WebSocketLike {
  readonly readyState: number
  send(text: string): void
  close(): void
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
}
export type WebSocketClass = new (url: string) => WebSocketLike

export interface WebSocketOptions {
  readonly timeoutMs?: number
  /** Default: the global one, which Node has from version 22 on; before that, pass that of the package `ws`. */
  readonly WebSocket?: WebSocketClass
}

export interface Subscription {
  /** Ends it at the node; resolves once the node has answered or is gone. */
  unsubscribe(): Promise<void>
}

export interface WebSocketTransport extends Transport {
  /**
   * `eth_subscribe`: `listener` gets every notification in order. `onEnd` is called once when the connection is lost; the
   * subscription is then over, and what was missed in between is to be read with eth_getLogs. Throws ClientError.
   */
  subscribe(
    params: readonly Json[],
    listener: (value: Json) => void,
    onEnd?: (error: ClientError) => void,
  ): Promise<Subscription>
  /**
   * `subscribe`, the node's own: `listener` gets what each message holds, in order. `onEnd` is called once when the connection
   * is lost, `isClosed` when by `close`. Throws ClientError. `subscribe` of this package goes on by itself.
   */
  follow(
    params: readonly Json[],
    listener: (message: SubscriptionMessage) => void,
    onEnd: (error: ClientError, isClosed: boolean) => void,
  ): Promise<Subscription & { readonly answer: Json }>
  close(): void
}

/** One of the two: the node ends a subscription with an error. */
export interface SubscriptionMessage {
  readonly result?: Json
  readonly error?: Json
}

const OPEN = 1
/** Requests without an answer; beyond, callers are refused. */
const PENDING_MAX = 4_096
/** Notifications that came before the answer that names their subscription. */
const EARLY_MAX = 1_024

interface Waiting {
  readonly method: string
  readonly resolve: (result: Json) => void
  readonly reject: (error: ClientError) => void
  readonly timer: ReturnType<typeof setTimeout>
}
interface Listening {
  readonly listener: (message: SubscriptionMessage) => void
  readonly onEnd: ((error: ClientError, isClosed: boolean) => void) | undefined
}

class SocketTransport implements WebSocketTransport {
  readonly name: string
  readonly #class: WebSocketClass
  readonly #timeoutMs: number
  readonly #waiting = new Map<number, Waiting>()
  readonly #listening = new Map<string, Listening>()
  #early: { readonly id: string; readonly message: SubscriptionMessage }[] = []
  #opening: Promise<WebSocketLike> | undefined
  #socket: WebSocketLike | undefined
  #nextId = 1

  constructor(url: string, socketClass: WebSocketClass, timeoutMs: number) {
    this.name = url
    this.#class = socketClass
    this.#timeoutMs = timeoutMs
  }

  async request(method: string, params: unknown, options: { timeoutMs?: number } = {}): Promise<Json> {
    const socket = await this.#open()
    if (this.#socket !== socket) throw noAnswer(method, `${this.name}: the connection was closed`)
    if (this.#waiting.size >= PENDING_MAX) {
      throw noAnswer(method, `${this.name}: ${PENDING_MAX} requests wait for an answer already`)
    }
    const id = this.#nextId++
    const { timeoutMs = this.#timeoutMs } = options
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(noAnswer(method, `${this.name}: no answer within ${timeoutMs} ms`))
      }, timeoutMs)
      this.#waiting.set(id, { method, resolve, reject, timer })
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    })
  }

  async subscribe(
    params: readonly Json[],
    listener: (value: Json) => void,
    onEnd?: (error: ClientError) => void,
  ): Promise<Subscription> {
    const id = String(await this.request('eth_subscribe', params))
    return this.#listen(id, 'eth_unsubscribe', { listener: ({ result }) => listener(result ?? null), onEnd })
  }

  async follow(
    params: readonly Json[],
    listener: (message: SubscriptionMessage) => void,
    onEnd: (error: ClientError, isClosed: boolean) => void,
  ): Promise<Subscription & { readonly answer: Json }> {
    const method = 'subscribe'
    const answer = await this.request(method, params)
    const id = (answer as { readonly subscription?: Json } | null)?.subscription
    if (typeof id !== 'string') throw noAnswer(method, 'the answer names no subscription')
    return { answer, ...this.#listen(id, 'unsubscribe', { listener, onEnd }) }
  }

  #listen(id: string, unsubscribe: string, listening: Listening): Subscription {
    this.#listening.set(id, listening)
    const early = this.#early.filter((one) => one.id === id)
    this.#early = this.#early.filter((one) => one.id !== id)
    for (const { message } of early) listening.listener(message)
    return {
      unsubscribe: async () => {
        if (!this.#listening.delete(id)) return
        await this.request(unsubscribe, [id]).catch(() => undefined)
      },
    }
  }

  close(): void {
    const socket = this.#socket
    this.#end('closed by this client', true)
    socket?.close()
  }

  #open(): Promise<WebSocketLike> {
    if (this.#socket?.readyState === OPEN) return Promise.resolve(this.#socket)
    this.#opening ??= new Promise<WebSocketLike>((resolve, reject) => {
      const socket = new this.#class(this.name)
      const timer = setTimeout(() => lost(`not connected within ${this.#timeoutMs} ms`), this.#timeoutMs)
      const lost = (reason: string): void => {
        clearTimeout(timer)
        reject(new ClientError('transport', `${this.name}: ${reason}`))
        if (this.#socket === socket) this.#end(reason)
        this.#opening = undefined
        socket.close()
      }
      socket.addEventListener('open', () => {
        clearTimeout(timer)
        this.#socket = socket
        this.#opening = undefined
        resolve(socket)
      })
      socket.addEventListener('message', ({ data }) => this.#receive(data))
      socket.addEventListener('error', () => lost('the connection failed'))
      socket.addEventListener('close', () => lost('the node closed the connection'))
    })
    return this.#opening
  }

  #receive(data: unknown): void {
    let message: Json
    try {
      message = parseJson(typeof data === 'string' ? data : new TextDecoder().decode(data as Uint8Array))
    } catch {
      return
    }
    const { id, params } = (message ?? {}) as {
      readonly id?: Json
      readonly params?: { [name: string]: Json }
    }
    if (typeof id === 'number') this.#settle(id, message)
    else if (typeof params?.subscription === 'string') this.#notify(params.subscription, params)
  }

  #settle(id: number, message: Json): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    try {
      waiting.resolve(resultOf(message, waiting.method))
    } catch (error) {
      waiting.reject(error as ClientError)
    }
  }

  #notify(id: string, message: SubscriptionMessage): void {
    const listening = this.#listening.get(id)
    if (listening !== undefined) listening.listener(message)
    else if (this.#early.length < EARLY_MAX) this.#early.push({ id, message })
  }

  /** Nothing more comes over the connection. */
  #end(reason: string, isClosed = false): void {
    this.#socket = undefined
    this.#early = []
    const error = new ClientError('transport', `${this.name}: ${reason}`)
    const [waiting, listening] = [[...this.#waiting.values()], [...this.#listening.values()]]
    this.#waiting.clear()
    this.#listening.clear()
    for (const { reject, timer } of waiting) {
      clearTimeout(timer)
      reject(error)
    }
    for (const { onEnd } of listening) onEnd?.(error, isClosed)
  }
}

/**
 * A node's JSON-RPC port over WebSocket. Connects with the first request, and again with the next one after a loss.
 *
 * @example
 * import { WebSocket } from 'ws'
 * const transport = webSocketTransport('ws://127.0.0.1:8545', { WebSocket })
 * const heads = await transport.subscribe(['newHeads'], (head) => console.log(head))
 * await heads.unsubscribe()
 * transport.close()
 */
export function webSocketTransport(url: string, options: WebSocketOptions = {}): WebSocketTransport {
  if (!/^wss?:\/\//.test(url)) throw new ClientError('input', `${url} is not a ws or wss address`)
  const socketClass = options.WebSocket ?? (globalThis as { readonly WebSocket?: WebSocketClass }).WebSocket
  if (socketClass === undefined) {
    throw new ClientError('input', 'this platform has no WebSocket: pass that of the package ws')
  }
  return new SocketTransport(url, socketClass, options.timeoutMs ?? TIMEOUT_MS_DEFAULT)
}
