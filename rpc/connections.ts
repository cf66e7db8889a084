// Open TCP connections. Owns: limits in total and per address, and which idle connection makes room. Not: what they carry.

export interface ConnectionLimits {
  /** Open TCP connections, HTTP and WebSocket together. */
  readonly connectionsMax: number
  readonly connectionsPerAddressMax: number
}

/** What is needed of a `net.Socket`. */
export interface Closable {
  readonly remoteAddress?: string | undefined
  destroy(): unknown
  once(event: 'close', listener: () => void): unknown
}

interface Peer {
  count: number
  /** The longest idle first. */
  readonly idle: Set<Closable>
}

/** Idle: nothing of it is being answered and nothing was promised to it. Silent connections are idle from the start. */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #peers = new Map<string, Peer>()
  readonly #addresses = new Map<Closable, string>()
  /** All idle ones, the longest idle first. */
  readonly #idle = new Set<Closable>()

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#addresses.size
  }

  /** Admits a connection, at the cost of an idle one when a limit is reached; false when there is none: it is closed. */
  admit(socket: Closable): boolean {
    const address = socket.remoteAddress ?? ''
    const peer = this.#peers.get(address)
    const isPeerFull = (peer?.count ?? 0) >= this.#limits.connectionsPerAddressMax
    if (isPeerFull || this.#addresses.size >= this.#limits.connectionsMax) {
      const [victim] = isPeerFull ? peer!.idle : this.#idle
      if (victim === undefined) {
        socket.destroy()
        return false
      }
      this.#forget(victim)
      victim.destroy()
    }
    const own = this.#peers.get(address) ?? { count: 0, idle: new Set() }
    own.count++
    this.#peers.set(address, own)
    this.#addresses.set(socket, address)
    this.setIdle(socket, true)
    socket.once('close', () => this.#forget(socket))
    return true
  }

  /** An idle connection goes to the end of the line. */
  setIdle(socket: Closable, isIdle: boolean): void {
    const address = this.#addresses.get(socket)
    if (address === undefined) return
    const peer = this.#peers.get(address)!
    this.#idle.delete(socket)
    peer.idle.delete(socket)
    if (!isIdle) return
    this.#idle.add(socket)
    peer.idle.add(socket)
  }

  #forget(socket: Closable): void {
    const address = this.#addresses.get(socket)
    if (address === undefined) return
    this.setIdle(socket, false)
    this.#addresses.delete(socket)
    const peer = this.#peers.get(address)!
    if (--peer.count === 0) this.#peers.delete(address)
  }
}
