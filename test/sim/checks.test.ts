// The simulator's checks detect violations: each gets input with exactly one fault.
import assert from 'node:assert/strict'
import {
  type Certificate,
  type Subject,
  signersBitmap,
  type Vote,
  voteBytes,
} from '../../base/protocol/vote.ts'
import { Random } from '../support/random.ts'
import { makeRules, makeValidator } from '../support/simChain.ts'
import { standInBls as bls } from '../support/standInBls.ts'
import { Violation } from '../support/violation.ts'
import { contradict, reportFault } from './checks/accountability.ts'
import { CertificateBook } from './checks/certificateBook.ts'
import { bitmapMembers, certificateFault, signedBytes } from './checks/certificateCheck.ts'
import { lightFault, linkFault } from './checks/lightChain.ts'
import { CALM, START_MS } from './config.ts'
import { SimDisk } from './simDisk.ts'
import { SimWorld } from './world.ts'

const made = Array.from({ length: 5 }, (_, i) => makeValidator(i, bls))
const set = { validators: made.map((m) => m.validator) }
const rules = makeRules({ setOf: () => set, epochBlocks: 100, timestampMs: START_MS })
const { genesisHash } = rules

function vote(signer: number, subject: Subject): Vote {
  return { subject, signer, signature: bls.sign(made[signer]!.secretKey, voteBytes(genesisHash, subject)) }
}

function certificate(subject: Subject, signers: readonly number[]): Certificate {
  const signature = bls.aggregate(signers.map((i) => vote(i, subject).signature))!
  return { subject, bitmap: signersBitmap(signers, 5), signature }
}

const fault = (c: Certificate) =>
  certificateFault({ certificate: c, validators: set.validators, genesisHash, bls })

const block = (kind: 'notarize' | 'finalize', view: number, fill = 7, parentView = view - 1): Subject => ({
  kind,
  epoch: 1,
  view,
  parentView,
  digest: new Uint8Array(32).fill(fill),
})
const nullify = (view: number): Subject => ({ kind: 'nullify', epoch: 1, view })
const FOUR = [0, 1, 2, 4]

describe('sim.certificateCheck', () => {
  it('encodes the same signed bytes as the protocol', () => {
    for (const subject of [block('notarize', 3), block('finalize', 9), nullify(4)]) {
      assert.deepEqual(signedBytes(genesisHash, subject), voteBytes(genesisHash, subject))
    }
  })

  it('accepts a quorum and rejects fewer signers or malformed input', () => {
    const good = certificate(nullify(3), FOUR)
    assert.equal(fault(good), undefined)
    assert.match(fault(certificate(nullify(3), [0, 1, 2]))!, /3 signers of 4/)
    assert.match(fault({ ...good, bitmap: new Uint8Array(2) })!, /length/)
    assert.match(fault({ ...good, bitmap: new Uint8Array(0) })!, /length/)
    assert.match(fault({ ...good, bitmap: good.bitmap.map((byte) => byte | 0x80) })!, /padding/)
    assert.match(fault({ ...good, subject: nullify(4) })!, /signature/)
    assert.match(fault({ ...good, subject: block('notarize', 3) })!, /signature/)
    assert.match(fault({ ...good, subject: { ...nullify(3), parentView: 2 } })!, /names a block/)
    assert.match(fault(certificate(block('notarize', 3, 7, 2), FOUR))! ?? 'none', /none/)
    assert.deepEqual(bitmapMembers(good.bitmap, 5), FOUR)
  })
})

describe('sim.certificateBook', () => {
  const refuses = (property: string, ...subjects: readonly Subject[]) => {
    const book = new CertificateBook()
    const noteAll = () => {
      for (const subject of subjects) book.note(certificate(subject, FOUR))
    }
    assert.throws(noteAll, (error) => error instanceof Violation && error.property === property)
  }

  it('finds two blocks in a view, and F with U, in any order', () => {
    refuses('S1', block('notarize', 3), block('notarize', 3, 8))
    refuses('S1', block('finalize', 3), block('notarize', 3, 8))
    refuses('S1', block('notarize', 3), block('notarize', 3, 7, 1))
    refuses('S2', nullify(3), block('finalize', 3))
    refuses('S2', block('finalize', 3), nullify(3))
  })

  it('finds a certified block that skips a view without U', () => {
    const world = new SimWorld({ ...CALM, seed: 3 })
    world.run()
    const { book } = world.invariants
    const top = world.nodes[0]!.store.tip
    const digest = top.hash
    book.note(certificate({ kind: 'notarize', epoch: 1, view: 900, parentView: 850, digest }, FOUR))
    const check = () => book.checkAncestry(world.invariants.blockOf, () => undefined)
    assert.throws(check, (error) => error instanceof Violation && error.property === 'S4')
  })
})

describe('sim.accountability', () => {
  it('accepts exactly the four faults', () => {
    assert.ok(contradict(block('notarize', 3), block('notarize', 3, 8)))
    assert.ok(contradict(block('finalize', 3), block('finalize', 3, 8)))
    assert.ok(contradict(block('finalize', 3), nullify(3)))
    assert.ok(contradict(block('notarize', 3), block('finalize', 3, 8)))
    assert.ok(!contradict(block('notarize', 3), nullify(3)))
    assert.ok(!contradict(block('notarize', 3), block('finalize', 3)))
    assert.ok(!contradict(nullify(3), nullify(3)))
    assert.ok(!contradict(block('notarize', 3), block('notarize', 4, 8)))
  })

  it('requires two signatures by the convicted validator', () => {
    const key = made[2]!.validator.consensusKey
    const first = vote(2, nullify(3))
    const second = vote(2, block('finalize', 3))
    const judge = (a: Vote, b: Vote) =>
      reportFault({ misbehaviour: { kind: 'votes', first: a, second: b }, key, genesisHash, bls })
    assert.equal(judge(first, second), undefined)
    assert.match(judge(first, { ...second, signature: first.signature })!, /signature/)
    assert.match(judge(first, vote(1, block('finalize', 3)))!, /two signers/)
    assert.match(judge(first, first)!, /no contradiction/)
  })
})

describe('sim.lightChain', () => {
  const world = new SimWorld({ ...CALM, seed: 9, epochBlocks: 2, goalBlocks: 6 })
  before(() => world.run())

  it('follows an honest chain across epochs', () => {
    const { store } = world.nodes[1]!
    assert.ok(store.epochStart().epoch >= 3)
    assert.equal(lightFault(world.rules, bls, store), undefined)
  })

  it('rejects another header, another epoch, a block that is no boundary, another set', () => {
    const { store } = world.nodes[1]!
    const header = store.at(2)!.header
    const proof = { header, certificate: store.boundary(1)!, next: world.setOf(2) }
    const trusted = { epoch: 1, set: world.setOf(1) }
    const judge = (changed: object, from = trusted) =>
      linkFault(world.rules, bls, from, { ...proof, ...changed })
    assert.equal(judge({}), undefined)
    assert.match(judge({ header: { ...header, height: 3 } })!, /another header/)
    assert.match(judge({ certificate: store.boundary(2)! })!, /another epoch/)
    assert.match(judge({}, { ...trusted, epoch: 2 })!, /another epoch/)
    assert.match(judge({}, { epoch: 1, set: { validators: set.validators } })!, /another set/)
    assert.match(judge({ next: { validators: set.validators } })!, /another next set/)
  })
})

describe('sim.disk', () => {
  it('detects every flipped bit in a synced record', () => {
    const random = new Random(5)
    for (let i = 0; i < 300; i++) {
      const disk = new SimDisk()
      for (let view = 1; view <= 4; view++) {
        disk.append({ kind: 'intent', body: { epoch: 1, subject: nullify(view) } })
      }
      assert.ok(disk.sync(disk.mark()))
      const place = disk.flipBit(random)
      const { damage, records } = disk.replay()
      assert.equal(damage, place === 'last' ? 'torn' : 'corrupt')
      assert.ok(records.length < 4)
    }
  })

  it('keeps no unsynced record when it is full', () => {
    const disk = new SimDisk()
    disk.full = true
    disk.append({ kind: 'intent', body: { epoch: 1, subject: nullify(1) } })
    assert.equal(disk.sync(disk.mark()), false)
    assert.equal(disk.hasIntent(nullify(1)), false)
  })
})
