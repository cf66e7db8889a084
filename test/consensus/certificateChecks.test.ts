// Signature checks of certificates and votes: one at a time per subject, none for known certificates, suspects alone.
import assert from 'node:assert/strict'
import { encodeMessage } from '../../consensus/messages.ts'
import { subjectKey } from '../../consensus/subject.ts'
import { Bench, ofKind, sent } from '../support/coreHarness.ts'

type Certificate = ReturnType<Bench['certificate']>

/** From a peer that is not a validator. */
function fromStranger(bench: Bench, peer: string, certificate: Certificate) {
  const message = { kind: 'certificate', body: certificate } as const
  return bench.feed({ kind: 'message', from: { peer, validator: undefined }, message })
}

function answer(bench: Bench, id: number, valid: boolean) {
  return bench.feed({ kind: 'signaturesChecked', id, valid: [valid] })
}

describe('certificate checks', () => {
  it('runs one at a time per subject, and none after one is accepted', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdChecks = true
    const [first] = ofKind(
      fromStranger(bench, 'a', bench.certificate(bench.nullify(1), [0, 1, 2])),
      'checkSignatures',
    )
    const second = fromStranger(bench, 'b', bench.certificate(bench.nullify(1), [1, 2, 3]))
    assert.equal(ofKind(second, 'checkSignatures').length, 0)
    const outputs = answer(bench, first!.id, true)
    assert.equal(ofKind(outputs, 'checkSignatures').length, 0)
    assert.equal(sent(outputs, 'certificate').length, 1)
    assert.equal(bench.state.jobs.size, 0)
  })

  it('continues with the next candidate when one is forged', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdChecks = true
    const [first] = ofKind(
      fromStranger(bench, 'a', bench.certificate(bench.nullify(1), [0, 1, 2])),
      'checkSignatures',
    )
    fromStranger(bench, 'b', bench.certificate(bench.nullify(1), [1, 2, 3]))
    const outputs = answer(bench, first!.id, false)
    assert.deepEqual(ofKind(outputs, 'penalise')[0]?.peer, 'a')
    const [next] = ofKind(outputs, 'checkSignatures')
    assert.deepEqual(next!.checks[0]!.signers, [1, 2, 3])
    answer(bench, next!.id, true)
    assert.equal(bench.state.view, 2)
  })

  it('keeps at most as many candidates of a subject as there are validators', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdChecks = true
    for (let i = 0; i < 20; i++) fromStranger(bench, `peer${i}`, bench.certificate(bench.nullify(1)))
    assert.equal(bench.state.jobs.get(subjectKey(bench.nullify(1)))!.waiting.size, 4)
  })

  it('ignores certificates that are held or not above F, even malformed ones', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(2, bench.rules.genesis)
    bench.receiveCertificate(bench.on('finalize', 2, 0, block))
    bench.receiveCertificate(bench.nullify(3))
    for (const subject of [bench.nullify(1), bench.nullify(3)]) {
      const malformed = { ...bench.certificate(subject), bitmap: new Uint8Array([0xff]) }
      const outputs = fromStranger(bench, 'a', malformed)
      assert.equal(ofKind(outputs, 'penalise').length, 0)
    }
  })

  it('drops a certificate whose view became final during the check', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdChecks = true
    const block = bench.block(2, bench.rules.genesis)
    const ids = [bench.nullify(1), bench.on('finalize', 2, 0, block)].map((subject) => {
      const [check] = ofKind(fromStranger(bench, 'a', bench.certificate(subject)), 'checkSignatures')
      return check!.id
    })
    answer(bench, ids[1]!, true)
    assert.equal(bench.state.finalizedView, 2)
    const late = answer(bench, ids[0]!, true)
    assert.equal(sent(late, 'certificate').length, 0)
    assert.equal(ofKind(late, 'journal').length, 0)
  })

  it('accepts no certificate of another epoch from a justification', () => {
    const bench = new Bench({ leads: 3 })
    const foreign = bench.certificate({ kind: 'nullify', epoch: 2, view: 5 })
    const block = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block, justification: [foreign] })
    assert.equal(bench.state.view, 1)
    assert.equal(bench.state.certificates.get('nullify', 5), undefined)
  })

  it('checks q votes once, whatever arrives during the check', () => {
    const bench = new Bench({ leads: 3 })
    bench.holdVotes = true
    for (const i of bench.others) bench.receiveVote(i, bench.nullify(1))
    for (let i = 0; i < 5; i++) bench.tick(1)
    const groups = ofKind(bench.outputs, 'checkVotes').filter((check) => check.votes.length >= 3)
    assert.equal(groups.length, 1)
  })

  it('checks a suspect alone, and not the group when it is too small without the suspect', () => {
    const bench = new Bench({ leads: 3, validators: 7 })
    const [a, b, c, d, e, f] = bench.others as [number, number, number, number, number, number]
    for (const view of [2, 3]) {
      const subject = bench.nullify(view)
      const forged = { ...bench.vote(a, subject), signer: e }
      bench.receive(e, { kind: 'vote', body: forged })
      for (const i of [a, b, c, d]) bench.receiveVote(i, subject)
      if (view === 2) assert.ok(bench.state.suspects.has(e))
    }
    const checks = ofKind(bench.outputs, 'checkVotes').filter((check) => check.votes[0]!.subject.view === 3)
    assert.deepEqual(
      checks.map((check) => check.votes.map((vote) => vote.signer)),
      [[e]],
    )
    bench.receiveVote(f, bench.nullify(3))
    assert.notEqual(bench.state.certificates.get('nullify', 3), undefined)
  })

  it('does not halt over an abandoned fork', () => {
    const bench = new Bench({ leads: 3 })
    bench.verdict = () => undefined
    const lost = bench.block(1, bench.rules.genesis)
    const won = bench.block(2, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block: lost })
    bench.receiveCertificate(bench.on('notarize', 1, 0, lost))
    bench.receiveCertificate(bench.nullify(1))
    bench.receiveCertificate(bench.on('finalize', 2, 0, won))
    bench.feed({ kind: 'verdict', digest: lost.hash, verdict: 'invalid' })
    assert.equal(bench.core.status().halted, false)
  })
})

describe('votes that are ignored', () => {
  it('come from a second host with our own key', () => {
    const bench = new Bench({ leads: 3 })
    bench.receiveVote(bench.self, bench.nullify(1))
    assert.equal(bench.state.pool.votes(1, 'nullify').length, 0)
  })

  it('are for views long final', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(40, bench.rules.genesis)
    bench.receiveCertificate(bench.on('finalize', 40, 0, block))
    const [a] = bench.others as [number]
    bench.receiveVote(a, bench.nullify(23))
    assert.equal(bench.state.pool.votes(23, 'nullify').length, 0)
    bench.receiveVote(a, bench.nullify(30))
    assert.equal(bench.state.pool.votes(30, 'nullify').length, 1)
  })

  it('are for final views, although they are kept for evidence', () => {
    const bench = new Bench({ leads: 3 })
    bench.receiveCertificate(bench.on('finalize', 2, 0, bench.block(2, bench.rules.genesis)))
    const { aggregates } = bench.verifier.counters
    for (const view of [1, 2]) {
      for (const i of bench.others) bench.receiveVote(i, bench.nullify(view))
      assert.equal(bench.state.pool.votes(view, 'nullify').length, bench.others.length)
      assert.equal(bench.state.certificates.get('nullify', view), undefined)
    }
    assert.equal(bench.verifier.counters.aggregates, aggregates)
    // One view higher the same votes are worth a check.
    for (const i of bench.others) bench.receiveVote(i, bench.nullify(3))
    assert.ok(bench.verifier.counters.aggregates > aggregates)
    assert.ok(bench.state.certificates.get('nullify', 3))
  })

  it('have too few or too many subject fields, which penalises the sender', () => {
    const bench = new Bench({ leads: 3 })
    const [a] = bench.others as [number]
    const whole = bench.on('notarize', 1, 0, bench.block(1, bench.rules.genesis))
    const nullify = bench.nullify(1)
    const { digest: _, ...half } = whole
    for (const subject of [half, { ...whole, kind: 'nullify' as const }]) {
      const outputs = bench.receive(a, { kind: 'vote', body: { ...bench.vote(a, nullify), subject } })
      assert.deepEqual(
        ofKind(outputs, 'penalise').map(({ reason }) => reason),
        ['malformed vote'],
      )
      assert.equal(bench.state.pool.votes(1, subject.kind).length, 0)
    }
    bench.receiveVote(a, nullify)
    assert.equal(bench.state.pool.votes(1, 'nullify').length, 1)
  })

  it('name a signer outside the set', () => {
    const bench = new Bench({ leads: 3 })
    const [a] = bench.others as [number]
    const vote = { ...bench.vote(a, bench.nullify(1)), signer: 9 }
    const message = { kind: 'vote', body: vote } as const
    assert.ok(encodeMessage(message).length > 0)
    assert.deepEqual(ofKind(bench.receive(a, message), 'checkVotes'), [])
    assert.equal(bench.state.pool.votes(1, 'nullify').length, 0)
  })
})
