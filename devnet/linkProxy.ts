// A TCP proxy between two nodes that degrades the link: delay, jitter, loss, bandwidth, stalls, resets, refusals.
// Owns: forwarding in order, with bounded buffers. Not: which links are bad when (linkMesh.ts).
import { connect, createServer, type Server, type Socket } from 'node:net'

/** The behaviour of one direction of a link. */
export interface LinkRule {
  readonly delayMs: number
  /** Random extra delay per chunk, up to this; order is kept. */
  readonly jitterMs: number
  /** Part of the chunks, 0 to 1, that is lost on the way: TCP sends them again, so they and all after them come later. */
  readonly lossRate: number
  /** Infinity for no limit. */
  readonly bytesPerSecond: number
  /** Nothing passes, as with lost packets; held bytes follow afterwards, as TCP would retransmit them. */
  readonly isStalled: boolean
}

export const GOOD_LINK: LinkRule = {
  delayMs: 0,
  jitterMs: 0,
  lossRate: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  isStalled: false,
}

/** Bytes held per connection and direction; above this the sender waits, as with a full window. */
const HELD_BYTES_MAX = 1024 * 1024
/** How long TCP waits at least before it sends again what was lost (Linux); besides, an acknowledgement did not come. */
const RETRANSMIT_MS = 200
/** No chunk is lost more often in a row. */
const LOSSES_MAX = 8

interface Held {
  readonly bytes: Uint8Array
  dueMs: number
}

/** One direction of one connection. */
class Pipe {
  readonly #source: Socket
  readonly #target: Socket
  readonly #rule: () => LinkRule
  readonly #random: () => number
  readonly #held: Held[] = []
  #heldBytes = 0
  #lastDueMs = 0
  #timer: NodeJS.Timeout | undefined
  #hasEnded = false

  constructor(options: { source: Socket; target: Socket; rule: () => LinkRule; random: () => number }) {
    this.#source = options.source
    this.#target = options.target
    this.#rule = options.rule
    this.#random = options.random
    this.#source.on('data', (chunk) => this.#take(new Uint8Array(chunk)))
    this.#source.on('end', () => {
      this.#hasEnded = true
      this.pump()
    })
    this.#target.on('drain', () => this.pump())
  }

  #take(bytes: Uint8Array): void {
    const { delayMs, jitterMs, bytesPerSecond } = this.#rule()
    const nowMs = performance.now()
    const arrivesMs = nowMs + delayMs + this.#random() * jitterMs + this.#resentMs()
    const dueMs = Math.max(arrivesMs, this.#lastDueMs) + (1000 * bytes.length) / bytesPerSecond
    this.#lastDueMs = dueMs
    this.#held.push({ bytes, dueMs })
    this.#heldBytes += bytes.length
    if (this.#heldBytes > HELD_BYTES_MAX) this.#source.pause()
    this.pump()
  }

  /** How much later a chunk arrives because it was lost: each time twice as long, as TCP backs off. */
  #resentMs(): number {
    const { lossRate, delayMs } = this.#rule()
    let lateMs = 0
    for (let lost = 0; lost < LOSSES_MAX && lossRate > 0 && this.#random() < lossRate; lost++) {
      lateMs += (RETRANSMIT_MS + 2 * delayMs) * 2 ** lost
    }
    return lateMs
  }

  /** Applies a changed rule to bytes held under the old one. */
  reconsider(): void {
    const latestMs = performance.now() + this.#rule().delayMs
    for (const held of this.#held) held.dueMs = Math.min(held.dueMs, latestMs)
    this.#lastDueMs = Math.min(this.#lastDueMs, latestMs)
    this.pump()
  }

  /** Forwards bytes that are due. */
  pump(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#rule().isStalled || this.#target.destroyed) return
    const nowMs = performance.now()
    for (let next = this.#held[0]; next !== undefined && next.dueMs <= nowMs; next = this.#held[0]) {
      if (this.#target.writableNeedDrain) return
      this.#held.shift()
      this.#heldBytes -= next.bytes.length
      this.#target.write(next.bytes)
    }
    if (this.#heldBytes <= HELD_BYTES_MAX) this.#source.resume()
    const [first] = this.#held
    if (first !== undefined) this.#timer = setTimeout(() => this.pump(), Math.max(1, first.dueMs - nowMs))
    else if (this.#hasEnded) this.#target.end()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#held.length = 0
  }
}

interface Connection {
  readonly sockets: readonly Socket[]
  readonly pipes: readonly Pipe[]
}

export interface ProxyOptions {
  /** Port of the dialled node. */
  readonly targetPort: number
  /** Rules for bytes from the dialling node, and back to it. */
  readonly outward: () => LinkRule
  readonly inward: () => LinkRule
  readonly random: () => number
}

/** Listens on its own loopback port, where one node dials another. */
export class LinkProxy {
  /** New connections are reset at once, as behind a firewall that rejects. */
  isRefusing = false
  readonly #options: ProxyOptions
  readonly #server: Server
  readonly #connections = new Set<Connection>()

  private constructor(options: ProxyOptions, server: Server) {
    this.#options = options
    this.#server = server
    server.on('connection', (socket) => this.#onConnection(socket))
  }

  static async open(options: ProxyOptions): Promise<LinkProxy> {
    const server = createServer({ allowHalfOpen: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return new LinkProxy(options, server)
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  /** Connections open now. */
  get connectionCount(): number {
    return this.#connections.size
  }

  /** Applies changed rules to held bytes. */
  reconsider(): void {
    for (const { pipes } of this.#connections) for (const pipe of pipes) pipe.reconsider()
  }

  /** Resets every connection. */
  reset(): void {
    for (const connection of [...this.#connections]) this.#close(connection)
  }

  async close(): Promise<void> {
    this.reset()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #onConnection(near: Socket): void {
    near.on('error', () => {})
    if (this.isRefusing) {
      near.resetAndDestroy()
      return
    }
    const { targetPort, outward, inward, random } = this.#options
    const far = connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true })
    near.setNoDelay(true)
    far.setNoDelay(true)
    const connection: Connection = {
      sockets: [near, far],
      pipes: [
        new Pipe({ source: near, target: far, rule: outward, random }),
        new Pipe({ source: far, target: near, rule: inward, random }),
      ],
    }
    this.#connections.add(connection)
    for (const socket of connection.sockets) {
      socket.on('error', () => this.#close(connection))
      socket.on('close', () => {
        if (connection.sockets.every((each) => each.closed || each.destroyed)) this.#close(connection)
        else if (socket.errored !== null) this.#close(connection)
      })
    }
  }

  #close(connection: Connection): void {
    if (!this.#connections.delete(connection)) return
    for (const pipe of connection.pipes) pipe.close()
    for (const socket of connection.sockets) if (!socket.destroyed) socket.resetAndDestroy()
  }
}
