// Which proposals are kept: the leader's, with its block, near enough, the first of its view; and restoring them.
import assert from 'node:assert/strict'
import { equalBytes, u64be } from '../../base/bytes.ts'
import { sealBlock } from '../../base/protocol/header.ts'
import { recordView } from '../../consensus/records.ts'
import { Bench, journalOf, kindsSigned, ofKind } from '../support/coreHarness.ts'

describe('proposals that are kept', () => {
  it('carry a notarize vote, not another kind', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(1, bench.rules.genesis)
    const leader = bench.state.leaderOf(1)
    const vote = bench.vote(leader, bench.on('finalize', 1, 0, block))
    const body = { vote, block: block.bytes, justification: [] }
    const outputs = bench.receive(leader, { kind: 'proposal', body })
    assert.equal(ofKind(outputs, 'penalise').length, 1)
    assert.equal(bench.state.proposals.size, 0)
  })

  it('bring the block that they name', () => {
    const bench = new Bench({ leads: 3 })
    const named = bench.block(1, bench.rules.genesis)
    const brought = bench.block(1, bench.rules.genesis, { txs: [u64be(9)] })
    const leader = bench.state.leaderOf(1)
    const vote = bench.vote(leader, bench.on('notarize', 1, 0, named))
    const body = { vote, block: brought.bytes, justification: [] }
    const outputs = bench.receive(leader, { kind: 'proposal', body })
    assert.equal(ofKind(outputs, 'penalise').length, 1)
    assert.equal(bench.state.proposals.size, 0)
    assert.deepEqual(kindsSigned(outputs), [])
  })

  it('do not come from a second host with our own key', () => {
    const bench = new Bench({ leads: 1 })
    bench.propose({ view: 1, parentView: 0, block: bench.block(1, bench.rules.genesis) })
    assert.equal(bench.state.proposals.size, 0)
    assert.equal(bench.state.pool.votes(1, 'notarize').length, 0)
  })

  it('are the first of their view, whatever arrives later', () => {
    const bench = new Bench({ leads: 3 })
    bench.verdict = () => undefined
    const first = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block: first })
    const second = bench.block(1, bench.rules.genesis, { txs: [u64be(9)] })
    bench.propose({ view: 1, parentView: 0, block: second })
    assert.ok(equalBytes(bench.state.proposals.get(1)!.subject.digest, first.hash))
  })

  it('are at most eight views ahead; of those further ahead only the latest is held back', () => {
    const bench = new Bench({ leads: 3 })
    const justification = [bench.certificate(bench.nullify(1))]
    for (const view of [30, 40, 50]) {
      bench.propose({ view, parentView: 0, block: bench.block(view, bench.rules.genesis), justification })
    }
    assert.equal(bench.state.proposals.size, 0)
    assert.equal(bench.state.farProposal!.vote.subject.view, 50)
    bench.propose({ view: 10, parentView: 0, block: bench.block(10, bench.rules.genesis) })
    assert.equal(bench.state.proposals.size, 1)
  })

  it('carry a body that hashes to the header’s root; another costs the sender, and the true one is still taken', () => {
    for (const relayer of [undefined, 0]) {
      const bench = new Bench({ leads: 3 })
      const block = bench.block(1, bench.rules.genesis, { txs: [u64be(1), u64be(2)] })
      const from = relayer === undefined ? bench.state.leaderOf(1) : bench.others[relayer]!
      const { bytes } = sealBlock({ header: block.header, transactions: [u64be(2)] })
      const truth = bench.proposal({ view: 1, parentView: 0, block })
      assert.ok(truth.kind === 'proposal')
      const outputs = bench.receive(from, { kind: 'proposal', body: { ...truth.body, block: bytes } })
      assert.deepEqual(
        ofKind(outputs, 'penalise').map((o) => o.peer),
        [`peer${from}`],
      )
      assert.deepEqual([...ofKind(outputs, 'journal'), ...ofKind(outputs, 'verify')], [])
      assert.equal(bench.state.blocks.block(block.hash), undefined)
      assert.deepEqual(kindsSigned(bench.receive(bench.state.leaderOf(1), truth)), ['notarize 1'])
    }
  })

  it('are signed by their leader: until that is verified nothing is kept, journaled, voted for or passed on', () => {
    const bench = new Bench({ leads: 3 })
    const leader = bench.state.leaderOf(1)
    const block = bench.block(1, bench.rules.genesis)
    const truth = bench.proposal({ view: 1, parentView: 0, block })
    assert.ok(truth.kind === 'proposal')
    const { vote } = truth.body
    const forged = { ...vote, signature: bench.vote(bench.self, vote.subject).signature }
    bench.holdChecks = true
    const before = bench.receive(leader, { kind: 'proposal', body: { ...truth.body, vote: forged } })
    assert.deepEqual([...ofKind(before, 'journal'), ...ofKind(before, 'verify')], [])
    assert.equal(bench.state.proposals.size, 0)
    const [check] = ofKind(before, 'checkSignatures')
    const after = bench.feed({ kind: 'signaturesChecked', id: check!.id, valid: [false] })
    assert.deepEqual(
      ofKind(after, 'penalise').map((o) => o.peer),
      [`peer${leader}`],
    )
    assert.deepEqual(ofKind(after, 'journal'), [])
    assert.equal(bench.state.proposals.size, 0)
    assert.equal(bench.state.pool.size, 0)
    bench.holdChecks = false
    assert.deepEqual(kindsSigned(bench.receive(leader, truth)), ['notarize 1'])
  })

  it('wait for a bounded number of signature checks, relays after the leader itself', () => {
    const bench = new Bench({ leads: 3, validators: 16 })
    bench.holdChecks = true
    const leader = bench.state.leaderOf(1)
    const block = bench.block(1, bench.rules.genesis)
    const message = bench.proposal({ view: 1, parentView: 0, block })
    const relays = bench.others.filter((peer) => peer !== leader)
    bench.receive(relays[0], message)
    bench.nowMs += bench.state.parameters.deltaMs
    bench.receive(relays[0], message)
    assert.equal(bench.state.checks.size, 1)
    for (const peer of relays) bench.receive(peer, message)
    assert.equal(bench.state.checks.size, 8)
    for (let i = 0; i < 5; i++) bench.receive(leader, message)
    assert.equal(bench.state.checks.size, 10)
  })

  it('are filed under their view, whatever view and height their header claims', () => {
    const bench = new Bench({ leads: 3 })
    const honest = bench.block(1, bench.rules.genesis)
    const header = { ...honest.header, view: Number.MAX_SAFE_INTEGER, height: 2 ** 40 }
    bench.propose({ view: 1, parentView: 0, block: sealBlock({ header, transactions: [] }) })
    const records = journalOf(bench.outputs)
    assert.ok(records.some((record) => record.kind === 'block'))
    assert.deepEqual(
      records.filter((record) => recordView(record) > 1),
      [],
    )
    const next = bench.block(2, bench.rules.genesis)
    bench.receiveCertificate(bench.nullify(1))
    bench.propose({ view: 2, parentView: 0, block: next })
    bench.receiveCertificate(bench.on('finalize', 2, 0, next))
    assert.equal(bench.state.blocks.size, 1, 'only the tip')
  })

  it('are restored with their block after a restart, even without a vote for them', () => {
    const before = new Bench({ leads: 3 })
    before.verdict = () => undefined
    const block = before.block(1, before.rules.genesis)
    before.propose({ view: 1, parentView: 0, block })
    assert.deepEqual(kindsSigned(before.outputs), [])
    const bench = new Bench({ leads: 3, journal: journalOf(before.outputs) })
    assert.ok(equalBytes(bench.state.proposals.get(1)!.subject.digest, block.hash))
    assert.notEqual(bench.state.blocks.block(block.hash), undefined)
  })
})
