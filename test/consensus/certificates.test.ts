// Certificates: lazy verification, structure, one broadcast, conflicts, and the cost of aggregation.
import assert from 'node:assert/strict'
import { u64be } from '../../base/bytes.ts'
import type { Subject } from '../../base/protocol/vote.ts'
import { Bench, kindsSigned, ofKind, sent } from '../support/coreHarness.ts'

describe('certificates from votes', () => {
  it('checks q votes once, as one aggregate, and broadcasts the certificate after journaling it', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block })
    const before = { ...bench.verifier.counters }
    const other = bench.others.find((i) => i !== bench.state.leaderOf(1))!
    const outputs = bench.receiveVote(other, bench.on('notarize', 1, 0, block))
    assert.equal(bench.verifier.counters.aggregates - before.aggregates, 1)
    assert.equal(bench.verifier.counters.singles, before.singles)
    assert.equal(sent(outputs, 'certificate').length, 1)
    const kinds = outputs.map((o) => (o.kind === 'journal' ? `journal ${o.record.kind}` : o.kind))
    assert.ok(kinds.indexOf('journal certificate') < kinds.indexOf('send'))
    assert.equal(bench.state.view, 2)
    assert.deepEqual(kindsSigned(outputs), ['finalize 1'])
  })

  it('falls back to single checks, keeps the good votes and frees the bad slot', () => {
    const bench = new Bench({ leads: 3, validators: 7 })
    const subject = bench.nullify(1)
    const [a, b, c, d, e] = bench.others as number[]
    bench.state.own.adopt(subject)
    for (const i of [a!, b!, c!, d!]) bench.receiveVote(i, subject)
    const forged = { ...bench.vote(a!, subject), signer: e! }
    bench.receive(e, { kind: 'vote', body: forged })
    assert.equal(bench.state.certificates.get('nullify', 1), undefined)
    assert.equal(bench.state.pool.get(1, 'nullify', e!), undefined)
    assert.ok(bench.state.suspects.has(e!))
    assert.ok(bench.verifier.counters.singles >= 5)
    const outputs = bench.receiveVote(e!, subject)
    assert.equal(sent(outputs, 'certificate').length, 1)
  })

  it('accepts shares that cancel out in a certificate but never as evidence', () => {
    const bench = new Bench({ leads: 3 })
    const subject = bench.nullify(2)
    const [a, b, c] = bench.others as [number, number, number]
    const [va, vb] = [bench.vote(a, subject), bench.vote(b, subject)]
    bench.receive(a, { kind: 'vote', body: { ...va, signature: vb.signature } })
    bench.receive(b, { kind: 'vote', body: { ...vb, signature: va.signature } })
    bench.receiveVote(c, subject)
    assert.notEqual(bench.state.certificates.get('nullify', 2), undefined)
    const final = bench.on('finalize', 2, 0, bench.block(2, bench.rules.genesis))
    bench.receiveVote(a, final)
    assert.equal(ofKind(bench.outputs, 'misbehaviour').length, 0)
    bench.receiveVote(c, final)
    assert.equal(ofKind(bench.outputs, 'misbehaviour').length, 1)
  })

  it('ignores votes that do not arrive over their signer’s own connection', () => {
    const bench = new Bench({ leads: 3 })
    const [a, b] = bench.others as [number, number]
    bench.receive(b, { kind: 'vote', body: bench.vote(a, bench.nullify(1)) })
    bench.receive(undefined, { kind: 'vote', body: bench.vote(a, bench.nullify(1)) })
    assert.equal(bench.state.pool.votes(1, 'nullify').length, 0)
  })

  it('keeps one vote per signer, kind and view, up to 64 views ahead', () => {
    const bench = new Bench({ leads: 3 })
    const [a] = bench.others as [number]
    bench.receiveVote(a, bench.nullify(65))
    bench.receiveVote(a, bench.nullify(66))
    bench.receiveVote(a, bench.nullify(65))
    assert.equal(bench.state.pool.votes(65, 'nullify').length, 1)
    assert.equal(bench.state.pool.votes(66, 'nullify').length, 0)
  })

  it('reports nullify with finalize, and two finalizes, but not notarize with nullify', () => {
    const bench = new Bench({ leads: 3 })
    const [a, b, c] = bench.others as [number, number, number]
    const block = bench.block(2, bench.rules.genesis)
    const other = bench.block(2, bench.rules.genesis, { txs: [u64be(3)] })
    const evidence = () => ofKind(bench.outputs, 'misbehaviour').length
    bench.receiveVote(a, bench.on('notarize', 2, 0, block))
    bench.receiveVote(a, bench.nullify(2))
    assert.equal(evidence(), 0)
    bench.receiveVote(a, bench.on('finalize', 2, 0, block))
    assert.equal(evidence(), 1)
    bench.receiveVote(b, bench.on('finalize', 2, 0, block))
    bench.receiveVote(b, bench.on('finalize', 2, 0, other))
    assert.equal(evidence(), 2)
    bench.receiveVote(c, bench.on('notarize', 2, 0, block))
    bench.receiveVote(c, bench.on('finalize', 2, 0, other))
    assert.equal(evidence(), 3)
  })

  it('reports a conflict once, whatever else its signer sends', () => {
    const bench = new Bench({ leads: 3 })
    const [a] = bench.others as [number]
    const block = bench.block(2, bench.rules.genesis)
    bench.receiveVote(a, bench.nullify(2))
    bench.receiveVote(a, bench.on('finalize', 2, 0, block))
    assert.equal(ofKind(bench.outputs, 'misbehaviour').length, 1)
    bench.receiveVote(a, bench.on('notarize', 2, 0, block))
    assert.equal(bench.state.pool.votes(2, 'notarize').length, 1)
    assert.equal(ofKind(bench.outputs, 'misbehaviour').length, 1)
  })

  it('does not report a forged conflict', () => {
    const bench = new Bench({ leads: 3 })
    const [a, b] = bench.others as [number, number]
    const block = bench.block(2, bench.rules.genesis)
    bench.receiveVote(a, bench.nullify(2))
    const forged = { ...bench.vote(b, bench.on('finalize', 2, 0, block)), signer: a }
    bench.receive(a, { kind: 'vote', body: forged })
    assert.equal(ofKind(bench.outputs, 'misbehaviour').length, 0)
  })
})

describe('certificates from peers', () => {
  const cases: readonly [string, (bench: Bench) => ReturnType<Bench['certificate']>][] = [
    ['a bitmap that is too short', (b) => ({ ...b.certificate(b.nullify(1)), bitmap: new Uint8Array(0) })],
    [
      'a bitmap that is too long',
      (b) => ({ ...b.certificate(b.nullify(1)), bitmap: new Uint8Array([7, 0]) }),
    ],
    ['set padding bits', (b) => ({ ...b.certificate(b.nullify(1)), bitmap: new Uint8Array([0x17]) })],
    ['too few signers', (b) => b.certificate(b.nullify(1), [0, 1])],
    [
      'signers that did not sign',
      (b) => ({ ...b.certificate(b.nullify(1), [0, 1, 2]), bitmap: new Uint8Array([14]) }),
    ],
    [
      'a malformed subject',
      (b) => ({ ...b.certificate(b.nullify(1)), subject: { ...b.nullify(1), parentView: 0 } as Subject }),
    ],
  ]
  for (const [what, make] of cases) {
    it(`rejects ${what} and names the peer`, () => {
      const bench = new Bench({ leads: 3 })
      const outputs = bench.receive(bench.others[0], { kind: 'certificate', body: make(bench) })
      assert.equal(bench.state.view, 1)
      assert.equal(ofKind(outputs, 'penalise').length, 1)
      assert.equal(sent(outputs, 'certificate').length, 0)
    })
  }

  it('checks and broadcasts a certificate once, however often it arrives', () => {
    const bench = new Bench({ leads: 3 })
    assert.equal(sent(bench.receiveCertificate(bench.nullify(1)), 'certificate').length, 1)
    const { aggregates } = bench.verifier.counters
    assert.equal(sent(bench.receiveCertificate(bench.nullify(1)), 'certificate').length, 0)
    assert.equal(bench.verifier.counters.aggregates, aggregates)
  })

  it('jumps ahead on any certificate and requests the gap by view', () => {
    const bench = new Bench({ leads: 3 })
    const outputs = bench.receiveCertificate(bench.nullify(40))
    assert.equal(bench.state.view, 41)
    assert.deepEqual(sent(outputs, 'certificatesRequest')[0]?.body, { epoch: 1, fromView: 1, toView: 39 })
  })

  it('keeps N and U of one view, broadcasts the older one too, and ignores views below F', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(1, bench.rules.genesis)
    bench.propose({ view: 1, parentView: 0, block })
    bench.receiveCertificate(bench.nullify(1))
    const late = bench.receiveCertificate(bench.on('notarize', 1, 0, block))
    assert.equal(sent(late, 'certificate').length, 1)
    assert.ok(bench.state.certificates.get('nullify', 1) && bench.state.certificates.get('notarize', 1))
    const other = new Bench({ leads: 3 })
    const final = other.block(2, other.rules.genesis)
    other.receiveCertificate(other.on('finalize', 2, 0, final))
    assert.equal(sent(other.receiveCertificate(other.nullify(1)), 'certificate').length, 0)
  })

  it('halts with evidence when F meets U, or two blocks are certified in one view', () => {
    const bench = new Bench({ leads: 3 })
    const block = bench.block(1, bench.rules.genesis)
    bench.receiveCertificate(bench.nullify(1))
    const outputs = bench.receiveCertificate(bench.on('finalize', 1, 0, block))
    assert.equal(ofKind(outputs, 'halt').length, 1)
    assert.equal(ofKind(outputs, 'misbehaviour').length, 1)
    assert.deepEqual(bench.tick(1_000), [])
    const two = new Bench({ leads: 3 })
    const other = two.block(1, two.rules.genesis, { txs: [u64be(1)] })
    two.receiveCertificate(two.on('notarize', 1, 0, two.block(1, two.rules.genesis)))
    assert.equal(ofKind(two.receiveCertificate(two.on('notarize', 1, 0, other)), 'halt').length, 1)
  })

  it('halts with evidence also when the conflict with F arrives late', () => {
    for (const late of ['nullify', 'notarize', 'finalize'] as const) {
      const bench = new Bench({ leads: 3 })
      const block = bench.block(1, bench.rules.genesis)
      const other = bench.block(1, bench.rules.genesis, { txs: [u64be(1)] })
      bench.propose({ view: 1, parentView: 0, block })
      bench.receiveCertificate(bench.on('finalize', 1, 0, block))
      assert.equal(bench.core.status().finalizedHeight, 1)
      const outputs = bench.receiveCertificate(
        late === 'nullify' ? bench.nullify(1) : bench.on(late, 1, 0, other),
      )
      assert.equal(ofKind(outputs, 'misbehaviour').length, 1, late)
      assert.equal(bench.core.status().halted, true)
    }
  })

  it('halts when q validators certify a block that fails execution here, in either order', () => {
    const first = new Bench({ leads: 3 })
    first.verdict = () => 'mismatch'
    const block = first.block(1, first.rules.genesis)
    assert.deepEqual(kindsSigned(first.propose({ view: 1, parentView: 0, block })), ['nullify 1'])
    assert.equal(ofKind(first.receiveCertificate(first.on('notarize', 1, 0, block)), 'halt').length, 1)
    const then = new Bench({ leads: 3 })
    then.verdict = () => undefined
    then.propose({ view: 1, parentView: 0, block })
    then.receiveCertificate(then.on('notarize', 1, 0, block))
    const outputs = then.feed({ kind: 'verdict', digest: block.hash, verdict: 'invalid' })
    assert.equal(ofKind(outputs, 'halt').length, 1)
  })

  it('handles garbage of every kind without throwing', () => {
    const bench = new Bench({ leads: 3 })
    const [a] = bench.others as [number]
    const block = bench.block(1, bench.rules.genesis)
    const vote = bench.vote(bench.state.leaderOf(1), bench.on('notarize', 1, 0, block))
    bench.receive(a, {
      kind: 'proposal',
      body: { vote, block: new Uint8Array([1, 2, 3]), justification: [] },
    })
    bench.receive(a, { kind: 'vote', body: { ...vote, signer: 999 } })
    bench.receive(a, { kind: 'blocks', body: { blocks: [new Uint8Array([9])] } })
    bench.receive(a, { kind: 'certificatesRequest', body: { epoch: 1, fromView: 5, toView: 1 } })
    bench.receive(a, { kind: 'blocksRequest', body: { hash: new Uint8Array(32), countMax: 0 } })
    bench.receive(undefined, { kind: 'boundaryRequest', body: { epoch: 77 } })
    bench.receive(a, {
      kind: 'status',
      body: { epoch: 1, view: 2 ** 50, finalizedView: 2 ** 50, finalizedHeight: 2 ** 50 },
    })
    bench.feed({ kind: 'votesChecked', id: 12345, valid: [1], signature: undefined })
    bench.feed({ kind: 'signaturesChecked', id: 12345, valid: [true] })
    assert.equal(bench.core.status().halted, false)
    assert.equal(bench.state.view, 1)
  })
})
