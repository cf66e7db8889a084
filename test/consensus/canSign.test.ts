// The gate before every vote: one test per guard, through the core's `step`.
import assert from 'node:assert/strict'
import { u64be } from '../../base/bytes.ts'
import { sealBlock } from '../../base/protocol/header.ts'
import { canSign } from '../../consensus/canSign.ts'
import { type InvalidReason, judgeProposal } from '../../consensus/proposalRules.ts'
import { castVote } from '../../consensus/voting.ts'
import { Bench, kindsSigned, ofKind, signs } from '../support/coreHarness.ts'
import { standInBls as bls } from '../support/standInBls.ts'

function genesisOf(bench: Bench) {
  return bench.rules.genesis
}

describe('canSign.notarize', () => {
  it('allows the first valid proposal of the leader and sends the vote', () => {
    const bench = new Bench()
    const block = bench.block(1, genesisOf(bench))
    const outputs = bench.propose({ view: 1, parentView: 0, block })
    assert.deepEqual(kindsSigned(outputs), ['notarize 1'])
    const kinds = outputs.map((o) => o.kind)
    assert.ok(kinds.indexOf('journal') < kinds.indexOf('sign'), 'journal before sign')
  })

  it('refuses a view that is not current', () => {
    const bench = new Bench()
    const block = bench.block(2, genesisOf(bench))
    assert.deepEqual(kindsSigned(bench.propose({ view: 2, parentView: 0, block })), [])
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('notarize', 2, 0, block)), 'notCurrent')
  })

  it('refuses after our own nullify', () => {
    const bench = new Bench()
    castVote(bench.state, bench.nowMs, bench.nullify(1))
    const block = bench.block(1, genesisOf(bench))
    assert.deepEqual(
      kindsSigned(bench.propose({ view: 1, parentView: 0, block })).filter((k) => k.startsWith('not')),
      [],
    )
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('notarize', 1, 0, block)), 'nullified')
  })

  it('refuses a second notarize, the same or another', () => {
    const bench = new Bench()
    const block = bench.block(1, genesisOf(bench))
    const other = bench.block(1, genesisOf(bench), { txs: [u64be(9)] })
    bench.propose({ view: 1, parentView: 0, block })
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('notarize', 1, 0, block)), 'notarized')
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('notarize', 1, 0, other)), 'notarized')
  })

  it('refuses after our own finalize in the view', () => {
    const bench = new Bench({
      signed: [{ kind: 'finalize', epoch: 1, view: 1, parentView: 0, digest: u64be(0).slice(0, 8) }],
    })
    const block = bench.block(1, genesisOf(bench))
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('notarize', 1, 0, block)), 'finalized')
  })

  it('refuses anything but the first proposal, and reports the equivocation', () => {
    const bench = new Bench()
    bench.verdict = () => undefined
    const first = bench.block(1, genesisOf(bench))
    const second = bench.block(1, genesisOf(bench), { txs: [u64be(9)] })
    bench.propose({ view: 1, parentView: 0, block: first })
    const outputs = bench.propose({ view: 1, parentView: 0, block: second })
    assert.equal(ofKind(outputs, 'misbehaviour').length, 1)
    const gate = (block: typeof first) => canSign(bench.state, bench.nowMs, bench.on('notarize', 1, 0, block))
    assert.equal(gate(second), 'equivocation')
    assert.equal(gate(first), 'equivocation')
    const verdict = bench.feed({ kind: 'verdict', digest: first.hash, verdict: 'valid' })
    assert.deepEqual(kindsSigned(verdict), [])
  })

  it('refuses a block other than the proposal, though the proposal is ready', () => {
    const bench = new Bench()
    bench.verdict = () => undefined
    const block = bench.block(1, genesisOf(bench))
    const other = bench.block(1, genesisOf(bench), { txs: [u64be(9)] })
    bench.propose({ view: 1, parentView: 0, block })
    bench.state.blocks.get(block.hash)!.verdict = 'valid'
    const gate = (b: typeof block) => canSign(bench.state, bench.nowMs, bench.on('notarize', 1, 0, b))
    assert.equal(gate(block), undefined)
    assert.equal(gate(other), 'notTheProposal')
  })

  it('refuses a block that was never proposed', () => {
    const bench = new Bench()
    const block = bench.block(1, genesisOf(bench))
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('notarize', 1, 0, block)), 'notTheProposal')
  })

  it('refuses a proposal that is not the leader’s', () => {
    const bench = new Bench()
    const block = bench.block(1, genesisOf(bench))
    const wrong = bench.others.find((i) => i !== bench.state.leaderOf(1))!
    const vote = bench.vote(wrong, bench.on('notarize', 1, 0, block))
    const outputs = bench.receive(wrong, {
      kind: 'proposal',
      body: { vote, block: block.bytes, justification: [] },
    })
    assert.equal(bench.state.proposals.size, 0)
    assert.equal(ofKind(outputs, 'penalise').length, 1)
  })

  it('rejects a relayed proposal whose leader signature is invalid, and accepts a valid one', () => {
    const bench = new Bench()
    const leader = bench.state.leaderOf(1)
    const relay = bench.others.find((i) => i !== leader)!
    const block = bench.block(1, genesisOf(bench))
    const subject = bench.on('notarize', 1, 0, block)
    const forged = { ...bench.vote(relay, subject), signer: leader }
    bench.receive(relay, { kind: 'proposal', body: { vote: forged, block: block.bytes, justification: [] } })
    assert.equal(bench.state.proposals.size, 0)
    bench.nowMs += 100
    const outputs = bench.receive(relay, bench.proposal({ view: 1, parentView: 0, block }))
    assert.deepEqual(kindsSigned(outputs), ['notarize 1'])
  })

  it('waits for the certificate of the parent and of every skipped view', () => {
    const bench = new Bench({ leads: 4 })
    const parent = bench.block(1, genesisOf(bench))
    bench.receiveCertificate(bench.nullify(2))
    assert.equal(bench.state.view, 3)
    const child = bench.block(3, parent, { timestampMs: bench.nowMs + 100 })
    bench.nowMs += 100
    const outputs = bench.propose({ view: 3, parentView: 1, block: child })
    assert.deepEqual(kindsSigned(outputs), [])
    assert.ok(outputs.some((o) => o.kind === 'send' && o.message.kind === 'certificatesRequest'))
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('notarize', 3, 1, child)), 'notReady')
  })

  it('refuses a proposal over a view that was not nullified', () => {
    const bench = new Bench({ leads: 4 })
    const parent = bench.block(1, genesisOf(bench))
    bench.propose({ view: 1, parentView: 0, block: parent })
    bench.receiveCertificate(bench.on('notarize', 1, 0, parent))
    bench.nowMs += 100
    const second = bench.block(2, parent)
    bench.propose({ view: 2, parentView: 1, block: second })
    bench.receiveCertificate(bench.on('notarize', 2, 1, second))
    const child = bench.block(3, parent)
    bench.propose({ view: 3, parentView: 1, block: child })
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('notarize', 3, 1, child)), 'notReady')
  })

  it('nullifies a proposal whose parent is below the highest F', () => {
    const bench = new Bench({ leads: 3 })
    const parent = bench.block(1, genesisOf(bench))
    bench.propose({ view: 1, parentView: 0, block: parent })
    bench.receiveCertificate(bench.on('finalize', 1, 0, parent))
    const fork = bench.block(2, genesisOf(bench))
    const outputs = bench.propose({ view: 2, parentView: 0, block: fork })
    assert.deepEqual(kindsSigned(outputs), ['nullify 2'])
  })

  const broken: readonly [InvalidReason, (bench: Bench) => ReturnType<Bench['block']>][] = [
    ['wrongParent', (b) => changed(b, { parentHash: new Uint8Array(32).fill(1) })],
    ['wrongEpoch', (b) => changed(b, { epoch: 2 })],
    ['wrongView', (b) => changed(b, { view: 2 })],
    ['wrongProposer', (b) => changed(b, { proposer: new Uint8Array(20).fill(1) })],
    ['wrongHeight', (b) => changed(b, { height: 2 })],
    ['tooSoon', (b) => changed(b, { timestampMs: b.rules.genesis.header.timestampMs + 99 })],
    ['badReveal', (b) => changed(b, { randaoReveal: bls.sign(b.keys[b.self]!, u64be(1)) })],
  ]
  for (const [reason, make] of broken) {
    it(`nullifies a block for ${reason}, whatever its execution verdict`, () => {
      const bench = new Bench()
      bench.verdict = () => 'valid'
      const outputs = bench.propose({ view: 1, parentView: 0, block: make(bench) })
      assert.deepEqual(kindsSigned(outputs), ['nullify 1'])
      assert.deepEqual(judgeProposal(bench.state, bench.nowMs, 1), { kind: 'invalid', reason })
    })
  }

  it('nullifies a block as old as its parent, though the interval is 0', () => {
    const bench = new Bench({ parameters: { minBlockIntervalMs: 0, messageDelayMs: 10_000 } })
    bench.verdict = () => 'valid'
    const { timestampMs } = genesisOf(bench).header
    const outputs = bench.propose({ view: 1, parentView: 0, block: changed(bench, { timestampMs }) })
    assert.deepEqual(kindsSigned(outputs), ['nullify 1'])
    const next = new Bench({ parameters: { minBlockIntervalMs: 0, messageDelayMs: 10_000 } })
    const later = changed(next, { timestampMs: timestampMs + 1 })
    assert.deepEqual(kindsSigned(next.propose({ view: 1, parentView: 0, block: later })), ['notarize 1'])
  })

  it('nullifies a block that fails execution', () => {
    for (const fields of [
      { stateRoot: new Uint8Array(32).fill(1) },
      { setHash: new Uint8Array(32).fill(1) },
    ]) {
      const bench = new Bench()
      const outputs = bench.propose({ view: 1, parentView: 0, block: changed(bench, fields) })
      assert.deepEqual(kindsSigned(outputs), ['nullify 1'])
      const reason = 'execution'
      assert.deepEqual(judgeProposal(bench.state, bench.nowMs, 1), { kind: 'invalid', reason })
    }
  })

  it('waits for the check of the vote, then for that of the reveal', () => {
    const bench = new Bench()
    bench.holdChecks = true
    const outputs = bench.propose({ view: 1, parentView: 0, block: bench.block(1, genesisOf(bench)) })
    const [vote] = ofKind(outputs, 'checkSignatures')
    const checked = bench.feed({ kind: 'signaturesChecked', id: vote!.id, valid: [true] })
    assert.deepEqual(kindsSigned(checked), [])
    const [reveal] = ofKind(checked, 'checkSignatures')
    assert.deepEqual(kindsSigned(bench.feed({ kind: 'signaturesChecked', id: reveal!.id, valid: [true] })), [
      'notarize 1',
    ])
  })

  it('fetches the parent’s body and executes it first', () => {
    const bench = new Bench({ leads: 4 })
    const parent = bench.block(1, genesisOf(bench))
    bench.receiveCertificate(bench.on('notarize', 1, 0, parent))
    bench.nowMs += 100
    const child = bench.block(2, parent)
    const outputs = bench.propose({ view: 2, parentView: 1, block: child })
    assert.deepEqual(kindsSigned(outputs), [])
    assert.equal(judgeProposal(bench.state, bench.nowMs, 2).kind, 'body')
    bench.verdict = () => undefined
    bench.receive(bench.others[0], { kind: 'blocks', body: { blocks: [parent.bytes] } })
    assert.deepEqual(judgeProposal(bench.state, bench.nowMs, 2), { kind: 'unverified', digest: parent.hash })
    bench.verdict = () => 'valid'
    const voted = bench.feed({ kind: 'verdict', digest: parent.hash, verdict: 'valid' })
    assert.deepEqual(kindsSigned(voted), ['finalize 1', 'notarize 2'])
  })

  it('fetches the body of a proposal that was journaled without it', () => {
    const before = new Bench()
    const block = before.block(1, genesisOf(before))
    const vote = before.vote(before.state.leaderOf(1), before.on('notarize', 1, 0, block))
    const record = { kind: 'proposal', body: { epoch: 1, vote, timely: 'timely' } } as const
    const bench = new Bench({ journal: [record] })
    const outputs = bench.tick()
    assert.ok(outputs.some((o) => o.kind === 'send' && o.message.kind === 'blocksRequest'))
    const voted = bench.receive(bench.others[0], { kind: 'blocks', body: { blocks: [block.bytes] } })
    assert.deepEqual(kindsSigned(voted), ['notarize 1'])
  })

  it('waits without a vote when the block is too old', () => {
    const bench = new Bench()
    const block = bench.block(1, genesisOf(bench), { timestampMs: bench.nowMs - 551 })
    assert.deepEqual(kindsSigned(bench.propose({ view: 1, parentView: 0, block })), [])
    const inTime = new Bench()
    const edge = inTime.block(1, genesisOf(inTime), { timestampMs: inTime.nowMs - 550 })
    assert.deepEqual(kindsSigned(inTime.propose({ view: 1, parentView: 0, block: edge })), ['notarize 1'])
  })

  it('holds a block from the future until its timestamp is due', () => {
    const bench = new Bench()
    const block = bench.block(1, genesisOf(bench), { timestampMs: bench.nowMs + 51 })
    assert.deepEqual(kindsSigned(bench.propose({ view: 1, parentView: 0, block })), [])
    assert.deepEqual(kindsSigned(bench.tick(1)), ['notarize 1'])
  })

  it('waits for execution', () => {
    const bench = new Bench()
    bench.verdict = () => undefined
    const block = bench.block(1, genesisOf(bench))
    assert.deepEqual(kindsSigned(bench.propose({ view: 1, parentView: 0, block })), [])
    const outputs = bench.feed({ kind: 'verdict', digest: block.hash, verdict: 'valid' })
    assert.deepEqual(kindsSigned(outputs), ['notarize 1'])
  })

  it('refuses as an observer, when stopped, and in another epoch', () => {
    const observer = new Bench({ leads: undefined })
    assert.equal(canSign(observer.state, observer.nowMs, observer.nullify(1)), 'observer')
    const bench = new Bench()
    assert.equal(canSign(bench.state, bench.nowMs, { kind: 'nullify', epoch: 2, view: 1 }), 'wrongEpoch')
    bench.state.halt('test')
    assert.equal(canSign(bench.state, bench.nowMs, bench.nullify(1)), 'stopped')
    const over = new Bench({ epochBlocks: 1 })
    const boundary = over.block(1, genesisOf(over))
    over.propose({ view: 1, parentView: 0, block: boundary })
    over.receiveCertificate(over.on('finalize', 1, 0, boundary))
    assert.equal(canSign(over.state, over.nowMs, over.nullify(over.state.view)), 'stopped')
  })
})

describe('canSign.nullify', () => {
  it('refuses a view that is not current', () => {
    const bench = new Bench()
    assert.equal(canSign(bench.state, bench.nowMs, bench.nullify(2)), 'notCurrent')
  })

  it('allows a nullify after our notarize', () => {
    const bench = new Bench()
    bench.propose({ view: 1, parentView: 0, block: bench.block(1, genesisOf(bench)) })
    assert.equal(canSign(bench.state, bench.nowMs, bench.nullify(1)), undefined)
  })

  it('refuses after our finalize and a second time', () => {
    const digest = new Uint8Array(32).fill(5)
    const bench = new Bench({ signed: [{ kind: 'finalize', epoch: 1, view: 1, parentView: 0, digest }] })
    assert.equal(canSign(bench.state, bench.nowMs, bench.nullify(1)), 'finalized')
    const twice = new Bench()
    castVote(twice.state, twice.nowMs, twice.nullify(1))
    assert.equal(canSign(twice.state, twice.nowMs, twice.nullify(1)), 'nullified')
  })
})

describe('canSign.finalize', () => {
  it('signs once the certificate is held, also from a later view and without an own notarize', () => {
    const bench = new Bench()
    bench.verdict = () => undefined
    const block = bench.block(1, genesisOf(bench))
    bench.propose({ view: 1, parentView: 0, block })
    bench.receiveCertificate(bench.on('notarize', 1, 0, block))
    assert.equal(bench.state.view, 2)
    const outputs = bench.feed({ kind: 'verdict', digest: block.hash, verdict: 'valid' })
    assert.deepEqual(kindsSigned(outputs), ['finalize 1'])
    assert.deepEqual(signs(outputs)[0], bench.on('finalize', 1, 0, block))
  })

  it('refuses without N, without a verdict, and for a block other than N’s', () => {
    const bench = new Bench()
    bench.verdict = () => undefined
    const block = bench.block(1, genesisOf(bench))
    const other = bench.block(1, genesisOf(bench), { txs: [u64be(1)] })
    const gate = (b: typeof block) => canSign(bench.state, bench.nowMs, bench.on('finalize', 1, 0, b))
    bench.propose({ view: 1, parentView: 0, block })
    assert.equal(gate(block), 'notCertified')
    bench.receiveCertificate(bench.on('notarize', 1, 0, block))
    assert.equal(gate(block), 'notVerified')
    assert.equal(gate(other), 'notCertified')
  })

  it('refuses after our nullify in that view', () => {
    const bench = new Bench()
    const block = bench.block(1, genesisOf(bench))
    bench.verdict = () => undefined
    bench.propose({ view: 1, parentView: 0, block })
    castVote(bench.state, bench.nowMs, bench.nullify(1))
    bench.feed({ kind: 'verdict', digest: block.hash, verdict: 'valid' })
    const outputs = bench.receiveCertificate(bench.on('notarize', 1, 0, block))
    assert.deepEqual(kindsSigned(outputs), [])
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('finalize', 1, 0, block)), 'nullified')
  })

  it('refuses after our notarize of another block', () => {
    const bench = new Bench()
    const block = bench.block(1, genesisOf(bench))
    const other = bench.block(1, genesisOf(bench), { txs: [u64be(1)] })
    bench.propose({ view: 1, parentView: 0, block })
    bench.receiveCertificate(bench.on('notarize', 1, 0, other))
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('finalize', 1, 0, other)), 'otherDigest')
  })

  it('refuses at or below the highest F', () => {
    const bench = new Bench()
    const block = bench.block(1, genesisOf(bench))
    bench.propose({ view: 1, parentView: 0, block })
    bench.receiveCertificate(bench.on('finalize', 1, 0, block))
    assert.equal(canSign(bench.state, bench.nowMs, bench.on('finalize', 1, 0, block)), 'belowFloor')
  })
})

describe('canSign: changed headers', () => {
  it('accepts an unchanged header, so that the changed ones fail for their change', () => {
    const bench = new Bench()
    const outputs = bench.propose({ view: 1, parentView: 0, block: changed(bench, {}) })
    assert.deepEqual(kindsSigned(outputs), ['notarize 1'])
  })
})

function changed(bench: Bench, fields: Partial<ReturnType<Bench['block']>['header']>) {
  const block = bench.block(1, bench.rules.genesis)
  return sealBlock({ header: { ...block.header, ...fields }, transactions: block.transactions })
}
