// A double vote among running nodes: an unknown peer sends evidence to one node, nodes gossip it, one pays for the
// transaction, the chain convicts, and the culprit loses its vote. The culprit's key is a published development key.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bls } from '../../base/crypto/bls.ts'
import { evidenceSchema, voteAsCertificate } from '../../base/protocol/evidence.ts'
import { type Subject, voteBytes } from '../../base/protocol/vote.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { createEvidenceGossip, EVIDENCE_PROTOCOL } from '../../p2p/evidenceGossip.ts'
import { createHost } from '../../p2p/host.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'
import type { P2pHost } from '../../p2p/protocol.ts'
import { MONOTONIC } from '../../p2p/timers.ts'
import { call } from '../support/jsonRpc.ts'
import { Network } from '../support/processNetwork.ts'

const PATIENCE_MS = 30_000
const VALIDATORS = 5
/** Index and id of the double voter. */
const CULPRIT = { index: 4, id: 5 }
const silent = { debug() {}, info() {}, warn() {} }

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!(await Promise.resolve(holds()).catch(() => false))) {
    assert.ok(Date.now() < end, `${what}: not within ${PATIENCE_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('evidence among running nodes', function () {
  this.timeout(120_000)
  this.slow(30_000)
  const dataDir = mkdtempSync(join(tmpdir(), 'suanli-evidence-'))
  let network: Network
  let stranger: P2pHost | undefined

  before(async () => {
    const local = Array.from({ length: VALIDATORS }, (_, i) => i)
    network = await Network.prepare({ validators: VALIDATORS, dataDir, blockTimeMs: 50, local })
    await network.startAll()
  })
  after(async function () {
    await stranger?.close()
    await network.killAll()
    if (this.currentTest?.isFailed() === true) process.stderr.write(`data and logs are in ${dataDir}\n`)
    else rmSync(dataDir, { recursive: true, force: true })
  })

  /** Two notarize votes of one validator in a view far ahead. */
  function doubleVote(): Uint8Array {
    const { consensusSecret } = developmentValidator(CULPRIT.index)
    const side = (byte: number) => {
      const digest = new Uint8Array(32).fill(byte)
      const subject: Subject = { kind: 'notarize', epoch: 0, view: 1_000_000, parentView: 0, digest }
      const signature = bls.sign(consensusSecret, voteBytes(network.genesisHash, subject))
      return voteAsCertificate({ subject, signer: CULPRIT.index, signature }, VALIDATORS)
    }
    return evidenceSchema.encode({ first: side(1), second: side(2) })
  }

  it('convicts a double voter, and the set continues without it', async () => {
    const target = network.nodes[3]!.member
    stranger = await createHost({
      privateKey: new Uint8Array(32).fill(77),
      genesisHash: network.genesisHash,
      listen: [],
      logger: silent,
    })
    const gossip = createEvidenceGossip(stranger, {
      onEvidence: async () => 'proven',
      held: () => [],
      clock: MONOTONIC,
    })
    await stranger.start()
    const { peerSeed } = developmentValidator(target.index)
    const addresses = [`/ip4/127.0.0.1/tcp/${target.p2pPort}`]
    stranger.setPeers([{ peerId: peerIdBytesFromSeed(peerSeed), addresses }])
    await until('the stranger is connected', () =>
      stranger!.peers().some(({ protocols }) => protocols.includes(EVIDENCE_PROTOCOL)),
    )
    gossip.publish(doubleVote())
    const told = /a validator voted twice: the evidence will be submitted/
    await until('every node was told', () => network.nodes.every((node) => told.test(node.readLog())))
    for (const { url } of network.nodes) {
      await until('the vote is lost', async () => {
        const set = await call<readonly { id: number }[]>(url, 'providers_validators')
        return set.map(({ id }) => id).join() === '1,2,3,4'
      })
    }
    const { url } = network.nodes[0]!
    assert.deepEqual(await call(url, 'evidence_convictions', { provider: CULPRIT.id }), [0])
    const { status } = await call<{ status: string }>(url, 'providers_provider', { id: CULPRIT.id })
    assert.equal(status, 'jailed')
    // Half of its bond is gone, and with that the freeze.
    assert.deepEqual(await call(url, 'providers_frozenBonds'), [])
    const bondOf = async (id: number): Promise<bigint> => {
      const [bond] = await call<readonly { amountBase: string }[]>(url, 'providers_bonds', { id })
      return BigInt(bond!.amountBase)
    }
    assert.equal(await bondOf(CULPRIT.id), (await bondOf(1)) / 2n)
    for (const node of network.nodes) {
      await until(
        'no evidence is pending',
        async () => (await call<readonly unknown[]>(node.url, 'chain_evidence')).length === 0,
      )
    }
    // Nodes take turns, by the clock: on a busy machine a second one may have paid before it saw the first one's included.
    assert.ok(network.nodes.some((node) => /evidence submitted/.test(node.readLog())))
    for (const node of network.nodes) assert.equal((await node.terminate()).code, 0)
    assert.deepEqual(network.failures, [])
    assert.deepEqual(network.alarms([told]), [])
  })
})
