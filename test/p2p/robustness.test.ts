import { strict as assert } from 'node:assert'
import '../../base/polyfill.ts'
import { connect } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { concatBytes } from '../../base/bytes.ts'
import { CONSENSUS_PROTOCOL } from '../../p2p/consensusChannel.ts'
import { frameHeader } from '../../p2p/frames.ts'
import { encodeHello } from '../../p2p/hello.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { CONSENSUS_FRAME_BYTES_MAX } from '../../p2p/limits.ts'
import type { ProtocolPort } from '../../p2p/protocol.ts'
import {
  closeAll,
  GENESIS,
  makeNode,
  seedOf,
  startMesh,
  type TestNode,
  until,
} from '../support/hostHarness.ts'

/** A deterministic byte source: the same garbage in every run. */
function garbage(seed: number, size: number): Uint8Array {
  const out = new Uint8Array(size)
  let x = (seed * 2654435761) >>> 0 || 1
  for (let i = 0; i < size; i++) {
    x ^= x << 13
    x >>>= 0
    x ^= x >>> 17
    x ^= x << 5
    x >>>= 0
    out[i] = x & 0xff
  }
  return out
}

/** Two seeds in the order of their peer ids: the first one opens streams. */
function orderedSeeds(): [Uint8Array, Uint8Array] {
  const [a, b] = [seedOf(50), seedOf(51)]
  const aFirst = Buffer.compare(peerIdBytesFromSeed(a), peerIdBytesFromSeed(b)) < 0
  return aFirst ? [a, b] : [b, a]
}

async function rawLibp2p(seed: Uint8Array): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
}

describe('p2p.robustness', () => {
  let nodes: TestNode[] = []
  let attacker: Libp2p | undefined
  afterEach(async () => {
    await attacker?.stop()
    attacker = undefined
    await closeAll(nodes)
    nodes = []
  })

  async function exchange(): Promise<void> {
    const [a, b] = nodes as [TestNode, TestNode]
    const before = b.received.length
    await until('consensus is up', () => a.consensus.peers().length === 1)
    a.consensus.broadcast(Uint8Array.of(42))
    await until('the mesh still works', () => b.received.length > before)
  }

  it('survives raw TCP garbage and half-open sockets', async () => {
    nodes = await startMesh(2)
    const port = Number(/tcp\/(\d+)/.exec(nodes[1]!.host.listenAddresses[0]!)![1])
    const sockets = Array.from({ length: 24 }, (_, i) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      if (i % 4 !== 0) socket.write(garbage(i, 1 + i * 97))
      if (i % 4 === 1) socket.end()
      return socket
    })
    await exchange()
    for (const socket of sockets) socket.destroy()
    await exchange()
  })

  it('opens streams ever more slowly for a peer that uses and closes each', async () => {
    const id = '/suanli/test/1'
    const [nodeSeed, attackerSeed] = orderedSeeds()
    const used: number[] = []
    const node = await makeNode({
      seed: nodeSeed,
      prepare: (host) => {
        const spec = { id, frameBytesMax: 100, queueBytesMax: 1_000, consensusOnly: false } as const
        host.register({ ...spec, overflow: 'refuse' }, { onFrame: () => void used.push(performance.now()) })
      },
    })
    nodes = [node]
    await node.host.start()
    attacker = await rawLibp2p(attackerSeed)
    const hello = encodeHello(GENESIS)
    const bytes = concatBytes(frameHeader(hello.length), hello, frameHeader(1), Uint8Array.of(7))
    await attacker.handle(id, (stream) => {
      stream.send(bytes)
      stream.close().catch(() => {})
    })
    await attacker.dial(multiaddr(node.host.listenAddresses[0]!))
    await until('five streams were used', () => used.length === 5, 15_000)
    // At least half of 100, 200, 400 and 800 ms.
    assert.ok(used[4]! - used[0]! >= 700, `five streams within ${used[4]! - used[0]!} ms`)
  })

  it('resets on random and truncated frames, with a reason, and finally refuses the peer', async () => {
    const [attackerSeed, validatorSeed] = orderedSeeds()
    const validator = await makeNode({ seed: validatorSeed })
    const friend = await makeNode({ seed: seedOf(60) })
    nodes = [friend, validator]
    await validator.host.start()
    await friend.host.start()
    const addresses = validator.host.listenAddresses
    validator.host.setPeers([
      { peerId: peerIdBytesFromSeed(attackerSeed), addresses: [], validatorIndex: 0 },
      { peerId: friend.host.peerIdBytes, addresses: [], validatorIndex: 1 },
    ])
    friend.host.setPeers([{ peerId: validator.host.peerIdBytes, addresses, validatorIndex: 2 }])
    attacker = await rawLibp2p(attackerSeed)
    const target = multiaddr(addresses[0]!)
    const hello = encodeHello(GENESIS)
    const greeted = (rest: Uint8Array) => concatBytes(frameHeader(hello.length), hello, rest)
    const attacks = [
      garbage(1, 64),
      concatBytes(frameHeader(40), garbage(2, 40)),
      frameHeader(600),
      greeted(frameHeader(CONSENSUS_FRAME_BYTES_MAX + 1)),
      greeted(frameHeader(0)),
      greeted(concatBytes(frameHeader(1000), garbage(3, 10))),
    ]
    let refused = false
    for (let round = 0; round < 3 && !refused; round++) {
      for (const bytes of attacks) {
        let stream: Stream
        try {
          const connection = await attacker.dial(target)
          stream = await connection.newStream(CONSENSUS_PROTOCOL)
          stream.send(bytes)
          // A frame is known to be truncated only when the stream ends.
          await stream.close()
        } catch {
          refused = true
          break
        }
        await until('the stream was ended', () => stream.status !== 'open', 2_000)
      }
    }
    await until('the attacker is refused', () =>
      validator.logger.warnings.some((w) => w.text === 'peer disconnected and refused for a while'),
    )
    const reasons = validator.logger.warnings.map((w) => String(w.fields.reason))
    assert.ok(reasons.some((reason) => reason.startsWith(CONSENSUS_PROTOCOL)))
    assert.deepEqual(validator.received, [])
    await exchange()
  })

  it('delivers only complete frames of random streams from a validator', async () => {
    const [attackerSeed, validatorSeed] = orderedSeeds()
    const validator = await makeNode({ seed: validatorSeed, refusalFirstMs: 1 })
    nodes = [validator]
    await validator.host.start()
    validator.host.setPeers([{ peerId: peerIdBytesFromSeed(attackerSeed), addresses: [], validatorIndex: 0 }])
    attacker = await rawLibp2p(attackerSeed)
    const hello = encodeHello(GENESIS)
    for (let i = 0; i < 30; i++) {
      try {
        const connection = await attacker.dial(multiaddr(validator.host.listenAddresses[0]!))
        const stream = await connection.newStream(CONSENSUS_PROTOCOL)
        // A valid frame, then noise: only the first is delivered; the noise never forms a frame of its size.
        stream.send(concatBytes(frameHeader(hello.length), hello, frameHeader(1), Uint8Array.of(i)))
        stream.send(concatBytes(Uint8Array.of(0xff), garbage(i + 100, 200)))
        await until('the stream was ended', () => stream.status !== 'open', 2_000)
      } catch {
        // Repeated offences refuse the peer for a millisecond.
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    assert.ok(validator.received.length >= 10)
    assert.ok(validator.received.every(({ bytes }) => bytes.length === 1))
  })

  it('disconnects a consensus peer that does not read, with the reason', async () => {
    const [readerSeed, senderSeed] = orderedSeeds()
    const sender = await makeNode({ seed: senderSeed })
    nodes = [sender]
    await sender.host.start()
    sender.host.setPeers([{ peerId: peerIdBytesFromSeed(readerSeed), addresses: [], validatorIndex: 0 }])
    attacker = await rawLibp2p(readerSeed)
    const connection = await attacker.dial(multiaddr(sender.host.listenAddresses[0]!))
    const stream = await connection.newStream(CONSENSUS_PROTOCOL)
    const hello = encodeHello(GENESIS)
    stream.send(concatBytes(frameHeader(hello.length), hello))
    await until('the channel is open', () => sender.consensus.peers().length === 1)
    stream.pause()
    const frame = new Uint8Array(CONSENSUS_FRAME_BYTES_MAX)
    let sent = 0
    while (sender.consensus.sendToValidator(0, frame)) sent++
    assert.ok(sent >= 3 && sent <= 5, `${sent} frames were taken`)
    assert.ok(sender.logger.warnings.some((w) => /does not read/.test(String(w.fields.reason))))
    await until('disconnected', () => sender.host.getPeer(attacker!.peerId.toString())?.connected !== true)
  })

  it('penalises the peer for a failing handler and logs the error', async () => {
    const ports: ProtocolPort[] = []
    nodes = await startMesh(2, (host) => {
      const port = host.register(
        {
          id: '/suanli/test/1',
          frameBytesMax: 10,
          queueBytesMax: 100,
          overflow: 'refuse',
          consensusOnly: true,
        },
        {
          onFrame: () => {
            throw new TypeError('unexpected')
          },
        },
      )
      ports.push(port)
    })
    await until('open', () => ports.every((port) => port.peers().length === 1))
    assert.throws(() => ports[0]!.broadcast(new Uint8Array(11)), RangeError)
    ports[0]!.broadcast(Uint8Array.of(1))
    await until('the failure is logged', () =>
      nodes[1]!.logger.warnings.some((w) => w.fields.err instanceof TypeError && w.text === 'handler failed'),
    )
    await until('the channel is open again', () => ports.every((port) => port.peers().length === 1))
    await exchange()
  })

  it('delivers large frames complete and in order', async () => {
    nodes = await startMesh(2)
    const [a, b] = nodes as [TestNode, TestNode]
    const frames = [3_000_000, 1, 4_000_000, 70_000, 2].map((size, i) => garbage(i + 1, size))
    for (const frame of frames) assert.equal(a.consensus.sendToValidator(1, frame), true)
    await until('all arrived', () => b.received.length === frames.length)
    for (const [i, { bytes }] of b.received.entries()) {
      assert.equal(Buffer.compare(bytes, frames[i]!), 0)
    }
    assert.throws(
      () => a.consensus.sendToValidator(1, new Uint8Array(CONSENSUS_FRAME_BYTES_MAX + 1)),
      RangeError,
    )
  })
})
