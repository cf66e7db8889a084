// Strangers that flood, idle or stay half-open, and what the others notice of it.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { Budget } from '../../p2p/budget.ts'
import { PENDING_MAX } from '../../p2p/door.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import { Intake, MEMBER_ALLOWANCE, STRANGER_ALLOWANCE, STRANGERS_ALLOWANCE } from '../../p2p/intake.ts'
import type { P2pHost } from '../../p2p/protocol.ts'
import {
  closeAll,
  GENESIS,
  makeNode,
  seedOf,
  type TestNode,
  until as untilSoon,
} from '../support/hostHarness.ts'
import { greet, type RawConnection, type RawPeer, rawPeer, YAMUX, yamuxFrame } from '../support/rawPeer.ts'

const ECHO = '/suanli/test/1'

/** A source without a socket. */
class FakeSource {
  passed = 0
  isPaused = false
  aborted: Error | undefined
  #onClose: () => void = () => {}
  readonly pieces: Uint8Array[] = []
  onData(data: Uint8Array): void {
    this.passed += data.length
    this.pieces.push(data)
  }
  sendPause(): void {
    this.isPaused = true
  }
  sendResume(): void {
    this.isPaused = false
  }
  abort(error: Error): void {
    this.aborted = error
    this.#onClose()
  }
  addEventListener(_: 'close', listener: () => void): void {
    this.#onClose = listener
  }
}

/** Several hosts start and meet: on a busy machine that takes seconds. */
const until = (what: string, condition: () => boolean): Promise<void> => untilSoon(what, condition, 15_000)

describe('p2p.intake', () => {
  const NOISE = Buffer.from('\x13/multistream/1.0.0\n\x07/noise\n', 'latin1')
  const open = (isMember = false) => {
    const clock = { nowMs: 0 }
    const source = new FakeSource()
    const strangers = new Budget(STRANGERS_ALLOWANCE, () => clock.nowMs)
    const intake = new Intake({ source, strangers, isMember, nowMs: () => clock.nowMs })
    return { clock, source, strangers, intake }
  }
  const ping = yamuxFrame({ type: YAMUX.ping, flags: YAMUX.syn, streamId: 0, length: 1 })
  const tiny = (count: number): Uint8Array =>
    Buffer.concat(Array.from({ length: count }, () => Uint8Array.of(0, 1, 9)))

  it('lets the credit pass, then stops reading until there is more, and loses nothing', async () => {
    const { clock, source } = open()
    source.onData(NOISE)
    source.onData(tiny(5_000))
    const first = source.passed - NOISE.length
    // A noise frame is charged 10 µs.
    assert.ok(first > 0 && first <= (STRANGER_ALLOWANCE.burst / 10 + 1) * 3, `${first} bytes`)
    assert.equal(source.isPaused, true)
    while (source.isPaused) {
      clock.nowMs += 1_000
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    assert.equal(source.passed, NOISE.length + 15_000)
    source.abort(new Error('test'))
  })

  it('charges strangers together, and members alone', () => {
    const { source, strangers } = open()
    strangers.charge(1_000_000)
    source.onData(NOISE)
    source.onData(tiny(10))
    assert.equal(source.passed, NOISE.length)
    source.abort(new Error('test'))
    const member = open(true)
    member.strangers.charge(1_000_000)
    member.source.onData(NOISE)
    member.source.onData(tiny(1_000))
    assert.equal(member.source.passed, NOISE.length + 3_000)
  })

  it('counts all connections of an identity together', () => {
    const clock = { nowMs: 0 }
    const strangers = new Budget(STRANGERS_ALLOWANCE, () => clock.nowMs)
    const account = new Budget(MEMBER_ALLOWANCE, () => clock.nowMs)
    const passed = Array.from({ length: 10 }, () => {
      const source = new FakeSource()
      const intake = new Intake({ source, strangers, isMember: false, nowMs: () => clock.nowMs })
      source.onData(NOISE)
      const stream = new FakeSource()
      intake.authenticated(stream, () => true, account)
      // Each with more than a burst.
      stream.onData(Buffer.concat(Array.from({ length: 20_000 }, () => ping)))
      source.abort(new Error('test'))
      return stream.passed / ping.length
    })
    const all = passed.reduce((sum, one) => sum + one, 0)
    assert.ok(all > 0 && all <= MEMBER_ALLOWANCE.burst / 25 + 1, `${all} pings of 25 µs`)
  })

  it('charges each read, also in the middle of a frame', () => {
    const { source } = open()
    source.onData(NOISE)
    let reads = 0
    for (; !source.isPaused && reads < 10_000; reads++) source.onData(Uint8Array.of(255))
    assert.ok(reads <= STRANGER_ALLOWANCE.burst / 10 + 1, `${reads} reads of 10 µs`)
    source.abort(new Error('test'))
  })

  it('passes on a large frame that comes in short pieces in few, and complete frames at once', () => {
    const { source, intake } = open(true)
    source.onData(NOISE)
    const stream = new FakeSource()
    intake.authenticated(stream, () => true)
    const frame = yamuxFrame({ type: YAMUX.data, streamId: 1, data: randomBytes(20_000) })
    const all = Buffer.concat([ping, frame, ping])
    const before = stream.pieces.length
    stream.onData(all.subarray(0, ping.length + 5))
    assert.equal(stream.passed, ping.length)
    for (const byte of all.subarray(ping.length + 5, -ping.length)) stream.onData(Uint8Array.of(byte))
    assert.equal(stream.passed, ping.length + frame.length)
    assert.ok(stream.pieces.length - before < 10, `${stream.pieces.length} pieces`)
    stream.onData(all.subarray(-ping.length))
    assert.deepEqual(Buffer.concat(stream.pieces), all)
    source.abort(new Error('test'))
  })

  it('ends a connection that negotiates without end', () => {
    const { source } = open()
    for (let i = 0; i < 100 && source.aborted === undefined; i++)
      source.onData(Buffer.from('\x04/no\n', 'latin1'))
    assert.equal(source.aborted?.message, 'no encryption chosen')
  })

  it('ends a connection whose muxer would have to keep more than a window', () => {
    const { source, intake } = open()
    source.onData(NOISE)
    const stream = new FakeSource()
    intake.authenticated(stream, () => false)
    stream.onData(yamuxFrame({ type: YAMUX.data, streamId: 1, length: 2 ** 31 }))
    assert.match(String(source.aborted?.message), /frame of 2147483648 bytes/)
    assert.equal(stream.passed, 0)
  })
})

describe('p2p.flood', () => {
  let nodes: TestNode[] = []
  let raws: RawPeer[] = []
  let sockets: Socket[] = []
  let frames = 0
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    await Promise.all(raws.map((raw) => raw.stop()))
    await closeAll(nodes)
    nodes = []
    raws = []
    sockets = []
    frames = 0
  })

  const withEcho = (host: P2pHost): void => {
    host.register(
      { id: ECHO, frameBytesMax: 100, queueBytesMax: 1_000, overflow: 'refuse', consensusOnly: false },
      { onFrame: () => void frames++ },
    )
  }

  /** The node that is attacked; its peer id is above the raw peers', so that they open the streams. */
  async function startVictim(unknownPeersMax = 16): Promise<TestNode> {
    const highest = Array.from({ length: 8 }, (_, i) => seedOf(200 + i)).reduce((a, b) =>
      Buffer.compare(peerIdBytesFromSeed(a), peerIdBytesFromSeed(b)) > 0 ? a : b,
    )
    const victim = await makeNode({ seed: highest, unknownPeersMax, prepare: withEcho })
    await victim.host.start()
    nodes.push(victim)
    return victim
  }

  async function stranger(n: number): Promise<RawPeer> {
    const raw = await rawPeer(seedOf(n))
    raws.push(raw)
    return raw
  }

  /** A member that dials the victim, which does not know where it is. */
  async function startMember(victim: TestNode): Promise<TestNode> {
    const member = await makeNode({ seed: seedOf(1) })
    nodes.push(member)
    await member.host.start()
    const { peerIdBytes: peerId, listenAddresses: addresses } = victim.host
    victim.host.setPeers([{ peerId: member.host.peerIdBytes, addresses: [], validatorIndex: 0 }])
    member.host.setPeers([{ peerId, addresses, validatorIndex: 1 }])
    return member
  }

  async function untilHeard(victim: TestNode, member: TestNode): Promise<void> {
    await until('the member is connected', () => member.consensus.peers().length === 1)
    const before = victim.received.length
    member.consensus.broadcast(Uint8Array.of(1))
    await until('the member is heard', () => victim.received.length > before)
  }

  it('reads one-byte frames of a stranger no faster than its allowance, and a member meanwhile', async () => {
    const victim = await startVictim()
    const raw: RawConnection = await (await stranger(50)).dial(victim.host.listenAddresses[0]!)
    await greet(raw, ECHO, GENESIS)
    await until('the channel is open', () =>
      victim.host.peers().some(({ protocols }) => protocols.includes(ECHO)),
    )
    const sent = 20_000
    const streamId = Number(raw.connection.streams.find(({ protocol }) => protocol === ECHO)!.id)
    const bytes = Array.from({ length: 5 * sent }, (_, i) =>
      yamuxFrame({ type: YAMUX.data, streamId, data: Uint8Array.of(i % 5 === 3 ? 1 : 0) }),
    )
    raw.raw.send(Buffer.concat(bytes))
    await until('some are read', () => frames > 0)
    await untilHeard(victim, await startMember(victim))
    assert.ok(frames < sent / 2, `${frames} of ${sent} frames were read`)
    assert.equal(raw.connection.status, 'open')
  })

  it('has a place for members while strangers fill all others, and gives an idle one to who asks', async () => {
    const victim = await startVictim(4)
    const address = victim.host.listenAddresses[0]!
    for (let n = 50; n < 54; n++) await (await stranger(n)).dial(address)
    await until('they are in', () => victim.host.peers().length === 4)
    await untilHeard(victim, await startMember(victim))
    assert.equal(victim.host.peers().filter(({ known }) => !known).length, 4)
    const newcomer = await makeNode({ seed: seedOf(2), prepare: withEcho })
    nodes.push(newcomer)
    await newcomer.host.start()
    newcomer.host.setPeers([{ peerId: victim.host.peerIdBytes, addresses: [address] }])
    await until(
      'the newcomer has a channel',
      () => victim.host.getPeer(newcomer.host.peerId)?.protocols.includes(ECHO) === true,
    )
    await until('one has gone', () => victim.host.peers().filter(({ known }) => !known).length === 4)
  })

  it('lets a member shake hands while others keep their connections half-open', async () => {
    const victim = await startVictim()
    const port = Number(/tcp\/(\d+)/.exec(victim.host.listenAddresses[0]!)![1])
    const silent = async (): Promise<void> => {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', () => {})
      // Above the rate the door closes at once.
      await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
    }
    for (let i = 0; i < PENDING_MAX + 10; i++) await silent()
    await untilHeard(victim, await startMember(victim))
  })
})
