// The boundary rule: a certified boundary may only be re-proposed unchanged, and any F on it ends the epoch.
import assert from 'node:assert/strict'
import { judgeProposal } from '../../consensus/proposalRules.ts'
import { Bench, kindsSigned, ofKind, sent, signs } from '../support/coreHarness.ts'

/** A bench in view 2 on top of a boundary notarized in view 1. */
function onBoundary(leads: number, epochBlocks = 1) {
  const bench = new Bench({ leads, epochBlocks })
  const boundary = bench.block(1, bench.rules.genesis)
  bench.propose({ view: 1, parentView: 0, block: boundary })
  bench.receiveCertificate(bench.on('notarize', 1, 0, boundary))
  return { bench, boundary }
}

describe('boundary rule', () => {
  it('accepts the boundary itself in a later view, whatever its age, and does not execute it again', () => {
    const { bench, boundary } = onBoundary(4)
    bench.nowMs += 60_000
    bench.receiveCertificate(bench.nullify(2))
    const verifies = ofKind(bench.outputs, 'verify').length
    const outputs = bench.propose({ view: 3, parentView: 1, block: boundary })
    assert.deepEqual(
      signs(outputs).filter((s) => s.kind === 'notarize'),
      [bench.on('notarize', 3, 1, boundary)],
    )
    assert.equal(ofKind(bench.outputs, 'verify').length, verifies)
  })

  it('waits until the boundary itself is executed, and never votes for one that fails', () => {
    const bench = new Bench({ leads: 3, epochBlocks: 1 })
    bench.verdict = () => undefined
    const boundary = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block: boundary })
    bench.receiveCertificate(bench.on('notarize', 1, 0, boundary))
    assert.deepEqual(kindsSigned(bench.propose({ view: 2, parentView: 1, block: boundary })), [])
    assert.deepEqual(judgeProposal(bench.state, bench.nowMs, 2), {
      kind: 'unverified',
      digest: boundary.hash,
    })
    bench.state.blocks.get(boundary.hash)!.verdict = 'invalid'
    const reason = 'execution'
    assert.deepEqual(judgeProposal(bench.state, bench.nowMs, 2), { kind: 'invalid', reason })
  })

  it('rejects any other block on a boundary', () => {
    const { bench, boundary } = onBoundary(3)
    bench.nowMs += 100
    const outputs = bench.propose({ view: 2, parentView: 1, block: bench.block(2, boundary) })
    assert.deepEqual(kindsSigned(outputs), ['nullify 2'])
  })

  it('rejects a re-proposal of a block that is not a boundary', () => {
    const { bench, boundary: plain } = onBoundary(3, 50)
    const outputs = bench.propose({ view: 2, parentView: 1, block: plain })
    assert.deepEqual(kindsSigned(outputs), ['nullify 2'])
  })

  it('rejects a re-proposal of the epoch’s floor', () => {
    const bench = new Bench({ leads: 3 })
    const outputs = bench.propose({ view: 1, parentView: 0, block: bench.rules.genesis })
    assert.deepEqual(
      kindsSigned(outputs).filter((k) => k.startsWith('notarize')),
      [],
    )
  })

  it('judges by the proposal’s own parent, not by other blocks held', () => {
    const bench = new Bench({ leads: 4, epochBlocks: 1 })
    const first = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block: first })
    bench.receiveCertificate(bench.nullify(1))
    const second = bench.block(2, bench.rules.genesis, { timestampMs: bench.nowMs + 1 })
    bench.propose({ view: 2, parentView: 0, block: second })
    bench.receiveCertificate(bench.on('notarize', 1, 0, first))
    bench.receiveCertificate(bench.on('notarize', 2, 0, second))
    bench.receiveCertificate(bench.nullify(2))
    const outputs = bench.propose({ view: 3, parentView: 1, block: first })
    assert.ok(kindsSigned(outputs).includes('notarize 3'))
  })

  it('makes the leader re-propose the same bytes at once, without any other need', () => {
    const { bench, boundary } = onBoundary(2)
    const [proposal] = sent(bench.outputs, 'proposal')
    assert.deepEqual(proposal!.body.block, boundary.bytes)
    assert.deepEqual(proposal!.body.vote.subject, bench.on('notarize', 2, 1, boundary))
    assert.deepEqual(proposal!.body.justification, [bench.certificate(bench.on('notarize', 1, 0, boundary))])
    assert.equal(ofKind(bench.outputs, 'build').length, 0)
  })

  it('ends the epoch with any F on the boundary, and starts the next at view 1', () => {
    const { bench, boundary } = onBoundary(3)
    bench.propose({ view: 2, parentView: 1, block: boundary })
    const outputs = bench.receiveCertificate(bench.on('finalize', 2, 1, boundary))
    const [ended] = ofKind(outputs, 'epochEnded')
    assert.deepEqual(ended!.boundary.hash, boundary.hash)
    assert.deepEqual(
      ofKind(outputs, 'finalized')[0]!.blocks.map((b) => b.hash),
      [boundary.hash],
    )
    assert.deepEqual(kindsSigned(bench.tick(60_000)), [])
    const validators = bench.rules.setOf(2)
    bench.feed({ kind: 'epochStarted', start: { epoch: 2, validators, floor: boundary } })
    const status = bench.core.status()
    assert.deepEqual([status.epoch, status.view, status.finalizedView], [2, 1, 0])
  })

  it('takes no answer to a check of the epoch before for one of its own', () => {
    const bench = new Bench({ leads: 3, epochBlocks: 1 })
    bench.holdChecks = true
    const [before] = ofKind(bench.receiveCertificate(bench.nullify(9)), 'checkSignatures')
    bench.holdChecks = false
    const boundary = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block: boundary })
    bench.receiveCertificate(bench.on('finalize', 1, 0, boundary))
    bench.feed({
      kind: 'epochStarted',
      start: { epoch: 2, validators: bench.rules.setOf(2), floor: boundary },
    })
    bench.holdChecks = true
    const { signature } = bench.certificate(bench.nullify(1))
    const forged = { ...bench.certificate({ kind: 'nullify', epoch: 2, view: 1 }), signature }
    const asked = bench.receive(bench.others[0], { kind: 'certificate', body: forged })
    assert.equal(ofKind(asked, 'checkSignatures').length, 1)
    bench.feed({ kind: 'signaturesChecked', id: before!.id, valid: [true] })
    assert.deepEqual([bench.core.status().epoch, bench.state.view], [2, 1])
  })

  it('does nothing once the epoch is over, however long the next one takes to begin', () => {
    const { bench, boundary } = onBoundary(2)
    bench.receiveCertificate(bench.on('finalize', 1, 0, boundary))
    assert.equal(ofKind(bench.outputs, 'epochEnded').length, 1)
    const later = [bench.receiveCertificate(bench.nullify(5)), bench.tick(30_000), bench.tick(30_000)].flat()
    assert.equal(bench.state.view, 2)
    for (const kind of ['sign', 'build', 'verify', 'epochEnded', 'watch'] as const) {
      assert.equal(ofKind(later, kind).length, 0, kind)
    }
  })

  it('enters no view and votes for nothing after F on a held boundary, even while a body below is missing', () => {
    const bench = new Bench({ leads: 4, epochBlocks: 2 })
    const parent = bench.block(1, bench.rules.genesis)
    const boundary = bench.block(2, parent, { timestampMs: bench.nowMs + 1 })
    bench.receiveCertificate(bench.on('notarize', 1, 0, parent))
    bench.propose({ view: 2, parentView: 1, block: boundary })
    const over = [bench.receiveCertificate(bench.on('finalize', 2, 1, boundary))].flat()
    over.push(...bench.receiveCertificate(bench.on('notarize', 3, 2, boundary)))
    over.push(...bench.tick(60_000), ...bench.tick(60_000))
    assert.equal(bench.state.view, 2)
    assert.deepEqual(kindsSigned(over), [])
    assert.deepEqual(
      sent(over, 'blocksRequest').map((s) => s.body.hash)[0],
      parent.hash,
      'the missing body is still requested',
    )
    const found = bench.receive(bench.others[0], { kind: 'blocks', body: { blocks: [parent.bytes] } })
    assert.equal(ofKind(found, 'epochEnded').length, 1)
    assert.equal(ofKind([...over, ...found], 'watch').length, 0)
    assert.deepEqual(
      ofKind(found, 'finalized')[0]!.blocks.map((b) => b.hash),
      [parent.hash, boundary.hash],
    )
  })

  it('answers an older epoch with its boundary and requests ours from a later one, rate-limited', () => {
    const bench = new Bench({ leads: 3 })
    const ask = (epoch: number) =>
      bench.receive(bench.others[0], {
        kind: 'status',
        body: { epoch, view: 1, finalizedView: 0, finalizedHeight: 0 },
      })
    assert.equal(ofKind(ask(0), 'serveBoundary')[0]?.epoch, 0)
    assert.equal(ofKind(ask(0), 'serveBoundary').length, 0)
    assert.deepEqual(sent(ask(2), 'boundaryRequest')[0]?.body, { epoch: 1 })
    assert.equal(sent(ask(2), 'boundaryRequest').length, 0)
  })
})
