import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { u32be } from '../../base/bytes.ts'
import { SNAPSHOT_CHUNK_BYTES_MAX } from '../../base/protocol/snapshot.ts'
import { MalformedAnswerError } from '../../p2p/rangeProtocol.ts'
import { createRequestResponse, type RequestResponse } from '../../p2p/requestResponse.ts'
import {
  createSnapshotProtocol,
  EPOCH_PROOFS_BYTES_MAX,
  SNAPSHOT_PROTOCOL,
  type SnapshotProtocol,
  type SnapshotSource,
} from '../../p2p/snapshotProtocol.ts'
import { closeAll, startMesh, type TestNode, until } from '../support/hostHarness.ts'

const HASH = new Uint8Array(32).fill(5)
const OFFER = { height: 100, blockHash: HASH, manifestHash: HASH, manifestBytes: 42, sizeBytes: 1_000 }
const EPOCHS = 30

const source: SnapshotSource = {
  offers: () => Array(20).fill(OFFER),
  manifest: (height) => (height === 100 ? u32be(1) : undefined),
  chunk: async (height, index) => (height === 100 && index < 3 ? u32be(index) : undefined),
  receipts: (height) => u32be(height),
  epochProof: (epoch) => (epoch < EPOCHS ? new Uint8Array(60_000).fill(epoch) : undefined),
  validatorSet: (epoch) => u32be(epoch),
}

describe('p2p.snapshots', () => {
  let nodes: TestNode[] = []
  let clients: SnapshotProtocol[] = []
  afterEach(async () => {
    for (const client of clients) client.close()
    await closeAll(nodes)
    nodes = []
    clients = []
  })

  it('serves offers, manifests, chunks, receipts, epoch proofs and sets; refuses unknown ones', async () => {
    nodes = await startMesh(2, (host) => void clients.push(createSnapshotProtocol(host, source)))
    const [client] = clients
    await until('channels are open', () => client!.peers().length === 1)
    const peer = nodes[1]!.host.peerId
    assert.deepEqual(await client!.offers(peer), Array(16).fill(OFFER))
    assert.deepEqual(await client!.manifest(peer, 100), u32be(1))
    assert.deepEqual(await client!.chunk(peer, 100, 2), u32be(2))
    assert.deepEqual(await client!.receipts(peer, 7), u32be(7))
    assert.deepEqual(await client!.validatorSet(peer, 3), u32be(3))
    const proofs = await client!.epochProofs(peer, 5)
    assert.equal(proofs.length, Math.floor(EPOCH_PROOFS_BYTES_MAX / 60_000))
    assert.equal(proofs[0]![0], 5)
    assert.deepEqual(await client!.epochProofs(peer, EPOCHS), [])
    await assert.rejects(client!.manifest(peer, 99), { code: 'refused' })
    await assert.rejects(client!.chunk(peer, 100, 3), { code: 'refused' })
  })

  it('penalises malformed and oversized answers', async () => {
    let answer = Uint8Array.of(0xff)
    nodes = await startMesh(2, (host, i) => {
      if (i === 0) clients.push(createSnapshotProtocol(host, source))
      else fake(host, () => answer)
    })
    const [client] = clients
    await until('channels are open', () => client!.peers().length === 1)
    const peer = nodes[1]!.host.peerId
    await assert.rejects(client!.offers(peer), MalformedAnswerError)
    answer = new Uint8Array(SNAPSHOT_CHUNK_BYTES_MAX + 1)
    await assert.rejects(client!.chunk(peer, 1, 1), /bytes of chunk, at most/)
    await until('refused for a while', () =>
      nodes[0]!.logger.warnings.some((w) => w.text === 'peer disconnected and refused for a while'),
    )
  })

  it('refuses and penalises random requests, and keeps running', async () => {
    let requests: RequestResponse | undefined
    nodes = await startMesh(2, (host, i) => {
      if (i === 0) clients.push(createSnapshotProtocol(host, source))
      else requests = fake(host, () => undefined)
    })
    await until('channels are open', () => requests!.peers().length === 1)
    const peer = nodes[0]!.host.peerId
    for (const bytes of fc.sample(fc.uint8Array({ minLength: 0, maxLength: 64 }), { numRuns: 8, seed: 3 })) {
      await requests!.request(peer, bytes).catch((error: Error) => assert.equal(error.name, 'RequestError'))
    }
    assert.ok(nodes[0]!.logger.warnings.some((w) => /malformed request/.test(String(w.fields.reason))))
  })
})

function fake(
  host: Parameters<typeof createRequestResponse>[0],
  serve: () => Uint8Array | undefined,
): RequestResponse {
  return createRequestResponse(host, {
    id: SNAPSHOT_PROTOCOL,
    requestBytesMax: 64,
    responseBytesMax: 8 * 1024 * 1024,
    inFlightPerPeerMax: 2,
    servedPerSecondMax: 50,
    timeoutMs: 2_000,
    consensusOnly: false,
    serve,
  })
}
