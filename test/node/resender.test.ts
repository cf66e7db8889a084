import assert from 'node:assert/strict'
import { Resender, SHARE_BYTES_MAX } from '../../node/pool/gossipShare.ts'
import type { PoolEntry } from '../../node/pool/poolEntry.ts'
import type { PeerKey } from '../../p2p/protocol.ts'

/**
 * A pool of `count` transactions that arrived `gapMs` apart from time 0, and a record of what was sent to whom. The first
 * `gapped` can be in no block.
 */
function world(count: number, gapMs = 0, { gapped = 0, sizeBytes = 2 } = {}) {
  const entries: PoolEntry[] = Array.from({ length: count }, (_, i) => ({
    transaction: { raw: new Uint8Array(sizeBytes).fill(i >> 8, 0, 1).fill(i & 255, 1, 2) },
    sequence: i,
    arrivedAtMs: i * gapMs,
  })) as unknown as PoolEntry[]
  const sent: { peer: PeerKey; numbers: number[] }[] = []
  const clock = { nowMs: 0 }
  const peers: Record<number, string> = { 0: 'self', 1: 'one', 2: 'two' }
  const resender = new Resender({
    host: { peerId: 'self', getValidatorPeer: (index: number) => peers[index] as PeerKey | undefined },
    gossip: {
      sendTo: (peer, raws) => {
        sent.push({ peer, numbers: raws.map((raw) => raw[0]! * 256 + raw[1]!) })
        return true
      },
    },
    mempool: {
      get size() {
        return entries.length
      },
      entries: () => entries,
      includableNow: () => (entry) => entry.sequence >= gapped,
    },
    nowMs: () => clock.nowMs,
  })
  return { entries, sent, clock, resender }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

describe('node.resender', () => {
  it('sends everything at once without load', () => {
    const { resender, sent } = world(63)
    resender.share(1)
    resender.share(2)
    assert.deepEqual(sent, [
      { peer: 'one', numbers: range(0, 63) },
      { peer: 'two', numbers: range(0, 63) },
    ])
  })

  it('sends nothing to itself, to an unknown validator, or without transactions', () => {
    const { resender, sent } = world(3)
    resender.share(0)
    resender.share(7)
    world(0).resender.share(1)
    assert.deepEqual(sent, [])
  })

  it('leaves recent transactions to gossip under load', () => {
    const { resender, sent, clock } = world(100, 10)
    clock.nowMs = 999
    resender.share(1)
    assert.deepEqual(sent, [])
    clock.nowMs = 1_205
    resender.share(1)
    assert.deepEqual(sent, [{ peer: 'one', numbers: range(0, 21) }])
  })

  it('resends the oldest under load, each once a second', () => {
    const { resender, sent, clock } = world(600)
    clock.nowMs = 1_000
    for (let i = 0; i < 4; i++) resender.share(1 + (i % 2))
    assert.deepEqual(
      sent.map(({ numbers }) => numbers),
      [range(0, 256), range(256, 512), range(512, 600)],
    )
    clock.nowMs = 2_000
    resender.share(1)
    assert.deepEqual(sent.at(-1), { peer: 'one', numbers: range(0, 256) })
  })

  it('never resends what no block can include', () => {
    const { resender, sent } = world(63, 0, { gapped: 60 })
    resender.share(1)
    assert.deepEqual(sent, [{ peer: 'one', numbers: range(60, 63) }])
  })

  it('resends bytes up to a bound, and all in turn', () => {
    const perShare = SHARE_BYTES_MAX / 65_536
    const { resender, sent, clock } = world(2 * perShare, 0, { sizeBytes: 65_536 })
    clock.nowMs = 1_000
    for (let i = 0; i < 3; i++) resender.share(1)
    assert.deepEqual(
      sent.map(({ numbers }) => numbers),
      [range(0, perShare), range(perShare, 2 * perShare)],
    )
  })

  it('finds the last of a pool that is full of what no block can include', () => {
    const { resender, sent, clock } = world(10_000, 0, { gapped: 9_999 })
    clock.nowMs = 1_000
    for (let i = 0; i < 3; i++) resender.share(1)
    assert.deepEqual(sent, [{ peer: 'one', numbers: [9_999] }])
  })
})
