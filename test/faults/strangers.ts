// Strangers at a node's port: what each kind sends. Runs as a process of its own, at the lowest priority, so that it slows the
// validators by what they read and not by its own work. Owns: the attacks. Not: measuring (strangersMain.ts).
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { constants, setPriority } from 'node:os'
import { fromHex } from '../../base/bytes.ts'
import { GOSSIP_PROTOCOL } from '../../p2p/txGossip.ts'
import { greet, type RawConnection, rawPeer, YAMUX, yamuxFrame } from '../support/rawPeer.ts'

/** Frames in one write, unless a kind says otherwise. */
const BATCH = 200
const RETRY_MS = 100

interface Target {
  readonly address: string
  readonly genesisHash: Uint8Array
}

export interface StrangerKind {
  readonly name: string
  /** For `--help` and the table. */
  readonly what: string
  /** Attacks once; called again whenever it resolves. */
  run(target: Target): Promise<void>
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function withPeer(target: Target, attack: (raw: RawConnection) => Promise<void>): Promise<void> {
  const peer = await rawPeer(new Uint8Array(randomBytes(32)))
  try {
    await attack(await peer.dial(target.address))
  } finally {
    await peer.stop()
  }
}

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
    run: (target) =>
      withPeer(target, async (raw) => {
        // The side with the higher identity does not open streams: then these frames are for an unknown one.
        const stream = await greet(raw, GOSSIP_PROTOCOL, target.genesisHash).catch(() => undefined)
        const streamId = Number(stream?.id ?? 99_999)
        await flood(raw, (round) => make(streamId, round))
      }),
  }
}

function onSocket(target: Target, use: (port: number) => Promise<void>): Promise<void> {
  return use(Number(/\/tcp\/(\d+)/.exec(target.address)![1]))
}

export const STRANGERS: readonly StrangerKind[] = [
  {
    name: 'idle',
    what: 'shakes hands and does nothing',
    run: (target) =>
      withPeer(target, ({ raw }) => new Promise((resolve) => raw.addEventListener('close', () => resolve()))),
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
    run: (target) => withPeer(target, async ({ connection }) => connection.abort(new Error('leaves'))),
  },
  {
    name: 'half-open',
    what: 'connects and sends nothing',
    run: (target) =>
      onSocket(target, async (port) => {
        const socket = connect(port, '127.0.0.1')
        await new Promise<void>((resolve) => {
          socket.on('error', () => resolve()).on('close', () => resolve())
          setTimeout(() => resolve(), 5_000)
        })
        socket.destroy()
      }),
  },
  {
    name: 'lines',
    what: 'negotiates encryption without end',
    run: (target) =>
      onSocket(target, async (port) => {
        const socket = connect(port, '127.0.0.1')
        const line = Buffer.from('\x04/no\n'.repeat(BATCH), 'latin1')
        await new Promise<void>((resolve) => {
          socket.on('error', () => resolve()).on('close', () => resolve())
          const write = (): void => {
            if (!socket.destroyed && socket.write(line)) setImmediate(write)
          }
          socket.on('connect', () => {
            socket.write('\x13/multistream/1.0.0\n')
            write()
          })
          socket.on('drain', write)
        })
        socket.destroy()
      }),
  },
]

/** Keeps `count` strangers of a kind at these addresses. */
async function attack(kind: StrangerKind, targets: readonly Target[], count: number): Promise<void> {
  const one = async (target: Target): Promise<void> => {
    for (;;) {
      await kind.run(target).catch(() => {})
      await after(RETRY_MS)
    }
  }
  await Promise.all(Array.from({ length: count }, (_, i) => one(targets[i % targets.length]!)))
}

// Started by strangersMain.ts: kind, count, genesis hash, addresses.
const [, program = '', name, count, genesis, ...addresses] = process.argv
if (/strangers\.js$/.test(program)) {
  setPriority(constants.priority.PRIORITY_LOW)
  // The parent going away ends this process too.
  process.on('disconnect', () => process.exit(0))
  const kind = STRANGERS.find((one) => one.name === name)
  if (kind === undefined || genesis === undefined) throw new Error(`no kind of stranger is named ${name}`)
  const genesisHash = fromHex(genesis)
  await attack(
    kind,
    addresses.map((address) => ({ address, genesisHash })),
    Number(count),
  )
}
