// Peers that ask and do not read: what waits for them is bounded, one by one and together.
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { concatBytes } from '../../base/bytes.ts'
import { frameHeader } from '../../p2p/frames.ts'
import { Outbox, type Reader, SLOW_MS } from '../../p2p/outbox.ts'
import type { ProtocolPort } from '../../p2p/protocol.ts'
import { closeAll, GENESIS, makeNode, seedOf, type TestNode, until } from '../support/hostHarness.ts'
import { greet, type RawPeer, rawPeer, YAMUX, yamuxFrame } from '../support/rawPeer.ts'

const MIB = 1024 * 1024
const GRANT_BYTES = 48 * 1024
const GRANTS = 20

describe('p2p.outbox', () => {
  class FakeReader implements Reader {
    isLeaving = false
    readonly peer: string
    queuedBytes: number
    lagMs: number
    constructor(peer: string, queuedBytes: number, lagMs: number) {
      this.peer = peer
      this.queuedBytes = queuedBytes
      this.lagMs = lagMs
    }
    disconnect(): void {
      this.isLeaving = true
    }
  }
  const open = (...readers: FakeReader[]): Outbox =>
    new Outbox({
      readers: () => readers,
      isMember: (peer) => peer.startsWith('member'),
      strangersBytesMax: 100,
      onCut: () => {},
    })

  it('lets the slowest reader go, not the one with most', () => {
    const [slow, large] = [new FakeReader('slow', 30, 9_000), new FakeReader('large', 65, 2_000)]
    assert.equal(open(slow, large).mayQueue('large', 30), true)
    assert.deepEqual([slow.isLeaving, large.isLeaving], [true, false])
  })

  it('lets as many go as needed, the asking one too', () => {
    const [a, b] = [new FakeReader('a', 50, 9_000), new FakeReader('b', 50, 8_000)]
    assert.equal(open(a, b).mayQueue('b', 60), false)
    assert.deepEqual([a.isLeaving, b.isLeaving], [true, true])
  })

  it('refuses while nobody is slow yet, but never a member', () => {
    const quick = new FakeReader('a', 90, SLOW_MS - 1)
    assert.equal(open(quick).mayQueue('a', 20), false)
    assert.equal(quick.isLeaving, false)
    const member = new FakeReader('member', 10 ** 9, SLOW_MS - 1)
    assert.equal(open(member).mayQueue('member', 20), true)
    assert.equal(member.isLeaving, false)
  })

  it('counts members and strangers apart', () => {
    const member = new FakeReader('member', 10 ** 6, 0)
    assert.equal(open(member).mayQueue('a', 20), true)
  })
})

describe('p2p.slowReaders', () => {
  const ID = '/suanli/test/1'
  let nodes: TestNode[] = []
  let peers: RawPeer[] = []
  afterEach(async () => {
    await Promise.all(peers.map((peer) => peer.stop()))
    await closeAll(nodes)
    nodes = []
    peers = []
  })

  /** Answers each frame with a mebibyte; `answered` counts those that the queue took. */
  async function target(strangersQueueBytesMax?: number) {
    const state = { asked: 0, answered: 0 }
    let port: ProtocolPort | undefined
    const node = await makeNode({
      seed: seedOf(210),
      ...(strangersQueueBytesMax === undefined ? {} : { strangersQueueBytesMax }),
      prepare: (host) => {
        port = host.register(
          { id: ID, frameBytesMax: MIB, queueBytesMax: 8 * MIB, overflow: 'refuse', consensusOnly: false },
          {
            onFrame: (peer) => {
              state.asked++
              if (port!.send(peer, new Uint8Array(MIB))) state.answered++
            },
          },
        )
      },
    })
    await node.host.start()
    nodes.push(node)
    return { node, state }
  }

  /** A stranger whose socket is not read once it has greeted, and that grants any window. */
  async function deaf(node: TestNode, seed: number) {
    const peer = await rawPeer(seedOf(seed))
    peers.push(peer)
    const raw = await peer.dial(node.host.listenAddresses[0]!)
    const stream = await greet(raw, ID, GENESIS)
    await until('the channel is open', () => node.host.peers().some((p) => p.protocols.includes(ID)))
    const { socket } = (raw.connection as unknown as { maConn: { socket: Socket } }).maConn
    socket.pause()
    return {
      ask: () => {
        const streamId = Number(stream.id)
        const frame = Uint8Array.of(...frameHeader(1), 7)
        raw.raw.send(yamuxFrame({ type: YAMUX.data, streamId, data: frame }))
        // Always less than waits: then something is left in the stream, and every grant makes it send.
        const grant = yamuxFrame({ type: YAMUX.windowUpdate, streamId, length: GRANT_BYTES })
        raw.raw.send(concatBytes(...Array.from({ length: GRANTS }, () => grant)))
      },
    }
  }

  it('keeps what a deaf peer asks for within its queue, whatever window it grants', async () => {
    const { node, state } = await target()
    const { ask } = await deaf(node, 211)
    for (let i = 1; i <= 30; i++) {
      ask()
      await until('it has arrived', () => state.asked === i)
    }
    // Eight in the queue, and what the stream, the connection and both kernels have.
    assert.ok(state.answered <= 16, `${state.answered} MiB wait for a peer that reads nothing`)
  })

  it('lets slow strangers go when all together would hold too much', async () => {
    const { node, state } = await target(10 * MIB)
    const [first, second] = [await deaf(node, 212), await deaf(node, 213)]
    const askUntil = async (peer: { ask(): void }, isDone: () => boolean): Promise<void> => {
      for (let i = 0; i < 100 && !isDone(); i++) {
        const { asked } = state
        peer.ask()
        await until('it has arrived', () => state.asked > asked || isDone())
      }
    }
    const refused = () => state.asked > state.answered
    await askUntil(first, refused)
    await new Promise((resolve) => setTimeout(resolve, SLOW_MS))
    await askUntil(second, () => node.logger.warnings.length > 0)
    await until('the first is gone', () => node.host.peers().length === 1)
    assert.ok(node.logger.warnings.some(({ text }) => text === 'slow reader disconnected'))
  })
})
