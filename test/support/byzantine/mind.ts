// Applies the behaviour of the moment to everything that passes between a core and its network. Owns: what was heard, the
// pace of floods. Not: the behaviours (behaviours/), the node (hostileNode.ts).
import { mustExist } from '../../../base/assert.ts'
import { bls } from '../../../base/crypto/bls.ts'
import { SchemaError } from '../../../base/field.ts'
import { type Subject, type Vote, voteBytes } from '../../../base/protocol/vote.ts'
import {
  type ConsensusMessage,
  decodeMessage,
  encodeMessage,
  type MessageKind,
} from '../../../consensus/messages.ts'
import type { Clock, ConsensusNetwork } from '../../../consensus/ports.ts'
import type { CoreStatus, Sender, Target } from '../../../consensus/types.ts'
import { systemClock } from '../../../node/clock.ts'
import type { P2pHost, ProtocolPort } from '../../../p2p/protocol.ts'
import type { SyncSource } from '../../../p2p/rangeProtocol.ts'
import type { Random } from '../random.ts'
import type { Behaviour, Hand, Heard, Sent } from './behaviour.ts'

const HEARD_MAX = 64
const FLOOD_EVERY_MS = 20
/** A flood that this process cannot keep up with is not made up for later. */
const OWED_MAX = 100
const HONEST: Behaviour = { about: 'follows the protocol' }

export class Mind implements Hand {
  readonly random: Random
  readonly genesisHash: Uint8Array
  readonly chainId: number
  readonly peerSeed: Uint8Array
  readonly addresses: readonly string[]
  readonly #host: P2pHost
  readonly #ports: ReadonlyMap<string, ProtocolPort>
  readonly #secretKey: Uint8Array
  readonly #heard = new Map<MessageKind, ConsensusMessage['body'][]>()
  readonly #clock: Clock
  readonly #timers = new Set<() => void>()
  #network: ConsensusNetwork | undefined
  #status: (() => CoreStatus) | undefined
  #behaviour = HONEST
  #stopTicking: (() => void) | undefined
  #owed = 0
  #floodedAtMs = 0

  constructor(options: {
    readonly host: P2pHost
    /** By protocol. */
    readonly ports: ReadonlyMap<string, ProtocolPort>
    readonly genesisHash: Uint8Array
    readonly chainId: number
    readonly peerSeed: Uint8Array
    /** Multiaddrs of other members. */
    readonly peers: readonly string[]
    readonly secretKey: Uint8Array
    readonly random: Random
    readonly clock?: Clock
  }) {
    this.random = options.random
    this.genesisHash = options.genesisHash
    this.chainId = options.chainId
    this.peerSeed = options.peerSeed
    this.addresses = options.peers.map((address) => address.replace(/\/p2p\/.*$/, ''))
    this.#host = options.host
    this.#ports = options.ports
    this.#secretKey = options.secretKey
    this.#clock = options.clock ?? systemClock()
  }

  get status(): CoreStatus {
    return mustExist(this.#status, 'the core runs')()
  }

  get nowMs(): number {
    return this.#clock.nowMs()
  }

  get self(): number {
    return this.status.self ?? 0
  }

  get peers(): readonly string[] {
    return this.#host
      .peers()
      .filter(({ connected, mayConsensus }) => connected && mayConsensus)
      .map(({ peer }) => peer)
      .sort()
  }

  /** The core's wall clock. */
  get clock(): Clock {
    const right = this.#clock
    return { ...right, nowMs: () => right.nowMs() + (this.#behaviour.clockOffsetMs ?? 0) }
  }

  follow(status: () => CoreStatus): void {
    this.#status = status
  }

  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour
    this.#owed = 0
    this.#floodedAtMs = this.#clock.monotonicMs()
    this.#stopTicking?.()
    const { flood, sleepsMs } = behaviour
    if (flood !== undefined) this.#tick(FLOOD_EVERY_MS, () => this.#flood())
    if (sleepsMs !== undefined) this.#tick(1_000, () => sleep(sleepsMs))
  }

  close(): void {
    this.#stopTicking?.()
    for (const cancel of this.#timers) cancel()
  }

  #tick(everyMs: number, work: () => void): void {
    this.#stopTicking = this.#clock.after(everyMs, () => {
      this.#tick(everyMs, work)
      work()
    })
  }

  sign(subject: Subject): Vote {
    const signature = bls.sign(this.#secretKey, voteBytes(this.genesisHash, subject))
    return { subject, signer: this.self, signature }
  }

  heard<K extends MessageKind>(kind: K): readonly Heard<K>[] {
    return (this.#heard.get(kind) ?? []) as unknown as readonly Heard<K>[]
  }

  send({ to, message, protocol }: Sent): void {
    if (protocol === undefined)
      this.#network?.send(to, message instanceof Uint8Array ? message : encodeMessage(message))
    else if (message instanceof Uint8Array) {
      const port = this.#ports.get(protocol)
      for (const peer of to.kind === 'peer' ? [to.peer] : (port?.peers() ?? [])) port?.send(peer, message)
    }
  }

  after(delayMs: number, work: () => void): void {
    const cancel = this.#clock.after(delayMs, () => {
      this.#timers.delete(cancel)
      work()
    })
    this.#timers.add(cancel)
  }

  /** The core's network: it never penalises, and says what the behaviour says. */
  bend(network: ConsensusNetwork): ConsensusNetwork {
    this.#network = network
    return {
      send: (to, bytes) => this.#outgoing(to, bytes),
      onMessage: (handler) =>
        network.onMessage((from, bytes) => {
          if (this.#isHeard(from, bytes)) handler(from, bytes)
        }),
      useValidators: (set, self, previous) => network.useValidators(set, self, previous),
      penalise: () => {},
    }
  }

  /** What this node serves to others that catch up. */
  serve(source: SyncSource): SyncSource {
    const bent = () => this.#behaviour.serves?.(source) ?? source
    return { status: () => bent().status(), range: (asked) => bent().range(asked) }
  }

  #outgoing(to: Target, bytes: Uint8Array): void {
    const { outgoing } = this.#behaviour
    if (outgoing === undefined) this.#network?.send(to, bytes)
    else for (const sent of outgoing(this, { to, message: decodeMessage(bytes) })) this.send(sent)
  }

  #isHeard(from: Sender, bytes: Uint8Array): boolean {
    let message: ConsensusMessage
    try {
      message = decodeMessage(bytes)
    } catch (error) {
      if (error instanceof SchemaError) return false
      throw error
    }
    const known = this.#heard.get(message.kind) ?? []
    this.#heard.set(message.kind, known)
    known.push(message.body)
    if (known.length > HEARD_MAX) known.shift()
    return this.#behaviour.incoming?.(this, from, message) !== false
  }

  #flood(): void {
    const { flood } = this.#behaviour
    if (flood === undefined) return
    const nowMs = this.#clock.monotonicMs()
    this.#owed = Math.min(OWED_MAX, this.#owed + ((nowMs - this.#floodedAtMs) / 1000) * flood.perSecond)
    this.#floodedAtMs = nowMs
    for (; this.#owed >= 1; this.#owed--) for (const sent of flood.frames(this)) this.send(sent)
  }
}

/** Stops the whole process, sockets included, without using a processor. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
