// Strangers at a node's port: what each kind sends. Runs as a process of its own. Owns: the attacks.
// Not: measuring (strangersMain.ts).
import { fromHex } from '../../base/bytes.ts'
import { frameHeader } from '../../p2p/frames.ts'
import { GOSSIP_BATCH_BYTES_MAX } from '../../p2p/limits.ts'
import { GOSSIP_PROTOCOL } from '../../p2p/txGossip.ts'
import { greet, type RawConnection, YAMUX, yamuxFrame } from '../support/rawPeer.ts'
import { Stranger, type StrangerKind, type Target } from './stranger.ts'
import { STRANGER_REQUESTS } from './strangerRequests.ts'

/** Frames in one write, unless a kind says otherwise. */
const BATCH = 200
const RETRY_MS = 100
const FIRST_MS = 3_000

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Writes what `make` returns as fast as the other side reads, until it closes. */
async function flood({ raw }: RawConnection, make: (round: number) => Uint8Array): Promise<void> {
  for (let round = 0; raw.status === 'open'; round++) {
    if (raw.send(make(round))) await new Promise((resolve) => setImmediate(resolve))
    else {
      await new Promise<void>((resolve) => {
        raw.addEventListener('drain', () => resolve(), { once: true })
        raw.addEventListener('close', () => resolve(), { once: true })
      })
    }
  }
}

const many = (count: number, make: (i: number) => Uint8Array): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))

/** Frames of this kind on a greeted stream; without one on a stream that does not exist. */
function flooding(
  name: string,
  what: string,
  make: (streamId: number, round: number) => Uint8Array,
): StrangerKind {
  return {
    name,
    what,
    run: async (stranger) => {
      const raw = await stranger.dial()
      const stream = await greet(raw, GOSSIP_PROTOCOL, stranger.target.genesisHash).catch(() => undefined)
      // A frame of the protocol begins, so that the bytes that follow are kept and not refused.
      stream?.send(frameHeader(GOSSIP_BATCH_BYTES_MAX))
      const streamId = Number(stream?.id ?? 99_999)
      await flood(raw, (round) => make(streamId, round))
    },
  }
}

export const STRANGERS: readonly StrangerKind[] = [
  {
    name: 'idle',
    what: 'shakes hands and does nothing',
    run: async (stranger) => {
      const { raw } = await stranger.dial()
      await new Promise<void>((resolve) => raw.addEventListener('close', () => resolve()))
    },
  },
  flooding('one-byte', 'data frames of one byte', (streamId) =>
    many(BATCH, () => yamuxFrame({ type: YAMUX.data, streamId, data: Uint8Array.of(0) })),
  ),
  flooding('alone', 'data frames of one byte, each encrypted alone', (streamId) =>
    yamuxFrame({ type: YAMUX.data, streamId, data: Uint8Array.of(0) }),
  ),
  flooding('large', 'data frames of 60 KB', (streamId) =>
    yamuxFrame({ type: YAMUX.data, streamId, data: new Uint8Array(60_000) }),
  ),
  flooding('pings', 'pings of the muxer', (_, round) =>
    many(BATCH, (i) =>
      yamuxFrame({ type: YAMUX.ping, flags: YAMUX.syn, streamId: 0, length: round * BATCH + i }),
    ),
  ),
  flooding('windows', 'window updates', (streamId) =>
    many(BATCH, () => yamuxFrame({ type: YAMUX.windowUpdate, streamId, length: 1 })),
  ),
  flooding('streams', 'opens streams and resets them', (_, round) =>
    many(BATCH, (i) => {
      const streamId = 2 * (round * BATCH + i) + 100_001
      const opened = yamuxFrame({ type: YAMUX.windowUpdate, flags: YAMUX.syn, streamId, length: 0 })
      const reset = yamuxFrame({ type: YAMUX.windowUpdate, flags: YAMUX.rst, streamId, length: 0 })
      return Buffer.concat([opened, reset])
    }),
  ),
  {
    name: 'handshakes',
    what: 'shakes hands and leaves, again and again',
    run: async (stranger) => (await stranger.dial()).connection.abort(new Error('leaves')),
  },
  {
    name: 'half-open',
    what: 'connects and sends nothing',
    run: (stranger) => stranger.onSocket((socket) => setTimeout(() => socket.destroy(), 5_000)),
  },
  {
    name: 'lines',
    what: 'negotiates encryption without end',
    run: (stranger) =>
      stranger.onSocket((socket) => {
        const line = Buffer.from('\x04/no\n'.repeat(BATCH), 'latin1')
        const write = (): void => {
          if (!socket.destroyed && socket.write(line)) setImmediate(write)
        }
        socket.on('connect', () => {
          socket.write('\x13/multistream/1.0.0\n')
          write()
        })
        socket.on('drain', write)
      }),
  },
  ...STRANGER_REQUESTS,
]

/** Keeps `count` strangers of a kind at these addresses; calls `onUp` when each has begun. */
async function attack(kind: StrangerKind, targets: readonly Target[], count: number, onUp: () => void) {
  let begun = 0
  const one = async (stranger: Stranger): Promise<void> => {
    for (let round = 0; ; round++) {
      const attacking = kind.run(stranger).catch(() => {})
      // The first handshakes take the longest; whoever is refused has begun too.
      if (round === 0) await Promise.race([attacking, after(FIRST_MS)])
      if (round === 0 && ++begun === count) onUp()
      await attacking
      await after(RETRY_MS)
    }
  }
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      one(
        new Stranger(
          targets[i % targets.length]!,
          kind.isSpread === true ? `127.0.0.${2 + (i % 250)}` : '127.0.0.1',
        ),
      ),
    ),
  )
}

// Started by strangersMain.ts: kind, count, genesis hash, chain id, addresses.
const [, program = '', name, count, genesis, chainId, ...addresses] = process.argv
if (/strangers\.js$/.test(program)) {
  // The parent going away ends this process too.
  process.on('disconnect', () => process.exit(0))
  const kind = STRANGERS.find((one) => one.name === name)
  if (kind === undefined || genesis === undefined) throw new Error(`no kind of stranger is named ${name}`)
  const genesisHash = fromHex(genesis)
  const targets = addresses.map((address) => ({ address, genesisHash, chainId: Number(chainId) }))
  await attack(kind, targets, Number(count), () => process.send?.('up'))
}
