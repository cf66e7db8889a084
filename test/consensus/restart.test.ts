// What a restart restores from journal and signer, and what it must not restore.
import assert from 'node:assert/strict'
import { u64be } from '../../base/bytes.ts'
import { sealBlock } from '../../base/protocol/header.ts'
import type { JournalRecord } from '../../consensus/records.ts'
import { decodeRecord, encodeRecord } from '../../consensus/records.ts'
import { Bench, journalOf, kindsSigned, ofKind, sent, signs } from '../support/coreHarness.ts'

function restarted(
  before: Bench,
  leads: number,
  journal: readonly JournalRecord[] = journalOf(before.outputs),
) {
  const stored = journal.map((record) => decodeRecord(encodeRecord(record)))
  const bench = new Bench({ leads, journal: stored })
  bench.nowMs = before.nowMs + 5_000
  return { bench, outputs: bench.tick() }
}

describe('restart', () => {
  it('re-signs own votes for the same subjects, pools them and sends them', () => {
    const before = new Bench({ leads: 3 })
    const block = before.block(1, before.rules.genesis)
    before.propose({ view: 1, parentView: 0, block })
    const { bench, outputs } = restarted(before, 3)
    assert.deepEqual(signs(outputs)[0], bench.on('notarize', 1, 0, block))
    assert.equal(bench.state.pool.isVerified(1, 'notarize', bench.self), true)
    assert.ok(sent(outputs, 'vote').length >= 1)
    assert.equal(bench.state.view, 1)
  })

  it('never votes for another proposal in a view it voted in', () => {
    const before = new Bench({ leads: 3 })
    before.propose({ view: 1, parentView: 0, block: before.block(1, before.rules.genesis) })
    const { bench } = restarted(before, 3)
    const other = bench.block(1, bench.rules.genesis, { timestampMs: bench.nowMs })
    const outputs = bench.propose({ view: 1, parentView: 0, block: other })
    assert.deepEqual(kindsSigned(outputs), [])
    assert.equal(ofKind(outputs, 'misbehaviour').length, 1)
  })

  it('keeps its nullify: no notarize or finalize afterwards', () => {
    const before = new Bench({ leads: 3 })
    before.receiveVote(before.state.leaderOf(1), before.nullify(1))
    const { bench, outputs } = restarted(before, 3)
    assert.deepEqual(kindsSigned(outputs), ['nullify 1'])
    const block = bench.block(1, bench.rules.genesis)
    assert.deepEqual(kindsSigned(bench.propose({ view: 1, parentView: 0, block })), [])
    assert.deepEqual(kindsSigned(bench.receiveCertificate(bench.on('notarize', 1, 0, block))), [])
  })

  it('makes the leader resend the identical block, and never build again', () => {
    const before = new Bench({ leads: 1 })
    before.tick()
    before.feed({ kind: 'work', parent: before.rules.genesis.hash, ready: true })
    const block = before.block(1, before.rules.genesis)
    before.feed({ kind: 'built', epoch: 1, view: 1, block })
    const [first] = sent(before.outputs, 'proposal')
    const { bench, outputs } = restarted(before, 1)
    const [again] = sent(outputs, 'proposal')
    assert.deepEqual(again!.body, first!.body)
    bench.feed({ kind: 'work', parent: bench.rules.genesis.hash, ready: true })
    assert.equal(ofKind(bench.outputs, 'build').length, 0)
  })

  it('takes union and maximum, whatever the order of the records', () => {
    const before = new Bench({ leads: 3 })
    const block = before.block(1, before.rules.genesis)
    before.propose({ view: 1, parentView: 0, block })
    before.receiveCertificate(before.on('notarize', 1, 0, block))
    before.receiveCertificate(before.nullify(2))
    const { bench } = restarted(before, 3, [...journalOf(before.outputs)].reverse())
    assert.equal(bench.state.view, 3)
    assert.equal(bench.state.enteredBy, 'nullify')
    assert.ok(bench.state.own.of(1).notarized && bench.state.own.of(1).finalized)
    assert.ok(bench.state.blocks.block(block.hash))
  })

  it('ignores records of another epoch', () => {
    const intent: JournalRecord = {
      kind: 'intent',
      body: { epoch: 7, subject: { kind: 'nullify', epoch: 7, view: 1 } },
    }
    const bench = new Bench({ leads: 3, journal: [intent] })
    assert.equal(bench.state.own.of(1).nullified, undefined)
  })

  it('adopts the signer’s flags when the journal is lost', () => {
    const before = new Bench({ leads: 3 })
    const block = before.block(4, before.rules.genesis)
    const signed = [before.nullify(3), before.on('notarize', 4, 0, block)]
    const bench = new Bench({ leads: 3, signed })
    assert.equal(bench.state.view, 4)
    bench.tick()
    assert.equal(bench.state.own.of(3).nullified !== undefined, true)
    const other = bench.block(4, bench.rules.genesis, { timestampMs: bench.nowMs })
    bench.receiveCertificate(bench.nullify(3))
    assert.deepEqual(kindsSigned(bench.propose({ view: 4, parentView: 0, block: other })), [])
  })

  it('does not re-notarize a block lost with the journal, and nullifies the view', () => {
    const before = new Bench({ leads: 3 })
    const block = before.block(4, before.rules.genesis)
    const bench = new Bench({ leads: 3, signed: [before.on('notarize', 4, 0, block)] })
    assert.deepEqual(kindsSigned(bench.tick()), [])
    assert.deepEqual(kindsSigned(bench.tick(20_000)), ['nullify 4'])
  })

  it('sends its votes of a lost certificate until the certificate is restored', () => {
    const before = new Bench({ leads: 3 })
    const bench = new Bench({ leads: 3, signed: [before.nullify(3), before.nullify(4)] })
    assert.deepEqual(kindsSigned(bench.tick()), ['nullify 3', 'nullify 4'])
    const views = (ms: number) => sent(bench.tick(ms), 'vote').map((m) => m.body.subject.view)
    assert.deepEqual(views(2_000).sort(), [3, 4])
    bench.receiveCertificate(bench.nullify(3))
    assert.deepEqual(views(2_000), [4])
  })

  it('executes journaled blocks again and halts when the verdict changed', () => {
    const before = new Bench({ leads: 3 })
    const block = before.block(1, before.rules.genesis)
    before.propose({ view: 1, parentView: 0, block })
    const stored = journalOf(before.outputs)
    const bench = new Bench({ leads: 3, journal: stored })
    bench.verdict = () => 'mismatch'
    bench.receiveCertificate(bench.on('notarize', 1, 0, block))
    assert.equal(bench.core.status().halted, true)
  })

  it('takes no journaled bytes for a block that are not the block: it asks for the body instead', () => {
    const before = new Bench({ leads: 3 })
    before.verdict = () => undefined
    const block = before.block(1, before.rules.genesis, { txs: [u64be(1)] })
    before.propose({ view: 1, parentView: 0, block })
    const { bytes } = sealBlock({ header: block.header, transactions: [u64be(2)] })
    for (const wrong of [bytes, new Uint8Array([1])]) {
      const journal = journalOf(before.outputs).map((record) =>
        record.kind === 'block' ? { ...record, body: { ...record.body, block: wrong } } : record,
      )
      const { bench, outputs } = restarted(before, 3, journal)
      assert.ok(bench.state.blocks.block(block.hash) === undefined)
      assert.deepEqual(sent(outputs, 'blocksRequest')[0]?.body.hash, block.hash)
      const answer = { kind: 'blocks', body: { blocks: [block.bytes] } } as const
      assert.equal(ofKind(bench.receive(bench.others[0], answer), 'verify').length, 1)
    }
  })

  it('judges a proposal’s timestamp once: a late one stays late', () => {
    const before = new Bench({ leads: 3 })
    const block = before.block(1, before.rules.genesis, { timestampMs: before.nowMs - 900 })
    before.propose({ view: 1, parentView: 0, block })
    const { bench } = restarted(before, 3)
    assert.equal(bench.state.proposals.get(1)?.timely, 'late')
  })
})
