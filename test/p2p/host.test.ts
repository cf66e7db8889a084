import { strict as assert } from 'node:assert'
import { createServer } from 'node:net'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { peerIdBytesFromSeed, peerIdText } from '../../p2p/identity.ts'
import {
  closeAll,
  introduce,
  makeNode,
  seedOf,
  startMesh,
  type TestNode,
  until,
} from '../support/hostHarness.ts'

describe('p2p.identity', () => {
  it('derives the same id as libp2p from a seed', async () => {
    for (const n of [1, 2, 200]) {
      const peerId = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seedOf(n)))
      assert.deepEqual(peerIdBytesFromSeed(seedOf(n)), new Uint8Array(peerId.toMultihash().bytes))
      assert.equal(peerIdText(peerIdBytesFromSeed(seedOf(n))), peerId.toString())
    }
  })

  it('refuses a seed that is not 32 bytes', () => {
    assert.throws(() => peerIdBytesFromSeed(new Uint8Array(31)), /32 bytes/)
  })
})

describe('p2p.host', () => {
  let nodes: TestNode[] = []
  afterEach(async () => {
    await closeAll(nodes)
    nodes = []
  })

  it('connects four validators that all dial at once, with one channel per pair', async () => {
    nodes = await startMesh(4)
    nodes[0]!.consensus.broadcast(Uint8Array.of(1, 2, 3))
    nodes[3]!.consensus.sendToValidator(0, Uint8Array.of(9))
    await until('messages arrived', () => nodes.every((n) => n.received.length === 1 || n === nodes[0]))
    await until('the answer arrived', () => nodes[0]!.received.length === 1)
    for (const node of nodes.slice(1)) {
      assert.deepEqual(node.received, [{ from: 0, bytes: Uint8Array.of(1, 2, 3) }])
    }
    assert.deepEqual(nodes[0]!.received, [{ from: 3, bytes: Uint8Array.of(9) }])
    const info = nodes[1]!.host.getPeer(nodes[2]!.host.peerId)!
    assert.equal(info.validatorIndex, 2)
    assert.equal(info.connected, true)
    assert.deepEqual(info.protocols, ['/suanli/consensus/1'])
    assert.equal(nodes[1]!.host.peers().length, 3)
  })

  it('refuses a peer with another genesis, with the reason on both sides', async () => {
    const ours = await makeNode({ seed: seedOf(1) })
    const foreign = await makeNode({ seed: seedOf(2), genesisHash: new Uint8Array(32).fill(8) })
    nodes = [ours, foreign]
    await ours.host.start()
    await foreign.host.start()
    introduce(nodes)
    const told = (node: TestNode) =>
      node.logger.warnings.some((w) => /peer is on another chain: genesis 0x0/.test(String(w.fields.reason)))
    await until('both named the reason', () => told(ours) && told(foreign))
    await until('disconnected', () => !ours.host.getPeer(foreign.host.peerId)!.connected)
    assert.equal(ours.consensus.peers().length, 0)
    assert.equal(ours.consensus.broadcast(Uint8Array.of(1)), 0)
  })

  it('opens no consensus channel to a peer outside the validator set', async () => {
    for (const [inside, outside] of [
      [1, 2],
      [2, 1],
    ] as const) {
      const validator = await makeNode({ seed: seedOf(inside) })
      const stranger = await makeNode({ seed: seedOf(outside) })
      nodes = [validator, stranger]
      await validator.host.start()
      await stranger.host.start()
      const peerId = validator.host.peerIdBytes
      stranger.host.setPeers([{ peerId, addresses: validator.host.listenAddresses, validatorIndex: 0 }])
      await until('connected', () => validator.host.getPeer(stranger.host.peerId)?.connected === true)
      await new Promise((resolve) => setTimeout(resolve, 150))
      assert.equal(stranger.consensus.broadcast(Uint8Array.of(1)), 0)
      assert.deepEqual(validator.received, [])
      assert.equal(validator.host.getPeer(stranger.host.peerId)!.mayConsensus, false)
      await closeAll(nodes)
    }
  })

  it('sends an unknown peer the reason why its consensus stream is refused', async () => {
    const seeds = [seedOf(1), seedOf(2), seedOf(3)].sort((a, b) =>
      Buffer.compare(peerIdBytesFromSeed(a), peerIdBytesFromSeed(b)),
    )
    const stranger = await makeNode({ seed: seeds[0]! })
    const validator = await makeNode({ seed: seeds[2]! })
    nodes = [stranger, validator]
    await stranger.host.start()
    await validator.host.start()
    const peerId = validator.host.peerIdBytes
    stranger.host.setPeers([{ peerId, addresses: validator.host.listenAddresses, validatorIndex: 0 }])
    await until('the reason arrived', () =>
      stranger.logger.warnings.some((w) =>
        /not a validator of the current set/.test(String(w.fields.reason)),
      ),
    )
    // Once the set names it, the channel opens without a new connection.
    validator.host.setPeers([{ peerId: stranger.host.peerIdBytes, addresses: [], validatorIndex: 1 }])
    await until('the channel opened', () => stranger.consensus.peers().length === 1)
    // It closes once the set no longer names it.
    validator.host.setPeers([])
    await until('the channel closed', () => stranger.consensus.peers().length === 0)
    assert.equal(validator.host.getPeer(stranger.host.peerId)!.connected, true)
  })

  it('reconnects after a peer restarts on the same address', async () => {
    nodes = await startMesh(2)
    const [a, b] = nodes as [TestNode, TestNode]
    const listen = b.host.listenAddresses[0]!.replace(/\/p2p\/.*$/, '')
    const events: string[] = []
    a.host.on('peer:connect', () => void events.push('connect'))
    a.host.on('peer:disconnect', () => void events.push('disconnect'))
    await b.host.close()
    await until('the loss was noticed', () => events.includes('disconnect'))
    assert.equal(a.consensus.sendToValidator(1, Uint8Array.of(1)), false)
    const again = await makeNode({ seed: b.seed, listen })
    nodes = [a, again]
    // As a node does: named peers first, or a dial in between would come from a stranger and be closed again.
    again.host.setPeers([{ peerId: a.host.peerIdBytes, addresses: [], validatorIndex: 0 }])
    await again.host.start()
    const startedAtMs = Date.now()
    await until('a dialled again', () => again.consensus.peers().length === 1)
    assert.ok(Date.now() - startedAtMs < 2_500, 'within the longest back-off')
    assert.equal(again.consensus.sendToValidator(0, Uint8Array.of(5)), true)
    await until('a message came through', () => a.received.length === 1)
    // On a slow machine both sides may dial, and the later connection replaces the first: never two of one kind in a row.
    assert.equal(events[0], 'disconnect')
    assert.equal(events.at(-1), 'connect')
    assert.ok(
      events.every((event, i) => event !== events[i - 1]),
      events.join(' '),
    )
  })

  it('admits a bounded number of unknown peers', async () => {
    const center = await makeNode({ seed: seedOf(1), unknownPeersMax: 2 })
    nodes = [center]
    await center.host.start()
    for (let i = 0; i < 4; i++) {
      const node = await makeNode({ seed: seedOf(10 + i) })
      nodes.push(node)
      await node.host.start()
      node.host.setPeers([{ peerId: center.host.peerIdBytes, addresses: center.host.listenAddresses }])
    }
    await until('the limit was hit', () =>
      center.logger.warnings.some((w) => w.text === 'too many unknown peers, connection refused'),
    )
    assert.equal(center.host.peers().filter((p) => p.connected).length, 2)
    // A named peer is admitted above the limit.
    const named = nodes.slice(1).find((n) => center.host.getPeer(n.host.peerId) === undefined)!
    center.host.setPeers([{ peerId: named.host.peerIdBytes, addresses: [] }])
    await until('the named peer is in', () => center.host.getPeer(named.host.peerId)!.connected)
  })

  it('refuses an offender for a while, then readmits it', async () => {
    nodes = await startMesh(2)
    const [a, b] = nodes as [TestNode, TestNode]
    for (let i = 0; i < 5; i++) a.host.penalise(b.host.peerId, 25, 'test offence')
    await until('disconnected', () => !a.host.getPeer(b.host.peerId)!.connected)
    assert.ok(a.logger.warnings.some((w) => w.text === 'peer disconnected and refused for a while'))
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.equal(a.host.getPeer(b.host.peerId)!.connected, false)
    await until('admitted again', () => a.consensus.peers().length === 1)
  })

  it('validates static peers before any change', async () => {
    const node = await makeNode({ seed: seedOf(1) })
    nodes = [node]
    const peerId = peerIdBytesFromSeed(seedOf(2))
    const other = peerIdText(peerIdBytesFromSeed(seedOf(3)))
    node.host.setPeers([{ peerId, addresses: ['/ip4/127.0.0.1/tcp/1'], validatorIndex: 4 }])
    const refused = (peers: Parameters<typeof node.host.setPeers>[0], reason: RegExp) =>
      assert.throws(() => node.host.setPeers(peers), reason)
    refused([{ peerId: peerId.subarray(1), addresses: [] }], /38 bytes/)
    refused([{ peerId, addresses: ['not an address'] }], /malformed address "not an address"/)
    refused([{ peerId, addresses: [`/ip4/127.0.0.1/tcp/1/p2p/${other}`] }], /belongs to/)
    refused([{ peerId, addresses: ['/ip4/127.0.0.1/udp/1/quic-v1'] }], /is not .ip4/)
    refused(Array(2).fill({ peerId, addresses: [] }), /named twice/)
    const second = peerIdBytesFromSeed(seedOf(3))
    refused(
      [peerId, second].map((id) => ({ peerId: id, addresses: [], validatorIndex: 1 })),
      /index 1 is named twice/,
    )
    refused([{ peerId, addresses: Array(9).fill('/ip4/127.0.0.1/tcp/1') }], /more than 8 addresses/)
    refused(Array(513).fill({ peerId, addresses: [] }), /at most 512/)
    assert.equal(node.host.getValidatorPeer(4), peerIdText(peerId))
    node.host.setPeers([{ peerId: node.host.peerIdBytes, addresses: [], validatorIndex: 0 }])
    assert.deepEqual(node.host.peers(), [])
  })

  it('rejects start with the reason when the address is in use', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const node = await makeNode({ seed: seedOf(1), listen: `/ip4/127.0.0.1/tcp/${port}` })
    nodes = [node]
    try {
      await assert.rejects(node.host.start(), new RegExp(`EADDRINUSE.*${port}|address already in use`))
    } finally {
      server.close()
    }
    await node.host.close()
    await node.host.close()
  })
})
