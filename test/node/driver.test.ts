// The driver with a real journal, real signer and real BLS: four validators in one process, over an in-memory network.
import assert from 'node:assert/strict'
import { cpSync, renameSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { equalBytes, u64be } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import type { EpochStep } from '../../base/protocol/epochStep.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import { type Certificate, type Subject, signersBitmap, voteBytes } from '../../base/protocol/vote.ts'
import type { Application, ConsensusNetwork } from '../../consensus/ports.ts'
import type { Sender, Target } from '../../consensus/types.ts'
import { Driver } from '../../node/driver.ts'
import { LocalSigner } from '../../signer/localSigner.ts'
import { findDoubleVotes, readSignedVotes } from '../../signer/voteAudit.ts'
import { Journal } from '../../storage/journal.ts'
import { PARAMETERS } from '../support/coreParameters.ts'
import {
  buildBlock,
  type ChainRules,
  makeRules,
  makeValidator,
  SimStore,
  verifyBlock,
} from '../support/simChain.ts'

const made = Array.from({ length: 4 }, (_, i) => makeValidator(i, bls))
const set = { validators: made.map((m) => m.validator) }

const QUICK = { ...PARAMETERS, minBlockIntervalMs: 20 }
/** View timers never fire, however slow the machine: everything is driven by messages. */
const PATIENT = { ...QUICK, deltaMs: 2_000, buildMs: 4_000, verifyMs: 4_000, messageDelayMs: 20_000 }

/** This test's chain begins with a boundary: F of it, by all validators, for their signers. */
function genesisBoundary({ genesis, genesisHash }: ChainRules): EpochStep {
  const subject: Subject = { kind: 'finalize', epoch: 0, view: 1, parentView: 0, digest: genesis.hash }
  const shares = made.map(({ secretKey }) => bls.sign(secretKey, voteBytes(genesisHash, subject)))
  const bitmap = signersBitmap([0, 1, 2, 3], 4)
  const certificate = { subject, bitmap, signature: bls.aggregate(shares)! }
  return { boundary: { header: genesis.header, certificate, nextSet: undefined }, recovery: undefined }
}

interface Peer {
  store: SimStore
  pool: Uint8Array[]
  driver: Driver | undefined
  signer: LocalSigner | undefined
  notify: () => void
  handler: ((from: Sender, bytes: Uint8Array) => void) | undefined
  penalised: string[]
  halted: string | undefined
}

class Net {
  readonly dir: string
  parameters = QUICK
  readonly rules = makeRules({ setOf: () => set, epochBlocks: 1_000_000, timestampMs: Date.now() - 1_000 })
  readonly peers: Peer[] = set.validators.map(() => ({
    store: new SimStore(this.rules),
    pool: [],
    driver: undefined,
    signer: undefined,
    notify: () => {},
    handler: undefined,
    penalised: [],
    halted: undefined,
  }))

  constructor(dir: string) {
    this.dir = dir
  }

  async start(i: number, create = true): Promise<void> {
    const peer = this.peers[i]!
    const journal = await Journal.open({ dir: join(this.dir, `j${i}`), genesisHash: this.rules.genesisHash })
    const signer = await LocalSigner.open({
      dir: join(this.dir, `s${i}`),
      genesisHash: this.rules.genesisHash,
      genesisSet: set,
      secretKey: made[i]!.secretKey,
      bls,
      create,
    })
    peer.signer = signer
    peer.driver = new Driver({
      genesisHash: this.rules.genesisHash,
      parameters: this.parameters,
      application: this.#application(peer),
      network: this.#network(i),
      journal,
      signer,
      bls,
      clock: {
        nowMs: () => Date.now(),
        monotonicMs: () => Math.floor(performance.now()),
        after: (delayMs, callback) => {
          const timer = setTimeout(callback, delayMs)
          return () => clearTimeout(timer)
        },
      },
      jitterSeed: i,
      log: () => {},
      onHalt: (reason) => {
        peer.halted = reason
      },
    })
    await peer.driver.start()
  }

  async stop(i: number): Promise<void> {
    const peer = this.peers[i]!
    peer.handler = undefined
    await peer.driver?.close()
    peer.driver = undefined
  }

  #network(i: number): ConsensusNetwork {
    const deliver = (to: number, bytes: Uint8Array): void => {
      if (to === i) return
      setImmediate(() => this.peers[to]!.handler?.({ peer: `${i}`, validator: i }, bytes))
    }
    return {
      send: (to: Target, bytes) => {
        if (to.kind === 'all') for (const k of this.peers.keys()) deliver(k, bytes)
        else deliver(to.kind === 'peer' ? Number(to.peer) : to.index, bytes)
      },
      onMessage: (handler) => {
        this.peers[i]!.handler = handler
      },
      useValidators: () => {},
      penalise: (_, reason) => {
        this.peers[i]!.penalised.push(reason)
      },
    }
  }

  #application(peer: Peer): Application {
    const { rules } = this
    const executed = new Map<string, SealedBlock>()
    const pending = (parent: SealedBlock): readonly Uint8Array[] => {
      const taken: Uint8Array[] = []
      let at: SealedBlock | undefined = parent
      while (at !== undefined && at.header.height > peer.store.height) {
        taken.push(...at.transactions)
        at = executed.get(String(at.header.parentHash))
      }
      return peer.pool.filter((t) => !peer.store.includes(t) && !taken.some((known) => equalBytes(known, t)))
    }
    return {
      tip: async () => ({
        block: peer.store.tip,
        certificate: peer.store.tipCertificate(),
        epoch: peer.store.epochStart(),
      }),
      build: async (request) => {
        const block = buildBlock(rules, request, pending(request.parent))
        executed.set(String(block.hash), block)
        return block
      },
      verify: async (block, parent) => {
        executed.set(String(block.hash), block)
        return verifyBlock(rules, block, parent)
      },
      finalize: async (path: readonly SealedBlock[], certificate: Certificate) => {
        peer.store.commit(path, certificate)
      },
      epochAfter: async () => peer.store.epochStart(),
      epochSteps: async () => [genesisBoundary(rules)],
      hasWork: (parent) => pending(parent).length > 0,
      onWork: (listener) => {
        peer.notify = listener
        return () => {
          peer.notify = () => {}
        }
      },
      shareTransactions: () => {},
      blockByHash: async (hash) => peer.store.byHash(hash),
      boundaryCertificate: async (epoch) => peer.store.boundary(epoch),
      syncTo: async () => ({ reached: false }),
      reportMisbehaviour: () => {
        throw new Error('nobody misbehaves in an honest net')
      },
    }
  }

  /** Gives a transaction to every node, as gossip would. */
  submit(n: number): Uint8Array {
    const transaction = u64be(n)
    for (const peer of this.peers) {
      if (peer.driver === undefined) continue
      peer.pool.push(transaction)
      peer.notify()
    }
    return transaction
  }

  async until(condition: () => boolean, what: string, limitMs = 10_000): Promise<void> {
    const started = Date.now()
    while (!condition()) {
      const halted = this.peers.find((peer) => peer.halted !== undefined)?.halted
      assert.equal(halted, undefined)
      assert.ok(Date.now() - started < limitMs, `timed out: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async audit(): Promise<void> {
    for (const i of this.peers.keys()) {
      const votes = await readSignedVotes({
        signerDir: join(this.dir, `s${i}`),
        journalDir: join(this.dir, `j${i}`),
        genesisHash: this.rules.genesisHash,
      })
      assert.ok(votes.some((vote) => vote.source === 'signer'))
      assert.deepEqual(findDoubleVotes(votes), [])
    }
  }
}

describe('node.driver', () => {
  let net: Net
  beforeEach(async () => {
    net = new Net(await mkdtemp(join(tmpdir(), 'driver-')))
  })
  afterEach(async () => {
    for (const i of net.peers.keys()) await net.stop(i)
    await rm(net.dir, { recursive: true, force: true })
  })

  const everyone = (height: number) => () => net.peers.every((peer) => peer.store.height >= height)

  it('finalizes a transaction on an idle chain at once, with four pairings per block and node', async () => {
    net.parameters = PATIENT
    for (const i of net.peers.keys()) await net.start(i)
    for (let n = 1; n <= 10; n++) {
      const transaction = net.submit(n)
      await net.until(() => net.peers.every((peer) => peer.store.includes(transaction)), `transaction ${n}`)
    }
    const height = net.peers[0]!.store.height
    assert.ok(height <= 11, `no empty blocks: ${height}`)
    for (const peer of net.peers) {
      const { aggregates, singles, signatures } = peer.driver!.counters()
      assert.ok(
        aggregates + singles <= 4 * height,
        `${aggregates} + ${singles} pairings for ${height} blocks`,
      )
      assert.ok(signatures <= 2.5 * height + 2, `${signatures} signatures for ${height} blocks`)
      assert.deepEqual(peer.penalised, [])
    }
    await net.audit()
  })

  it('continues with one validator stopped, which catches up when it returns', async () => {
    for (const i of net.peers.keys()) await net.start(i)
    net.submit(1)
    await net.until(everyone(1), 'first block')
    await net.stop(2)
    for (let n = 2; n <= 4; n++) {
      const transaction = net.submit(n)
      const up = net.peers.filter((peer) => peer.driver !== undefined)
      await net.until(() => up.every((peer) => peer.store.includes(transaction)), `transaction ${n}`)
    }
    await net.start(2, false)
    await net.until(everyone(net.peers[0]!.store.height), 'the returned node catches up')
    await net.audit()
  }).timeout(20_000)

  it('stalls with two stopped and resumes when one returns', async () => {
    for (const i of net.peers.keys()) await net.start(i)
    net.submit(1)
    await net.until(everyone(1), 'first block')
    await net.stop(0)
    await net.stop(1)
    const transaction = net.submit(2)
    await new Promise((resolve) => setTimeout(resolve, 600))
    assert.equal(net.peers[2]!.store.includes(transaction), false)
    await net.start(1, false)
    const up = net.peers.filter((peer) => peer.driver !== undefined)
    await net.until(() => up.every((peer) => peer.store.includes(transaction)), 'the waiting transaction')
    await net.audit()
  }).timeout(20_000)

  it('resumes after all four stopped at once', async () => {
    for (const i of net.peers.keys()) await net.start(i)
    net.submit(1)
    await net.until(everyone(1), 'first block')
    net.submit(2)
    await Promise.all(net.peers.map((_, i) => net.stop(i)))
    for (const i of net.peers.keys()) await net.start(i, false)
    const transaction = net.submit(3)
    await net.until(
      () => net.peers.every((peer) => peer.store.includes(transaction)),
      'a transaction afterwards',
    )
    await net.audit()
  }).timeout(20_000)

  it('signs nothing when its whole machine was set back, since peers hold its votes', async () => {
    for (const i of net.peers.keys()) await net.start(i)
    const [journal, record] = [join(net.dir, 'j3'), join(net.dir, 's3')]
    for (const dir of [journal, record]) cpSync(dir, `${dir}.older`, { recursive: true })
    for (const n of [1, 2]) {
      const transaction = net.submit(n)
      await net.until(() => net.peers.every((peer) => peer.store.includes(transaction)), `transaction ${n}`)
    }
    await net.stop(3)
    for (const dir of [journal, record]) {
      rmSync(dir, { recursive: true })
      renameSync(`${dir}.older`, dir)
    }
    const peer = net.peers[3]!
    peer.store = new SimStore(net.rules)
    await net.start(3, false)
    await net.until(() => peer.signer!.observing, 'the loss is noticed')
    const transaction = net.submit(3)
    await net.until(() => net.peers.every(({ store }) => store.includes(transaction)), 'it follows')
    // A leader's reveal is no vote.
    assert.deepEqual(peer.signer!.signed(), [])
  }).timeout(20_000)

  it('penalises undecodable frames and stays up', async () => {
    await net.start(0)
    net.peers[0]!.handler!({ peer: '3', validator: 3 }, new Uint8Array([99, 1, 2]))
    net.peers[0]!.handler!({ peer: '3', validator: 3 }, new Uint8Array(0))
    assert.equal(net.peers[0]!.penalised.length, 2)
    assert.equal(net.peers[0]!.halted, undefined)
  })

  it('halts instead of voting on after a failed write', async () => {
    for (const i of [1, 2, 3]) await net.start(i)
    const peer = net.peers[1]!
    await net.until(() => peer.driver !== undefined, 'started')
    const { driver } = peer
    const original = LocalSigner.prototype.sign
    LocalSigner.prototype.sign = () => Promise.reject(new Error('disk full'))
    try {
      net.submit(1)
      const started = Date.now()
      while (peer.halted === undefined && Date.now() - started < 5_000) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      assert.equal(peer.halted, 'disk full')
      assert.equal(driver!.counters().signatures <= 1, true)
    } finally {
      LocalSigner.prototype.sign = original
    }
  })
})
