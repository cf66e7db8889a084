// Which proposals are kept: the leader's, with its block, near enough, the first of its view; and restoring them.
import assert from 'node:assert/strict'
import { equalBytes, u64be } from '../../base/bytes.ts'
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
    bench.holdChecks = true
    for (const view of [30, 40, 50]) {
      bench.propose({ view, parentView: 0, block: bench.block(view, bench.rules.genesis), justification })
    }
    assert.equal(bench.state.proposals.size, 0)
    assert.equal(bench.state.farProposal!.vote.subject.view, 50)
    bench.propose({ view: 9, parentView: 0, block: bench.block(9, bench.rules.genesis) })
    assert.equal(bench.state.proposals.size, 1)
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
