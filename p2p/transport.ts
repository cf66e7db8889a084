// The libp2p node under a host: TCP, noise, yamux, with the door before handshakes and an intake under every muxer.
// Owns: composition of the transport, and the time-outs and bounds libp2p has. Not: who is admitted (host.ts).
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type {
  ConnectionEncrypter,
  MultiaddrConnection,
  PeerId,
  PrivateKey,
  SecuredConnection,
} from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2p } from 'libp2p'
import { RecentMap } from '../base/recentMap.ts'
import { groupOfMultiaddr } from './addressGroup.ts'
import { Budget } from './budget.ts'
import { Door, PENDING_MAX } from './door.ts'
import { Intake, STRANGER_ALLOWANCE, STRANGERS_ALLOWANCE } from './intake.ts'
import { STATIC_PEERS_MAX, STREAM_WINDOW_BYTES_MAX } from './limits.ts'
import type { PeerKey } from './protocol.ts'
import { agree } from './x25519.ts'

const DIAL_TIMEOUT_MS = 5_000
/** So that an address that does not answer leaves time for the others. */
const ADDRESS_DIAL_TIMEOUT_MS = 2_000
/** A half-open connection is closed after this long. */
const UPGRADE_TIMEOUT_MS = 5_000
const PING_INTERVAL_MS = 10_000
/** Generous, so that a node that is busy for some seconds does not count as dead. */
const PING_TIMEOUT_MS = 20_000
const STREAM_READ_BUFFER_BYTES_MAX = 2 * STREAM_WINDOW_BYTES_MAX
const STREAMS_PER_CONNECTION_MAX = 32
/** Identities whose account outlives a connection: all members, and strangers as they come. */
const IDENTITIES_MAX = 4_096
/** What the door decides is not decided before it. */
const NO_LIMIT = 1_000_000

export interface TransportOptions {
  readonly privateKey: PrivateKey
  readonly listen: readonly string[]
  readonly unknownPeersMax: number
  isClosed(): boolean
  isMember(peer: PeerKey): boolean
  isMemberGroup(group: string): boolean
  /** Whether an identity may not connect from this address now. */
  isRefused(peerId: PeerId, group: string): boolean
}

const groupOf = (connection: MultiaddrConnection): string =>
  groupOfMultiaddr(connection.remoteAddr.toString())

/** Creates a node that does not listen yet. */
export function createTransport(options: TransportOptions): Promise<Libp2p> {
  const strangers = new Budget(STRANGERS_ALLOWANCE)
  const door = new Door({ isMemberGroup: options.isMemberGroup })
  const intakes = new WeakMap<object, Intake>()
  const identities = new RecentMap<Budget>(IDENTITIES_MAX)
  /** One account for all connections of an identity, now and later: connecting again renews nothing. */
  const accountOf = (peer: PeerKey): Budget => {
    const account = identities.get(peer) ?? new Budget(STRANGER_ALLOWANCE)
    identities.set(peer, account)
    return account
  }
  const tap = (source: MultiaddrConnection, isMember: boolean): void => {
    intakes.set(source, new Intake({ source, strangers, isMember }))
  }
  return createLibp2p({
    start: false,
    privateKey: options.privateKey,
    addresses: { listen: [...options.listen] },
    transports: [tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })],
    connectionEncrypters: [
      tappedNoise((source, { connection, remotePeer }) => {
        const peer = remotePeer.toString()
        door.settled(source)
        intakes.get(source)?.authenticated(connection, () => options.isMember(peer), accountOf(peer))
      }),
    ],
    streamMuxers: [
      yamux({
        maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
        maxOutboundStreams: STREAMS_PER_CONNECTION_MAX,
        streamOptions: {
          maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX,
          maxReadBufferLength: STREAM_READ_BUFFER_BYTES_MAX,
        },
      }),
    ],
    connectionManager: {
      // Each member may have two connections while both sides dial.
      maxConnections: 2 * (STATIC_PEERS_MAX + options.unknownPeersMax) + PENDING_MAX,
      maxIncomingPendingConnections: NO_LIMIT,
      inboundConnectionThreshold: NO_LIMIT,
      inboundUpgradeTimeout: UPGRADE_TIMEOUT_MS,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
      // In the order in which the dialer names them.
      addressSorter: () => 0,
    },
    connectionMonitor: {
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: { minTimeout: PING_TIMEOUT_MS },
    },
    connectionGater: {
      denyInboundConnection: (source) => {
        if (options.isClosed()) return true
        const end = (reason: string): void => source.abort(new Error(reason))
        if (!door.knock(source, groupOf(source), end)) return true
        source.addEventListener('close', () => door.settled(source))
        tap(source, false)
        return false
      },
      denyOutboundConnection: (_, source) => {
        tap(source, true)
        return false
      },
      denyInboundEncryptedConnection: (peerId, source) => options.isRefused(peerId, groupOf(source)),
    },
  })
}

/** Noise that tells which identity a connection has proven, before the muxer gets its first byte. */
function tappedNoise(
  onSecured: (source: object, secured: SecuredConnection) => void,
): (components: Parameters<ReturnType<typeof noise>>[0]) => ConnectionEncrypter {
  const create = noise()
  return (components) => {
    const encrypter: ConnectionEncrypter = create(components)
    // Three agreements a handshake: half of its CPU. Noise's own stays when it keeps it elsewhere one day.
    const { crypto } = encrypter as { crypto?: { dh?: typeof agree } }
    if (crypto?.dh !== undefined) crypto.dh = agree
    const tapped =
      (secure: ConnectionEncrypter['secureInbound']): ConnectionEncrypter['secureInbound'] =>
      async (source, options) => {
        const secured = await secure.call(encrypter, source, options)
        // Otherwise lines of a negotiation would come first, which nothing bounds.
        if (secured.streamMuxer === undefined) throw new Error('the handshake names no muxer')
        onSecured(source, secured)
        return secured
      }
    encrypter.secureInbound = tapped(encrypter.secureInbound)
    encrypter.secureOutbound = tapped(encrypter.secureOutbound)
    return encrypter
  }
}
