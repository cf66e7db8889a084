// One more connection of a member, opened by hand: what no host would do.
import { setTimeout as after } from 'node:timers/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { tcp } from '@libp2p/tcp'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { CONSENSUS_PROTOCOL } from '../../p2p/consensusChannel.ts'
import { frameHeader } from '../../p2p/frames.ts'
import { encodeHello } from '../../p2p/hello.ts'
import { GOSSIP_BATCH_BYTES_MAX } from '../../p2p/limits.ts'
import { GOSSIP_PROTOCOL } from '../../p2p/txGossip.ts'

const BYTES_PER_TURN = 1_000
const TURN_MS = 50
const FRAME_BYTES = 1_000_000
const REFUSED_MS = 500
const CONNECTIONS = 50

interface WireOptions {
  readonly peerSeed: Uint8Array
  readonly genesisHash: Uint8Array
  readonly addresses: readonly string[]
}

type Attack = (node: Libp2p, address: Multiaddr, stop: AbortSignal) => Promise<void>

/** Attacks each address until stopped; begins again when it is refused. */
async function attackAll({ peerSeed, addresses }: WireOptions, attack: Attack): Promise<() => Promise<void>> {
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', peerSeed),
    transports: [tcp({ dialOpts: { noDelay: true } })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  const stop = new AbortController()
  const insist = async (address: string): Promise<void> => {
    while (!stop.signal.aborted) {
      await attack(node, multiaddr(address), stop.signal).catch(() => after(REFUSED_MS))
    }
  }
  const running = addresses.map(insist)
  return async () => {
    stop.abort()
    await Promise.all(running)
    await node.stop()
  }
}

/** Frames of one byte on the consensus protocol: a hello, then a message of a megabyte. */
function sendOneByteFrames(options: WireOptions): Promise<() => Promise<void>> {
  const hello = encodeHello(options.genesisHash)
  const start = [...frameHeader(hello.length), ...hello, ...frameHeader(FRAME_BYTES)]
  return attackAll(options, async (node, address, signal) => {
    const stream = await node.dialProtocol(address, CONSENSUS_PROTOCOL, { signal })
    for (let sent = 0; stream.status === 'open' && !signal.aborted; ) {
      for (let i = 0; i < BYTES_PER_TURN && stream.status === 'open'; i++, sent++) {
        stream.send(Uint8Array.of(start[sent] ?? 0))
      }
      await after(TURN_MS)
    }
  })
}

/** A handshake as the member, twenty times a second and address. */
function reconnect(options: WireOptions): Promise<() => Promise<void>> {
  return attackAll(options, async (node, address, signal) => {
    const connection = await node.dial(address, { signal, force: true })
    await after(TURN_MS)
    await connection.close()
  })
}

/** Many connections of the member at each address, all kept, each with frames of one byte as fast as they are read. */
function connectManyTimes({ addresses, ...options }: WireOptions): Promise<() => Promise<void>> {
  const { genesisHash } = options
  const hello = encodeHello(genesisHash)
  const start = [...frameHeader(hello.length), ...hello, ...frameHeader(GOSSIP_BATCH_BYTES_MAX)]
  const all = addresses.flatMap((address) => Array<string>(CONNECTIONS).fill(address))
  return attackAll({ ...options, addresses: all }, async (node, address, signal) => {
    const connection = await node.dial(address, { signal, force: true })
    while (connection.status === 'open' && !signal.aborted) {
      const stream = await connection.newStream(GOSSIP_PROTOCOL, { signal })
      for (let sent = 0; stream.status === 'open' && !signal.aborted; ) {
        for (let i = 0; i < BYTES_PER_TURN && stream.status === 'open'; i++, sent++) {
          stream.send(Uint8Array.of(start[sent] ?? 0))
        }
        await after(TURN_MS)
      }
    }
    await connection.close()
  })
}

export const WIRES = {
  oneByteFrames: sendOneByteFrames,
  reconnects: reconnect,
  manyConnections: connectManyTimes,
} as const
