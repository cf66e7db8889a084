// Idle suppression: each reason to wake, and that nothing else wakes.
import assert from 'node:assert/strict'
import { need } from '../../consensus/need.ts'
import { Bench, journalOf, kindsSigned, ofKind } from '../support/coreHarness.ts'

const reason = (bench: Bench) => need(bench.state, bench.nowMs).reason

describe('need', () => {
  it('is absent on a fresh idle chain, and time alone triggers only the heartbeat', () => {
    const bench = new Bench({ leads: 1 })
    bench.tick()
    assert.equal(reason(bench), undefined)
    assert.equal(need(bench.state, bench.nowMs).nextAtMs, bench.rules.genesis.header.timestampMs + 15_000)
    assert.equal(ofKind(bench.tick(5_000), 'build').length, 0)
    assert.equal(ofKind(bench.tick(9_000), 'build').length, 1)
    assert.equal(reason(bench), 'heartbeat')
  })

  it('arises from includable work, and the leader builds in the same step', () => {
    const bench = new Bench({ leads: 1 })
    const [watch] = ofKind(bench.tick(), 'watch')
    assert.deepEqual(watch!.parent.hash, bench.rules.genesis.hash)
    const outputs = bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
    assert.equal(reason(bench), 'work')
    const [build] = ofKind(outputs, 'build')
    assert.equal(build!.order.timestampMs, bench.nowMs)
    assert.equal(build!.order.emptyOnly, false)
  })

  it('ignores work on another parent, and ends when the work does', () => {
    const bench = new Bench({ leads: 2 })
    bench.tick()
    bench.feed({ kind: 'work', parent: new Uint8Array(32), ready: true })
    assert.equal(reason(bench), undefined)
    bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
    assert.equal(bench.core.status().needed, true)
    bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: false })
    assert.equal(bench.core.status().needed, false)
  })

  it('does not carry work over to the next parent', () => {
    const bench = new Bench({ leads: 2 })
    bench.tick()
    bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
    const block = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block })
    bench.nowMs += 100
    const outputs = bench.receiveCertificate(bench.on('finalize', 1, 0, block))
    assert.equal(bench.state.view, 2)
    assert.equal(reason(bench), undefined)
    assert.equal(ofKind(outputs, 'build').length, 0)
  })

  it('makes a follower send its transactions to the leader, once per view', () => {
    const bench = new Bench({ leads: 2 })
    bench.tick()
    const first = bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
    assert.deepEqual(ofKind(first, 'shareTransactions')[0]?.leader, bench.state.leaderOf(1))
    assert.equal(ofKind(bench.tick(1), 'shareTransactions').length, 0)
    bench.receiveCertificate(bench.nullify(1))
    assert.equal(bench.state.sharedTransactionsIn, 2)
  })

  it('arises in a view entered by nullification', () => {
    const bench = new Bench({ leads: 2 })
    const outputs = bench.receiveCertificate(bench.nullify(1))
    assert.equal(reason(bench), 'enteredByNullify')
    assert.equal(ofKind(outputs, 'build').length, 1)
  })

  it('arises at a restart from the proposal in the journal, before its vote is checked again', () => {
    const before = new Bench({ leads: 3 })
    const block = before.block(1, before.rules.genesis, { timestampMs: before.nowMs - 900 })
    before.propose({ view: 1, parentView: 0, block })
    const bench = new Bench({ leads: 3, journal: journalOf(before.outputs) })
    bench.holdVotes = true
    bench.tick()
    assert.equal(reason(bench), 'heard')
    assert.equal(bench.core.status().needed, true)
  })

  it('arises when the parent is not final 2Δ after entry, and not when it is', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block })
    bench.receiveCertificate(bench.on('notarize', 1, 0, block))
    assert.equal(reason(bench), undefined)
    assert.equal(need(bench.state, bench.nowMs).nextAtMs, bench.nowMs + 100)
    bench.tick(99)
    assert.equal(reason(bench), undefined)
    bench.tick(1)
    assert.equal(reason(bench), 'parentNotFinal')
    bench.receiveCertificate(bench.on('finalize', 1, 0, block))
    bench.tick(200)
    assert.equal(reason(bench), undefined)
  })

  it('arises from a proposal or one verified vote for this view, not from a forged one', () => {
    const bench = new Bench({ leads: 2 })
    const [a, b] = bench.others.filter((i) => i !== bench.state.leaderOf(1)) as [number, number]
    const forged = { ...bench.vote(b, bench.nullify(1)), signer: a }
    bench.receive(a, { kind: 'vote', body: forged })
    assert.equal(reason(bench), undefined)
    bench.receiveVote(a, bench.nullify(1))
    assert.equal(reason(bench), 'heard')
    const proposed = new Bench({ leads: 2 })
    proposed.propose({ view: 1, parentView: 0, block: proposed.block(1, proposed.rules.genesis) })
    assert.equal(reason(proposed), 'heard')
  })

  it('does not arise from a proposal whose vote is invalid, though the leader itself sends it', () => {
    const bench = new Bench({ leads: 2 })
    const block = bench.block(1, bench.rules.genesis)
    const leader = bench.state.leaderOf(1)
    const vote = { ...bench.vote(bench.self, bench.on('notarize', 1, 0, block)), signer: leader }
    bench.verdict = () => undefined
    bench.receive(leader, { kind: 'proposal', body: { vote, block: block.bytes, justification: [] } })
    assert.equal(bench.state.pool.hasVerified(1), false)
    assert.equal(reason(bench), undefined)
  })

  it('arises on a boundary parent', () => {
    const bench = new Bench({ leads: 3, epochBlocks: 1 })
    const block = bench.block(1, bench.rules.genesis)
    assert.equal(block.header.endsEpoch, true)
    bench.propose({ view: 1, parentView: 0, block })
    bench.receiveCertificate(bench.on('notarize', 1, 0, block))
    assert.equal(reason(bench), 'boundary')
  })

  it('keeps an idle node quiet: no votes and no timers without need', () => {
    const bench = new Bench({ leads: 2 })
    for (let i = 0; i < 10; i++) assert.deepEqual(kindsSigned(bench.tick(1_000)), [])
    assert.equal(bench.state.view, 1)
  })
})
