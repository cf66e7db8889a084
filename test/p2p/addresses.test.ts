// Members learn each other's addresses: naming one is enough.
import assert from 'node:assert/strict'
import { ADDRESS_PROTOCOL, createAddressExchange, encodeAddressRecords } from '../../p2p/addressExchange.ts'
import {
  type AddressRecord,
  addressRecordSchema,
  announcedAddresses,
  signAddresses,
  verifyAddresses,
} from '../../p2p/addressRecord.ts'
import { peerIdBytesFromSeed, peerIdText } from '../../p2p/identity.ts'
import type { P2pHost, ProtocolHandler, StaticPeer } from '../../p2p/protocol.ts'
import {
  closeAll,
  GENESIS,
  makeNode,
  seedOf,
  type TestNode,
  until as untilSoon,
} from '../support/hostHarness.ts'

interface Member extends TestNode {
  records: readonly AddressRecord[]
}

async function makeMember(
  n: number,
  options: { readonly stored?: readonly AddressRecord[]; readonly own?: readonly string[] } = {},
): Promise<Member> {
  const kept: { records: readonly AddressRecord[] } = { records: [] }
  const node = await makeNode({
    seed: seedOf(n),
    prepare: (host) =>
      void createAddressExchange(host, {
        seed: seedOf(n),
        genesisHash: GENESIS,
        stored: options.stored ?? [],
        ownAddresses: () => options.own ?? announcedAddresses(host.listenAddresses),
        onChange: (records) => {
          kept.records = records
        },
        nowMs: () => Date.now(),
      }),
  })
  return Object.defineProperty(node, 'records', { get: () => kept.records }) as Member
}

/** One set of validators for all; `addresses[i]` are those that a node's own configuration names. */
function useSet(
  node: TestNode,
  seeds: readonly number[],
  named: ReadonlyMap<number, readonly string[]>,
): void {
  const peers: StaticPeer[] = seeds.map((n, validatorIndex) => ({
    peerId: peerIdBytesFromSeed(seedOf(n)),
    addresses: named.get(n) ?? [],
    validatorIndex,
  }))
  node.host.setPeers(peers)
}

/** Several hosts start and meet: on a busy machine that takes seconds. */
const until = (what: string, condition: () => boolean): Promise<void> => untilSoon(what, condition, 15_000)

describe('p2p.addressRecord', () => {
  const record = signAddresses(seedOf(1), {
    genesisHash: GENESIS,
    sequence: 5,
    addresses: ['/ip4/192.0.2.1/tcp/26600'],
  })

  it('is valid for its signer, its content and its chain alone', () => {
    assert.equal(verifyAddresses(record, GENESIS), true)
    assert.equal(verifyAddresses(record, new Uint8Array(32)), false)
    const other = { ...record, addresses: { ...record.addresses, sequence: 6 } }
    assert.equal(verifyAddresses(other, GENESIS), false)
    const foreign = {
      ...record,
      addresses: { ...record.addresses, peerId: peerIdBytesFromSeed(seedOf(2)) },
    }
    assert.equal(verifyAddresses(foreign, GENESIS), false)
    const odd = { ...record, addresses: { ...record.addresses, peerId: Uint8Array.of(1) } }
    assert.equal(verifyAddresses(odd, GENESIS), false)
    assert.deepEqual(addressRecordSchema.decode(addressRecordSchema.encode(record)), record)
  })

  it('announces loopback only when there is nothing else, and never a link-local address', () => {
    const loopback = ['/ip4/127.0.0.1/tcp/1/p2p/x', '/ip6/::1/tcp/1']
    assert.deepEqual(announcedAddresses(loopback), ['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1'])
    const real = '/ip4/192.0.2.1/tcp/1'
    assert.deepEqual(announcedAddresses([...loopback, '/ip4/169.254.1.1/tcp/1', `${real}/p2p/x`]), [real])
  })
})

describe('p2p.addressExchange', () => {
  let nodes: Member[] = []
  afterEach(async () => {
    await closeAll(nodes)
    nodes = []
  })

  /** Three members that know each other, and a fourth that names the first alone; the three do not know where it is. */
  async function startFour(): Promise<Member[]> {
    nodes = await Promise.all([1, 2, 3, 4].map((n) => makeMember(n)))
    for (const node of nodes) await node.host.start()
    const named = new Map([1, 2, 3].map((n) => [n, nodes[n - 1]!.host.listenAddresses]))
    for (const node of nodes.slice(0, 3)) useSet(node, [1, 2, 3, 4], named)
    useSet(nodes[3]!, [1, 2, 3, 4], new Map([[1, nodes[0]!.host.listenAddresses]]))
    await until('all are connected', () => nodes.every((n) => n.consensus.peers().length === 3))
    return nodes
  }

  it('connects a member that names one with all, and tells the others where it is', async () => {
    const [first, , , fourth] = await startFour()
    await until('all records are everywhere', () => nodes.every((n) => n.records.length === 4))
    assert.equal(first!.host.getPeer(fourth!.host.peerId)!.hasAddress, true)
  })

  it('reaches members from the records of an earlier run, when the one it names is gone', async () => {
    const [first, second, third, fourth] = await startFour()
    await until('all records are known', () => fourth!.records.length === 4)
    const stored = fourth!.records
    await fourth!.host.close()
    await first!.host.close()
    for (const node of [second!, third!]) useSet(node, [1, 2, 3, 4], new Map())
    const again = await makeMember(4, { stored })
    nodes = [second!, third!, again]
    useSet(again, [1, 2, 3, 4], new Map())
    await again.host.start()
    await until('connected', () => again.consensus.peers().length === 2)
  })

  it('takes the newer of two records, and tells one that has the older', async () => {
    const old = signAddresses(seedOf(3), {
      genesisHash: GENESIS,
      sequence: 1,
      addresses: ['/ip4/127.0.0.1/tcp/1'],
    })
    nodes = [
      await makeMember(1, { stored: [old] }),
      await makeMember(2, { stored: [old] }),
      await makeMember(3),
    ]
    const [a, b, c] = nodes as [Member, Member, Member]
    for (const node of nodes) await node.host.start()
    useSet(a, [1, 2, 3], new Map([[2, b.host.listenAddresses]]))
    useSet(b, [1, 2, 3], new Map())
    useSet(c, [1, 2, 3], new Map([[1, a.host.listenAddresses]]))
    await until('all are connected', () => nodes.every((n) => n.consensus.peers().length === 2))
    const sequenceAt = (node: Member): number =>
      node.records.find(({ addresses }) => Buffer.compare(addresses.peerId, c.host.peerIdBytes) === 0)!
        .addresses.sequence
    await until('the newer one is everywhere', () => sequenceAt(a) > 1 && sequenceAt(a) === sequenceAt(b))
  })

  it('outbids a record of its own that it has forgotten', async () => {
    const later = Date.now() + 3_600_000
    const forgotten = signAddresses(seedOf(2), { genesisHash: GENESIS, sequence: later, addresses: [] })
    nodes = [await makeMember(1, { stored: [forgotten] }), await makeMember(2)]
    const [a, b] = nodes as [Member, Member]
    for (const node of nodes) await node.host.start()
    useSet(a, [1, 2], new Map([[2, b.host.listenAddresses]]))
    useSet(b, [1, 2], new Map())
    const isB = ({ addresses }: AddressRecord) => Buffer.compare(addresses.peerId, b.host.peerIdBytes) === 0
    await until('the new one is above', () => (b.records.find(isB)?.addresses.sequence ?? 0) > later)
    await until('the other has it', () => (a.records.find(isB)?.addresses.sequence ?? 0) > later)
    assert.deepEqual(a.records.find(isB)?.addresses.addresses, announcedAddresses(b.host.listenAddresses))
  })

  it('penalises a member that passes on what nobody signed, and ignores records of others than members', async () => {
    const forged = { ...signAddresses(seedOf(3), { genesisHash: GENESIS, sequence: 9, addresses: [] }) }
    forged.signature = forged.signature.with(0, forged.signature[0]! ^ 1)
    const stranger = signAddresses(seedOf(9), { genesisHash: GENESIS, sequence: 9, addresses: [] })
    const honest = await makeMember(1)
    let send: ((records: readonly AddressRecord[]) => void) | undefined
    const liar = await makeNode({
      seed: seedOf(2),
      prepare: (host) => {
        const port = host.register(
          {
            id: ADDRESS_PROTOCOL,
            frameBytesMax: 65_536,
            queueBytesMax: 65_536,
            overflow: 'refuse',
            consensusOnly: true,
          },
          {
            onOpen: (peer) => {
              send = (records) => void port.send(peer, encodeAddressRecords(records))
            },
            onFrame: () => {},
          },
        )
      },
    })
    nodes = [honest, liar as Member]
    for (const node of nodes) await node.host.start()
    useSet(honest, [1, 2, 3], new Map())
    useSet(liar, [1, 2, 3], new Map([[1, honest.host.listenAddresses]]))
    await until('the channel is open', () => send !== undefined)
    send!([stranger])
    send!([forged])
    await until('penalised', () =>
      honest.logger.warnings.some((w) => /did not sign/.test(String(w.fields.reason))),
    )
    assert.equal(honest.records.length, 1)
  })

  /** An exchange without sockets; the member with seed 2 speaks. */
  function deskOf(members: readonly number[]) {
    let handler: ProtocolHandler | undefined
    const told = { frames: 0, learnt: 0, points: 0 }
    const alarms: { readonly delayMs: number; readonly callback: () => void }[] = []
    const names = members.map((n) => peerIdText(peerIdBytesFromSeed(seedOf(n))))
    const host = {
      peerId: names[0]!,
      register: (_: unknown, given: ProtocolHandler) => {
        handler = given
        return { peers: () => names.slice(1), send: () => void told.frames++ }
      },
      on: () => {},
      off: () => {},
      getPeer: (peer: string) => (names.includes(peer) ? { known: true } : undefined),
      penalise: (_: string, points: number) => {
        told.points += points
      },
      learn: () => void told.learnt++,
    } as unknown as P2pHost
    createAddressExchange(host, {
      seed: seedOf(members[0]!),
      genesisHash: GENESIS,
      stored: [],
      ownAddresses: () => [],
      onChange: () => {},
      nowMs: () => 0,
      time: {
        random: () => 0,
        clock: {
          monotonicMs: () => 0,
          after: (delayMs, callback) => {
            alarms.push({ delayMs, callback })
            return () => {}
          },
        },
      },
    })
    const hear = (records: readonly AddressRecord[]) =>
      handler!.onFrame(names[1]!, encodeAddressRecords(records))
    return { told, alarms, hear }
  }

  it('takes one record of a member at a time, however many a frame holds', () => {
    const { told, hear } = deskOf([1, 2, 3])
    const restless = Array.from({ length: 48 }, (_, sequence) =>
      signAddresses(seedOf(2), { genesisHash: GENESIS, sequence, addresses: ['/ip4/192.0.2.1/tcp/1'] }),
    )
    hear(restless)
    // To the one other member.
    assert.deepEqual(told, { frames: 1, learnt: 1, points: 0 })
  })

  it('reads a member more slowly that sends much, without points: it may pass on what many others say', async () => {
    const { told, alarms, hear } = deskOf([1, 2])
    let waiting = hear([])
    let frames = 1
    for (; waiting === undefined && frames < 1_000; frames++) waiting = hear([])
    assert.equal(frames, 64)
    assert.equal(alarms[0]!.delayMs, 500)
    alarms[0]!.callback()
    await waiting
    assert.equal(told.points, 0)
  })
})
