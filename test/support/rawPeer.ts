// A libp2p peer whose frames below the streams are the test's own: it shakes hands like a node, then sends raw bytes to the
// other side's muxer. Owns: connections and yamux frames. Not: which frames are an attack (test/faults/strangers.ts).
import '../../base/polyfill.ts'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Connection, MessageStream, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { concatBytes, u32be } from '../../base/bytes.ts'
import { frameHeader } from '../../p2p/frames.ts'
import { encodeHello } from '../../p2p/hello.ts'

export interface RawConnection {
  readonly connection: Connection
  /** Below the muxer: what is sent here reaches the other side's muxer as it is. */
  readonly raw: MessageStream
}

export interface RawPeer {
  readonly node: Libp2p
  dial(address: string): Promise<RawConnection>
  stop(): Promise<void>
}

/** Creates a peer with this identity, not connected. `localAddress`: the address that its connections come from. */
export async function rawPeer(seed: Uint8Array, localAddress?: string): Promise<RawPeer> {
  let latest: MessageStream | undefined
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    // The option is node's own; the transport hands it on.
    transports: [tcp({ dialOpts: { ...(localAddress === undefined ? {} : { localAddress }) } as object })],
    connectionEncrypters: [noise()],
    streamMuxers: [
      () => {
        const factory = yamux({ enableKeepAlive: false })()
        return {
          protocol: factory.protocol,
          createStreamMuxer: (stream) => {
            latest = stream
            return factory.createStreamMuxer(stream)
          },
        }
      },
    ],
    connectionMonitor: { enabled: false },
  })
  return {
    node,
    dial: async (address) => {
      const connection = await node.dial(multiaddr(address))
      return { connection, raw: latest! }
    },
    stop: async () => node.stop(),
  }
}

/** Opens a stream of a node's protocol and greets. */
export async function greet(
  { connection }: RawConnection,
  protocolId: string,
  genesisHash: Uint8Array,
): Promise<Stream> {
  const stream = await connection.newStream(protocolId)
  const hello = encodeHello(genesisHash)
  stream.send(concatBytes(frameHeader(hello.length), hello))
  return stream
}

export const YAMUX = {
  data: 0,
  windowUpdate: 1,
  ping: 2,
  syn: 1,
  rst: 8,
} as const

/** One yamux frame: 12 bytes of header, then the data of a data frame. */
export function yamuxFrame(options: {
  readonly type: number
  readonly flags?: number
  readonly streamId: number
  readonly length?: number
  readonly data?: Uint8Array
}): Uint8Array {
  const { type, flags = 0, streamId, data = new Uint8Array(0) } = options
  const length = options.length ?? data.length
  return concatBytes(Uint8Array.of(0, type, flags >> 8, flags & 255), u32be(streamId), u32be(length), data)
}
