import { strict as assert } from 'node:assert'
import { keccak256 } from '../../base/crypto/hash.ts'
import type { P2pHost, PeerKey, ProtocolHandler, ProtocolPort } from '../../p2p/protocol.ts'
import { createRequestResponse, RequestError, type RequestResponse } from '../../p2p/requestResponse.ts'
import type { Timers } from '../../p2p/timers.ts'
import {
  createTxGossip,
  encodeBatches,
  GOSSIP_PROTOCOL,
  type GossipTx,
  type TxGossip,
} from '../../p2p/txGossip.ts'
import { closeAll, makeNode, seedOf, startMesh, type TestNode, until } from '../support/hostHarness.ts'

function tx(n: number, size = 40): GossipTx {
  const raw = new Uint8Array(size)
  new DataView(raw.buffer).setUint32(0, n)
  return { raw, id: keccak256(raw) as Uint8Array }
}

interface GossipNode {
  readonly gossip: TxGossip
  readonly batches: { readonly peer: PeerKey; readonly transactions: readonly GossipTx[] }[]
}

function addGossip(host: P2pHost, isValidator = true): GossipNode {
  const batches: GossipNode['batches'] = []
  const gossip = createTxGossip(host, {
    isValidator: () => isValidator,
    onTransactions: async (peer, transactions) => {
      batches.push({ peer, transactions })
      return { checked: transactions.length, refused: 0 }
    },
    seenMax: 4_096,
  })
  return { gossip, batches }
}

const countOf = (node: GossipNode): number => node.batches.reduce((sum, b) => sum + b.transactions.length, 0)

describe('p2p.txGossip', () => {
  let nodes: TestNode[] = []
  let gossips: GossipNode[] = []
  afterEach(async () => {
    for (const { gossip } of gossips) gossip.close()
    await closeAll(nodes)
    nodes = []
    gossips = []
  })

  async function mesh(count: number): Promise<void> {
    nodes = await startMesh(count, (host) => gossips.push(addGossip(host)))
    await until('gossip is open everywhere', () =>
      nodes.every(({ host }) => host.peers().every((p) => p.protocols.includes(GOSSIP_PROTOCOL))),
    )
  }

  it('sends each transaction to every peer once, in few batches', async () => {
    await mesh(3)
    for (let i = 0; i < 500; i++) gossips[0]!.gossip.publish(tx(i))
    await until('all arrived', () => countOf(gossips[1]!) === 500 && countOf(gossips[2]!) === 500)
    assert.ok(gossips[1]!.batches.length <= 3, `${gossips[1]!.batches.length} batches`)
    assert.equal(gossips[1]!.batches[0]!.peer, nodes[0]!.host.peerId)
    assert.deepEqual(gossips[1]!.batches[0]!.transactions[7], tx(7))
    // A seen transaction is not delivered again, whoever sends it.
    gossips[2]!.gossip.publish(tx(3))
    gossips[2]!.gossip.publish(tx(1_000))
    await until('the new one arrived', () => countOf(gossips[1]!) === 501)
    assert.equal(countOf(gossips[0]!), 1)
  })

  it('splits batches at the byte and count limits', async () => {
    await mesh(2)
    for (let i = 0; i < 12; i++) gossips[0]!.gossip.publish(tx(i, 60_000))
    for (let i = 0; i < 2_500; i++) gossips[0]!.gossip.publish(tx(100 + i))
    await until('all arrived', () => countOf(gossips[1]!) === 2_512)
    for (const { transactions } of gossips[1]!.batches) {
      assert.ok(transactions.length <= 1_024)
      assert.ok(transactions.reduce((sum, { raw }) => sum + raw.length, 0) <= 256 * 1024)
    }
  })

  it('delivers a resent transaction even if seen before', async () => {
    await mesh(2)
    gossips[0]!.gossip.publish(tx(1))
    await until('arrived', () => countOf(gossips[1]!) === 1)
    assert.equal(gossips[0]!.gossip.sendTo(nodes[1]!.host.peerId, [tx(1).raw, tx(2).raw]), true)
    await until('arrived again', () => countOf(gossips[1]!) === 3)
    assert.equal(gossips[0]!.gossip.sendTo(nodes[0]!.host.peerId, [tx(1).raw]), false)
  })

  it('relays transactions from an observer to validators, and none from validators', async () => {
    await mesh(3)
    let observerGossip: GossipNode | undefined
    const observer = await makeNode({
      seed: seedOf(30),
      prepare: (host) => {
        observerGossip = addGossip(host, false)
      },
    })
    nodes.push(observer)
    gossips.push(observerGossip!)
    await observer.host.start()
    const { peerIdBytes, listenAddresses } = nodes[0]!.host
    observer.host.setPeers([
      { peerId: peerIdBytes, addresses: listenAddresses, validatorIndex: 0, consensus: false },
    ])
    await until('the observer gossips', () =>
      observer.host.peers().some((p) => p.protocols.includes(GOSSIP_PROTOCOL)),
    )
    observerGossip!.gossip.publish(tx(1))
    await until('the validator has it', () => countOf(gossips[0]!) === 1)
    gossips[0]!.gossip.relay(tx(1), observer.host.peerId)
    await until('all validators have it', () => countOf(gossips[1]!) === 1 && countOf(gossips[2]!) === 1)
    gossips[1]!.gossip.relay(tx(1), nodes[0]!.host.peerId)
    gossips[1]!.gossip.publish(tx(2))
    await until('the next one arrived', () => countOf(gossips[2]!) === 2)
    assert.equal(countOf(observerGossip!), 0)
    assert.equal(countOf(gossips[0]!), 2)
  })

  it('stops reading while the mempool is busy', async () => {
    let running = 0
    let runningMax = 0
    let count = 0
    nodes = await startMesh(2, (host) => {
      const gossip = createTxGossip(host, {
        isValidator: () => true,
        onTransactions: async (_peer, transactions) => {
          runningMax = Math.max(runningMax, ++running)
          await new Promise((resolve) => setTimeout(resolve, 5))
          count += transactions.length
          running--
          return { checked: transactions.length, refused: 0 }
        },
      })
      gossips.push({ gossip, batches: [] })
    })
    await until('gossip is open', () =>
      nodes[0]!.host.peers().every((p) => p.protocols.includes(GOSSIP_PROTOCOL)),
    )
    for (let i = 0; i < 3_000; i++) gossips[0]!.gossip.publish(tx(i, 2_000))
    await until('all arrived', () => count === 3_000)
    assert.equal(runningMax, 1)
  })

  it('reads a peer more slowly whose transactions are checked in vain, and loses none', async () => {
    let count = 0
    let nowMs = 0
    const waiting: (() => void)[] = []
    const clock: Timers = {
      monotonicMs: () => nowMs,
      after: (_, call) => {
        waiting.push(call)
        return () => {}
      },
    }
    nodes = await startMesh(2, (host, i) => {
      const gossip = createTxGossip(host, {
        isValidator: () => true,
        ...(i === 1 ? { clock } : {}),
        onTransactions: async (_peer, transactions) => {
          count += transactions.length
          return { checked: transactions.length, refused: transactions.length }
        },
      })
      gossips.push({ gossip, batches: [] })
    })
    await until('gossip is open', () =>
      nodes[0]!.host.peers().every((p) => p.protocols.includes(GOSSIP_PROTOCOL)),
    )
    for (let i = 0; i < 8_000; i++) gossips[0]!.gossip.publish(tx(i))
    await until('the allowance is used up', () => waiting.length > 0)
    // Four units each, of 16,384 at once, and the batch that used up the last.
    assert.ok(count >= 4_000 && count <= 4_096 + 1_024, `${count} at once`)
    while (count < 8_000) {
      nowMs += 1_000
      waiting.shift()?.()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    assert.equal(nodes[1]!.logger.warnings.length, 0)
  })

  it('charges the length of what it hashes', async () => {
    let handler: ProtocolHandler | undefined
    const host = {
      register: (_: unknown, given: ProtocolHandler) => {
        handler = given
        return { send: () => true, broadcast: () => 0, peers: () => [] }
      },
      getPeer: () => undefined,
    } as unknown as P2pHost
    const gossip = createTxGossip(host, {
      isValidator: () => true,
      // All but a hundred of a stranger's allowance.
      onTransactions: async () => ({ checked: 3_996, refused: 0 }),
      clock: { monotonicMs: () => 0, after: () => () => {} },
    })
    gossips.push({ gossip, batches: [] })
    const large = [1, 2, 3, 4].map((n) => tx(n, 60_000).raw)
    const [frame] = encodeBatches(large, false)
    await handler!.onFrame('stranger', frame!)
    let frames = 0
    while (handler!.onFrame('stranger', frame!) === undefined) frames++
    assert.ok(frames < 5, `${frames} times 240 KB are hashed at once`)
  })

  it('takes from another peer what was dropped behind something malformed', async () => {
    const got: number[][] = []
    nodes = await startMesh(3, (host, index) => {
      if (index > 0) {
        gossips.push(addGossip(host))
        return
      }
      const gossip = createTxGossip(host, {
        isValidator: () => true,
        onTransactions: async (_, transactions) => {
          got.push(transactions.map(({ raw }) => new DataView(raw.buffer, raw.byteOffset).getUint32(0)))
          // The first batch begins with something malformed.
          return { checked: 1, refused: 1, dropped: got.length === 1 ? transactions.slice(1) : [] }
        },
      })
      gossips.push({ gossip, batches: [] })
    })
    const isOpen = ({ host }: TestNode) => host.peers().every((p) => p.protocols.includes(GOSSIP_PROTOCOL))
    await until('gossip is open everywhere', () => nodes.every(isOpen))
    const [, second, third] = gossips
    for (const n of [1, 2, 3]) second!.gossip.publish(tx(n))
    await until('the first batch', () => got.length === 1)
    for (const n of [1, 2, 3]) third!.gossip.publish(tx(n))
    await until('the second batch', () => got.length === 2)
    assert.deepEqual(got, [
      [1, 2, 3],
      [2, 3],
    ])
  })

  it('penalises a malformed batch', async () => {
    let port: ProtocolPort | undefined
    nodes = await startMesh(2, (host, index) => {
      if (index === 1) gossips.push(addGossip(host))
      else {
        const spec = { id: GOSSIP_PROTOCOL, frameBytesMax: 1e6, queueBytesMax: 1e7 } as const
        port = host.register({ ...spec, overflow: 'refuse', consensusOnly: false }, { onFrame: () => {} })
      }
    })
    await until('open', () => port!.peers().length === 1)
    port!.broadcast(Uint8Array.of(0xff, 1, 2, 3))
    await until('a warning', () =>
      nodes[1]!.logger.warnings.some((w) => /malformed message/.test(String(w.fields.reason))),
    )
    assert.deepEqual(gossips[0]!.batches, [])
    await until('the channel is open again', () => port!.peers().length === 1)
  })
})

describe('p2p.requestResponse', () => {
  let nodes: TestNode[] = []
  let requests: RequestResponse[] = []
  afterEach(async () => {
    for (const r of requests) r.close()
    await closeAll(nodes)
    nodes = []
    requests = []
  })

  async function pair(serve: (request: Uint8Array) => Promise<Uint8Array | undefined>): Promise<PeerKey> {
    nodes = await startMesh(2, (host) =>
      requests.push(
        createRequestResponse(host, {
          id: '/suanli/test/1',
          requestBytesMax: 16,
          responseBytesMax: 100,
          inFlightPerPeerMax: 3,
          servedPerSecondMax: 20,
          timeoutMs: 150,
          consensusOnly: true,
          serve: (_peer, request) => serve(request),
        }),
      ),
    )
    await until('open', () => requests[0]!.peers().length === 1)
    return nodes[1]!.host.peerId
  }

  const failsWith = (code: string) => (error: unknown) => error instanceof RequestError && error.code === code

  it('matches responses to requests, out of order', async () => {
    const peer = await pair(async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 40 - 10 * request[0]!))
      return Uint8Array.of(request[0]! + 100)
    })
    const answers = await Promise.all(
      [1, 2, 3].map((n) => requests[0]!.request(peer, Uint8Array.of(n), 2_000)),
    )
    assert.deepEqual(answers, [Uint8Array.of(101), Uint8Array.of(102), Uint8Array.of(103)])
  })

  it('reports why there is no answer', async () => {
    const peer = await pair(async (request) => {
      if (request[0] === 1) return undefined
      if (request[0] === 2) throw new Error('disk on fire')
      if (request[0] === 3) return new Uint8Array(101)
      return new Promise(() => {})
    })
    const ask = (n: number) => requests[0]!.request(peer, Uint8Array.of(n))
    await assert.rejects(ask(1), failsWith('refused'))
    await assert.rejects(ask(2), failsWith('refused'))
    assert.ok(nodes[1]!.logger.warnings.some((w) => w.text === 'request not served'))
    await assert.rejects(ask(3), failsWith('refused'))
    await assert.rejects(
      requests[0]!.request(nodes[0]!.host.peerId, new Uint8Array(1)),
      failsWith('disconnected'),
    )
    assert.throws(() => requests[0]!.request(peer, new Uint8Array(17)), RangeError)
    const waiting = [ask(4), ask(5), ask(6)]
    await assert.rejects(ask(7), failsWith('busy'))
    for (const w of waiting) await assert.rejects(w, failsWith('timeout'))
    // The server is still serving the three requests that never end, so it is busy.
    await assert.rejects(ask(4), failsWith('busy'))
  })

  it('fails requests in flight when the peer disconnects and when this node closes', async () => {
    const peer = await pair(() => new Promise(() => {}))
    const lost = requests[0]!.request(peer, Uint8Array.of(1), 5_000)
    const expectation = assert.rejects(lost, failsWith('disconnected'))
    await nodes[1]!.host.close()
    await expectation
    requests[0]!.close()
    await assert.rejects(requests[0]!.request(peer, Uint8Array.of(1)), failsWith('closed'))
  })

  it('serves a bounded number per second and penalises a flood', async () => {
    const peer = await pair(async () => Uint8Array.of(1))
    let busy = 0
    const isNoted = () =>
      nodes[1]!.logger.warnings.some((w) => /too many requests/.test(String(w.fields.reason)))
    const flood = async (): Promise<void> => {
      for (let i = 0; i < 200 && !isNoted(); i++) {
        await requests[0]!.request(peer, Uint8Array.of(1), 1_000).catch((error) => {
          if (failsWith('busy')(error)) busy++
        })
      }
    }
    await Promise.all([flood(), flood(), flood()])
    assert.ok(isNoted())
    assert.ok(busy >= 10, `${busy} were answered busy`)
  })
})
