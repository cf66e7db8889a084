// Requests over HTTP in progress, however they were read. Owns: their number, by connection and in all, and which
// connections are idle. Not: reading requests (server.ts, leanHttp.ts) and writing answers (answers.ts).
import type { Socket } from 'node:net'
import type { RateLimiter } from './access.ts'
import type { Connections } from './connections.ts'
import type { Dispatcher } from './dispatch.ts'
import type { Load } from './load.ts'
import type { Call } from './method.ts'

interface ExchangeOptions {
  readonly dispatcher: Dispatcher
  readonly connections: Connections
  readonly load: Load
  readonly rate: RateLimiter | undefined
}

export class Exchanges {
  readonly #options: ExchangeOptions
  readonly #pending = new WeakMap<Socket, number>()

  constructor(options: ExchangeOptions) {
    this.#options = options
  }

  /** The caller at this connection, the same for all of its requests. */
  callOf(socket: Socket): Call {
    const { rate } = this.#options
    const client = socket.remoteAddress ?? ''
    const isGone = (): boolean => socket.destroyed
    if (rate === undefined) return { connection: undefined, client, isGone }
    const charge = (count: number): void => rate.charge(client, count, performance.now())
    return { connection: undefined, client, isGone, charge }
  }

  /** Calls `send` once with the answer to a body, at once when it can; false when it comes later. */
  begin(text: string, call: Call, socket: Socket, send: (answer: string) => void): boolean {
    const { dispatcher, connections, load } = this.#options
    const { client } = call
    const answer = dispatcher.handle(text, call)
    if (typeof answer === 'string') {
      send(answer)
      if ((this.#pending.get(socket) ?? 0) === 0) connections.setIdle(socket, true)
      return true
    }
    this.#pending.set(socket, (this.#pending.get(socket) ?? 0) + 1)
    load.begin(client)
    connections.setIdle(socket, false)
    void answer.then((done) => {
      load.end(client)
      const left = this.#pending.get(socket)! - 1
      this.#pending.set(socket, left)
      connections.setIdle(socket, left === 0)
      send(done)
    })
    return false
  }
}
