import { strict as assert } from 'node:assert'
import { createEvidenceGossip, EVIDENCE_PROTOCOL, type EvidenceGossip } from '../../p2p/evidenceGossip.ts'
import type { P2pHost } from '../../p2p/protocol.ts'
import type { Timers } from '../../p2p/timers.ts'
import { closeAll, startMesh, type TestNode, until } from '../support/hostHarness.ts'

const proof = (n: number): Uint8Array => new Uint8Array(200).fill(n)
/** Counts as an invalid proof in this test. */
const FALSE = 255

describe('p2p.evidenceGossip', () => {
  let nodes: TestNode[] = []
  let gossips: { gossip: EvidenceGossip; held: Uint8Array[]; got: number[] }[] = []
  let nowMs = 0
  const alarms: (() => void)[] = []
  const clock: Timers = {
    monotonicMs: () => nowMs,
    after: (_, callback) => {
      alarms.push(callback)
      return () => {}
    },
  }
  afterEach(async () => {
    nowMs = 0
    await closeAll(nodes)
    nodes = []
    gossips = []
  })

  /** Stores and relays each proof once, as a node does. */
  function add(host: P2pHost, first: readonly Uint8Array[]): void {
    const held = [...first]
    const got: number[] = []
    const gossip = createEvidenceGossip(host, {
      onEvidence: async (peer, bytes) => {
        got.push(bytes[0]!)
        if (bytes[0] === FALSE) return 'false'
        if (held.some((known) => known[0] === bytes[0])) return 'proven'
        held.push(bytes)
        gossip.publish(bytes, peer)
        return 'proven'
      },
      held: () => held,
      clock,
    })
    gossips.push({ gossip, held, got })
  }

  async function mesh(count: number, first: readonly Uint8Array[] = []): Promise<void> {
    nodes = await startMesh(count, (host, i) => add(host, i === 0 ? first : []))
    await until('evidence is open everywhere', () =>
      nodes.every(({ host }) => host.peers().every((p) => p.protocols.includes(EVIDENCE_PROTOCOL))),
    )
  }

  it('sends evidence to all peers, and to peers that connect later', async () => {
    await mesh(3, [proof(1), proof(2)])
    await until('all hold the first two', () => gossips.every(({ held }) => held.length === 2))
    gossips[2]!.held.push(proof(3))
    gossips[2]!.gossip.publish(proof(3))
    await until('all hold three', () => gossips.every(({ held }) => held.length === 3))
    // At most two copies: both other peers may relay before they receive each other's.
    assert.ok(gossips[2]!.got.filter((n) => n === 3).length <= 2)
  })

  it('refuses a peer that sends invalid proofs or too many', async () => {
    await mesh(2)
    const accused = nodes[1]!.host.peerId
    for (let i = 0; i < 5; i++) gossips[1]!.gossip.publish(proof(FALSE))
    await until('the liar is refused', () => nodes[0]!.host.getPeer(accused)?.connected !== true)
    assert.ok(nodes[0]!.logger.warnings.some(({ fields }) => /proves nothing/.test(String(fields.reason))))
  })

  it('judges a proof once, however many copies come, and punishes each false copy', async () => {
    await mesh(3)
    for (let i = 0; i < 60; i++) gossips[1]!.gossip.publish(proof(9))
    gossips[1]!.gossip.publish(proof(FALSE))
    await until('the false one is noticed', () => nodes[0]!.logger.warnings.length > 0)
    assert.deepEqual(gossips[0]!.got, [9, FALSE])
    const { warnings } = nodes[0]!.logger
    assert.ok(warnings.every(({ fields }) => !/too much/.test(String(fields.reason))))
    gossips[2]!.gossip.publish(proof(FALSE))
    const accused = nodes[2]!.host.peerId
    await until('a copy is too', () => warnings.some(({ fields }) => fields.peer === accused))
    assert.deepEqual(gossips[0]!.got, [9, FALSE])
  })

  it('judges a bounded number per second, and the others later: an honest peer may have many to pass on', async () => {
    await mesh(2)
    for (let i = 1; i <= 40; i++) gossips[1]!.gossip.publish(proof(i))
    await until('the burst is judged', () => gossips[0]!.got.length === 32)
    await until('the next one waits', () => alarms.length > 0)
    assert.equal(gossips[0]!.got.length, 32)
    nowMs = 2_000
    for (const callback of alarms.splice(0)) callback()
    await until('the others are judged', () => gossips[0]!.got.length === 40)
    assert.deepEqual(nodes[0]!.logger.warnings, [])
  })
})
