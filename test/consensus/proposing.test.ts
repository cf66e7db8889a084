// When a leader must not order a block, and which built blocks it must not accept.
import assert from 'node:assert/strict'
import { FLAGGED_VIEWS_MAX } from '../../consensus/ownVotes.ts'
import { Bench, kindsSigned, ofKind, sent } from '../support/coreHarness.ts'

const builds = (bench: Bench) => ofKind(bench.outputs, 'build').length

function work(bench: Bench) {
  return bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
}

/** Leads view 1 and has ordered a block. */
function asked() {
  const bench = new Bench({ leads: 1 })
  bench.tick()
  work(bench)
  assert.equal(builds(bench), 1)
  return bench
}

describe('proposing: no order', () => {
  it('in a view that the leader has nullified', () => {
    const bench = new Bench({ leads: 1 })
    bench.tick()
    for (const i of bench.others.slice(0, 2)) bench.receiveVote(i, bench.nullify(1))
    assert.deepEqual(kindsSigned(bench.outputs), ['nullify 1'])
    const before = builds(bench)
    work(bench)
    bench.tick(100)
    assert.equal(builds(bench), before)
  })

  it('in a view that its signer finalized before the journal was lost', () => {
    const digest = new Uint8Array(32).fill(7)
    const signed = [{ kind: 'finalize', epoch: 1, view: 1, parentView: 0, digest } as const]
    const bench = new Bench({ leads: 1, signed })
    bench.tick()
    work(bench)
    assert.equal(bench.core.status().needed, true)
    assert.equal(builds(bench), 0)
  })

  it('in a view that its signer nullified before the journal was lost', () => {
    const bench = new Bench({ leads: 1, signed: [{ kind: 'nullify', epoch: 1, view: 1 }] })
    bench.tick()
    work(bench)
    assert.equal(bench.core.status().needed, true)
    assert.equal(builds(bench), 0)
  })

  it('during range sync', () => {
    const bench = new Bench({ leads: 1 })
    bench.tick()
    bench.state.syncing = true
    work(bench)
    bench.tick(100)
    assert.equal(builds(bench), 0)
    bench.feed({ kind: 'syncFailed' })
    assert.equal(builds(bench), 1)
  })

  it('after a failure, even when the signer is too full to nullify', () => {
    const bench = asked()
    for (let i = 0; i < FLAGGED_VIEWS_MAX; i++) bench.state.own.adopt(bench.nullify(2 + i))
    bench.feed({ kind: 'built', epoch: 1, view: 1, block: undefined })
    bench.tick(10)
    assert.deepEqual(kindsSigned(bench.outputs), [])
    assert.equal(builds(bench), 1)
  })

  it('when the pool has no transactions for its parent', () => {
    const bench = new Bench({ leads: 1 })
    bench.tick()
    bench.tick(100)
    assert.equal(builds(bench), 0)
  })
})

describe('proposing: built blocks', () => {
  it('one for an earlier view is not proposed in a later view of the same leader', () => {
    const bench = asked()
    const old = bench.block(1, bench.rules.genesis)
    for (let view = 1; view <= 4; view++) bench.receiveCertificate(bench.nullify(view))
    assert.equal(bench.state.view, 5)
    assert.equal(builds(bench), 2)
    assert.deepEqual(kindsSigned(bench.feed({ kind: 'built', epoch: 1, view: 1, block: old })), [])
    assert.equal(bench.state.building, true)
    const block = bench.block(5, bench.rules.genesis)
    const outputs = bench.feed({ kind: 'built', epoch: 1, view: 5, block })
    assert.deepEqual(kindsSigned(outputs), ['notarize 5'])
  })

  it('one for another epoch is ignored', () => {
    const bench = asked()
    const block = bench.block(1, bench.rules.genesis)
    assert.deepEqual(kindsSigned(bench.feed({ kind: 'built', epoch: 0, view: 1, block })), [])
    assert.equal(bench.state.building, true)
    assert.equal(sent(bench.feed({ kind: 'built', epoch: 1, view: 1, block }), 'proposal').length, 1)
  })

  it('one that was not ordered is ignored', () => {
    const bench = new Bench({ leads: 1 })
    bench.tick()
    const block = bench.block(1, bench.rules.genesis)
    assert.deepEqual(kindsSigned(bench.feed({ kind: 'built', epoch: 1, view: 1, block })), [])
    assert.equal(bench.state.proposals.size, 0)
  })
})
