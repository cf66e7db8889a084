// One stranger at a node's port: its identity, its address, its connections. Owns: dialling as a stranger does.
// Not: what it sends (strangers.ts, strangerRequests.ts).
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { compareBytes } from '../../base/bytes.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { type RawConnection, type RawPeer, rawPeer } from '../support/rawPeer.ts'

const TRIES_MAX = 200

export interface Target {
  readonly address: string
  readonly genesisHash: Uint8Array
  readonly chainId: number
}

/** One stranger; its identity changes when it is refused. */
export class Stranger {
  readonly target: Target
  /** Where its connections come from. */
  readonly localAddress: string
  #peer: RawPeer | undefined

  constructor(target: Target, localAddress: string) {
    this.target = target
    this.localAddress = localAddress
  }

  /** Connects as the side that opens the streams; with `accepts` as the other one, which takes these protocols' streams. */
  async dial(accepts: ReadonlyMap<string, (stream: Stream) => void> = new Map()): Promise<RawConnection> {
    if (this.#peer === undefined) {
      const peer = await rawPeer(this.#seed(accepts.size === 0), this.localAddress)
      for (const [id, accept] of accepts) await peer.node.handle(id, accept)
      this.#peer = peer
    }
    try {
      return await this.#peer.dial(this.target.address)
    } catch (error) {
      await this.#peer.stop()
      this.#peer = undefined
      throw error
    }
  }

  /** Of an identity below the target's, which opens the streams, or above it. */
  #seed(opens: boolean): Uint8Array {
    const target = peerIdFromString(/[^/]+$/.exec(this.target.address)![0]).toMultihash().bytes
    for (let tries = 0; ; tries++) {
      const seed = new Uint8Array(randomBytes(32))
      if (tries > TRIES_MAX || compareBytes(peerIdBytesFromSeed(seed), target) < 0 === opens) return seed
    }
  }

  /** Raw TCP; resolves when the socket is closed. */
  async onSocket(use: (socket: Socket) => void): Promise<void> {
    const port = Number(/\/tcp\/(\d+)/.exec(this.target.address)![1])
    const socket = connect({ port, host: '127.0.0.1', localAddress: this.localAddress })
    await new Promise<void>((resolve) => {
      socket.on('error', () => resolve()).on('close', () => resolve())
      use(socket)
    })
    socket.destroy()
  }
}

export interface StrangerKind {
  readonly name: string
  /** For `--help` and the table. */
  readonly what: string
  /** Each from an address of its own, as far as there are: 127.0.0.2 and on. */
  readonly isSpread?: boolean
  /** Attacks once; called again whenever it resolves. */
  run(stranger: Stranger): Promise<void>
}
