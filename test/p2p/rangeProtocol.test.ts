import { strict as assert } from 'node:assert'
import { u32be } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { PeerScores } from '../../p2p/peerScores.ts'
import type { P2pHost, PeerInfo, PeerKey } from '../../p2p/protocol.ts'
import { type DownloadOptions, type RangeSource, WindowedDownload } from '../../p2p/rangeDownload.ts'
import {
  createRangeProtocol,
  MalformedAnswerError,
  RANGE_PROTOCOL,
  type RangeProtocol,
  type SyncSource,
} from '../../p2p/rangeProtocol.ts'
import { createRequestResponse } from '../../p2p/requestResponse.ts'
import { type RangeItem, rangeSchema, type SyncStatus } from '../../p2p/syncMessages.ts'
import { closeAll, startMesh, type TestNode, until } from '../support/hostHarness.ts'

const blockAt = (height: number): Uint8Array => new Uint8Array([...u32be(height), 1, 2, 3])

function honest(tip: number, blockOf: (height: number) => Uint8Array = blockAt): SyncSource {
  return {
    status: () => ({ height: tip, hash: sha256(blockAt(tip)), heightMin: 1 }),
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
  let syncs: RangeProtocol[] = []
  afterEach(async () => {
    for (const s of syncs) s.close()
    await closeAll(nodes)
    nodes = []
    syncs = []
  })

  async function mesh(sources: readonly SyncSource[], timeoutMs = 1_000): Promise<PeerKey[]> {
    nodes = await startMesh(sources.length, (host: P2pHost, i) => {
      syncs.push(createRangeProtocol(host, sources[i]!, { timeoutMs }))
    })
    await until('sync is open', () => syncs.every((s) => s.peers().length === sources.length - 1))
    return nodes.map((node) => node.host.peerId)
  }

  /** Takes correct ranges, rejects others and records each range's peer; resolves with the next height. */
  async function pull(
    options: Partial<DownloadOptions> & { readonly until?: number } = {},
  ): Promise<{ readonly next: number; readonly imported: Uint8Array[]; readonly peers: PeerKey[] }> {
    const download = syncs[0]!.download({ fromHeight: 1, ...options })
    const imported: Uint8Array[] = []
    const peers: PeerKey[] = []
    let next = options.fromHeight ?? 1
    for (let range = await download.next(); range !== undefined; range = await download.next()) {
      assert.equal(range.fromHeight, next)
      const wrong = range.items.some(({ block }, i) => Buffer.compare(block, blockAt(next + i)) !== 0)
      if (wrong) {
        download.reject(range, 'wrong block')
        continue
      }
      imported.push(...range.items.map((item) => item.block))
      peers.push(range.peer)
      next += range.items.length
      if (next > (options.until ?? Infinity)) break
    }
    download.close()
    return { next, imported, peers }
  }

  it('answers status and ranges within limits', async () => {
    const [, peer] = await mesh([honest(0), honest(300)])
    assert.deepEqual(await syncs[0]!.fetchStatus(peer!), {
      height: 300,
      hash: sha256(blockAt(300)),
      heightMin: 1,
    })
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

  it('cuts a range of large blocks at the response limit', async () => {
    // Megabytes take their time on a busy machine.
    const [, peer] = await mesh([honest(0), honest(10, () => new Uint8Array(1_500_000).fill(1))], 5_000)
    const range = await syncs[0]!.fetchRange(peer!, 1, 10)
    assert.equal(range.length, 2)
  })

  it('downloads up to the claimed tip, in order, from several peers', async () => {
    await mesh([honest(0), honest(1_000), honest(990), honest(1_000)])
    const { next, imported, peers } = await pull()
    assert.equal(next, 1_001)
    assert.equal(imported.length, 1_000)
    assert.equal(new Set(peers).size, 3, 'every peer served a range')
    assert.equal((await pull({ fromHeight: 1_001 })).next, 1_001)
  })

  it('never requests blocks above its target', async () => {
    let highest = 0
    const counting: SyncSource = {
      ...honest(1_000),
      range: (wanted) => {
        highest = Math.max(highest, wanted.fromHeight + wanted.countMax - 1)
        return honest(1_000).range(wanted)
      },
    }
    await mesh([honest(0), counting])
    assert.equal((await pull({ toHeight: 333 })).next, 334)
    assert.equal(highest, 333)
  })

  it('completes despite a lying peer, a silent peer and a peer with false claims', async () => {
    const liar: SyncSource = honest(500, (h) => (h > 100 ? new Uint8Array([...blockAt(h), 0]) : blockAt(h)))
    const silent: SyncSource = { status: () => honest(500).status(), range: () => new Promise(() => {}) }
    const boaster: SyncSource = {
      status: () => ({ height: 1e12, hash: new Uint8Array(32), heightMin: 1 }),
      range: () => [],
    }
    const keys = await mesh([honest(0), liar, silent, boaster, honest(500)])
    const { next, peers } = await pull({ until: 500, patienceMs: 5_000 })
    assert.equal(next, 501)
    assert.ok(peers.includes(keys[4]!))
    assert.equal(nodes[0]!.host.getPeer(keys[4]!)!.connected, true)
    const reasons = nodes[0]!.logger.warnings.map((w) => String(w.fields.reason))
    assert.ok(reasons.some((reason) => /^blocks from \d+: wrong block$/.test(reason)))
    assert.ok(reasons.includes('claims blocks that it does not serve'))
  })

  it('asks a second peer when the next range is slow, and takes the first answer', async () => {
    const slow: SyncSource = {
      ...honest(64),
      range: async (wanted) => {
        await new Promise((resolve) => setTimeout(resolve, 4_000))
        return honest(64).range(wanted)
      },
    }
    nodes = await startMesh(3, (host: P2pHost, i) => {
      syncs.push(createRangeProtocol(host, [honest(0), slow, honest(64)][i]!, { timeoutMs: 10_000 }))
    })
    await until('sync is open', () => syncs.every((s) => s.peers().length === 2))
    const keys = nodes.map((node) => node.host.peerId)
    const startedAtMs = Date.now()
    // If the slow peer is asked first, the other one answers.
    const { next, peers } = await pull()
    assert.deepEqual([next, peers], [65, [keys[2]]])
    assert.ok(Date.now() - startedAtMs < 3_500)
  })

  it('rewinds to a lower height, preferring peers not in doubt', async () => {
    const keys = ['one', 'two']
    const served = honest(200)
    const source: RangeSource = {
      peers: () => keys,
      fetchStatus: async () => served.status(),
      fetchRange: async (_, fromHeight, countMax) => served.range({ fromHeight, countMax, bytesMax: 1e6 }),
    }
    const host = { penalise: () => assert.fail('no peer is at fault'), getPeer: () => undefined }
    const download = new WindowedDownload(source, host, new PeerScores(), { fromHeight: 1 })
    const first = await download.next()
    const second = await download.next()
    assert.equal(second!.fromHeight, 65)
    download.rewind(1, [first!.peer])
    const again = await download.next()
    assert.equal(again!.fromHeight, 1)
    assert.equal(
      again!.peer,
      keys.find((key) => key !== first!.peer),
    )
    assert.equal((await download.next())!.fromHeight, 65)
    assert.deepEqual([download.claimedHeight(), download.servedHeightMin()], [200, 1])
    download.close()
    assert.equal(await download.next(), undefined)
  })

  /** A download from peers that answer at once, without a network. */
  function directly(peers: Readonly<Record<string, SyncSource>>, options: Partial<DownloadOptions> = {}) {
    const penalised: string[] = []
    const asked: (readonly [peer: string, fromHeight: number])[] = []
    const source: RangeSource = {
      peers: () => Object.keys(peers),
      fetchStatus: async (peer) => peers[peer]!.status(),
      fetchRange: async (peer, fromHeight, countMax) => {
        asked.push([peer, fromHeight])
        return peers[peer]!.range({ fromHeight, countMax, bytesMax: 1e6 })
      },
    }
    const host = {
      penalise: (peer: string) => void penalised.push(peer),
      getPeer: (peer: string) => ({ known: !peer.startsWith('stranger') }) as PeerInfo,
    }
    const download = new WindowedDownload(source, host, new PeerScores(), { fromHeight: 1, ...options })
    return { download, penalised, asked }
  }

  /** Waits for what is due now, then moves the time on. */
  function handClock() {
    let nowMs = 0
    let alarms: { readonly atMs: number; readonly callback: () => void }[] = []
    return {
      monotonicMs: () => nowMs,
      after: (delayMs: number, callback: () => void) => {
        const alarm = { atMs: nowMs + delayMs, callback }
        alarms.push(alarm)
        return () => {
          alarms = alarms.filter((other) => other !== alarm)
        }
      },
      async run(untilMs: number) {
        for (; nowMs <= untilMs; nowMs += 50) {
          const due = alarms.filter(({ atMs }) => atMs <= nowMs)
          alarms = alarms.filter((alarm) => !due.includes(alarm))
          for (const { callback } of due) callback()
          await new Promise((resolve) => setImmediate(resolve))
        }
      },
    }
  }

  const mute = (height: number): SyncSource => ({
    status: () => honest(height).status(),
    range: () => new Promise(() => {}),
  })

  it('asks no stranger for what a known peer has, however many come', async () => {
    const refusing: SyncSource = { ...mute(640), range: () => Promise.reject(new Error('refused')) }
    const strangers = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`stranger${i}`, refusing]))
    const { download, asked } = directly({ ...strangers, known: honest(640) })
    for (let from = 1; from <= 577; from += 64) assert.equal((await download.next())!.fromHeight, from)
    assert.deepEqual([...new Set(asked.map(([peer]) => peer))], ['known'])
    download.close()
  })

  it('asks strangers for what no known peer has for a while, and a known one as soon as it has it', async () => {
    const clock = handClock()
    let height = 64
    const growing: SyncSource = {
      status: () => honest(height).status(),
      range: (w) => honest(height).range(w),
    }
    const { download, asked } = directly(
      { known: growing, stranger: mute(128) },
      { clock, patienceMs: 60_000 },
    )
    assert.equal((await download.next())!.fromHeight, 1)
    const next = download.next()
    await clock.run(1_000)
    assert.deepEqual(asked, [['known', 1]])
    await clock.run(2_000)
    assert.deepEqual(asked.at(-1), ['stranger', 65])
    height = 128
    await clock.run(2_500)
    assert.deepEqual(asked.at(-1), ['known', 65])
    assert.deepEqual([(await next)!.peer, asked.length], ['known', 3])
    download.close()
  })

  it('returns a range that was put back after what a rejection fetches below it, even to a call that waits', async () => {
    const { download, penalised, asked } = directly(
      { one: honest(192), two: honest(192) },
      { patienceMs: 5_000 },
    )
    const first = (await download.next())!
    const second = (await download.next())!
    assert.deepEqual([first.fromHeight, second.fromHeight], [1, 65])
    await download.next()
    const waiting = download.next()
    download.putBack({ ...second, peer: 'three' })
    download.reject({ peer: first.peer, fromHeight: 1 }, 'another chain')
    const again = (await waiting)!
    assert.deepEqual([again.fromHeight, again.peer !== first.peer], [1, true])
    assert.deepEqual((await download.next())!.peer, 'three')
    assert.deepEqual(penalised, [first.peer])
    assert.equal(asked.filter(([, from]) => from === 65).length, 1)
    download.close()
  })

  it('repeats a range next and from other peers, and goes on where it stood', async () => {
    const { download, asked } = directly({ one: honest(192), two: honest(192) })
    const first = (await download.next())!
    const isAsked = download.again({ fromHeight: 1, count: 64, peers: new Set([first.peer]) })
    assert.ok(isAsked)
    const repeated = (await download.next())!
    assert.deepEqual(
      [repeated.fromHeight, repeated.items.length, repeated.peer !== first.peer],
      [1, 64, true],
    )
    assert.equal((await download.next())!.fromHeight, 65)
    assert.ok(!download.again({ fromHeight: 1, count: 64, peers: new Set(['one', 'two']) }), 'nobody else')
    assert.equal((await download.next())!.fromHeight, 129)
    assert.equal(asked.filter(([, from]) => from === 1).length, 2)
    download.close()
  })

  it('asks a blamed peer for nothing more and drops what it has sent', async () => {
    const { download, penalised, asked } = directly({ one: honest(640), two: honest(640) })
    const first = (await download.next())!
    download.blame(first.peer, 'left something out')
    const before = asked.length
    for (let range = await download.next(); range !== undefined; range = await download.next()) {
      assert.notEqual(range.peer, first.peer)
    }
    assert.ok(asked.slice(before).every(([peer]) => peer !== first.peer))
    assert.deepEqual(penalised, [first.peer])
    download.close()
  })

  it('does not blame a peer that has pruned since its last status', async () => {
    let heightMin = 1
    const pruning: SyncSource = {
      status: () => ({ ...honest(64).status(), heightMin }),
      range: () => {
        heightMin = 60
        return []
      },
    }
    const { download, penalised } = directly({ pruning })
    assert.equal(await download.next(), undefined)
    assert.deepEqual(penalised, [])
    const liar: SyncSource = { ...honest(64), range: () => [] }
    const lied = directly({ liar })
    assert.equal(await lied.download.next(), undefined)
    assert.deepEqual(lied.penalised, ['liar'])
  })

  it('waits up to `patienceMs` for a peer with the blocks', async () => {
    nodes = await startMesh(2, (host: P2pHost, i) => {
      syncs.push(createRangeProtocol(host, honest(i === 0 ? 0 : 50), { timeoutMs: 200 }))
    })
    const [own, other] = nodes
    own!.host.setPeers([])
    const pulled = pull({ toHeight: 50, patienceMs: 4_000 })
    await new Promise((resolve) => setTimeout(resolve, 200))
    const { listenAddresses: addresses, peerIdBytes: peerId } = other!.host
    own!.host.setPeers([{ peerId, addresses, validatorIndex: 1 }])
    assert.equal((await pulled).next, 51)
    assert.equal((await pull({ fromHeight: 51, toHeight: 90 })).next, 51, 'no peer has it, and no patience')
  })

  it('fetches nothing until peers are ahead by more than `lagMin`', async () => {
    await mesh([honest(0), honest(60)])
    assert.equal((await pull({ lagMin: 64 })).next, 1)
    assert.equal((await pull({ lagMin: 20 })).next, 61)
  })

  it('follows the only peer that is ahead', async () => {
    await mesh([honest(0), honest(3), honest(200), honest(3)])
    assert.equal((await pull()).next, 201)
  })

  it('asks only peers that still have the blocks', async () => {
    const pruned: SyncSource = {
      ...honest(300),
      status: () => ({ ...honest(300).status(), heightMin: 200 }) as SyncStatus,
      range: () => assert.fail('asked for pruned blocks'),
    }
    const keys = await mesh([honest(0), pruned, honest(150)])
    const { next, peers } = await pull({ toHeight: 150 })
    assert.deepEqual([next, new Set(peers)], [151, new Set([keys[2]])])
  })

  it('refuses a peer that keeps lying, with the reason', async () => {
    const [, liar] = await mesh([honest(0), honest(50, () => Uint8Array.of(0))])
    await pull()
    assert.ok(nodes[0]!.logger.warnings.some((w) => w.fields.reason === 'blocks from 1: wrong block'))
    assert.equal((await pull()).next, 1, 'a lying peer rests')
    assert.ok(nodes[0]!.host.getPeer(liar!)!.connected, 'one lie does not disconnect')
  })

  it('never serves more blocks than requested', async () => {
    const generous: SyncSource = { ...honest(50), range: () => Array(200).fill({ block: blockAt(1) }) }
    const [, peer] = await mesh([honest(0), generous])
    assert.equal((await syncs[0]!.fetchRange(peer!, 1, 5)).length, 5)
  })

  it('penalises malformed answers and more blocks than requested', async () => {
    let answer: Uint8Array = Uint8Array.of(0xff, 0xff)
    nodes = await startMesh(2, (host, i) => {
      if (i === 0) syncs.push(createRangeProtocol(host, honest(0)))
      else {
        createRequestResponse(host, {
          id: RANGE_PROTOCOL,
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
      assert.ok(error instanceof MalformedAnswerError)
      assert.match(error.message, /malformed answer/)
      return true
    })
    answer = rangeSchema.encode({ items: Array(3).fill({ block: blockAt(1) }) })
    await assert.rejects(syncs[0]!.fetchRange(peer, 1, 2), /3 blocks where 2 were requested/)
    await until('refused for a while', () =>
      nodes[0]!.logger.warnings.some((w) => w.text === 'peer disconnected and refused for a while'),
    )
  })

  it('stops on abort and on close', async () => {
    await mesh([honest(0), honest(1_000)])
    const controller = new AbortController()
    const download = syncs[0]!.download({ fromHeight: 1, signal: controller.signal })
    assert.equal((await download.next())!.fromHeight, 1)
    controller.abort()
    assert.equal(await download.next(), undefined)
  })
})
