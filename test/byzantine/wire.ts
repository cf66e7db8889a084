// One more connection of a member, opened by hand: what no channel of a host would send.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { CONSENSUS_PROTOCOL } from '../../p2p/consensusChannel.ts'
import { frameHeader } from '../../p2p/frames.ts'
import { encodeHello } from '../../p2p/hello.ts'

const BYTES_PER_TURN = 1_000
const TURN_MS = 50
const FRAME_BYTES = 1_000_000

/** Sends frames of one byte to each address until stopped; opens another connection when one ends. */
export async function sendOneByteFrames(options: {
  readonly peerSeed: Uint8Array
  readonly genesisHash: Uint8Array
  readonly addresses: readonly string[]
}): Promise<() => Promise<void>> {
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', options.peerSeed),
    transports: [tcp({ dialOpts: { noDelay: true } })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  const stop = new AbortController()
  const hello = encodeHello(options.genesisHash)
  const start = [...frameHeader(hello.length), ...hello, ...frameHeader(FRAME_BYTES)]
  const dribble = async (address: string): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        const stream = await node.dialProtocol(multiaddr(address), CONSENSUS_PROTOCOL, {
          signal: stop.signal,
        })
        for (let sent = 0; stream.status === 'open' && !stop.signal.aborted; ) {
          for (let i = 0; i < BYTES_PER_TURN && stream.status === 'open'; i++, sent++) {
            stream.send(Uint8Array.of(start[sent] ?? 0))
          }
          await new Promise((resolve) => setTimeout(resolve, TURN_MS))
        }
      } catch {
        // Refused: it tries again, as an attacker would.
        await new Promise((resolve) => setTimeout(resolve, 10 * TURN_MS))
      }
    }
  }
  const running = options.addresses.map(dribble)
  return async () => {
    stop.abort()
    await Promise.all(running)
    await node.stop()
  }
}
