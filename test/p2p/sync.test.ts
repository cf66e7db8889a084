import { strict as assert } from 'node:assert'
import { u32be } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { P2pHost, PeerKey } from '../../p2p/protocol.ts'
import { createRequestResponse } from '../../p2p/requestResponse.ts'
import {
  createSync,
  type RangeItem,
  type RangeVerdict,
  SYNC_PROTOCOL,
  type Sync,
  SyncError,
  type SyncSource,
} from '../../p2p/sync.ts'
import { rangeSchema } from '../../p2p/syncMessages.ts'
import { closeAll, startMesh, type TestNode, until } from './harness.ts'

const blockAt = (height: number): Uint8Array => new Uint8Array([...u32be(height), 1, 2, 3])

function honest(tip: number, blockOf: (height: number) => Uint8Array = blockAt): SyncSource {
  return {
    status: () => ({ height: tip, hash: sha256(blockAt(tip)) }),
    range: ({ fromHeight, countMax, bytesMax }) => {
      const items: RangeItem[] = []
      let size = 0
      for (let h = fromHeight; h <= tip && items.length < countMax && size < bytesMax; h++) {
        const block = blockOf(h)
        size += block.length
        items.push(h % 2 === 0 ? { block, certificate: Uint8Array.of(9) } : { block })
      }
      return items
    },
  }
}

describe('p2p.sync', () => {
  let nodes: TestNode[] = []
  let syncs: Sync[] = []
  afterEach(async () => {
    for (const s of syncs) s.close()
    await closeAll(nodes)
    nodes = []
    syncs = []
  })

  async function mesh(sources: readonly SyncSource[]): Promise<PeerKey[]> {
    nodes = await startMesh(sources.length, (host: P2pHost, i) => {
      syncs.push(createSync(host, sources[i]!, { timeoutMs: 200 }))
    })
    await until('sync is open', () => syncs.every((s) => s.peers().length === sources.length - 1))
    return nodes.map((node) => node.host.peerId)
  }

  /** Imports what is right and remembers from whom. */
  function importer() {
    const imported: Uint8Array[] = []
    const peers: PeerKey[] = []
    const verify = async (
      items: readonly RangeItem[],
      fromHeight: number,
      peer: PeerKey,
    ): Promise<RangeVerdict> => {
      assert.equal(fromHeight, imported.length + 1)
      for (const [i, { block }] of items.entries()) {
        if (Buffer.compare(block, blockAt(fromHeight + i)) !== 0)
          return { accept: false, reason: 'wrong block' }
      }
      imported.push(...items.map((item) => item.block))
      peers.push(peer)
      return { accept: true, nextHeight: fromHeight + items.length }
    }
    return { imported, peers, verify }
  }

  it('answers status and ranges within limits', async () => {
    const [, peer] = await mesh([honest(0), honest(300)])
    assert.deepEqual(await syncs[0]!.fetchStatus(peer!), { height: 300, hash: sha256(blockAt(300)) })
    const range = await syncs[0]!.fetchRange(peer!, 2, 3)
    assert.deepEqual(range, [
      { block: blockAt(2), certificate: Uint8Array.of(9) },
      { block: blockAt(3) },
      { block: blockAt(4), certificate: Uint8Array.of(9) },
    ])
    assert.equal((await syncs[0]!.fetchRange(peer!, 1, 1_000)).length, 128)
    assert.deepEqual(await syncs[0]!.fetchRange(peer!, 301, 5), [])
    await assert.rejects(syncs[0]!.fetchRange(peer!, 1, 0), /refused/)
  })

  it('cuts a range of large blocks to the response limit', async () => {
    const [, peer] = await mesh([honest(0), honest(10, () => new Uint8Array(1_500_000).fill(1))])
    const range = await syncs[0]!.fetchRange(peer!, 1, 10)
    assert.equal(range.length, 2)
  })

  it('catches up to the tip from several peers', async () => {
    await mesh([honest(0), honest(1_000), honest(990), honest(1_000)])
    const { imported, verify } = importer()
    assert.equal(await syncs[0]!.catchUp({ fromHeight: 1, verify }), 1_001)
    assert.equal(imported.length, 1_000)
    assert.equal(await syncs[0]!.catchUp({ fromHeight: 1_001, verify }), 1_001)
  })

  it('gets there although one peer lies, one is silent and one claims heights it does not have', async () => {
    const liar: SyncSource = honest(500, (h) => (h > 100 ? new Uint8Array([...blockAt(h), 0]) : blockAt(h)))
    const silent: SyncSource = { status: () => honest(500).status(), range: () => new Promise(() => {}) }
    const boaster: SyncSource = {
      status: () => ({ height: 1e12, hash: new Uint8Array(32) }),
      range: () => [],
    }
    const keys = await mesh([honest(0), liar, silent, boaster, honest(500)])
    const { imported, peers, verify } = importer()
    let next = 1
    for (let round = 0; round < 30 && next < 501; round++) {
      next = await syncs[0]!.catchUp({ fromHeight: next, verify })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.equal(next, 501)
    assert.equal(imported.length, 500)
    assert.ok(peers.includes(keys[4]!))
    assert.equal(nodes[0]!.host.getPeer(keys[4]!)!.connected, true)
  })

  it('refuses a peer that keeps lying, with the reason', async () => {
    const [, liar] = await mesh([honest(0), honest(50, () => Uint8Array.of(0))])
    const { verify } = importer()
    await syncs[0]!.catchUp({ fromHeight: 1, verify })
    assert.ok(nodes[0]!.logger.warnings.some((w) => w.fields.reason === 'blocks from 1: wrong block'))
    assert.deepEqual(await syncs[0]!.catchUp({ fromHeight: 1, verify }), 1, 'a liar rests')
    assert.ok(nodes[0]!.host.getPeer(liar!)!.connected, 'one lie is not yet too many')
  })

  it('never serves more blocks than were asked for', async () => {
    const generous: SyncSource = { ...honest(50), range: () => Array(200).fill({ block: blockAt(1) }) }
    const [, peer] = await mesh([honest(0), generous])
    assert.equal((await syncs[0]!.fetchRange(peer!, 1, 5)).length, 5)
  })

  it('takes malformed answers and more than was asked for as offences', async () => {
    let answer: Uint8Array = Uint8Array.of(0xff, 0xff)
    nodes = await startMesh(2, (host, i) => {
      if (i === 0) syncs.push(createSync(host, honest(0)))
      else {
        createRequestResponse(host, {
          id: SYNC_PROTOCOL,
          requestBytesMax: 64,
          responseBytesMax: 1_000_000,
          inFlightPerPeerMax: 4,
          servedPerSecondMax: 50,
          timeoutMs: 1_000,
          consensusOnly: false,
          serve: () => answer,
        })
      }
    })
    const peer = nodes[1]!.host.peerId
    await until('sync is open', () => syncs[0]!.peers().length === 1)
    await assert.rejects(syncs[0]!.fetchStatus(peer), (error) => {
      assert.ok(error instanceof SyncError)
      assert.match(error.message, /malformed answer/)
      return true
    })
    answer = rangeSchema.encode({ items: Array(3).fill({ block: blockAt(1) }) })
    await assert.rejects(syncs[0]!.fetchRange(peer, 1, 2), /3 blocks where 2 were asked for/)
    await until('refused for a while', () =>
      nodes[0]!.logger.warnings.some((w) => w.text === 'peer disconnected and refused for a while'),
    )
  })

  it('stops when told to', async () => {
    await mesh([honest(0), honest(1_000)])
    const controller = new AbortController()
    const { imported, verify } = importer()
    const next = await syncs[0]!.catchUp({
      fromHeight: 1,
      verify: async (items, from, peer) => {
        if (from > 200) controller.abort()
        return verify(items, from, peer)
      },
      signal: controller.signal,
    })
    assert.equal(next, imported.length + 1)
    assert.ok(next < 500)
  })
})
